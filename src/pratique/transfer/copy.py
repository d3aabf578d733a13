"""Copying: a plan, then its execution; blobs in parallel, then manifests, children before parents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from ..errors import NotFound
from ..http.events import Observer, ignore
from ..http.message import Body, Stream
from ..spec.descriptor import Descriptor
from ..spec.digest import Digest
from ..spec.manifest import Manifest
from ..stores.base import NAMELESS, Mounts, Source, Target
from ..stores.crew import JOBS, all_done
from .events import Copied, Done, How, Moved, Planned, Started
from .graph import content, read_manifest
from .ledger import Ledger
from .plan import Plan, plan, selected
from .selection import EVERYTHING, Selection


@dataclass(frozen=True, slots=True)
class Options:
    """How to copy. Of tags that exist `no_clobber` leaves each as it is; a `dry_run` plans and does nothing."""

    select: Selection = EVERYTHING
    no_clobber: bool = False
    dry_run: bool = False
    foreign: bool = False
    jobs: int = JOBS


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a copy: the root at the target, its names there, and the plan; no plan where all was there."""

    name: str
    descriptor: Descriptor
    tags: tuple[str, ...]
    plan: Plan | None

    @property
    def changed(self) -> bool:
        """Whether anything was done, or would be."""
        return self.plan is not None


DEFAULTS = Options()


def copy(
    source: Source,
    name: str | Digest,
    target: Target,
    tags: Sequence[str] = (NAMELESS,),
    *,
    options: Options = DEFAULTS,
    ledger: Ledger | None = None,
    tell: Observer = ignore,
) -> Result:
    """Copy what `name` names, with everything that it needs, to a target under `tags`.

    What the target has is not sent; where every tag names the same digest there already, nothing is done.
    Raises NotFound, Refused, ContentMismatch, Unreachable, Unsupported, Misbehaved.
    """
    ledger = ledger or Ledger()
    root = source.resolve(name)
    manifest = None
    if options.select.platforms:
        manifest = selected(source, read_manifest(source, root), options.select)
        root = _described(manifest)
    names = tuple(tag for tag in tags if not _is_settled(target, tag, root.digest, options))
    if not names:
        tell(Copied(str(name), root, tuple(tags), changed=False))
        return Result(str(name), root, tuple(tags), None)
    manifest = manifest or read_manifest(source, root)
    found = plan(source, manifest, target, options.select, ledger=ledger, foreign=options.foreign, jobs=options.jobs)
    tell(Planned(str(name), found))
    if not options.dry_run:
        execute(found, source, target, names, jobs=options.jobs, ledger=ledger, tell=tell)
        tell(Copied(str(name), _described(manifest), names, changed=True))
    return Result(str(name), _described(manifest), names, found)


def execute(
    found: Plan,
    source: Source,
    target: Target,
    tags: Sequence[str],
    *,
    jobs: int = JOBS,
    ledger: Ledger | None = None,
    tell: Observer = ignore,
) -> None:
    """Do what a plan says. The first failure is raised, and what has not begun is dropped; the root's names come last."""
    known = ledger or Ledger()
    for descriptor in found.present:
        tell(Done(descriptor, How.PRESENT))

    def move(descriptor: Descriptor) -> None:
        if not known.once(descriptor.digest, lambda: _move(descriptor, source, target, tell)):
            tell(Done(descriptor, How.PRESENT))

    all_done(move, sorted((*found.blobs, *found.mounts), key=lambda blob: -blob.size), jobs)
    below = [manifest for manifest in found.manifests if manifest.digest != found.root.digest]
    images = [manifest for manifest in below if not manifest.is_index]
    all_done(lambda manifest: _push(manifest, target, ()), images, jobs)
    for manifest in below:
        if manifest.is_index:
            _push(manifest, target, ())
    _push(found.root, target, tags)
    known.known |= {manifest.digest for manifest in found.manifests}


def _is_settled(target: Target, tag: str, digest: Digest, options: Options) -> bool:
    if tag == NAMELESS or not isinstance(target, Source):
        return False
    try:
        found = target.resolve(tag)
    except NotFound:
        return False
    return options.no_clobber or found.digest == digest


def _move(descriptor: Descriptor, source: Source, target: Target, tell: Observer) -> None:
    tell(Started(descriptor))
    if isinstance(target, Mounts) and target.mounts_from(source) and target.mount(descriptor, source):
        tell(Done(descriptor, How.MOUNTED))
        return

    @contextmanager
    def counted() -> Iterator[Stream]:
        with content(source, descriptor) as stream:
            counting = _Counting(stream, descriptor, tell)
            try:
                yield counting
            except BaseException:
                counting.forget()
                raise

    target.push(descriptor, counted)
    tell(Done(descriptor, How.MOVED))


def _push(manifest: Manifest, target: Target, tags: Sequence[str]) -> None:
    target.push(_described(manifest), Body.of(manifest.raw).open, tags=tags)


def _described(manifest: Manifest) -> Descriptor:
    return Descriptor(manifest.media_type, manifest.digest, len(manifest.raw))


class _Counting:
    """A stream that tells how much of it was read."""

    def __init__(self, stream: Stream, descriptor: Descriptor, tell: Observer) -> None:
        self._stream = stream
        self._descriptor = descriptor
        self._tell = tell
        self._told = 0

    def read(self, size: int = -1, /) -> bytes:
        data = self._stream.read(size)
        self._count(len(data))
        return data

    def readinto(self, buffer: bytearray | memoryview, /) -> int:
        count = self._stream.readinto(buffer)
        self._count(count)
        return count

    def close(self) -> None:
        self._stream.close()

    def forget(self) -> None:
        """What was told does not count: it is read again, or never."""
        self._count(-self._told)

    def _count(self, count: int) -> None:
        if count:
            self._told += count
            self._tell(Moved(self._descriptor, count))
