"""Print a file of an image; layers below the one that has it are not pulled."""

from __future__ import annotations

import argparse
import sys

from ...client.images.contents import read_file
from ...errors import InvalidInput
from ...image.layers.walk import Write
from ...stores.locations import Location
from .. import options
from ..alteration import add_image
from ..connect import connected, named
from ..destination import add_output, destination
from ..output import Output

EXAMPLES = """examples:
  pratique cat localhost:5000/app:1.0 etc/os-release
  pratique cat --platform linux/arm64 docker.io/library/debian:12 /etc/debian_version
  pratique cat -o app oci:backup:1.2 usr/bin/app"""


def configure(parser: argparse.ArgumentParser) -> None:
    add_image(parser)
    parser.add_argument("path", metavar="PATH", help="the file, from the root")
    options.add_platform(parser, "which image of an index")
    add_output(parser)
    options.add_registry(parser)
    options.add_global(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, output: Output) -> None:
    if output.as_json and not arguments.output:
        raise InvalidInput(
            "a file on standard output leaves no room for --json", advice="write it to a file with --output"
        )
    source = Location.parse(arguments.reference)
    with connected(arguments, output, named(source)) as registries, destination(arguments.output) as file:
        write = file.write if arguments.output or not sys.stdout.isatty() else _Terminal(file.write)
        read_file(source, arguments.path, write, platform=arguments.platform, registries=registries)
    if output.as_json:
        output.document({"path": arguments.path, "output": arguments.output})


class _Terminal:
    """Writes text. Raises InvalidInput for a file that begins as no text does: a terminal would take it for commands."""

    def __init__(self, write: Write) -> None:
        self._write = write

    def __call__(self, data: bytes | memoryview) -> None:
        if b"\0" in bytes(data):
            raise InvalidInput(
                "the file is no text, and nothing for a terminal",
                advice="write it to a file with --output, or to another program",
            )
        self._write(data)
