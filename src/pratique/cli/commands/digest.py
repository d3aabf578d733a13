"""Print the digests of references, by one HEAD each where the registry answers that well; or of what files have."""

from __future__ import annotations

import argparse
from typing import Any

from ...spec.digest import Digest
from ...stores.locations import Location
from .. import options
from ..output import Output
from ..several import read_each

EXAMPLES = """examples:
  pratique digest docker.io/library/debian:12
  pratique digest --platform linux/arm64 ghcr.io/org/app:1.2
  pratique digest --json ghcr.io/org/app:1.2 ghcr.io/org/app:1.3
  pratique tags --full-ref ghcr.io/org/app | pratique digest -
  pratique digest oci:backup:1.2 docker-archive:saved.tar"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("references", metavar="REF", nargs="+", help=options.PLACES)
    parser.add_argument("--platform", type=options.platform, help="of the image for this platform in an index")
    parser.add_argument("--full-ref", action="store_true", help="print REPOSITORY@DIGEST")
    options.add_short_names(parser)
    options.add_registry(parser)
    options.add_global(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, output: Output) -> int:
    alone = len(arguments.references) == 1 and arguments.references != ["-"]
    return read_each(
        arguments,
        output,
        lambda store, place: store.resolve(place.name, platform=arguments.platform).digest,
        _document,
        lambda place, digest: output.line(_line(place, digest, full=arguments.full_ref, alone=alone)),
    )


def _document(place: Location, digest: Digest) -> dict[str, Any]:
    return {"reference": str(place), "repository": place.place, "digest": str(digest)}


def _line(place: Location, digest: Digest, *, full: bool, alone: bool) -> str:
    if full:
        return f"{place.place}@{digest}"
    return str(digest) if alone else f"{digest}  {place}"
