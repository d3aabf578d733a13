"""Compressed streams: told apart by how they begin, unpacked within bounds, packed the same way every time.

Gzip is RFC 1952, zstd RFC 8878. Both are Python's own from 3.14 on; before that zstd is its backport, imported only for a
stream that needs it.
"""

from __future__ import annotations

import gzip
import io
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import IO, Any, Final, Protocol, cast

from ..errors import InvalidInput
from ..http.message import Stream
from ..values import frozen

PLAIN: Final = ""
GZIP: Final = "gzip"
ZSTD: Final = "zstd"

MAGIC: Final = {b"\x1f\x8b": GZIP, b"\x28\xb5\x2f\xfd": ZSTD}
HEAD_BYTES: Final = max(map(len, MAGIC))

MOST_UNPACKED_BYTES: Final = 64 << 30
MOST_RATIO: Final = 200  # unpacked bytes for a packed one; real layers and archives stay below 20
FREE_BYTES: Final = 1 << 30  # unpacked before the ratio counts: zeros and logs do pack well

# Gzip's own default has a better ratio at thrice the time; archives are mostly layers, which are packed already.
GZIP_LEVEL: Final = 6
PIECE_BYTES: Final = 1 << 20


class Writable(Protocol):
    """What bytes are written to."""

    def write(self, data: bytes, /) -> object: ...
    def flush(self) -> object: ...


@frozen
class Expansion:
    """How far content may grow when it is unpacked, in bytes and as a ratio; beyond that it is taken for a bomb."""

    most_bytes: int = MOST_UNPACKED_BYTES
    most_ratio: int = MOST_RATIO
    free_bytes: int = FREE_BYTES

    def check(self, unpacked: int, packed: int, what: str) -> None:
        """Raises InvalidInput where `unpacked` bytes are too many for `packed` ones."""
        if unpacked > self.most_bytes:
            raise InvalidInput(f"{what} is longer than {self.most_bytes} bytes", advice="the limit can be raised")
        if unpacked > max(self.free_bytes, packed * self.most_ratio):
            raise InvalidInput(
                f"{what} grows to more than {self.most_ratio} times its size when it is unpacked",
                advice="it may be made to fill the disk; the limit can be raised",
            )


EXPANSION: Final = Expansion()


def kind(head: bytes) -> str:
    """The compression of content that begins with `head` (HEAD_BYTES of it): GZIP, ZSTD or PLAIN."""
    return next((name for magic, name in MAGIC.items() if head.startswith(magic)), PLAIN)


class Unpacked:
    """The content of a stream that may be compressed; `kind` says how it was.

    Nothing of it is kept in memory but a piece, and zstd's window of at most 128 MiB. `what` names it for errors.
    Closing it leaves the stream below open. Reads raise InvalidInput for content that is damaged, truncated or grows too much.
    """

    def __init__(self, stream: Stream, what: str, expansion: Expansion = EXPANSION) -> None:
        self._what = what
        self._expansion = expansion
        self._packed = _Counted(stream)
        self.kind = kind(self._packed.head)
        self._stream = _unpacking(self.kind, self._packed)
        self._count = 0

    def read(self, size: int = -1, /) -> bytes:
        """Read at most `size` bytes, or to the end."""
        if size is None or size < 0:
            return b"".join(iter(lambda: self.read(PIECE_BYTES), b""))
        buffer = bytearray(size)
        count = self.readinto(buffer)
        return bytes(memoryview(buffer)[:count])

    def readinto(self, buffer: bytearray | memoryview, /) -> int:
        """Fill `buffer` as far as one read goes; 0 at the end."""
        # Bombs are found piece by piece, whatever the buffer.
        view = memoryview(buffer)[:PIECE_BYTES]
        with _damage(self._what, self.kind):
            count = self._stream.readinto(view)
        self._count += count
        self._expansion.check(self._count, self._packed.count, self._what)
        return count

    def close(self) -> None:
        if self._stream is not self._packed:
            self._stream.close()


@contextmanager
def packing(sink: Writable, kind: str) -> Iterator[Writable]:
    """A writer that packs into `sink`, the same bytes for the same content; `sink` stays open."""
    if kind == PLAIN:
        yield sink
        return
    if kind == GZIP:
        with gzip.GzipFile("", "wb", GZIP_LEVEL, cast("IO[bytes]", sink), mtime=0) as packed:
            yield packed
        return
    with _zstd().ZstdFile(sink, "wb") as packed:
        yield packed


def kind_of_name(name: str) -> str:
    """The compression that a file's name asks for: `.tar.gz`, `.tgz`, `.tar.zst`, and plain for every other."""
    lowered = name.lower()
    if lowered.endswith((".gz", ".tgz")):
        return GZIP
    return ZSTD if lowered.endswith((".zst", ".zstd", ".tzst")) else PLAIN


class _Counted(io.RawIOBase):
    """A stream whose first bytes were looked at, and whose bytes are counted."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.count = 0
        self.head = b""
        while len(self.head) < HEAD_BYTES and (data := stream.read(HEAD_BYTES - len(self.head))):
            self.head += data
        self._ahead = self.head

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)
        if self._ahead:
            count = min(len(view), len(self._ahead))
            view[:count], self._ahead = self._ahead[:count], self._ahead[count:]
        else:
            count = self._stream.readinto(view)
        self.count += count
        return count


class _Filling(Protocol):
    def readinto(self, buffer: memoryview, /) -> int: ...
    def close(self) -> None: ...


def _unpacking(kind: str, packed: _Counted) -> _Filling:
    if kind == GZIP:
        return cast("_Filling", gzip.GzipFile(fileobj=packed, mode="rb"))
    if kind == ZSTD:
        return cast("_Filling", _zstd().ZstdFile(packed, "rb"))
    return packed


@contextmanager
def _damage(what: str, kind: str) -> Iterator[None]:
    wrong: tuple[type[Exception], ...] = (gzip.BadGzipFile, zlib.error, EOFError)
    if kind == ZSTD:
        wrong = (_zstd().ZstdError, EOFError)
    try:
        yield
    except wrong as error:
        raise InvalidInput(f"{what} is not whole as {kind}: {error}") from None


def _zstd() -> ModuleType:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd
