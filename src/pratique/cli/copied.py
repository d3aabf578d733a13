"""What commands say that copy: the references and digests at the target, and what failed."""

from __future__ import annotations

from collections.abc import Sequence

from ..stores.locations import Location
from ..transfer.copy import Result
from ..transfer.repository import Failure
from .output import Output, error_document, size
from .results import named, references, say, uploads


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
        documents = [named(result, target, dry_run=dry_run) for result in results]
        failed = [{"name": failure.name, "error": error_document(failure.error)} for failure in failures]
        output.document({"copied": documents, "failed": failed} if many else documents[0])
        return 1 if failures else 0
    for result in results:
        if result.changed or not quiet:
            say(output, target, [_line(result, target, dry_run=dry_run)], dry_run=dry_run)
    if failures:
        output.tell(f"{len(failures)} of {len(found)} tags were not copied")
        for failure in failures:
            output.tell(f"{failure.name}: {failure.error}")
    return 1 if failures else 0


def _line(result: Result, target: Location, *, dry_run: bool) -> str:
    line = references(result, target)[0]
    return f"{line} {_planned(result)}{_accompanied(result)}" if dry_run else line


def _planned(result: Result) -> str:
    if result.plan is None:
        return "is there already"
    return f"would be copied: {uploads(result)}"


def _accompanied(result: Result) -> str:
    """What would be copied besides, for it belongs to it: referrers, and tags that are named after a digest."""
    plans = [companion.plan for companion in result.companions if companion.plan is not None]
    return f"; with {len(plans)} more: {size(sum(plan.size for plan in plans))}" if plans else ""
