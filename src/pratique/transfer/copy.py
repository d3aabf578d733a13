"""Copying: a plan, then its execution; blobs in parallel, then manifests, children before parents."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from io import UnsupportedOperation

from ..errors import Misbehaved, NotFound, Refused, Unsupported
from ..http.events import Event, Observer, Warned, ignore
from ..http.message import Body, Stream
from ..http.passing import Passes
from ..spec.descriptor import Descriptor
from ..spec.digest import Digest
from ..spec.manifest import MOST_MANIFEST_BYTES, Manifest
from ..stores.base import NAMELESS, Converts, Finds, Lists, Mounts, Readable, Resumes, Source, Target
from ..stores.content import Entrusts, Vouches
from ..stores.crew import JOBS, all_done
from ..stores.foreign import Fetch
from ..stores.reading import manifest_of, opened
from ..values import frozen, replace
from .events import Arrival, Copied, Done, Moved, Planned, Started
from .ledger import Ledger
from .plan import Convert, Plan, plan, selected
from .referring import digest_tags, referring
from .selection import EVERYTHING, Selection


@frozen
class Options:
    """How to copy.

    `select` takes some platforms only; `convert` gives manifests another form, and so other digests. `no_clobber` leaves
    tags that exist as they are; a `dry_run` plans and does nothing; `foreign` moves layers with `urls`, too, and says how to
    get those that the source does not have. `referrers` go along, all or those of some `artifact_types`, and so do tags
    that are named after digests (`digest_tags`). With `verify` content is hashed here, too, where the target verifies what
    it stores. `jobs` is how many threads move content.
    """

    select: Selection = EVERYTHING
    convert: Convert | None = None
    no_clobber: bool = False
    dry_run: bool = False
    foreign: Fetch | None = None
    referrers: bool = False
    artifact_types: tuple[str, ...] = ()
    digest_tags: bool = False
    verify: bool = False
    jobs: int = JOBS
    most_manifest_bytes: int = MOST_MANIFEST_BYTES

    @property
    def is_altering(self) -> bool:
        """Whether the root at the target may be another one than the source's."""
        return bool(self.select.platforms) or self.convert is not None

    @property
    def is_accompanied(self) -> bool:
        """Whether what belongs to content goes with it."""
        return self.referrers or self.digest_tags


