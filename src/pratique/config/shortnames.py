"""Short names, which name no registry: what is meant by them (containers-registries.conf(5), Short-Name Aliasing)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ..errors import InvalidInput, InvalidReference
from ..spec.reference import Reference
from ..values import field, frozen
from .rules import parse_location

ENFORCING: Final = "enforcing"  # several registries to search are an error: nobody is asked which is meant
MODES: Final = (ENFORCING, "permissive", "disabled")

_NOWHERE: Final = "nowhere.invalid"  # a registry that nobody can write (RFC 2606 §2), for names that have none


@frozen
class Alias:
    """What a short name stands for: `registry/repository`, or nothing, which undoes an alias; and the file that says so."""

    place: str
    source: str


@frozen
class ShortNames:
    """What short names mean. `registries` are searched in order for those without an alias; None where nobody said which."""

    aliases: Mapping[str, Alias] = field(default_factory=dict)
    registries: tuple[str, ...] | None = None
    mode: str = ""
    source: str = ""  # the file that names the registries

    def updated(self, later: ShortNames) -> ShortNames:
        """What holds after another file was read."""
        told = later.registries is not None
        return ShortNames(
            {**self.aliases, **later.aliases},
            later.registries if told else self.registries,
            later.mode or self.mode,
            later.source if told else self.source,
        )

    def meant(self, text: str) -> tuple[Reference, ...]:
        """The references that a short name may stand for, in the order in which they are tried; one if it has an alias.

        Raises InvalidReference, and InvalidInput where nothing says what is meant, or more than one could be.
        """
        short = Reference.parse(text, _NOWHERE)
        alias = self.aliases.get(short.repository)
        if alias is not None and alias.place:
            return (_completed(alias.place, short),)
        found = tuple(_completed(f"{registry}/{short.repository}", short) for registry in self.registries or ())
        if not found:
            raise InvalidInput(
                f"{text!r} is a short name without an alias, and no registries to search are configured",
                advice="name the registry",
            )
        if len(found) > 1 and self.mode == ENFORCING:
            named = ", ".join(reference.place for reference in found)
            raise InvalidInput(
                f"{text!r} is a short name that may mean {named}; {self.source} forbids to guess",
                advice="name the registry",
            )
        return found


def is_short(text: str) -> bool:
    """Whether a reference names no registry. Raises InvalidReference."""
    return not text.startswith("docker://") and Reference.parse(text, _NOWHERE).registry == _NOWHERE


def parse_aliases(values: Mapping[str, str], source: str) -> dict[str, Alias]:
    """Read a table of aliases. Raises InvalidInput, which begins with the name."""
    return {name: Alias(_parse(name, value), source) for name, value in values.items()}


def cached_path(environment: Mapping[str, str]) -> Path:
    """Where other tools note the aliases that their users chose: root's `/var/cache`, or else `$XDG_CACHE_HOME`."""
    cache = environment.get("XDG_CACHE_HOME") or Path(environment.get("HOME") or Path.home()) / ".cache"
    folder = Path("/var/cache") if os.geteuid() == 0 else Path(cache)
    return folder / "containers" / "short-name-aliases.conf"


def _parse(name: str, value: str) -> str:
    try:
        short = Reference.parse(name, _NOWHERE)
    except InvalidReference as error:
        raise InvalidInput(f"{name[:80]!r} is not a short name: {error}") from None
    if short.registry != _NOWHERE or short.tag or short.digest:
        raise InvalidInput(f"{name[:80]!r} is not a short name", advice="without registry, tag and digest")
    try:
        place = parse_location(value) if value else ""
    except InvalidInput as error:
        raise InvalidInput(f"{name!r} {error}", advice=error.advice()) from None
    if place and "/" not in place:
        raise InvalidInput(f"{name!r} stands for no repository: {value[:80]!r}")
    return place


def _completed(place: str, short: Reference) -> Reference:
    whole = Reference.parse(place)
    return Reference(whole.registry, whole.repository, short.tag, short.digest)
