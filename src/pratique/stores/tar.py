"""Reading a tar where it lies: a list of its members, and their content by seeking (POSIX.1-2017, pax, §ustar).

Nothing is ever unpacked under a name that an archive gives. What is compressed or comes from a pipe is first copied into a
temporary file that has no name.

The walk from header to header is ours: that of the standard library's `tarfile` keeps every header in memory, reads extended
headers of any length, and in Pythons that we run on needs quadratic time for some (CVE-2024-6232) and never ends for others
(CVE-2025-8194).
"""

from __future__ import annotations

import os
import posixpath
import stat
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import IO, Any, Final, Protocol

from ..errors import InvalidInput, NotFound
from ..values import frozen
from . import compression
from .compression import EXPANSION, PIECE_BYTES, Expansion, Unpacked
from .header import (
    BLOCK,
    DEVICES,
    EXTENDED,
    FOLDER,
    GLOBAL,
    LINKS,
    PIPE,
    REGULAR,
    SPARSE,
    SPARSE_RECORDS,
    SYMBOLIC,
    decoded,
    encoded,
    extended_size,
    extension,
    is_whole,
    kind_of,
    link_of,
    name_of,
    size_of,
)

MOST_HEADERS: Final = 200_000  # members, folders and extended headers
MOST_NAME_BYTES: Final = 1024
MOST_LINKS: Final = 8  # that lead from one to the next


class Incoming(Protocol):
    """A stream to read an archive from: a pipe, or standard input."""

    def read(self, size: int = ..., /) -> bytes: ...
    def readinto(self, buffer: Any, /) -> int: ...
    def close(self) -> None: ...


@frozen
class Member:
    """Where the content of a regular file lies in a tar: `offset` and `size` in bytes."""

    offset: int
    size: int


class Tar:
    """An open tar. It can be read by several threads at once, and is closed by whoever opened it.

    Only regular files count, under normalised names; with `links` so do links to them within the archive. What comes compressed
    (gzip, zstd) or as a stream is copied first, within the bounds of `expansion`; a stream that is handed in stays open.
    Raises NotFound for a path that is not there, and InvalidInput for what is no tar, is truncated or is not to be trusted:
    absolute names and `..`, names that come twice, devices, sparse files, links where there should be none.
    """

    def __init__(
        self,
        source: Path | Incoming,
        *,
        links: bool = False,
        expansion: Expansion = EXPANSION,
        most_headers: int = MOST_HEADERS,
    ) -> None:
        self.what = f"the archive {source}" if isinstance(source, Path) else "the archive"
        self._file = _open(source, self.what, expansion)
        self._links: dict[str, str] = {}
        try:
            self._members = self._index(links, most_headers)
        except BaseException:
            self._file.close()
            raise

    def __iter__(self) -> Iterator[str]:
        """The names of the regular files, in the order of the archive."""
        return iter(self._members)

    def __contains__(self, name: object) -> bool:
        return name in self._members or name in self._links

    def find(self, name: str) -> Member:
        """A member by its normalised name, through links. Raises NotFound, and InvalidInput for links in circles."""
        target = name
        for _ in range(MOST_LINKS):
            if target in self._members:
                return self._members[target]
            if target not in self._links:
                raise NotFound(f"{self.what} has no member {name[:MOST_NAME_BYTES]!r}")
            target = self._links[target]
        raise InvalidInput(f"{self.what}: the link {name!r} leads through more than {MOST_LINKS} others")

    def open(self, name: str, *, offset: int = 0) -> AbstractContextManager[MemberStream]:
        """The content of a member from byte `offset` on. Raises NotFound."""
        member = self.find(name)
        skipped = min(max(offset, 0), member.size)
        return closing(MemberStream(self._file, member.offset + skipped, member.size - skipped, self.what))

    def read(self, name: str, limit: int) -> bytes:
        """The whole content of a member. Raises NotFound, and InvalidInput where it has more than `limit` bytes."""
        size = self.find(name).size
        if size > limit:
            raise InvalidInput(f"{self.what}: {name!r} has {size} bytes; at most {limit} are read")
        with self.open(name) as stream:
            return stream.read()

    def close(self) -> None:
        """Close the file; streams that are open end with an error."""
        self._file.close()

    def __enter__(self) -> Tar:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _index(self, links: bool, most_headers: int) -> dict[str, Member]:
        members: dict[str, Member] = {}
        for header in _Walk(self._file, self.what, most_headers):
            if header.kind == FOLDER:
                continue
            name = _normal(header.name, self.what)
            if name in members or name in self._links:
                raise InvalidInput(f"{self.what} has two members {name!r}")
            if header.kind in REGULAR:
                members[name] = Member(header.offset, header.size)
            elif header.kind in LINKS and links:
                self._links[name] = _target(name, header, self.what)
            else:
                raise InvalidInput(f"{self.what}: {name!r} is {_called(header.kind)}; only regular files are read")
        return members


class MemberStream:
    """The content of a member. A file that became shorter meanwhile is an error, not an end."""

    def __init__(self, file: IO[bytes], position: int, left: int, what: str) -> None:
        self._file = file
        self._position = position
        self._left = left
        self._what = what
        self._closed = False

    def read(self, size: int = -1, /) -> bytes:
        """Read at most `size` bytes, or to the end. Raises InvalidInput where the file was cut."""
        if size is None or size < 0:
            return b"".join(iter(lambda: self.read(PIECE_BYTES), b""))
        buffer = bytearray(min(size, self._left))
        count = self.readinto(buffer)
        return bytes(memoryview(buffer)[:count])

    def readinto(self, buffer: bytearray | memoryview, /) -> int:
        """Fill `buffer` as far as one read goes; 0 at the end. Raises InvalidInput where the file was cut."""
        if self._closed:
            raise ValueError("the stream is closed")
        view = memoryview(buffer)[: self._left]
        if not view:
            return 0
        count = os.preadv(self._file.fileno(), [view], self._position)
        if not count:
            raise InvalidInput(f"{self._what} became shorter while it was read")
        self._position += count
        self._left -= count
        return count

    def close(self) -> None:
        self._closed = True


