"""The graph below a manifest: what it points at, what that points at, and so on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from ..errors import Misbehaved
from ..spec.descriptor import Descriptor
from ..spec.digest import Digest
from ..spec.manifest import MOST_MANIFEST_BYTES, Manifest
from ..stores.base import Source
from ..stores.crew import JOBS, in_parallel
from ..stores.reading import manifest_of
from ..values import frozen

MOST_DEPTH: Final = 8  # of indexes within indexes
MOST_MANIFESTS: Final = 20_000  # below one root

Keep = Callable[[Manifest], Iterable[Descriptor]]


@frozen
class Graph:
    """Everything below a root, once each: manifests, children before parents, and blobs."""

    manifests: tuple[Manifest, ...]
    blobs: tuple[Descriptor, ...]


def walk(
    source: Source,
    root: Manifest,
    keep: Keep = Manifest.successors,
    jobs: int = JOBS,
    most_bytes: int = MOST_MANIFEST_BYTES,
) -> Graph:
    """Read every manifest below `root`, a level at a time and several at once; `keep` says which of its successors count.

    Raises Misbehaved for a graph that is too deep or too large, and what reading raises.
    """
    read: dict[Digest, Manifest] = {root.digest: root}
    below: dict[Digest, tuple[Descriptor, ...]] = {}
    level = [root]
    for _ in range(MOST_DEPTH):
        below.update((manifest.digest, tuple(keep(manifest))) for manifest in level)
        wanted = {child.digest: child for each in level for child in below[each.digest] if child.is_manifest}
        missing = [descriptor for digest, descriptor in wanted.items() if digest not in read]
        if not missing:
            return _graph(root, read, below)
        if len(read) + len(missing) > MOST_MANIFESTS:
            raise Misbehaved(f"more than {MOST_MANIFESTS} manifests below {root.digest}")
        level = list(in_parallel(lambda descriptor: manifest_of(source, descriptor, most_bytes), missing, jobs))
        read.update((manifest.digest, manifest) for manifest in level)
    raise Misbehaved(f"the index {root.digest} nests more than {MOST_DEPTH} deep")


def _graph(root: Manifest, read: dict[Digest, Manifest], below: dict[Digest, tuple[Descriptor, ...]]) -> Graph:
    ordered: dict[Digest, Manifest] = {}
    blobs: dict[Digest, Descriptor] = {}

    def visit(manifest: Manifest) -> None:
        for child in below[manifest.digest]:
            if not child.is_manifest:
                blobs.setdefault(child.digest, child)
            elif child.digest not in ordered:
                visit(read[child.digest])
        ordered[manifest.digest] = manifest

    visit(root)
    return Graph(tuple(ordered.values()), tuple(blobs.values()))
