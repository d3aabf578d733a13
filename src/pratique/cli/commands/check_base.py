"""Find out whether an image is on the newest base: whether it begins with the layers that its base has now."""

from __future__ import annotations

import argparse

from ...client.contents import check_base
from ...stores.locations import Location
from .. import options
from ..alteration import add_image
from ..connect import connected
from ..made import named
from ..output import Output

EXAMPLES = """examples:
  pratique check-base ghcr.io/org/app:1.0
  pratique check-base --base docker.io/library/debian:12 --platform linux/arm64 ghcr.io/org/app:1.0
  pratique check-base --json ghcr.io/org/app:1.0"""


def configure(parser: argparse.ArgumentParser) -> None:
    add_image(parser)
    parser.add_argument("--base", metavar="REF", help="the base (default: as the image's annotations say)")
    parser.add_argument("--platform", metavar="OS/ARCH", type=options.platform, help="which image of an index")
    options.add_registry(parser)
    options.add_global(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, output: Output) -> int:
    source = Location.parse(arguments.reference)
    base = Location.parse(arguments.base) if arguments.base else None
    with connected(arguments, output, named(source, *([base] if base else []))) as registries:
        found = check_base(source, base=base, platform=arguments.platform, registries=registries)
    if output.as_json:
        output.document(
            {
                "reference": str(source),
                "base": found.name,
                "digest": str(found.digest) if found.digest else None,
                "current_digest": str(found.current),
                "current": found.is_current,
            }
        )
    else:
        said = "is on" if found.is_current else "is not on what is now"
        output.line(f"{source} {said} {found.name}@{found.current}")
    return 0 if found.is_current else 1
