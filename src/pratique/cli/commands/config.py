"""Read the config of an image; show the settings that hold for a host."""

from __future__ import annotations

import argparse
import json

from ...client.effective import File, effective, files
from ...client.logins import split
from ...spec.reference import Reference
from ...values import as_dict
from .. import options
from ..connect import connected, located, machine_of, opened
from ..output import Output
from .manifest import descriptor_document

EXAMPLES = """examples:
  pratique config get docker.io/library/debian:12 --platform linux/amd64
  pratique config get --json ghcr.io/org/app:1.2
  pratique config get docker-archive:saved.tar
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
    place = located(arguments, output, arguments.reference)
    with opened(arguments, output, place) as store:
        found = store.config(place.name, platform=arguments.platform)
    if output.as_json:
        output.document({**descriptor_document(place, found.descriptor), "config": json.loads(found.raw)})
    else:
        output.raw(found.raw)


def run_show(arguments: argparse.Namespace, output: Output) -> None:
    if arguments.host is None:
        _show_files(output, files(machine_of(arguments, output)))
        return
    registry, namespace = split(arguments.host)
    with connected(arguments, output, [registry]) as registries:
        settings = list(effective(registries, Reference(registry, namespace), _given(arguments)))
    if output.as_json:
        output.document({"host": arguments.host, "settings": [as_dict(each) for each in settings]})
    else:
        output.table(
            ("SETTING", "VALUE", "SOURCE"), [(each.name, _shown(each.value), each.source) for each in settings]
        )


def _given(arguments: argparse.Namespace) -> set[str]:
    """The options of a connection that this command has."""
    given = {name for name in ("plain-http", "ca-file", "cert", "proxy") if getattr(arguments, name.replace("-", "_"))}
    if arguments.retries is not None:
        given.add("retries")
    return given if arguments.tls_verify else given | {"tls-verify"}


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) or "-" if isinstance(value, list) else str("-" if value is None else value)


def _show_files(output: Output, found: list[File]) -> None:
    if output.as_json:
        output.document([as_dict(each) for each in found])
    else:
        output.table(("WHAT", "PATH", "THERE"), [(each.what, each.path, _shown(each.there)) for each in found])
