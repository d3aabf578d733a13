"""Read the config of an image; show the settings that hold for a host."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator

from ...config import certs, own
from ...config.dropins import Places
from ...config.effective import Effective, settings_of
from ...config.hosts import origin_of
from ...config.proxies import Found
from ...config.rules import Rule
from ...config.sources import paths
from ...errors import NotFound
from ...spec.manifest import platforms
from ...spec.reference import Reference
from ...stores.inspection import config_of
from ...values import as_dict
from .. import options, trace
from ..connect import connected, reaches
from ..credentials import stored_credentials, told_credentials
from ..output import Output
from ..routes import chunk_size, of, read
from ..shortnames import expanded
from .login import split
from .manifest import descriptor_document, selected

EXAMPLES = """examples:
  pratique config get docker.io/library/debian:12 --platform linux/amd64
  pratique config get --json ghcr.io/org/app:1.2
  pratique config show
  pratique config show registry.example.com/team"""


def configure(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    get = options.leaf(verbs, "get", "print the config as it is", run_get)
    get.add_argument("reference", metavar="REF")
    options.add_short_names(get)
    get.add_argument("--platform", type=options.platform, help="of the image for this platform of an index")

    show = options.leaf(verbs, "show", "print the settings that hold for a host, and who says so", run_show)
    show.add_argument("host", metavar="HOST[/NAMESPACE]", nargs="?", help="without one: which files there are")


def run_get(arguments: argparse.Namespace, output: Output) -> None:
    reference = options.reference(expanded(arguments, output, arguments.reference))
    with connected(arguments, output, [reference.registry]) as session:
        source = read(arguments, session, reference, trace.observer(output))
        manifest = selected(source, reference, arguments.platform)
        if manifest.is_index:
            there = ", ".join(platforms(manifest.manifests)) or "none that it names"
            raise NotFound(
                f"{reference} is an index; its images have configs", advice=f"choose one by --platform: {there}"
            )
        raw = config_of(source, manifest)
    if raw is None or manifest.config is None:
        raise NotFound(f"{reference} has no config")
    if output.as_json:
        output.document({**descriptor_document(reference, manifest.config), "config": json.loads(raw)})
    else:
        output.raw(raw)


def run_show(arguments: argparse.Namespace, output: Output) -> None:
    if arguments.host is None:
        _show_files(output)
        return
    registry, namespace = split(arguments.host)
    settings = list(_settings(arguments, output, Reference(registry, namespace)))
    if output.as_json:
        output.document({"host": arguments.host, "settings": [as_dict(each) for each in settings]})
    else:
        output.table(
            ("SETTING", "VALUE", "SOURCE"), [(each.name, _shown(each.value), each.source) for each in settings]
        )


def _settings(arguments: argparse.Namespace, output: Output, reference: Reference) -> Iterator[Effective]:
    """What holds for a registry or a namespace, nothing being asked of anybody."""
    conf = of(arguments).load(output)
    rule = conf.routes.find(reference) if conf else None
    if conf and (blocking := conf.routes.blocking(reference)):
        yield Effective("blocked", True, str(blocking))
    else:
        of(arguments).writing(reference)
    yield from _rule_settings(rule)
    origin = origin_of(reference.registry)
    yield from settings_of(
        reaches(arguments, trace.observer(output), [reference.registry])(origin),
        options=_given(arguments),
        wanted=own.load(os.environ)(origin.netloc),
        marked=str(rule) if rule and rule.insecure else "",
        chunk_size=chunk_size(reference.registry),
        exempting=Found().exempts(origin),
    )
    yield from _credentials(arguments, output, reference)


def _rule_settings(rule: Rule | None) -> Iterator[Effective]:
    if rule is not None:
        yield Effective("mirrors", [mirror.location for mirror in rule.mirrors], str(rule))
        yield Effective("location", rule.location or rule.prefix, str(rule))


def _given(arguments: argparse.Namespace) -> set[str]:
    """The options of a connection that this command has."""
    given = {name for name in ("plain-http", "ca-file", "cert", "proxy") if getattr(arguments, name.replace("-", "_"))}
    if arguments.retries is not None:
        given.add("retries")
    return given if arguments.tls_verify else given | {"tls-verify"}


def _credentials(arguments: argparse.Namespace, output: Output, reference: Reference) -> Iterator[Effective]:
    """Each place that has something for the registry or namespace, in the order in which they are asked."""
    told = told_credentials(arguments, output, [reference.registry])
    if told is not None:
        yield Effective("credentials", list(told.places(reference.registry)), "the command")
        return
    looks = stored_credentials(arguments, output).looks(reference.registry, reference.repository or None)
    used = [look for look in looks if look.matches or look.trouble]
    for look in used:
        yield Effective("credentials", look.trouble or list(look.matches), look.place)
    if not used:
        places = [look.place for look in looks if look.there or len(looks) == 1]
        yield Effective("credentials", None, ", ".join(places) or "no file")


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) or "-" if isinstance(value, list) else str("-" if value is None else value)


def _show_files(output: Output) -> None:
    """The files that are looked at, and whether they are there."""
    rules = Places.usual(os.environ)
    files = [("settings", own.default_path(os.environ))]
    files += [("registries", path) for path in (rules.file, *rules.files())]
    files += [("certificates", folder) for folder in certs.default_folders(os.environ)]
    files += [("credentials", path) for path in paths(os.environ)]
    listed = [(what, str(path), os.path.lexists(path)) for what, path in dict.fromkeys(files)]
    if output.as_json:
        output.document([{"what": what, "path": path, "there": there} for what, path, there in listed])
    else:
        output.table(
            ("WHAT", "PATH", "THERE"), [(what, path, "yes" if there else "no") for what, path, there in listed]
        )
