"""Write the file system of an image as a tar: layers one above the other, whiteouts applied."""

from __future__ import annotations

import argparse
import sys

from ...client.images.contents import export
from ...errors import InvalidInput
from ...stores.locations import Location
from .. import options
from ..alteration import add_image
from ..connect import connected, named
from ..destination import add_output, destination
from ..output import Output

EXAMPLES = """examples:
  pratique export --platform linux/amd64 docker.io/library/debian:12 | tar tv
  pratique export oci:backup:1.2 -o files.tar
  pratique export ghcr.io/org/app:1.2 | tar x -C folder"""


def configure(parser: argparse.ArgumentParser) -> None:
    add_image(parser)
    options.add_platform(parser, "which image of an index")
    add_output(parser)
    options.add_registry(parser)
    options.add_global(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, output: Output) -> None:
    if not arguments.output and (output.as_json or sys.stdout.isatty()):
        raise InvalidInput(
            f"a tar on standard output is nothing for {'--json' if output.as_json else 'a terminal'}",
            advice="write it to a file with --output, or to another program",
        )
    source = Location.parse(arguments.reference)
    with connected(arguments, output, named(source)) as registries, destination(arguments.output) as file:
        found = export(source, file.write, platform=arguments.platform, registries=registries)
    if output.as_json:
        output.document({"digest": str(found.digest), "output": arguments.output})
