"""Set all times of an image to one moment: of its files, of its history and of itself."""

from __future__ import annotations

import argparse

from ...client.images.changes import retime
from ...errors import InvalidInput
from ...stores.locations import Location
from .. import alteration
from ..output import Output

EXAMPLES = """examples:
  pratique squash-time --time 2026-01-01T00:00:00Z --tag 1.0-same localhost:5000/app:1.0
  pratique squash-time --time 1767225600 --base debian:12 --tag 1.0-same localhost:5000/app:1.0
  SOURCE_DATE_EPOCH=1767225600 pratique squash-time --only-later --to oci:same:1.0 localhost:5000/app:1.0"""


def configure(parser: argparse.ArgumentParser) -> None:
    alteration.add_image(parser)
    parser.add_argument(
        "--time", metavar="TIME", help="RFC 3339, or seconds since 1970 (default: that of SOURCE_DATE_EPOCH)"
    )
    parser.add_argument("--only-later", action="store_true", help="set only times that are after it")
    parser.add_argument("--base", metavar="REF", help="leave alone what it has of this base")
    alteration.add_altering(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, output: Output) -> None:
    moment = alteration.moment(arguments.time)
    if moment is None:
        raise InvalidInput("there is no time to set", advice="give --time, or set SOURCE_DATE_EPOCH")
    base = Location.parse(arguments.base) if arguments.base else None
    change = retime(moment, only_later=arguments.only_later, base=base)
    alteration.altered(arguments, output, change, base)
