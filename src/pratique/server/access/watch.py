"""Files that are read again when they change."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, Generic, TypeVar

from ...errors import InvalidInput
from ...http.log import logger

log = logger(__name__)

LOOK_SECONDS: Final = 1.0  # between two looks at the files

Value = TypeVar("Value")

_State = tuple[tuple[int, int, int] | None, ...]


class Watched(Generic[Value]):
    """What was read from files, and is read again when one of them changes.

    Calling it gives the value of now. A change takes effect when two looks in a row found the same, so that nothing is read
    while somebody writes it. Where the new files make no sense, or `check` of the old and the new value raises
    InvalidInput, the old value stays and a warning says why.

    `read` gives the value and the files that it came from; `clock` gives seconds. Raises what `read` raises the first time.
    """

    def __init__(
        self,
        read: Callable[[], tuple[Value, Iterable[Path]]],
        *,
        check: Callable[[Value, Value], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._check = check
        self._clock = clock
        self._lock = threading.Lock()
        self._value, files = read()
        self._files = tuple(files)
        # What the files were like when they were read is not known, so that they are read once more.
        self._known: _State = ()
        self._seen: _State = ()
        self._looked = clock()

    def __call__(self) -> Value:
        if self._clock() - self._looked >= LOOK_SECONDS and self._lock.acquire(blocking=False):
            try:
                self._look()
            finally:
                self._lock.release()
        return self._value

    def refresh(self) -> Value:
        """Read the files now. Raises what `read` raises."""
        with self._lock:
            self._renew()
        return self._value

    def _look(self) -> None:
        self._looked = self._clock()
        state = _state(self._files)
        if state == self._known or state != self._seen:
            self._seen = state
            return
        self._known = state  # what cannot be read is told once
        try:
            self._renew()
        except InvalidInput as error:
            log.warning("%s; everything stays as it was", error)

    def _renew(self) -> None:
        value, files = self._read()
        if self._check is not None:
            self._check(self._value, value)
        self._value = value
        files = tuple(files)
        if files != self._files:
            self._files = files
            self._known = self._seen = ()


def _state(files: Iterable[Path]) -> _State:
    return tuple(_state_of(file) for file in files)


def _state_of(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
