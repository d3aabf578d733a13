"""What may go from the storage: found, looked at again, removed and told."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from typing import Final

from ...values import frozen
from . import disk
from .locks import Locks

BATCH: Final = 100  # removed at a time while nobody can store anything

BLOB: Final = "blob"  # content
LINK_TO_BLOB: Final = "link"  # of a repository to a blob
MANIFEST: Final = "manifest"  # of a repository; its content is a blob
UPLOAD: Final = "upload"
LEFTOVER: Final = "leftover"  # what a killed process left, or what is left of what was deleted
REPOSITORY: Final = "repository"  # with nothing in it


@frozen
class Garbage:
    """Something that nothing needs; `size` in bytes, `age` in seconds since its last use."""

    kind: str
    repository: str  # empty for what is not of one
    name: str  # a digest, a tag, the id of an upload, the name of a file
    size: int
    age: float


@frozen
class Found:
    """Something that may be garbage: files or folders whose times say when it was last used, and how it is removed.

    The first of them is what its size is of. `remove` says whether it is gone.
    """

    kind: str
    repository: str
    name: str
    watched: tuple[str, ...]
    remove: Callable[[], bool]

    @classmethod
    def tree(cls, kind: str, repository: str, name: str, folder: str, first: str = "") -> Found:
        """A folder that goes with all that is in it; `first` is the file that gives it its meaning."""
        watched = f"{folder}/{first}" if first else folder
        return cls(kind, repository, name, (watched,), partial(_remove_tree, folder, watched))

    @classmethod
    def file(cls, kind: str, repository: str, name: str, path: str) -> Found:
        """A single file."""
        return cls(kind, repository, name, (path,), partial(disk.remove, path))

    @classmethod
    def upload(cls, repository: str, name: str, folder: str, data: str) -> Found:
        """An upload, unless somebody is at it."""
        return cls(UPLOAD, repository, name, (data, folder), partial(_remove_upload, folder, data))

    @property
    def used(self) -> float | None:
        """When it was last used, in seconds since the epoch; None where it is gone."""
        return max((used for path in self.watched if (used := disk.used(path)) is not None), default=None)


class Sweep:
    """Removes what was found, if it was still not used since `cutoff`; in seconds since the epoch, as `now`."""

    def __init__(self, locks: Locks, cutoff: float, now: float, *, dry_run: bool) -> None:
        self._locks = locks
        self._cutoff = cutoff
        self._now = now
        self._dry_run = dry_run

    def __call__(self, found: Iterable[Found]) -> Iterator[Garbage]:
        """Remove what is old, and tell it."""
        left = iter(found)
        while batch := list(islice(left, BATCH)):
            old = list(filter(self.is_old, batch))
            if self._dry_run:
                yield from map(self.describe, old)
            elif old:
                yield from self._remove(old)

    def is_old(self, found: Found) -> bool:
        """Whether it is there, and its last use long ago."""
        used = found.used
        return used is not None and used <= self._cutoff

    def describe(self, found: Found) -> Garbage:
        """What is told of it."""
        age = max(self._now - (found.used or self._now), 0)
        return Garbage(found.kind, found.repository, found.name, disk.size(found.watched[0]), age)

    def _remove(self, old: Iterable[Found]) -> list[Garbage]:
        removed = []
        with self._locks.collecting():
            for found in filter(self.is_old, old):
                garbage = self.describe(found)
                if found.remove():
                    removed.append(garbage)
        return removed


def _remove_tree(folder: str, first: str) -> bool:
    disk.remove_tree(folder, first)
    return True


def _remove_upload(folder: str, data: str) -> bool:
    descriptor = disk.open_file(data)
    if descriptor is None:
        return _remove_tree(folder, data)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return _remove_tree(folder, data)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
