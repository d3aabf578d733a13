"""What commands say that copy: the references and digests at the target, and what failed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..client.places import placed
from ..stores.base import NAMELESS
from ..stores.locations import Location
from ..transfer.copy import Result
from ..transfer.repository import Failure
from .output import Output, error_document, size


def report(
    output: Output,
    target: Location,
    found: Sequence[Result | Failure],
    *,
    many: bool = True,
    dry_run: bool = False,
    quiet: bool = False,
) -> int:
    """Say what came of a copy, or of `many`; `quiet` says nothing of what was there. The exit code."""
    results = [result for result in found if isinstance(result, Result)]
    failures = [failure for failure in found if isinstance(failure, Failure)]
    if output.as_json:
        documents = [_document(result, target, dry_run=dry_run) for result in results]
        failed = [{"name": failure.name, "error": error_document(failure.error)} for failure in failures]
        output.document({"copied": documents, "failed": failed} if many else documents[0])
        return 1 if failures else 0
    for result in results:
        if result.changed or not quiet:
            # Where the archive itself goes to standard output, the result must not.
            say = output.tell if target.is_stream and not dry_run else output.line
            say(_line(result, target, dry_run=dry_run))
    if failures:
        output.tell(f"{len(failures)} of {len(found)} tags were not copied")
        for failure in failures:
            output.tell(f"{failure.name}: {failure.error}")
    return 1 if failures else 0


def _document(result: Result, target: Location, *, dry_run: bool) -> dict[str, Any]:
    plan = result.plan
    return {
        "name": result.name,
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
        "companions": [_document(companion, target, dry_run=dry_run) for companion in result.companions],
    }


def _line(result: Result, target: Location, *, dry_run: bool) -> str:
    place = placed(target, result.tags[0] if result.tags else NAMELESS)
    line = f"{place}@{result.descriptor.digest}"
    if not dry_run:
        return line
    if result.plan is None:
        return f"{line} is there already"
    blobs = len(result.plan.blobs) + len(result.plan.mounts)
    return (
        f"{line} would be copied: {size(result.plan.size)} in {blobs} blobs and {len(result.plan.manifests)} manifests"
    )
