"""List what refers to an image or artifact: signatures, SBOMs and whatever else."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from ...client.artifacts.referrers import Referrer, referrers
from ...errors import InvalidInput
from ...stores.locations import Location
from ...transfer.referring import MOST_DEPTH
from .. import options
from ..connect import connected, named
from ..output import Output

EXAMPLES = """examples:
  pratique referrers localhost:5000/app:1.0
  pratique referrers --tree --platform linux/amd64 localhost:5000/app:1.0
  pratique referrers --depth 1 --artifact-type application/spdx+json --json localhost:5000/app:1.0
  pratique referrers --filter org.example.team=security oci:backup:1.0"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("reference", metavar="REF", help="what they refer to; oci:PATH[:NAME] as well")
    parser.add_argument("--tree", action="store_true", help="show them as a tree, with their annotations")
    parser.add_argument(
        "--depth",
        metavar="N",
        type=options.positive,
        default=MOST_DEPTH,
        help=f"how far to go: 1 is what refers to REF itself (default {MOST_DEPTH})",
    )
    parser.add_argument(
        "--artifact-type", metavar="TYPE", action="append", default=[], help="only of this type; may be repeated"
    )
    parser.add_argument(
        "--filter",
        metavar="KEY[=VALUE]",
        action="append",
        default=[],
        help="only with this annotation; may be repeated",
    )
    options.add_platform(parser, "of an index: what refers to this one's image")
    options.add_registry(parser)
    options.add_global(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, output: Output) -> None:
    subject = Location.parse(arguments.reference)
    with connected(arguments, output, named(subject)) as registries:
        found = referrers(
            subject,
            depth=arguments.depth,
            artifact_types=arguments.artifact_type,
            annotations=dict(_filter(word) for word in arguments.filter),
            platform=arguments.platform,
            registries=registries,
        )
    if output.as_json:
        output.document(_document(found))
    elif arguments.tree:
        digest = str(found.descriptor.digest)
        output.line(str(subject) if subject.said == digest else f"{subject} {digest}")
        for line in _lines(found, ""):
            output.line(line)
    else:
        rows = [
            (str(depth), each.descriptor.artifact_type or "-", str(each.descriptor.digest))
            for depth, each in found.walk()
        ]
        output.table(("DEPTH", "TYPE", "DIGEST"), rows)


def _filter(word: str) -> tuple[str, str | None]:
    key, equals, value = word.partition("=")
    if not key:
        raise InvalidInput(f"--filter wants KEY or KEY=VALUE, not {word!r}")
    return key, value if equals else None


def _document(found: Referrer) -> dict[str, Any]:
    descriptor = found.descriptor
    described = descriptor.to_json() if descriptor.media_type else {"digest": str(descriptor.digest)}
    return {**described, "referrers": [_document(each) for each in found.referrers]}


def _lines(found: Referrer, before: str) -> Iterator[str]:
    for number, each in enumerate(found.referrers, 1):
        last = number == len(found.referrers)
        descriptor = each.descriptor
        yield f"{before}{'└─' if last else '├─'} {descriptor.artifact_type or 'of no type'} {descriptor.digest}"
        below = f"{before}{'   ' if last else '│  '}"
        for key, value in sorted(descriptor.annotations.items()):
            yield f"{below}{'│ ' if each.referrers else '  '} {key}: {value}"
        yield from _lines(each, below)