@frozen
class _Header:
    """What a member's headers say together; `offset` is that of its content."""

    name: str
    kind: bytes
    link: str
    offset: int
    size: int


class _Walk:
    """The headers of a tar, one after another. Raises InvalidInput."""

    def __init__(self, file: IO[bytes], what: str, most_headers: int) -> None:
        self._descriptor = file.fileno()
        self._end = os.fstat(self._descriptor).st_size
        self._what = what
        self._left = most_headers
        self._most = most_headers
        self._position = 0

    def __iter__(self) -> Iterator[_Header]:
        records: dict[str, str] = {}
        while block := self._next():
            if block[156:157] in EXTENDED:
                # A header of GNU's and one of pax may both come before a member.
                records |= self._extension(block)
                continue
            yield self._member(block, records)
            records = {}

    def _member(self, block: bytes, records: dict[str, str]) -> _Header:
        raw_name, offset = name_of(block), self._position
        kind = kind_of(block, raw_name)
        size = size_of(block, records, kind, self._what)
        if kind in REGULAR:
            self._skip(size)
        name, link = records.get("path") or decoded(raw_name), records.get("linkpath") or decoded(link_of(block))
        return _Header(name, kind, link, offset, size)

    def _next(self) -> bytes:
        """The next header; empty at the end of the archive."""
        if self._left == 0:
            raise InvalidInput(f"{self._what} has more than {self._most} members", advice="the limit can be raised")
        block = os.pread(self._descriptor, BLOCK, self._position)
        if len(block) < BLOCK:
            raise self._truncated() if self._position else InvalidInput(f"{self._what} is not a tar")
        if not is_whole(block):
            if not any(block):
                return b""
            where = f"at byte {self._position}" if self._position else "from its beginning on"
            raise InvalidInput(f"{self._what} is not a tar {where}: the checksum of a header is wrong")
        self._left -= 1
        self._position += BLOCK
        return block

    def _extension(self, block: bytes) -> dict[str, str]:
        """What an extended header says of the member after it."""
        kind, offset, size = block[156:157], self._position, extended_size(block, self._what)
        self._skip(size)
        records = extension(kind, os.pread(self._descriptor, size, offset), self._what)
        if any(key.startswith(SPARSE_RECORDS) for key in records):
            raise InvalidInput(f"{self._what} has a sparse file; only regular files are read")
        return {} if kind == GLOBAL else records

    def _skip(self, size: int) -> None:
        if size > self._end - self._position:
            raise self._truncated()
        self._position += -(-size // BLOCK) * BLOCK

    def _truncated(self) -> InvalidInput:
        return InvalidInput(
            f"{self._what} is truncated: it ends after {self._end} bytes, within a member or without an end"
        )


def _open(source: Path | Incoming, what: str, expansion: Expansion) -> IO[bytes]:
    """A file with a plain tar: the one at a path, or a copy without a name."""
    if not isinstance(source, Path):
        return _spooled(source, what, expansion)
    try:
        file = source.open("rb", buffering=0)
    except FileNotFoundError:
        raise NotFound(f"there is no archive {source}") from None
    except OSError as error:
        raise InvalidInput(f"{what} cannot be read: {error.strerror}") from None
    if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        head = os.pread(file.fileno(), compression.HEAD_BYTES, 0)
        if compression.kind(head) == compression.PLAIN:
            return file
    with file:
        return _spooled(file, what, expansion)


def _spooled(stream: Incoming, what: str, expansion: Expansion) -> IO[bytes]:
    copy = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 (who asked for it closes it)
    try:
        with closing(Unpacked(stream, what, expansion)) as unpacked:
            buffer = memoryview(bytearray(PIECE_BYTES))
            while count := unpacked.readinto(buffer):
                write_whole(copy, buffer[:count])
    except BaseException:
        copy.close()
        raise
    return copy


def write_whole(file: IO[bytes], data: bytes | memoryview) -> None:
    """Write all of the data to a file without a buffer, which may take less than it is given."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def _normal(name: str, what: str) -> str:
    parts = name.split("/")
    if name.startswith("/") or ".." in parts:
        raise InvalidInput(f"{what}: the member {name[:MOST_NAME_BYTES]!r} would lie outside of it")
    if len(encoded(name)) > MOST_NAME_BYTES:
        raise InvalidInput(f"{what} has a member whose name is longer than {MOST_NAME_BYTES} bytes")
    normal = "/".join(part for part in parts if part not in ("", "."))
    if not normal:
        raise InvalidInput(f"{what} has a member without a name")
    return normal


def _target(name: str, header: _Header, what: str) -> str:
    """What a link names, from the top of the archive: a hard link as it stands, a symbolic one beside its own place."""
    beside = posixpath.dirname(name) if header.kind == SYMBOLIC else ""
    if header.link.startswith("/"):
        raise InvalidInput(f"{what}: the link {name!r} leads out of it")
    target = posixpath.normpath(posixpath.join(beside, header.link))
    if target.split("/")[0] == "..":
        raise InvalidInput(f"{what}: the link {name!r} leads out of it")
    return _normal(target, what)


def _called(kind: bytes) -> str:
    if kind in LINKS:
        return "a link"
    if kind in DEVICES or kind == PIPE:
        return "a device or pipe"
    return "a sparse file" if kind == SPARSE else f"of the unknown type {kind!r}"
