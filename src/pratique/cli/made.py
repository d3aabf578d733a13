"""What commands say that make something new: its reference and digest, and in a dry run what it would be."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..client.places import placed
from ..client.registries import Registries
from ..errors import InvalidInput
from ..spec.reference import Reference
from ..stores.base import NAMELESS
from ..stores.locations import Location
from ..transfer.copy import Result
from . import options, trace
from .connect import connected, named
from .output import Output
from .progress import STYLES, shown
from .results import document, references, say, uploads


def add_making(parser: argparse.ArgumentParser) -> None:
    """What every command takes that makes a manifest."""
    parser.add_argument("--tag", metavar="TAG", action="append", default=[], help="a tag for it; may be repeated")
    parser.add_argument("--dry-run", action="store_true", help="upload nothing; print the manifest, say what would be")
    parser.add_argument("--export-manifest", metavar="FILE", type=options.writable, help="write the manifest to a file")
    add_moving(parser)


def add_moving(parser: argparse.ArgumentParser) -> None:
    """What every command takes that moves content."""
    options.add_jobs(parser)
    parser.add_argument("--progress", choices=STYLES, default="auto", help="how to show what moves")


@contextmanager
def moving(arguments: argparse.Namespace, output: Output, *places: Location | Reference | None) -> Iterator[Registries]:
    """The registries of a command that moves content between these places; None is one that was not said. What moves is shown."""
    with (
        shown(arguments.progress, output, trace.observer(output)) as tell,
        connected(arguments, output, named(*(place for place in places if place is not None)), tell=tell) as registries,
    ):
        yield registries


def pairs(words: list[str], option: str, form: str = "KEY=VALUE") -> dict[str, str]:
    """`KEY=VALUE` as a map, or what has another name in a `form`. Raises InvalidInput."""
    found = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise InvalidInput(f"{option} wants {form}, not {word!r}")
        found[key] = value
    return found


def report(arguments: argparse.Namespace, output: Output, target: Location, result: Result) -> None:
    """Say what came of it; the manifest of a dry run is all that goes to standard output beside JSON."""
    manifest = result.plan.root if result.plan else None
    if arguments.export_manifest and manifest:
        from pathlib import Path

        Path(arguments.export_manifest).write_bytes(manifest.raw)
    if output.as_json:
        output.document(_document(target, result, dry_run=arguments.dry_run))
    elif arguments.dry_run and manifest:
        output.raw(manifest.raw.rstrip() + b"\n")
        for each in (result, *result.companions):
            output.tell(_planned(target, each))
    else:
        say(output, target, references(result, target))


def _document(target: Location, result: Result, *, dry_run: bool) -> dict[str, Any]:
    plan = result.plan
    found = {
        "references": references(result, target),
        "media_type": result.descriptor.media_type,
        "size": result.descriptor.size,
        "tags": [name for name in result.tags if name],
        **document(result, target, dry_run=dry_run),
    }
    if plan:
        found["manifest"] = plan.root.document
        found["uploads"] = [
            {"mediaType": part.media_type, "digest": str(part.digest), "size": part.size}
            for part in (*plan.blobs, *plan.mounts)
        ]
    return found


def _planned(target: Location, result: Result) -> str:
    names = " ".join(placed(target, name) for name in result.tags) or placed(target, NAMELESS)
    if result.plan is None or not result.changed:
        return f"{names} is there already"
    return f"would upload to {names}: {uploads(result)}"
