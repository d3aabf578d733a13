"""Make one layer of all layers of an image."""

from __future__ import annotations

import argparse

from ...client.images.changes import flatten
from .. import alteration
from ..output import Output

EXAMPLES = """examples:
  pratique flatten --tag 1.0-flat localhost:5000/app:1.0
  pratique flatten --platform linux/amd64 --to oci:flat:1.0 ghcr.io/org/app:1.0
  pratique flatten --dry-run --compression zstd localhost:5000/app:1.0"""


def configure(parser: argparse.ArgumentParser) -> None:
    alteration.add_image(parser)
    alteration.add_packing(parser, "as the highest layer")
    alteration.add_altering(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, output: Output) -> None:
    change = flatten(packing=alteration.packing(arguments), moment=alteration.moment())
    alteration.altered(arguments, output, change)
