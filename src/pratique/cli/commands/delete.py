"""Delete tags, each as a tag and nothing else; or manifests by their digest, under all their tags."""

from __future__ import annotations

import argparse
from itertools import islice
from typing import Any, Final

from ...errors import InvalidInput, NotFound, Refused, Unsupported
from ...spec.digest import Digest
from ...spec.reference import Reference
from ...stores.inspection import sharing
from ...stores.registry import Repository
from .. import options
from ..output import Output
from ..routes import write
from ..several import for_each

EXAMPLES = """examples:
  pratique delete localhost:5000/app:old                the tag, and only the tag
  pratique delete localhost:5000/app@sha256:…           the manifest, and every tag of it
  pratique delete --manifest localhost:5000/app:old     the manifest that the tag names, and every tag of it
  pratique delete --dry-run --manifest localhost:5000/app:old"""

MOST_TAGS_COMPARED: Final = 1000  # to find out which share a manifest


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
        lambda session, reference: deleted(write(arguments, session, reference), reference, arguments),
        lambda _, done: done,
        lambda _, done: output.line(_line(done)),
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


def deleted(target: Repository, reference: Reference, arguments: argparse.Namespace) -> dict[str, Any]:
    """Delete what a reference names, or find out what would be deleted."""
    try:
        return _delete(target, reference, arguments)
    except NotFound:
        if not arguments.ignore_missing:
            raise
        return {"missing": str(reference)}


def _delete(target: Repository, reference: Reference, arguments: argparse.Namespace) -> dict[str, Any]:
    digest = reference.digest or _named(target, reference, needed=arguments.manifest or arguments.dry_run)
    if reference.digest is None and not arguments.manifest:
        what, tags = str(reference), [reference.name]
    else:
        what, tags = f"{reference.place}@{digest}", []
    if arguments.dry_run:
        return {"would_delete": what, "digest": str(digest), "tags": tags or tags_of(target, Digest.parse(str(digest)))}
    if tags:
        _delete_tag(target, reference)
    else:
        target.delete(str(digest))
    return {"deleted": what, "digest": str(digest) if digest else None}


def _named(target: Repository, reference: Reference, *, needed: bool) -> Digest | None:
    """What a tag names: worth knowing once the tag is gone, but whoever may only delete may delete all the same."""
    try:
        return target.resolve(reference.name).digest
    except Refused:
        if needed:
            raise
        return None


def tags_of(target: Repository, digest: Digest) -> list[str]:
    """The tags that name a digest, among the first thousand of the repository."""
    return sharing(target, islice(target.tags(), MOST_TAGS_COMPARED), digest)


def _delete_tag(target: Repository, reference: Reference) -> None:
    try:
        target.delete(reference.name)
    except Unsupported as error:
        raise _explained(target, reference, error) from error


def _explained(target: Repository, reference: Reference, error: Unsupported) -> Unsupported:
    """Why a tag cannot be deleted alone, what would go with it, and the two ways on."""
    digest = target.resolve(reference.name).digest
    others = [tag for tag in tags_of(target, digest) if tag != reference.name]
    shared = f"shared with {', '.join(others)}" if others else "which no other tag names"
    return Unsupported(
        f"{error}; {reference} is {digest}, {shared}",
        advice="--manifest deletes the manifest and every tag of it; or push something else under the tag to free the manifest",
    )


def _line(done: dict[str, Any]) -> str:
    if "would_delete" in done:
        return f"would delete {done['would_delete']} (tags: {', '.join(done['tags']) or 'none'})"
    if "missing" in done:
        return f"not there: {done['missing']}"
    was = f" (was {done['digest']})" if done["digest"] and done["digest"] not in done["deleted"] else ""
    return f"deleted {done['deleted']}{was}"
