"""Pack the layers of an image in another way; what is in them stays as it is."""

from __future__ import annotations

import argparse

from ...client.images.changes import recompress
from ...image.layers.bench import PACKING
from .. import alteration
from ..output import Output

EXAMPLES = """examples:
  pratique recompress --compression zstd --tag 1.0-zstd localhost:5000/app:1.0
  pratique recompress --compression gzip --level 9 --to oci:small:1.0 ghcr.io/org/app:1.0
  pratique recompress --compression none --dry-run localhost:5000/app:1.0"""


def configure(parser: argparse.ArgumentParser) -> None:
    alteration.add_image(parser)
    alteration.add_packing(parser, "gzip")
    alteration.add_altering(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, output: Output) -> None:
    alteration.altered(arguments, output, recompress(alteration.packing(arguments) or PACKING))
