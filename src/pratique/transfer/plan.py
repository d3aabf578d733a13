"""What has to move for a copy: found out by reading only, with exact totals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from ..spec.descriptor import Descriptor
from ..spec.digest import Digest
from ..spec.manifest import MOST_MANIFEST_BYTES, Manifest
from ..stores.base import Admits, Mounts, Source, Target
from ..stores.crew import JOBS, all_done
from ..stores.reading import manifest_of
from ..values import frozen
from .graph import Graph, walk
from .ledger import Ledger
from .selection import EVERYTHING, Selection

MOST_UNASKED_BYTES: Final = 64 << 10  # of what is sent without asking to a target that has no names

Convert = Callable[[Manifest, Mapping[Digest, Descriptor]], Manifest]


@frozen
class Plan:
    """A copy as a value.

    `graph` is every manifest from the root down; of these `manifests` are pushed, children before parents. `blobs` are
    moved; `mounts` are had from the source's own registry by reference; `present` is at the target already; `foreign` lives
    elsewhere by its `urls` and stays there.
    """

    root: Manifest
    graph: tuple[Manifest, ...]
    manifests: tuple[Manifest, ...]
    blobs: tuple[Descriptor, ...]
    mounts: tuple[Descriptor, ...] = ()
    present: tuple[Descriptor, ...] = ()
    foreign: tuple[Descriptor, ...] = ()

    @property
    def size(self) -> int:
        """Bytes to send: blobs and manifests."""
        return sum(part.size for part in self.blobs) + sum(len(manifest.raw) for manifest in self.manifests)

    @property
    def moving(self) -> set[Digest]:
        """The digests of all that comes to the target."""
        blobs = {part.digest for part in (*self.blobs, *self.mounts)}
        return blobs | {manifest.digest for manifest in self.manifests}

    @property
    def saved(self) -> int:
        """Bytes that need not be sent, because the target has them or can mount them."""
        return sum(part.size for part in (*self.present, *self.mounts))


def plan(
    source: Source,
    root: Manifest,
    target: Target,
    select: Selection = EVERYTHING,
    *,
    ledger: Ledger | None = None,
    convert: Convert | None = None,
    foreign: bool = False,
    jobs: int = JOBS,
    most_manifest_bytes: int = MOST_MANIFEST_BYTES,
) -> Plan:
    """Find out what has to move for `root` and what `select` takes of it.

    `ledger` knows what earlier copies brought to the same target. `convert` gives manifests another form, children before
    parents. With `foreign` layers with `urls` are moved as well. Raises what reading raises, and Unsupported for a root that
    the target cannot hold.
    """
    ledger = ledger or Ledger()
    graph = walk(source, root, select.kept, jobs, most_manifest_bytes)
    if convert is not None:
        graph = _converted(graph, convert)
        root = graph.manifests[-1]
    if isinstance(target, Admits):
        target.admit(root)
    elsewhere = () if foreign else tuple(blob for blob in graph.blobs if blob.urls)
    images = [manifest.descriptor for manifest in graph.manifests if manifest is not root and not manifest.is_index]
    there = _present(target, images, ledger, jobs)
    missing = tuple(manifest for manifest in graph.manifests if manifest.digest not in there)
    needed = {below.digest for manifest in missing for below in manifest.successors()} - {
        blob.digest for blob in elsewhere
    }
    wanted = [blob for blob in graph.blobs if blob.digest in needed]
    mountable = isinstance(target, Mounts) and target.mounts_from(source)
    found = ledger.known if mountable else _present(target, wanted, ledger, jobs)
    moving = tuple(blob for blob in wanted if blob.digest not in found)
    present = tuple(blob for blob in graph.blobs if blob not in moving and blob not in elsewhere)
    return Plan(
        root, graph.manifests, missing, () if mountable else moving, moving if mountable else (), present, elsewhere
    )


def selected(source: Source, manifest: Manifest, select: Selection) -> Manifest:
    """The root of what is taken: the manifest, one of its images, or a smaller index."""
    single = select.single(manifest)
    if single is None:
        return select.narrowed(manifest)
    return selected(source, manifest_of(source, single), select)


def _converted(graph: Graph, convert: Convert) -> Graph:
    replaced: dict[Digest, Descriptor] = {}
    manifests = []
    for manifest in graph.manifests:
        below = {entry.digest: replaced[entry.digest] for entry in manifest.manifests if entry.digest in replaced}
        new = convert(manifest, below)
        replaced[manifest.digest] = new.descriptor
        manifests.append(new)
    return Graph(tuple(manifests), graph.blobs)


def _present(target: Target, wanted: Iterable[Descriptor], ledger: Ledger, jobs: int) -> set[Digest]:
    """The digests of what the target has."""
    listed = list(wanted)
    asked = [descriptor for descriptor in listed if _is_worth_asking(descriptor, ledger)]
    all_done(lambda descriptor: ledger.has(descriptor.digest, lambda: target.exists(descriptor)), asked, jobs)
    return {descriptor.digest for descriptor in listed if descriptor.digest in ledger.known}


def _is_worth_asking(descriptor: Descriptor, ledger: Ledger) -> bool:
    """Whether it is; what is small is sent as fast, to a target that will hardly have it."""
    if descriptor.digest in ledger.known or descriptor.digest in ledger.lacking:
        return False
    return not (ledger.is_vacant and descriptor.size <= MOST_UNASKED_BYTES)
