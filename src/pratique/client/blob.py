"""A blob: as a stream that is verified, as a file that can be read from anywhere, and content that is to become one."""

from __future__ import annotations

import hashlib
import io
import os
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Final

from ..errors import InvalidInput
from ..http.message import Body, Stream
from ..spec.descriptor import Descriptor
from ..spec.digest import Digest
from ..stores.base import Content, Source
from ..stores.reading import opened

ALGORITHM: Final = "sha256"  # of content that has no digest yet
BUFFER_BYTES: Final = 1 << 18  # that a file reads at a time
SKIPPED_BYTES: Final = 1 << 20  # that a file reads to get ahead: a new request takes longer
MOST_BYTES: Final = 64 << 20  # of a blob that is read whole, unless more is asked for


class Blob:
    """A blob of a repository, as `Repository.blob` gives it. Safe to share among threads; each `open` and `file` is its own."""

    def __init__(self, source: Source, descriptor: Descriptor) -> None:
        self.descriptor = descriptor
        self._source = source

    def __repr__(self) -> str:
        return f"<blob {self.digest}, {self.size} bytes>"

    @property
    def digest(self) -> Digest:
        """What it is called."""
        return self.descriptor.digest

    @property
    def size(self) -> int:
        """How long it is, in bytes, as the registry says."""
        return self.descriptor.size

    def open(self) -> AbstractContextManager[Stream]:
        """The whole content as a stream; a cut connection is taken up again where it was cut.

        The read that would end it raises ContentMismatch where the bytes are not what the digest says. Raises NotFound,
        Refused, Unreachable, Misbehaved.
        """
        return opened(self._source, self.descriptor)

    def read(self, *, most_bytes: int = MOST_BYTES) -> bytes:
        """The whole content in memory, verified. Raises InvalidInput for more than `most_bytes`, and what `open` raises."""
        if self.size > most_bytes:
            raise InvalidInput(f"{self.digest} has {self.size} bytes; at most {most_bytes} are read into memory")
        pieces = bytearray()
        with self.open() as stream:
            while data := stream.read(BUFFER_BYTES):
                pieces += data
        return bytes(pieces)

    def file(self) -> io.BufferedReader:
        """A file to read and seek in, for `tarfile`, `zipfile` and the like; each jump is a request for a range.

        Read from the beginning to the end, without a jump, it is verified as `open` is; elsewhere only lengths are. Reading
        raises what `open` raises (distribution specification, §Pulling blobs; RFC 9110 §14).
        """
        return io.BufferedReader(_File(self._source, self.descriptor), BUFFER_BYTES)


def described(content: bytes | os.PathLike[str], media_type: str) -> tuple[Descriptor, Content]:
    """What a manifest says of some content, and the recipe to push it. Raises InvalidInput for a file that cannot be read."""
    if isinstance(content, bytes):
        return Descriptor(media_type, Digest.of(content), len(content)), Body.of(content).open
    path = Path(content)
    try:
        return Descriptor(media_type, *measured(path)), lambda: path.open("rb")
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}") from None


def measured(path: Path, algorithm: str = ALGORITHM) -> tuple[Digest, int]:
    """The digest of a file, and its size in bytes. Raises OSError."""
    with path.open("rb", buffering=0) as file:
        hashed = hashlib.file_digest(file, algorithm)
        return Digest(algorithm, hashed.hexdigest()), file.tell()


class _File(io.RawIOBase):
    """The bytes of a blob from wherever they are wanted next."""

    def __init__(self, source: Source, descriptor: Descriptor) -> None:
        self._source = source
        self._descriptor = descriptor
        self._position = 0
        self._at = 0  # where the stream is
        self._stream: Stream | None = None
        self._opened = ExitStack()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._descriptor.size}[whence]
        if base + offset < 0:
            raise ValueError(f"a position below zero: {base + offset}")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        if self._position > self._descriptor.size or (self._position == self._descriptor.size and self._stream is None):
            return 0
        count = self._stream_here().readinto(buffer)
        self._at += count
        self._position += count
        return count

    def close(self) -> None:
        self._opened.close()
        super().close()

    def _stream_here(self) -> Stream:
        """The stream, brought to where it is to be read next."""
        ahead = self._position - self._at
        if self._stream is None or not 0 <= ahead <= SKIPPED_BYTES:
            self._opened.close()
            self._stream = self._opened.enter_context(opened(self._source, self._descriptor, self._position))
            self._at = self._position
            return self._stream
        while ahead and (data := self._stream.read(min(ahead, BUFFER_BYTES))):
            self._at += len(data)
            ahead -= len(data)
        return self._stream
