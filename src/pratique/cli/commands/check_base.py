"""Find out whether an image is on the newest base: whether it begins with the layers that its base has now."""

from __future__ import annotations

import argparse
from typing import Any

from ...client.images.checks import BaseCheck, check_base, check_bases
from ...stores.locations import Location
from .. import options
from ..alteration import add_image
from ..connect import connected, named
from ..output import Output

EXAMPLES = """examples:
  pratique check-base ghcr.io/org/app:1.0
  pratique check-base --base docker.io/library/debian:12 --platform linux/arm64 ghcr.io/org/app:1.0
  pratique check-base --json ghcr.io/org/app:1.0"""


def configure(parser: argparse.ArgumentParser) -> None:
    add_image(parser)
    parser.add_argument("--base", metavar="REF", help="the base (default: as the image's annotations say)")
    options.add_platform(parser, "only this image of an index; otherwise all are looked at")
    options.add_registry(parser)
    options.add_global(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, output: Output) -> int:
    source = Location.parse(arguments.reference)
    base = Location.parse(arguments.base) if arguments.base else None
    with connected(arguments, output, named(source, *([base] if base else []))) as registries:
        if arguments.platform:
            found = [check_base(source, base=base, platform=arguments.platform, registries=registries)]
        else:
            found = check_bases(source, base=base, registries=registries)
    is_current = all(each.is_current for each in found)
    if output.as_json:
        several = {"current": is_current, "images": [_document(each) for each in found]}
        output.document({"reference": str(source), **(several if len(found) > 1 else _document(found[0]))})
    else:
        for each in found:
            output.line(f"{source}{f' ({each.platform})' if len(found) > 1 else ''} {_shown(each)}")
    return 0 if is_current else 1


def _document(found: BaseCheck) -> dict[str, Any]:
    return {
        "platform": str(found.platform),
        "base": found.name,
        "digest": str(found.digest) if found.digest else None,
        "current_digest": str(found.current),
        "current": found.is_current,
    }


def _shown(found: BaseCheck) -> str:
    said = "is on" if found.is_current else "is not on what is now"
    was = f"; its base was {found.digest}" if found.digest not in (None, found.current) else ""
    return f"{said} {found.name}@{found.current}{was}"
