"""Print the digests of references, by one HEAD each where the registry answers that well."""

from __future__ import annotations

import argparse
from typing import Any

from ...spec.digest import Digest
from ...spec.reference import Reference
from .. import options
from ..connect import expanded
from ..output import Output
from ..several import for_each

EXAMPLES = """examples:
  pratique digest docker.io/library/debian:12
  pratique digest --platform linux/arm64 ghcr.io/org/app:1.2
  pratique digest --json ghcr.io/org/app:1.2 ghcr.io/org/app:1.3
  pratique tags --full-ref ghcr.io/org/app | pratique digest -"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("references", metavar="REF", nargs="+", help="a reference; - reads them from standard input")
    parser.add_argument("--platform", type=options.platform, help="of the image for this platform in an index")
    parser.add_argument("--full-ref", action="store_true", help="print REPOSITORY@DIGEST")
    options.add_short_names(parser)
    options.add_registry(parser)
    options.add_global(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, output: Output) -> int:
    alone = len(arguments.references) == 1 and arguments.references != ["-"]
    return for_each(
        arguments,
        output,
        lambda repository, reference: repository.resolve(reference.name, platform=arguments.platform).digest,
        _document,
        lambda reference, digest: output.line(_line(reference, digest, full=arguments.full_ref, alone=alone)),
        lambda text: options.reference(expanded(arguments, output, text)),
    )


def _document(reference: Reference, digest: Digest) -> dict[str, Any]:
    return {"reference": str(reference), "repository": reference.place, "digest": str(digest)}


def _line(reference: Reference, digest: Digest, *, full: bool, alone: bool) -> str:
    if full:
        return f"{reference.place}@{digest}"
    return str(digest) if alone else f"{digest}  {reference}"
