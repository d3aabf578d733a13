"""Put an image from one base onto another: the layers above the old base, on top of the new one."""

from __future__ import annotations

import argparse

from ...client.images.changes import rebase
from ...errors import InvalidInput
from ...stores.locations import Location
from .. import alteration
from ..output import Output

EXAMPLES = """examples:
  pratique rebase --tag 1.0.1 ghcr.io/org/app:1.0
  pratique rebase --old localhost:5000/base:1 --new localhost:5000/base:2 --tag 1.0.1 localhost:5000/app:1.0
  pratique rebase --dry-run --old oci:bases:1 --new oci:bases:2 localhost:5000/app:1.0"""


def configure(parser: argparse.ArgumentParser) -> None:
    alteration.add_image(parser)
    parser.add_argument("--old", metavar="REF", help="the base that it is on (default: as its annotations say)")
    parser.add_argument("--new", metavar="REF", help="the base that it is put on (default: what that name is now)")
    alteration.add_altering(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, output: Output) -> None:
    if arguments.old and not arguments.new:
        raise InvalidInput("--old goes with --new", advice="name both, or none for what the annotations say")
    old, new = (Location.parse(text) if text else None for text in (arguments.old, arguments.new))
    alteration.altered(arguments, output, rebase(old, new), old, new)
