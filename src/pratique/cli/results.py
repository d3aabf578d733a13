"""What commands say of one thing that came to a place: what it is called there, and what was sent for it, or would be."""

from __future__ import annotations

from typing import Any

from ..client.places import placed
from ..stores.base import NAMELESS
from ..stores.locations import Location
from ..transfer.copy import Result
from .output import Output, counted, size


def references(result: Result, target: Location) -> list[str]:
    """Each of its names, with the digest; or the place with the digest, where it has none."""
    return [f"{placed(target, name)}@{result.descriptor.digest}" for name in result.tags or (NAMELESS,)]


def say(output: Output, target: Location, lines: list[str], *, dry_run: bool = False) -> None:
    """Print the result; where an archive itself goes to standard output, it must not go there as well."""
    for line in lines:
        (output.tell if target.is_stream and not dry_run else output.line)(line)


def uploads(result: Result) -> str:
    """How much is to be sent for it."""
    plan = result.plan
    if plan is None:
        return "nothing"
    blobs = counted(len(plan.blobs) + len(plan.mounts), "blob")
    return f"{size(plan.size)} in {blobs} and {counted(len(plan.manifests), 'manifest')}"


def document(result: Result, target: Location, *, dry_run: bool) -> dict[str, Any]:
    """What JSON says of it."""
    plan = result.plan
    return {
        "target": [placed(target, tag) for tag in result.tags],
        "digest": str(result.descriptor.digest),
        "changed": result.changed,
        "dry_run": dry_run,
        "bytes": plan.size if plan else 0,
        "saved": plan.saved if plan else 0,
        "blobs": len(plan.blobs) if plan else 0,
        "mounted": len(plan.mounts) if plan else 0,
        "present": len(plan.present) if plan else 0,
        "manifests": len(plan.manifests) if plan else 0,
        "companions": [named(companion, target, dry_run=dry_run) for companion in result.companions],
    }


def named(result: Result, target: Location, *, dry_run: bool) -> dict[str, Any]:
    """The same of something that had a name before."""
    return {"name": result.name, **document(result, target, dry_run=dry_run)}
