"""Deleting: a tag as a tag and nothing else, or a manifest by its digest, under all its tags."""

from __future__ import annotations

from itertools import islice
from typing import Final, Literal

from ..errors import NotFound, Refused, Unsupported
from ..spec.digest import Digest
from ..spec.reference import Reference
from ..stores.inspection import sharing
from ..stores.registry import Repository
from ..values import frozen

MOST_TAGS_COMPARED: Final = 1000  # to find out which share a manifest


@frozen
class Deletion:
    """What came of a deletion, or would.

    `outcome` is "deleted", "planned" by a dry run, or "missing". `reference` is `REPOSITORY:TAG` or `REPOSITORY@DIGEST`,
    `digest` what was under the tag, where that may be known, and `tags` those that a dry run found to go.
    """

    outcome: Literal["deleted", "planned", "missing"]
    reference: str
    digest: Digest | None = None
    tags: tuple[str, ...] = ()


def delete(target: Repository, reference: Reference, *, manifest: bool, missing_ok: bool, dry_run: bool) -> Deletion:
    """Delete what a reference names, or find out what would be deleted."""
    try:
        return _delete(target, reference, manifest=manifest, dry_run=dry_run)
    except NotFound:
        if not missing_ok:
            raise
        return Deletion("missing", str(reference))


def _delete(target: Repository, reference: Reference, *, manifest: bool, dry_run: bool) -> Deletion:
    digest = reference.digest or _named(target, reference, needed=manifest or dry_run)
    if reference.digest is None and not manifest:
        what, tags = str(reference), [reference.name]
    else:
        what, tags = f"{reference.place}@{digest}", []
    if dry_run:
        return Deletion("planned", what, digest, tuple(tags or _tags_of(target, Digest.parse(str(digest)))))
    if tags:
        _delete_tag(target, reference)
    else:
        target.delete(str(digest))
    return Deletion("deleted", what, digest)


def _named(target: Repository, reference: Reference, *, needed: bool) -> Digest | None:
    """What a tag names: worth knowing once the tag is gone, but whoever may only delete may delete all the same."""
    try:
        return target.resolve(reference.name).digest
    except Refused:
        if needed:
            raise
        return None


def _tags_of(target: Repository, digest: Digest) -> list[str]:
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
    others = [tag for tag in _tags_of(target, digest) if tag != reference.name]
    shared = f"shared with {', '.join(others)}" if others else "which no other tag names"
    return Unsupported(
        f"{error}; {reference} is {digest}, {shared}",
        advice="delete the manifest and every tag of it (--manifest), or push something else under the tag to free the manifest",
    )
