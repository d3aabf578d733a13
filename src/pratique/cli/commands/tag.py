"""Give what a reference names further tags in its repository; nothing is sent but the manifest."""

from __future__ import annotations

import argparse

from .. import options
from ..connect import opened
from ..output import Output

EXAMPLES = """examples:
  pratique tag localhost:5000/app:1.2.3 1.2 1 latest
  pratique tag localhost:5000/app@sha256:… stable
  pratique tag oci:backup:1.2.3 1.2"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("reference", metavar="REF", help="what to name")
    parser.add_argument("tags", metavar="TAG", nargs="+", help="its further names")
    options.add_registry(parser)
    options.add_global(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, output: Output) -> None:
    place = options.location(arguments.reference)
    with opened(arguments, output, place) as store:
        manifest = store.tag(place.name, *arguments.tags)
    if output.as_json:
        output.document({"repository": place.place, "digest": str(manifest.digest), "tags": arguments.tags})
        return
    for tag in arguments.tags:
        output.line(f"{place.place}:{tag}@{manifest.digest}")
