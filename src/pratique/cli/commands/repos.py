"""List the repositories of a registry that has a catalogue."""

from __future__ import annotations

import argparse
from itertools import islice

from ...spec.reference import parse_registry
from .. import options
from ..connect import connected
from ..output import Output

EXAMPLES = """examples:
  pratique repos localhost:5000
  pratique repos --limit 20 --json registry.example.com
  pratique repos --full-ref localhost:5000 | pratique tags -"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("registry", metavar="REGISTRY", help="host or host:port")
    parser.add_argument("--limit", metavar="N", type=options.count, help="at most so many")
    parser.add_argument("--full-ref", action="store_true", help="print REGISTRY/REPOSITORY")
    parser.add_argument("--page-size", metavar="N", type=options.positive, help="repositories to ask for at a time")
    options.add_registry(parser)
    options.add_global(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, output: Output) -> None:
    name = parse_registry(arguments.registry)
    with connected(arguments, output, [name]) as registries:
        found = islice(registries.repositories(name, page_size=arguments.page_size), arguments.limit)
        if output.as_json:
            output.document({"registry": name, "repositories": list(found)})
            return
        for repository in found:
            output.line(f"{name}/{repository}" if arguments.full_ref else repository)