@frozen
class Result:
    """What came of a copy: the root at the target, its names there, and the plan; no plan where all was there."""

    name: str
    descriptor: Descriptor
    tags: tuple[str, ...]
    plan: Plan | None
    companions: tuple[Result, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether anything was done, or would be."""
        return bool(self.plan and self.plan.moving) or any(companion.changed for companion in self.companions)


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
    there = {tag: _find(target, tag, ledger, sure=options.no_clobber) for tag in tags}
    root, read = _root(source, name, options, at_once=options.is_altering or not any(there.values()))
    found = _planned(source, read(), target, options, ledger) if options.is_altering else None
    if found is not None:
        _warn_of_less(root, found.root, options, tell)
        root = found.root.bare
    names = tuple(tag for tag, known in there.items() if _is_wanted(known, root, options))
    if not names and not options.is_accompanied:
        kept = next((known for known in there.values() if known and known.digest != root.digest), root)
        tell(Copied(str(name), kept, tuple(tags), changed=False))
        return Result(str(name), kept, tuple(tags), None)
    found = found or _planned(source, read(), target, options, ledger)
    if names:
        tell(Planned(str(name), found))
    if options.dry_run:
        ledger.known |= found.moving
    else:
        if names:
            root = _carried_out(found, root, source, target, names, options, ledger, tell)
        tell(Copied(str(name), root, names or tuple(tags), changed=bool(names)))
    others = tuple(companions(source, found, target, options, ledger, tell))
    return Result(str(name), root, names or tuple(tags), found if names else None, others)


def _is_wanted(known: Descriptor | None, root: Descriptor, options: Options) -> bool:
    """Whether a name at the target, which stands for what is `known`, is to be given to the root."""
    return known is None or not (options.no_clobber or known.digest == root.digest)


def _warn_of_less(before: Descriptor, root: Manifest, options: Options, tell: Observer) -> None:
    if root.is_index and root.digest != before.digest and options.select.platforms:
        tell(Warned(f"of the index {before.digest} a smaller one was made: {root.digest}"))


def _carried_out(
    found: Plan,
    root: Descriptor,
    source: Source,
    target: Target,
    names: Sequence[str],
    options: Options,
    ledger: Ledger,
    tell: Observer,
) -> Descriptor:
    """Do what a plan says; the root as it is at the target."""
    execute(
        found,
        source,
        target,
        names,
        foreign=options.foreign,
        verify=options.verify,
        jobs=options.jobs,
        ledger=ledger,
        tell=tell,
    )
    return target.converted(root.digest) if isinstance(target, Converts) else root


def companions(
    source: Source, found: Plan, target: Target, options: Options, ledger: Ledger, tell: Observer
) -> Iterator[Result]:
    """Copy what belongs to a graph without being part of it, whole, and as it is."""
    alone = replace(options, select=EVERYTHING, convert=None, referrers=False, digest_tags=False)
    digests = [manifest.digest for manifest in found.graph]
    if options.referrers:
        for descriptor in referring(source, digests, options.artifact_types):
            digests.append(descriptor.digest)
            if not target.exists(descriptor):
                yield copy(source, descriptor.digest, target, options=alone, ledger=ledger, tell=tell)
    if options.digest_tags:
        for tag in list(digest_tags(source, digests)):
            yield copy(source, tag, target, [tag], options=alone, ledger=ledger, tell=tell)


def execute(
    found: Plan,
    source: Source,
    target: Target,
    tags: Sequence[str],
    *,
    foreign: Fetch | None = None,
    verify: bool = False,
    jobs: int = JOBS,
    ledger: Ledger | None = None,
    tell: Observer = ignore,
) -> None:
    """Do what a plan says; the root's names come last.

    The first failure is raised, what has not begun is dropped, and what is under way ends with its next block.
    """
    known = ledger or Ledger()
    for descriptor in found.present:
        tell(Done(descriptor, Arrival.PRESENT))

    def move(descriptor: Descriptor) -> None:
        opens = partial(_counted, source, descriptor, foreign, entrusts=not verify, tell=told)
        if not known.once(descriptor.digest, lambda: _move(descriptor, source, target, opens, told)):
            told(Done(descriptor, Arrival.PRESENT))

    with ending(tell) as told:
        all_done(move, sorted((*found.blobs, *found.mounts), key=lambda blob: -blob.size), jobs)
    below = [manifest for manifest in found.manifests if manifest.digest != found.root.digest]
    images = [manifest for manifest in below if not manifest.is_index]
    all_done(lambda manifest: _push(manifest, target, ()), images, jobs)
    for manifest in below:
        if manifest.is_index:
            _push(manifest, target, ())
    _push(found.root, target, tags)
    known.known |= {manifest.digest for manifest in found.manifests}


class Abandoned(BaseException):
    """Ends a thread whose copy is over: nobody waits for it, and no handler of errors takes it for one."""


@contextmanager
def ending(tell: Observer) -> Iterator[Observer]:
    """An observer for the threads of a block: where an exception has left it, whatever they tell next ends them.

    A session that others use, too, is not cancelled for one copy that failed, or that its user interrupted and wants no more.
    """
    over = threading.Event()

    def told(event: Event) -> None:
        if over.is_set():
            raise Abandoned
        tell(event)

    try:
        yield told
    except BaseException:
        over.set()
        raise


def _planned(source: Source, root: Manifest, target: Target, options: Options, ledger: Ledger) -> Plan:
    return plan(
        source,
        selected(source, root, options.select),
        target,
        options.select,
        ledger=ledger,
        convert=options.convert,
        foreign=options.foreign is not None,
        jobs=options.jobs,
        most_manifest_bytes=options.most_manifest_bytes,
    )


def _root(
    source: Source, name: str | Digest, options: Options, *, at_once: bool
) -> tuple[Descriptor, Callable[[], Manifest]]:
    """What a name stands for, and how its manifest is had: with it and `at_once`, or when that is wanted."""
    if at_once and isinstance(source, Readable):
        manifest = source.manifest(name)
        return manifest.bare, lambda: manifest
    root = source.resolve(name)
    return root, lambda: manifest_of(source, root, options.most_manifest_bytes)


def _find(target: Target, tag: str, ledger: Ledger, *, sure: bool) -> Descriptor | None:
    """What a name stands for at the target. It costs more to be `sure` than to push in vain, once, now and then."""
    if tag == NAMELESS or not isinstance(target, Source):
        return None
    if not isinstance(target, Finds) or sure:
        return _resolved(target, tag)
    found = None if ledger.is_vacant else target.find(tag)
    if found is None and isinstance(target, Lists):
        ledger.look(lambda: _has_names(target))
    return found


def _resolved(target: Source, tag: str) -> Descriptor | None:
    try:
        return target.resolve(tag)
    except NotFound:
        return None


def _has_names(target: Lists) -> bool:
    """Whether it lists any name; who does not tell may have some."""
    try:
        return any(True for _ in target.tags())
    except NotFound:
        return False
    except (Refused, Unsupported, Misbehaved):
        return True


def _move(
    descriptor: Descriptor,
    source: Source,
    target: Target,
    content: Callable[..., AbstractContextManager[Stream]],
    tell: Observer,
) -> None:
    tell(Started(descriptor))
    if isinstance(target, Mounts) and target.mounts_from(source) and target.mount(descriptor, source):
        tell(Done(descriptor, Arrival.MOUNTED))
        return
    if isinstance(target, Resumes):
        target.push_rest(descriptor, content)
    else:
        target.push(descriptor, content)
    tell(Done(descriptor, Arrival.MOVED))


@contextmanager
def _counted(
    source: Source, descriptor: Descriptor, foreign: Fetch | None, offset: int = 0, *, entrusts: bool, tell: Observer
) -> Iterator[Stream]:
    """The content of a descriptor from byte `offset` on; what is read of it is told."""
    with _open(source, descriptor, offset, foreign) as stream:
        counting = _Counting(stream, descriptor, tell, offset, entrusts=entrusts)
        try:
            yield counting
        except BaseException:
            counting.forget()
            raise


def _open(source: Source, descriptor: Descriptor, offset: int, foreign: Fetch | None) -> AbstractContextManager[Stream]:
    try:
        return opened(source, descriptor, offset)
    except NotFound:
        if foreign is None or not descriptor.urls:
            raise
        return foreign(descriptor, offset)


def _push(manifest: Manifest, target: Target, tags: Sequence[str]) -> None:
    target.push(manifest.bare, Body.of(manifest.raw).open, tags=tags)


class _Counting:
    """A stream that tells how much of it was read; it `entrusts` others with verifying it, where they do so, or does not."""

    def __init__(self, stream: Stream, descriptor: Descriptor, tell: Observer, offset: int, *, entrusts: bool) -> None:
        self._stream = stream
        self._descriptor = descriptor
        self._tell = tell
        self._told = 0
        self._entrusts = entrusts
        self.vouched = stream.vouched if isinstance(stream, Vouches) else None
        self.count(offset)  # what was there before counts as moved

    def read(self, size: int = -1, /) -> bytes:
        data = self._stream.read(size)
        self.count(len(data))
        return data

    def readinto(self, buffer: bytearray | memoryview, /) -> int:
        count = self._stream.readinto(buffer)
        self.count(count)
        return count

    def pass_on(self, target: int, size: int, /) -> int:
        if not isinstance(self._stream, Passes):
            raise UnsupportedOperation("it is read")
        count = self._stream.pass_on(target, size)
        self.count(count)
        return count

    def entrust(self) -> None:
        if self._entrusts and isinstance(self._stream, Entrusts):
            self._stream.entrust()
            self.vouched = None

    def close(self) -> None:
        self._stream.close()

    def forget(self) -> None:
        """What was told does not count: it is read again, or never."""
        self.count(-self._told)

    def count(self, count: int) -> None:
        """Tell of bytes that were read, or of those that do not count after all."""
        if count:
            self._told += count
            self._tell(Moved(self._descriptor, count))
