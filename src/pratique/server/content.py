"""A part of a file as the content of a response."""

from __future__ import annotations

import os
from io import FileIO


class FilePart:
    """A stream of `size` bytes of an open file from `start` on; closing it closes the file.

    A listener sends it with the system's own `sendfile`; anyone else reads it like every stream.
    """

    def __init__(self, file: FileIO, start: int = 0, size: int | None = None) -> None:
        self.file = file
        self.start = start
        self.size = os.fstat(file.fileno()).st_size - start if size is None else size
        self._left = self.size
        file.seek(start)

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes, or the rest."""
        if size < 0:
            return b"".join(iter(lambda: self.read(1 << 20), b""))
        data = self.file.read(min(size, self._left))
        self._left -= len(data)
        return data

    def readinto(self, buffer: bytearray | memoryview, /) -> int:
        """Fill `buffer` as far as one read goes; 0 at the end of the part."""
        count = self.file.readinto(memoryview(buffer)[: self._left])
        self._left -= count
        return count

    def close(self) -> None:
        self.file.close()
