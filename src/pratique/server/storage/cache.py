"""What was read from the storage's folder, remembered as long as it holds and as far as it fits."""

from __future__ import annotations

import threading
import time
from array import array
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import Final, Generic, TypeVar, overload

from ...values import frozen
from . import disk

# How far apart two changes must be that a file system's times tell apart surely: some count whole seconds, in steps of two.
SETTLED_NS: Final = 2_500_000_000

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Cache(Generic[K, V]):
    """Values of at most `capacity` in all, by what they are said to weigh; what was not asked for longest goes first."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._weight = 0
        self._lock = threading.Lock()
        self._values: OrderedDict[K, tuple[V, int]] = OrderedDict()

    def get(self, key: K) -> V | None:
        """The value of a key."""
        with self._lock:
            found = self._values.get(key)
            if found is None:
                return None
            self._values.move_to_end(key)
            return found[0]

    def put(self, key: K, value: V, weight: int) -> None:
        """Remember a value, unless it weighs more than everything may."""
        with self._lock:
            _, before = self._values.pop(key, (None, 0))
            self._weight -= before
            if weight > self._capacity:
                return
            self._values[key] = value, weight
            self._weight += weight
            while self._weight > self._capacity:
                _, (_, freed) = self._values.popitem(last=False)
                self._weight -= freed


@frozen
class Snapshot(Generic[V]):
    """A value with what it was read from: folders with their times, and files that would change it if they appeared."""

    value: V
    folders: tuple[tuple[str, int], ...]
    missing: tuple[str, ...]
    is_settled: bool

    def holds(self) -> bool:
        """Whether reading it again would find the same.

        A folder that changed just before it was read may have changed again without its time telling so.
        """
        return (
            self.is_settled
            and all(disk.changed(folder) == then for folder, then in self.folders)
            and not any(disk.used(file) is not None for file in self.missing)
        )


class Reading:
    """What one reading of folders goes by; it becomes a snapshot."""

    def __init__(self, clock_ns: Callable[[], int] = time.time_ns) -> None:
        self._latest = clock_ns() - SETTLED_NS
        self._folders: dict[str, int] = {}
        self._missing: list[str] = []
        self._is_whole = True

    def names(self, folder: str) -> list[str]:
        """The names in a folder; none where there is no folder."""
        self._folders[folder] = disk.changed(folder)
        return disk.names(folder)

    def miss(self, file: str) -> None:
        """Remember a file that is not there."""
        self._missing.append(file)

    def doubt(self) -> None:
        """Something could not be read; the next reading may find more though no folder changes."""
        self._is_whole = False

    def snapshot(self, value: V) -> Snapshot[V]:
        """What was read, to be kept."""
        is_settled = self._is_whole and all(changed < self._latest for changed in self._folders.values())
        return Snapshot(value, tuple(self._folders.items()), tuple(self._missing), is_settled)

    @property
    def size(self) -> int:
        """Folders and files to look at again."""
        return len(self._folders) + len(self._missing)


class Names(Sequence[str]):
    """Many short texts in little memory: a tenth of what a list of them takes."""

    def __init__(self, names: Iterable[str]) -> None:
        text, self._ends = bytearray(), array("Q")
        for name in names:
            text += name.encode()
            self._ends.append(len(text))
        self._text = bytes(text)

    def __len__(self) -> int:
        return len(self._ends)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self._at(place) for place in range(*index.indices(len(self)))]
        return self._at(range(len(self._ends))[index])

    def __iter__(self) -> Iterator[str]:
        return map(self._at, range(len(self._ends)))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Sequence)
            and len(self) == len(other)
            and all(a == b for a, b in zip(self, other, strict=True))
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Names({list(self)!r})"

    @property
    def weight(self) -> int:
        """Bytes of memory."""
        return len(self._text) + len(self._ends) * self._ends.itemsize

    def _at(self, place: int) -> str:
        start = self._ends[place - 1] if place else 0
        return self._text[start : self._ends[place]].decode()
