"""Files without a name that are written once, and that can be read while they are still being written."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import IO, Final

from ...errors import InvalidInput
from ...http.message import Stream
from ...stores.tar import MemberStream, write_whole

AT_ONCE_BYTES: Final = 1 << 18  # that a reader of what is not finished waits for, unless that is the end

_ADVICE: Final = "set TMPDIR to a folder with more room"


class Unfinished(Exception):
    """What was being read while it was written will never be whole."""


class Spool:
    """One such file; `grown` is called once, with it and by whoever writes, when it has got `enough` bytes.

    One thread writes, and any number of them read; those of what grows under a lock, so that nobody closes the file meanwhile.
    """

    def __init__(self, folder: Path | None, enough: int = 0, grown: Callable[[Spool], object] | None = None) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 (`close` closes it)
        self._folder = folder
        self._changed = threading.Condition()
        self._enough = enough
        self._grown = grown
        self._is_whole = self._is_closed = False
        self.size = 0

    def write(self, data: bytes | memoryview, /) -> int:
        """Write what comes next. Raises InvalidInput where there is no room for it."""
        try:
            write_whole(self._file, data)
        except OSError as error:
            folder = self._folder or tempfile.gettempdir()
            raise InvalidInput(f"what is made cannot be kept in {folder}: {error.strerror}", advice=_ADVICE) from None
        with self._changed:
            self.size += len(data)
            self._changed.notify_all()
        if self._grown is not None and self.size >= self._enough:
            grown, self._grown = self._grown, None
            grown(self)
        return len(data)

    def finish(self) -> None:
        """Say that nothing more comes."""
        with self._changed:
            self._is_whole = True
            self._changed.notify_all()

    def content(self, offset: int) -> AbstractContextManager[Stream]:
        """What was written, from byte `offset` on."""
        return closing(MemberStream(self._file, offset, self.size - offset, "a layer that was made"))

    def growing(self) -> AbstractContextManager[Stream]:
        """All that is written, from the beginning, as it comes. Reading raises Unfinished where no more will come."""
        return closing(_Growing(self))

    def read_at(self, position: int, view: memoryview) -> int:
        """Fill `view` from a byte on, as soon as that is worth while; 0 at the end. Raises Unfinished."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed or self._is_whole or self.size >= position + AT_ONCE_BYTES)
            if self._is_closed:
                raise Unfinished("the layer is not made")
            return os.preadv(self._file.fileno(), [view[: self.size - position]], position) if view else 0

    def close(self) -> None:
        """Let go of it; whoever waits for more gets an error."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
            self._file.close()


class _Growing:
    """A reader of a spool, from its beginning."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._position = 0

    def read(self, size: int = -1, /) -> bytes:
        if size < 0:
            return b"".join(iter(lambda: self.read(AT_ONCE_BYTES), b""))
        buffer = bytearray(size)
        return bytes(buffer[: self.readinto(buffer)])

    def readinto(self, buffer: bytearray | memoryview, /) -> int:
        count = self._spool.read_at(self._position, memoryview(buffer))
        self._position += count
        return count

    def close(self) -> None:
        """The spool stays as it is."""
