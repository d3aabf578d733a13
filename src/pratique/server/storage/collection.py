"""Removing what nothing needs any more, while others serve the folder.

A blob goes that no manifest of any repository mentions and no repository links to; a link to a blob that no manifest of
its repository mentions; an upload that nobody goes on with; what a killed process left. Each only when it was last used
longer ago than the grace. `storage` renews what is used: a push that finds a blob, mounts it or names it in a manifest
has it for as long as the grace, and a manifest is stored only while everything that it needs is there.

What is found is looked at again, a batch at a time, while nobody can make use of it: `locks`.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import chain
from typing import Final

from ...http.log import logger
from ...spec.digest import Digest
from . import disk, marks
from .garbage import BLOB, LEFTOVER, LINK_TO_BLOB, MANIFEST, REPOSITORY, Found, Garbage, Sweep
from .marks import Entry, Marked
from .paths import DATA, LINK, PARTS
from .repositories import Storage
from .untagged import Untagged

log = logger(__name__)

GRACE: Final = 24 * 3600.0  # seconds since the last use, by default
# Seconds. The times of files lag behind the clock, so less than this would not tell a use from none.
LEAST_GRACE: Final = 0.1
EVERY: Final = 3600.0  # seconds from the end of a collection to the next one, at most
LEAST_EVERY: Final = 1.0  # and at least, however short the grace is


class Collector:
    """Collects in the folder of a storage, beside any number of processes that serve it.

    `grace` is in seconds. With `untagged`, manifests go as well that no tag leads to: neither through an index, nor as the
    referrer of a manifest that stays. `clock` gives seconds since the epoch, as the file system does.
    """

    def __init__(
        self,
        storage: Storage,
        grace: float = GRACE,
        *,
        untagged: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._storage = storage
        self._grace = max(grace, LEAST_GRACE)
        self._untagged = untagged
        self._clock = clock

    def collect(self, *, dry_run: bool = False) -> Iterator[Garbage]:
        """Remove what is garbage, each told once it is gone; with `dry_run` it is only told.

        Raises OSError where something cannot be read or removed; what it may refer to stays.
        """
        gone: defaultdict[str, set[Digest]] = defaultdict(set)
        if self._untagged:
            for garbage in self._begin(dry_run=dry_run).manifests():
                gone[garbage.repository].add(Digest.parse(garbage.name))
                yield garbage
        # Begun anew: what the manifests need that were to go, and stayed because somebody came to use them.
        yield from self._begin(dry_run=dry_run).content(gone)

    def run_forever(self, stop: threading.Event, every: float | None = None) -> None:
        """Collect now, and so many seconds after each collection, until `stop` is set. A failure is logged.

        Without `every` it is an hour, or the grace where that is shorter: nothing waits twice as long as it has to.
        """
        pause = min(max(self._grace, LEAST_EVERY), EVERY) if every is None else every
        while not stop.is_set():
            try:
                self._run(stop)
            except OSError as error:  # the disk's fault
                log.warning("the collection failed: %s; the next one begins in %.0f s", error, pause)
            except Exception:
                log.exception("the collection failed; the next one begins in %.0f s", pause)
            stop.wait(pause)

    def _run(self, stop: threading.Event) -> None:
        count = size = 0
        for garbage in self.collect():
            count, size = count + 1, size + garbage.size
            if stop.is_set():
                break
        log.info("collected %d, %d bytes", count, size)

    def _begin(self, *, dry_run: bool) -> _Round:
        # Whoever was storing has ended then and is seen; whoever begins after this renews what it uses.
        with self._storage.locks.collecting():
            now = self._clock()
        return _Round(self._storage, now - self._grace, now, dry_run=dry_run)


class _Round:
    """One reading of the whole folder. What was used after `cutoff` stays; both times are in seconds since the epoch."""

    def __init__(self, storage: Storage, cutoff: float, now: float, *, dry_run: bool) -> None:
        self._paths = storage.paths
        self._locks = storage.locks
        self._cutoff = cutoff
        self._sweep = Sweep(storage.locks, cutoff, now, dry_run=dry_run)
        self._dry_run = dry_run
        self._kept: set[bytes] = set()  # what some repository needs, as `marks.key` has it

    def manifests(self) -> Iterator[Garbage]:
        """Take manifests that nothing leads to from their repositories."""
        for repository in marks.repositories(self._paths.repositories):
            finder = Untagged(self._paths, repository, self._cutoff)
            found = [_manifest(repository, entry) for entry in finder.find()]
            if self._dry_run or not found:
                yield from map(self._sweep.describe, found)
                continue
            with self._locks.changing(repository.name):
                found = [_manifest(repository, entry) for entry in finder.find()]
                removed = [self._sweep.describe(manifest) for manifest in found if manifest.remove()]
            yield from removed

    def content(self, gone: Mapping[str, set[Digest]]) -> Iterator[Garbage]:
        """Everything else; of manifests in `gone` nothing is needed."""
        for repository in marks.repositories(self._paths.repositories):
            needed = self._mark(repository, gone.get(repository.name, set()))
            yield from self._sweep(self._links(repository, needed))
            yield from self._sweep(_leftovers(repository))
            yield from self._sweep(_uploads(repository))
            yield from self._sweep(_hollow(repository, self._paths.repositories))
        yield from self._sweep(self._blobs())
        yield from self._sweep(_unfinished("", self._paths.private))

    def _mark(self, repository: Marked, gone: set[Digest]) -> set[Digest]:
        """Every blob that the manifests of a repository need, and the manifests themselves."""
        needed: set[Digest] = set()
        for entry in repository.revisions():
            if entry.link and entry.digest not in gone:
                raw = disk.read(self._paths.blob(entry.digest))
                needed |= {entry.digest} | marks.mentioned(raw or b"") | marks.signatures(entry)
        self._kept.update(map(marks.key, needed))
        return needed

    def _links(self, repository: Marked, needed: set[Digest]) -> Iterator[Found]:
        for entry in repository.layers():
            if entry.link is None:
                yield Found.tree(LEFTOVER, repository.name, str(entry.digest), entry.folder)
                continue
            yield from _unfinished(repository.name, entry.folder, entry.names)
            if entry.digest not in needed:
                link = Found.tree(LINK_TO_BLOB, repository.name, str(entry.digest), entry.folder, LINK)
                if self._sweep.is_old(link):
                    yield link
                else:
                    self._kept.add(marks.key(entry.digest))

    def _blobs(self) -> Iterator[Found]:
        for entry in marks.blobs(self._paths.blobs):
            if DATA not in entry.names:
                yield Found.tree(LEFTOVER, "", str(entry.digest), entry.folder)
                continue
            yield from _unfinished("", entry.folder, entry.names)
            if marks.key(entry.digest) not in self._kept:
                yield Found.tree(BLOB, "", str(entry.digest), entry.folder, DATA)


def _manifest(repository: Marked, entry: Entry) -> Found:
    return Found.tree(MANIFEST, repository.name, str(entry.digest), entry.folder, LINK)


def _leftovers(repository: Marked) -> Iterator[Found]:
    """What is left of manifests and tags that were deleted, or that a killed process was about to make."""
    for entry in repository.revisions():
        if entry.link is None:
            yield Found.tree(LEFTOVER, repository.name, str(entry.digest), entry.folder)
        else:
            yield from _unfinished(repository.name, entry.folder, entry.names)
    for tag, folder in repository.tags():
        names = disk.names(f"{folder}/current")
        if LINK not in names:
            yield Found.tree(LEFTOVER, repository.name, tag, folder)
        else:
            yield from _unfinished(repository.name, f"{folder}/current", names)


def _uploads(repository: Marked) -> Iterator[Found]:
    for session, folder in repository.uploads():
        yield Found.upload(repository.name, session, folder, f"{folder}/{DATA}")


def _unfinished(repository: str, folder: str, names: Iterable[str] | None = None) -> Iterator[Found]:
    """Files under the names that they have while they are written."""
    for name in disk.names(folder) if names is None else names:
        if marks.is_unfinished(name):
            yield Found.file(LEFTOVER, repository, name, f"{folder}/{name}")


def _hollow(repository: Marked, top: str) -> Iterator[Found]:
    """The repository, where nothing is in it."""
    if repository.is_empty():
        parts = tuple(f"{repository.folder}/{part}" for part in PARTS)
        watched = tuple(chain.from_iterable(map(disk.folders, parts)))
        yield Found(REPOSITORY, repository.name, "", watched, partial(_remove_parts, parts, repository.folder, top))


def _remove_parts(parts: Iterable[str], folder: str, top: str) -> bool:
    gone = [disk.remove_hollow(part) for part in parts]
    if all(gone):
        disk.remove_empty(folder, top)
    return all(gone)
