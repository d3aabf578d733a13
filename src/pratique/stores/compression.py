"""Compressed streams: told apart by how they begin, unpacked within bounds, packed the same way every time.

Gzip is RFC 1952, zstd RFC 8878. Gzip is read, and written at low levels, by ISA-L at several times the speed of zlib, and by zlib
where that is not installed. Zstd is Python's own from 3.14 on, and its backport before. Each is imported where a stream needs it.
"""

from __future__ import annotations

import gzip
import io
import os
import sys
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from importlib import import_module
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
FAST_LEVEL: Final = 3  # up to here gzip is written by ISA-L, which has no higher ones
ZSTD_LEVEL: Final = 3
# Up to the usual level: what a thread packs at a time, and how much of the window before that it looks into (7: a quarter).
# libzstd's own jobs are four times as long: they pack 0.6 % better, and take 90 MB in place of 25.
ZSTD_JOB_BYTES: Final = 2 << 20
ZSTD_OVERLAP: Final = 7
MOST_THREADS: Final = 4  # that pack one stream: one reads, unpacks and hashes no more than that
PIECE_BYTES: Final = 1 << 20


class Writable(Protocol):
    """What bytes are written to."""

    def write(self, data: bytes | memoryview, /) -> object: ...
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
        # Bombs are found piece by piece, whatever is asked for.
        with _damage(self._what, self.kind):
            data = self._stream.read(min(size, PIECE_BYTES))
        self._check(len(data))
        return data

    def readinto(self, buffer: bytearray | memoryview, /) -> int:
        """Fill `buffer` as far as one read goes; 0 at the end."""
        view = memoryview(buffer)[:PIECE_BYTES]
        with _damage(self._what, self.kind):
            count = self._stream.readinto(view)
        self._check(count)
        return count

    def _check(self, count: int) -> None:
        self._count += count
        self._expansion.check(self._count, self._packed.count, self._what)

    def close(self) -> None:
        if self._stream is not self._packed:
            self._stream.close()


@contextmanager
def packing(sink: Writable, kind: str, level: int = 0) -> Iterator[Writable]:
    """A writer that packs into `sink`, the same bytes for the same content; `sink` stays open. Level 0 is the kind's usual one.

    The same bytes are promised of the same versions of the libraries and the same kind of processor only.
    """
    if kind == PLAIN:
        yield sink
        return
    with closing(_packer(sink, kind, level)) as packer:
        blocks = _Blocks(packer)
        yield blocks
        blocks.finish()


def _packer(sink: Writable, kind: str, level: int) -> _Packer:
    if kind == ZSTD:
        zstd = _zstd()
        parameter = zstd.CompressionParameter
        # With workers or without, the bytes differ; with one or with many they are the same.
        level = level or ZSTD_LEVEL
        options = {parameter.compression_level: level, parameter.nb_workers: threads()}
        if level <= ZSTD_LEVEL:
            options |= {parameter.job_size: ZSTD_JOB_BYTES, parameter.overlap_log: ZSTD_OVERLAP}
        return cast("_Packer", zstd.ZstdFile(sink, "wb", options=options))
    if 0 < level <= FAST_LEVEL and (threaded := _module("isal.igzip_threaded")):
        return _Unbuffered(threaded.open(sink, "wb", level, threads=threads(), block_size=PIECE_BYTES))
    return gzip.GzipFile("", "wb", level or GZIP_LEVEL, cast("IO[bytes]", sink), mtime=0)


def threads() -> int:
    """How many threads pack one stream: the bytes do not depend on it."""
    usable = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return max(1, min(usable, MOST_THREADS))


class _Unbuffered:
    """A buffered packer that is written to without its buffer, which would copy every block twice."""

    def __init__(self, packer: io.BufferedWriter) -> None:
        self._packer = packer

    def write(self, data: bytes, /) -> object:
        return self._packer.raw.write(data)

    def close(self) -> None:
        self._packer.close()


class _Packer(Protocol):
    def write(self, data: bytes, /) -> object: ...
    def close(self) -> None: ...


class _Blocks:
    """What is written, in blocks of one size: how a stream is cut shows in how it is packed.

    Bytes that cannot change are not copied before a block is complete.
    """

    def __init__(self, sink: _Packer) -> None:
        self._sink = sink
        self._parts: list[bytes | memoryview] = []
        self._count = 0

    def write(self, data: bytes | memoryview, /) -> int:
        view = memoryview(data)
        if not isinstance(view.obj, bytes):
            view = memoryview(bytes(view))
        while view:
            part = view[: PIECE_BYTES - self._count]
            self._parts.append(part)
            self._count += len(part)
            view = view[len(part) :]
            if self._count == PIECE_BYTES:
                self.finish()
        return len(data)

    def flush(self) -> None:
        """Nothing: a block is written when it is full, or the last."""

    def finish(self) -> None:
        """Hand on what there is."""
        if self._count:
            self._sink.write(b"".join(self._parts))
            self._parts.clear()
            self._count = 0


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

    def read(self, size: int = -1) -> bytes:
        if self._ahead or size < 0:
            return super().read(size) or b""
        data = self._stream.read(size)
        self.count += len(data)
        return data

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
    def read(self, size: int, /) -> bytes: ...
    def readinto(self, buffer: memoryview, /) -> int: ...
    def close(self) -> None: ...


def _unpacking(kind: str, packed: _Counted) -> _Filling:
    if kind == GZIP:
        igzip = _module("isal.igzip")
        return cast("_Filling", (igzip.IGzipFile if igzip else gzip.GzipFile)(fileobj=packed, mode="rb"))
    if kind == ZSTD:
        return cast("_Filling", _zstd().ZstdFile(packed, "rb"))
    return packed


@contextmanager
def _damage(what: str, kind: str) -> Iterator[None]:
    wrong: tuple[type[Exception], ...] = (gzip.BadGzipFile, zlib.error, EOFError)
    if kind == GZIP and (igzip := _module("isal.igzip_lib")):
        wrong = (*wrong, igzip.error)
    if kind == ZSTD:
        wrong = (_zstd().ZstdError, EOFError)
    try:
        yield
    except wrong as error:
        raise InvalidInput(f"{what} is not whole as {kind}: {error}") from None


@cache
def _module(name: str) -> ModuleType | None:
    """A module that does the same as the standard library's, only faster; None where it is not installed."""
    try:
        return import_module(name)
    except ImportError:
        return None


def _zstd() -> ModuleType:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd
