"""Print the digests of references, by one HEAD each where the registry answers that well."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from ...spec.digest import Digest
from ...spec.platform import Platform
from ...spec.reference import Reference
from .. import options, trace
from ..output import Output
from ..routes import read
from ..several import for_each
from ..shortnames import expanded

if TYPE_CHECKING:
    from ...stores.inspection import Readable

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
    tell = trace.observer(output)
    return for_each(
        arguments,
        output,
        lambda session, reference: digest_of(read(arguments, session, reference, tell), reference, arguments.platform),
        _document,
        lambda reference, digest: output.line(_line(reference, digest, full=arguments.full_ref, alone=alone)),
        lambda text: options.reference(expanded(arguments, output, text)),
    )


def digest_of(source: Readable, reference: Reference, platform: Platform | None) -> Digest:
    """The digest that a reference names, or that of its image for one platform."""
    if platform is None:
        return source.resolve(reference.name).digest
    manifest = source.manifest(reference.name)
    return manifest.select(platform).digest if manifest.is_index else manifest.digest


def _document(reference: Reference, digest: Digest) -> dict[str, Any]:
    return {"reference": str(reference), "repository": reference.place, "digest": str(digest)}


def _line(reference: Reference, digest: Digest, *, full: bool, alone: bool) -> str:
    if full:
        return f"{reference.place}@{digest}"
    return str(digest) if alone else f"{digest}  {reference}"
