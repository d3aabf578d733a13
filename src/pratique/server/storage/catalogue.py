"""What there is: the repositories, and the tags of each. Read again only where something changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from ...spec.reference import is_repository, is_tag
from . import disk
from .cache import Cache, Names, Reading, Snapshot
from .paths import LAYERS, LINK, MANIFESTS, Paths

MOST_BYTES: Final = 64 << 20  # of lists that are remembered
FOLDER_BYTES: Final = 300  # that remembering a folder takes, about

_KEPT: Final = frozenset({LAYERS, MANIFESTS})


class Catalogue:
    """The lists of a storage, right also where other processes change it."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._lists: Cache[str, Snapshot[Names]] = Cache(MOST_BYTES)

    def tags(self, repository: str) -> Sequence[str]:
        """The tags of a repository, sorted."""
        folder = self._paths.tags(repository)
        known = self._lists.get(folder)
        if known is not None and known.holds():
            return known.value
        reading = Reading()
        return self._remember(folder, reading, Names(_tags(folder, reading)))

    def repositories(self) -> Sequence[str]:
        """The names of all repositories, sorted."""
        folder = self._paths.repositories
        known = self._lists.get(folder)
        if known is not None and known.holds():
            return known.value
        reading = Reading()
        return self._remember(folder, reading, Names(sorted(_walk(folder, reading))))

    def _remember(self, folder: str, reading: Reading, names: Names) -> Names:
        self._lists.put(folder, reading.snapshot(names), names.weight + reading.size * FOLDER_BYTES)
        return names


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
