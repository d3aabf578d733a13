"""What holds for a registry in the end, and who says so: nothing is asked of anybody."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from ..config import certs, own
from ..config.dropins import Places
from ..config.effective import Effective, settings_of
from ..config.hosts import origin_of
from ..config.proxies import Found
from ..config.sources import paths
from ..spec.reference import Reference
from ..values import frozen

if TYPE_CHECKING:
    from ..config.rules import Rule
    from .machine import Machine
    from .registries import Registries


@frozen
class File:
    """A file or folder that is looked at for something, and whether it is there."""

    what: str
    path: str
    there: bool


def files(machine: Machine) -> list[File]:
    """The files that are looked at, in their order."""
    rules = Places.usual(machine.environ)
    found = [("settings", str(own.default_path(machine.environ)))]
    found += [("registries", str(path)) for path in (rules.file, *rules.files())]
    found += [("certificates", str(folder)) for folder in certs.default_folders(machine.environ)]
    found += [("credentials", str(path)) for path in paths(machine.environ)]
    return [File(what, path, os.path.lexists(path)) for what, path in dict.fromkeys(found)]


def effective(registries: Registries, reference: Reference, told: Collection[str]) -> Iterator[Effective]:
    """What holds for a registry, or a namespace of it; `told` are the settings that the program gave, by name.

    Raises InvalidInput for files that cannot be understood.
    """
    machine = registries.machine
    conf = machine.rules()
    rule = conf.routes.find(reference) if conf else None
    if conf and (blocking := conf.routes.blocking(reference)):
        yield Effective("blocked", True, str(blocking))
    else:
        registries.visit(reference)
    yield from _rule_settings(rule)
    origin = origin_of(reference.registry)
    yield from settings_of(
        registries.reach(origin),
        options=told,
        wanted=machine.wanted(origin.netloc),
        marked=str(rule) if rule and rule.insecure else "",
        chunk_size=machine.chunk_size(reference.registry),
        exempting=Found(machine.environ).exempts(origin),
    )
    yield from _credentials(registries, reference)


def _rule_settings(rule: Rule | None) -> Iterator[Effective]:
    if rule is not None:
        yield Effective("mirrors", [mirror.location for mirror in rule.mirrors], str(rule))
        yield Effective("location", rule.location or rule.prefix, str(rule))


def _credentials(registries: Registries, reference: Reference) -> Iterator[Effective]:
    """Each place that has something for the registry or namespace, in the order in which they are asked."""
    if registries.settings.credentials is not None:
        yield Effective("credentials", list(registries.credentials.places(reference.registry)), "the command")
        return
    sources = registries.machine.credentials(strict=registries.settings.strict)
    looks = sources.looks(reference.registry, reference.repository or None)
    used = [look for look in looks if look.matches or look.trouble]
    for look in used:
        yield Effective("credentials", look.trouble or list(look.matches), look.place)
    if not used:
        places = [look.place for look in looks if look.there or len(looks) == 1]
        yield Effective("credentials", None, ", ".join(places) or "no file")
