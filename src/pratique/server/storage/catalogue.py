"""What there is: the repositories, and the tags of each. Read again only where something changed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from ...spec.reference import is_repository, is_tag
from . import disk
from .cache import Cache, Names, Reading, Snapshot
from .paths import LAYERS, LINK, MANIFESTS, Paths

MOST_BYTES: Final = 64 << 20  # of lists that are remembered
FOLDER_BYTES: Final = 300  # that remembering a folder takes, about
TURNS: Final = 64  # locks that all lists share

_KEPT: Final = frozenset({LAYERS, MANIFESTS})


class Catalogue:
    """The lists of a storage, right also where other processes change it."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._lists: Cache[str, Snapshot[Names]] = Cache(MOST_BYTES)
        self._turns = [threading.Lock() for _ in range(TURNS)]

    def tags(self, repository: str) -> Sequence[str]:
        """The tags of a repository, sorted."""
        return self._list(self._paths.tags(repository), _tags)

    def repositories(self) -> Sequence[str]:
        """The names of all repositories, sorted."""
        return self._list(self._paths.repositories, lambda folder, reading: sorted(_walk(folder, reading)))

    def _list(self, folder: str, read: Callable[[str, Reading], Iterable[str]]) -> Names:
        known = self._known(folder)
        if known is not None:
            return known
        # One at a time: what a list takes in memory while it is read is a multiple of what is kept of it.
        with self._turns[hash(folder) % TURNS]:
            known = self._known(folder)
            if known is not None:
                return known
            reading = Reading()
            names = Names(read(folder, reading))
            self._lists.put(folder, reading.snapshot(names), names.weight + reading.size * FOLDER_BYTES)
            return names

    def _known(self, folder: str) -> Names | None:
        known = self._lists.get(folder)
        return known.value if known is not None and known.holds() else None


def _walk(folder: str, reading: Reading, name: str = "") -> Iterator[str]:
    entries = reading.names(folder)
    if name and not _KEPT.isdisjoint(entries):
        yield name
    for entry in entries:
        below = f"{name}/{entry}" if name else entry
        if not entry.startswith("_") and is_repository(below):
            yield from _walk(f"{folder}/{entry}", reading, below)


def _tags(folder: str, reading: Reading) -> Iterator[str]:
    found = reading.names(folder)
    found.sort()
    for tag in filter(is_tag, found):
        link = f"{folder}/{tag}/current/{LINK}"
        if disk.used(link) is not None:
            yield tag
        else:
            reading.miss(link)
