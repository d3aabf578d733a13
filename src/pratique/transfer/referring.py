"""What belongs to content without being part of it: referrers, and tags that are named after a digest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from ..errors import Misbehaved
from ..spec.descriptor import Descriptor
from ..spec.digest import Digest
from ..stores.base import Lists, Refers, Source
from .graph import MOST_MANIFESTS
from .tags import digest_of

MOST_DEPTH: Final = 8  # of what refers to what refers


def referring(source: Source, digests: Iterable[Digest], artifact_types: Iterable[str] = ()) -> Iterator[Descriptor]:
    """Everything that refers to these digests, and what refers to that, once each and subjects first.

    Raises Misbehaved where that does not come to an end.
    """
    if not isinstance(source, Refers):
        return
    types = list(artifact_types) or [""]
    seen: set[Digest] = set(digests)
    level = list(seen)
    for _ in range(MOST_DEPTH):
        found = [entry for digest in level for kind in types for entry in source.referrers(digest, kind)]
        fresh = {entry.digest: entry for entry in found if entry.digest not in seen}
        seen |= set(fresh)
        if len(seen) > MOST_MANIFESTS:
            raise Misbehaved(f"more than {MOST_MANIFESTS} referrers")
        yield from fresh.values()
        level = list(fresh)
        if not level:
            return
    raise Misbehaved(f"referrers refer to each other more than {MOST_DEPTH} deep")


def digest_tags(source: Source, digests: Iterable[Digest]) -> Iterator[str]:
    """The tags that are named after these digests, such as those of cosign's signatures."""
    wanted = set(digests)
    if isinstance(source, Lists):
        yield from (tag for tag in source.tags() if digest_of(tag) in wanted)
