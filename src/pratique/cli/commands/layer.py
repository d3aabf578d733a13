"""Take layers out of an image, or change the files in its layers."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ...client.images.changes import edit_layers, remove_layers
from ...errors import InvalidInput
from ...image.layers.editing import Edit as LayerEdit
from ...spec.digest import Digest
from .. import alteration, options
from ..made import pairs
from ..output import Output

EXAMPLES = """examples:
  pratique layer rm --layer -1 --tag 1.0-bare localhost:5000/app:1.0
  pratique layer rm --created-by 'apt-get install' --tag 1.0-bare localhost:5000/app:1.0
  pratique layer edit --strip 'usr/share/doc/**' --strip '**/*.pyc' --tag 1.0-slim localhost:5000/app:1.0
  pratique layer edit --replace etc/app.toml=settings.toml --layer 2 --tag 1.1 localhost:5000/app:1.0"""

_WHICH = "a layer by digest, diff id, or number from the base up: 0 is the lowest, -1 the highest; may be repeated"


def configure(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    remove = verbs.add_parser("rm", help="take layers away", description="take layers away")
    alteration.add_image(remove)
    remove.add_argument("--layer", metavar="LAYER", action="append", default=[], help=_WHICH)
    remove.add_argument(
        "--created-by",
        metavar="TEXT",
        action="append",
        default=[],
        help="the layers whose step in the history has this text; may be repeated",
    )
    alteration.add_altering(remove)
    remove.set_defaults(run=run_remove)
    edit = verbs.add_parser("edit", help="change files in layers", description="change files in layers")
    alteration.add_image(edit)
    edit.add_argument("--layer", metavar="LAYER", action="append", default=[], help=f"{_WHICH} (default: all)")
    edit.add_argument(
        "--strip", metavar="PATTERN", action="append", default=[], help="leave files out: * and ?, ** for any folders"
    )
    edit.add_argument(
        "--replace",
        metavar="PATH=FILE",
        action="append",
        default=[],
        help="give a file of the image the content of one of this machine; with one --layer",
    )
    alteration.add_altering(edit)
    edit.set_defaults(run=run_edit)


def run_remove(arguments: argparse.Namespace, output: Output) -> None:
    which = [_which(text) for text in arguments.layer]
    alteration.altered(arguments, output, remove_layers(which, created_by=arguments.created_by))


def run_edit(arguments: argparse.Namespace, output: Output) -> None:
    if not arguments.strip and not arguments.replace:
        raise InvalidInput("nothing is to be changed", advice="say what to --strip or --replace")
    if arguments.replace and len(arguments.layer) != 1:
        raise InvalidInput("--replace goes with one --layer", advice="what a layer does not have is added to it")
    contents = {path: _content(file) for path, file in pairs(arguments.replace, "--replace", "PATH=FILE").items()}
    change = LayerEdit(strip=tuple(arguments.strip), replace=contents)
    alteration.altered(arguments, output, edit_layers(change, [_which(text) for text in arguments.layer]))


def _which(text: str) -> Digest | int:
    number = text.removeprefix("-")
    if number.isascii() and number.isdigit() and len(number) <= options.MOST_DIGITS:
        return int(text)
    return Digest.parse(text)


def _content(file: str) -> bytes:
    return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
