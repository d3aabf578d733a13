"""Put layers on top of an image, or of nothing: tars, folders or files."""

from __future__ import annotations

import argparse

from ...client.images.additions import Addition
from ...client.images.changes import append, based, in_turn
from ...image.layers.bench import PACKING
from ...stores.locations import Location
from .. import alteration
from ..output import Output

EXAMPLES = """examples:
  pratique append --tag 1.1 localhost:5000/app:1.0 layer.tar.gz
  pratique append --tag 1.1 localhost:5000/app:1.0 build:/opt/app settings.toml:/etc/app.toml
  tar c bin | pratique append --to ghcr.io/org/app:dev docker.io/library/debian:12 -
  pratique append --platform linux/amd64 --to localhost:5000/tool:1.0 scratch tool:/bin/"""


def configure(parser: argparse.ArgumentParser) -> None:
    alteration.add_image(parser, "; or scratch, for an image of nothing else")
    parser.add_argument(
        "layers",
        metavar="LAYER",
        nargs="+",
        help="a tar, a folder, or PATH:/PLACE in the image, PATH:/FOLDER/ for a file in it; - is standard input",
    )
    alteration.add_packing(parser, "gzip")
    parser.add_argument("--comment", metavar="TEXT", default="", help="what the history says of it")
    parser.add_argument(
        "--note-base", action="store_true", help="say in the annotations that REF is what it is based on"
    )
    alteration.add_altering(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, output: Output) -> None:
    change = append(
        [Addition.parse(word) for word in arguments.layers],
        packing=alteration.packing(arguments) or PACKING,
        comment=arguments.comment,
        moment=alteration.moment(),
    )
    noted = [based(Location.parse(arguments.reference))] if arguments.note_base else []
    alteration.altered(arguments, output, in_turn([change, *noted]))
