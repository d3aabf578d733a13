"""Delete tags, each as a tag and nothing else; or manifests by their digest, under all their tags."""

from __future__ import annotations

import argparse
from typing import Any

from ...client.deletion import Deletion
from ...errors import InvalidInput
from ...spec.reference import Reference
from .. import options
from ..output import Output
from ..several import for_each

EXAMPLES = """examples:
  pratique delete localhost:5000/app:old                the tag, and only the tag
  pratique delete localhost:5000/app@sha256:…           the manifest, and every tag of it
  pratique delete --manifest localhost:5000/app:old     the manifest that the tag names, and every tag of it
  pratique delete --dry-run --manifest localhost:5000/app:old"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "references", metavar="REF", nargs="+", help="REPO:TAG or REPO@DIGEST; - reads them from standard input"
    )
    parser.add_argument(
        "--manifest", action="store_true", help="delete the manifest that a tag names, under all its tags"
    )
    parser.add_argument("--ignore-missing", action="store_true", help="what is not there counts as deleted")
    parser.add_argument("--dry-run", action="store_true", help="delete nothing; say what would be")
    options.add_registry(parser)
    options.add_global(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, output: Output) -> int:
    return for_each(
        arguments,
        output,
        lambda registries, reference: registries.repository(reference).delete(
            reference.name, manifest=arguments.manifest, missing_ok=arguments.ignore_missing, dry_run=arguments.dry_run
        ),
        _document,
        lambda reference, done: output.line(_line(reference, done)),
        parse,
    )


def parse(text: str) -> Reference:
    """A reference that names what to delete: nobody means `latest` by saying nothing. Raises InvalidInput."""
    reference = options.reference(text)
    if reference.tag is None and reference.digest is None:
        raise InvalidInput(
            f"{text!r} names neither a tag nor a digest", advice=f"say {reference}:latest if that is meant"
        )
    return reference


def _document(reference: Reference, done: Deletion) -> dict[str, Any]:
    digest = str(done.digest) if done.digest else None
    if done.outcome == "missing":
        return {"missing": str(reference)}
    if done.outcome == "planned":
        return {"would_delete": done.reference, "digest": digest, "tags": list(done.tags)}
    return {"deleted": done.reference, "digest": digest}


def _line(reference: Reference, done: Deletion) -> str:
    if done.outcome == "planned":
        return f"would delete {done.reference} (tags: {', '.join(done.tags) or 'none'})"
    if done.outcome == "missing":
        return f"not there: {reference}"
    was = f" (was {done.digest})" if done.digest and str(done.digest) not in done.reference else ""
    return f"deleted {done.reference}{was}"
