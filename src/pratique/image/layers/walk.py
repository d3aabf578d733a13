"""A walk over a tar that comes as a stream, which passes on what is to be kept as it stands.

Nothing is kept in memory but a piece of the stream and the headers of one member.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from ...errors import InvalidInput
from ...stores.header import (
    BLOCK,
    EXTENDED,
    FOLDER,
    GLOBAL,
    LINK,
    LINKS,
    MOST_EXTENDED_BYTES,
    SPARSE,
    encoded,
    extended_size,
    extension,
    is_whole,
    kind_of,
    link_of,
    name_of,
    size_of,
)
from . import header
from .header import SPARSE_NAME, Member

MOST_MEMBERS: Final = 1_000_000  # of one layer
MOST_GLOBAL_BYTES: Final = 16 << 10  # of what is said of all members, and so written with each

Write = Callable[[bytes | memoryview], object]

_MOST_BEFORE: Final = 2 * MOST_EXTENDED_BYTES  # of all extended headers of a member
_NOTHING: Final = bytes(BLOCK)
_HARMLESS: Final = frozenset({"comment"})  # what `git archive` writes there
_SPARSE_MORE: Final = 482  # where an old header of a sparse file says that its map goes on,
_MAP_MORE: Final = 504  # and where a block of the map does


def discard(_: bytes | memoryview) -> None:
    """Write nothing."""


class Walk:
    """The members of a tar, one after another; what is not kept before the next is asked for is left out.

    `pieces` are the tar's bytes, and `what` names it for errors. Raises InvalidInput for what is no tar, is truncated, has too
    many members or headers that are too long, and for names that lead out of it; and what reading raises.
    """

    def __init__(
        self, pieces: Iterable[bytes], what: str, write: Write = discard, *, most_members: int = MOST_MEMBERS
    ) -> None:
        self._pieces = iter(pieces)
        self._what = what
        self._write = write
        self._most = most_members
        self._data = b""
        self._run = 0  # where what is kept and not yet written begins
        self._mark = 0  # where the member of now begins
        self._at = 0  # how far the headers were read
        self._left = 0  # of content after that, padding included
        self._kept: bool | bytes = False  # or other headers before the same content
        self._instead = b""  # the headers of a member that cannot stand as it came
        self._globals: dict[str, str] = {}

    def __iter__(self) -> Iterator[Member]:
        count = 0
        while (member := self._next()) is not None:
            count += 1
            if count > self._most:
                raise InvalidInput(f"{self._what} has more than {self._most} members", advice="the limit can be raised")
            self._kept = False
            yield member
            end = self._at + self._left
            if self._kept is True and end <= len(self._data):
                self._at = self._mark = end
            else:
                self._pass(end)
        self._flush(self._mark)
        for _ in self._pieces:  # so that all of the stream is verified
            pass

    def keep(self, headers: bytes = b"") -> None:
        """Pass on the member of now: as it stands, or with other headers."""
        self._kept = headers or self._instead or True

    def put(self, raw: bytes) -> None:
        """Write bytes in place of the member of now."""
        self._flush(self._mark)
        self._write(raw)

    def pour(self, member: Member, write: Write) -> None:
        """Hand the content of the member of now to `write`; it is not passed on as well."""
        self._flush(self._mark)
        padding = self._left - member.size
        self._forward(member.size, write)
        self._forward(padding, discard)
        self._left = 0

    def _next(self) -> Member | None:
        records: dict[str, str] = {}
        rewritten = False
        while True:
            if len(self._data) - self._at < BLOCK and not self._has(BLOCK):
                return None
            at = self._at
            block = self._data[at : at + BLOCK]
            if not is_whole(block):
                if block == _NOTHING:
                    return None
                raise InvalidInput(f"{self._what} is not a tar, or a header in it is damaged")
            if block[156:157] not in EXTENDED:
                return self._member(block, records, rewritten)
            rewritten |= self._extension(block, records)

    def _member(self, block: bytes, records: dict[str, str], rewritten: bool) -> Member:
        """What a header says, with what was said before it."""
        raw_name = _said(records, SPARSE_NAME, "path") if records else b""
        raw_name = raw_name or name_of(block)
        kind = kind_of(block, raw_name)
        end = self._at + (self._map() if kind == SPARSE and block[_SPARSE_MORE] else BLOCK)
        own = self._at - self._mark
        name = header.normal(raw_name, self._what)
        if not name and kind != FOLDER:
            raise InvalidInput(f"{self._what} has a member without a name")
        link = b""
        if kind in LINKS:
            link = _said(records, "linkpath") or link_of(block)
            rewritten = rewritten or (kind == LINK and link[:1] == b"/")
        size = size_of(block, records, kind, self._what)
        self._at, self._left = end, (size + BLOCK - 1) & -BLOCK
        self._instead = b""
        target = header.normal(link, self._what) if kind == LINK else link
        member = Member(name, kind, size, target, self._data[self._mark : end], own, records)
        if rewritten or self._globals or raw_name[:1] == b"/":
            return self._rewritten(member)
        return member

    def _rewritten(self, member: Member) -> Member:
        """The member by itself: what a global header says of it, and a name from the root, stand in its own headers."""
        self._flush(self._mark)
        self._mark = self._run = self._at
        member = header.with_records(member, self._globals | dict(member.records))
        self._instead = member.headers
        return member

    def _extension(self, block: bytes, records: dict[str, str]) -> bool:
        """Read what a header says of the members after it; whether these cannot be passed on as they stand."""
        size = extended_size(block, self._what)
        length = BLOCK + (size + BLOCK - 1 & -BLOCK)
        if not self._has(length):
            raise self._truncated()
        kind, raw = block[156:157], self._data[self._at + BLOCK : self._at + BLOCK + size]
        said = extension(kind, raw, self._what)
        self._at += length
        if self._at - self._mark > _MOST_BEFORE:
            raise InvalidInput(f"{self._what} has a member with extended headers of more than {_MOST_BEFORE} bytes")
        if kind == GLOBAL:
            self._overall(said)
            return bool(records)
        records.update(said)
        return False

    def _overall(self, records: dict[str, str]) -> None:
        """Take a global header, which would speak of the members of other layers as well where it were passed on."""
        self._globals |= {key: value for key, value in records.items() if key not in _HARMLESS}
        if sum(len(key) + len(value) for key, value in self._globals.items()) > MOST_GLOBAL_BYTES:
            raise InvalidInput(f"{self._what} has global headers of more than {MOST_GLOBAL_BYTES} bytes")
        self._flush(self._mark)
        self._run = self._mark = self._at

    def _map(self) -> int:
        """How long an old header of a sparse file is, with the blocks of its map."""
        length, more = BLOCK, True
        while more:
            length += BLOCK
            if length > MOST_EXTENDED_BYTES:
                raise InvalidInput(f"{self._what} has a sparse file whose map is too long")
            if not self._has(length):
                raise self._truncated()
            more = bool(self._data[self._at + length - BLOCK + _MAP_MORE])
        return length

    def _pass(self, end: int) -> None:
        """Go to the end of the member of now, which need not be in the data."""
        if self._kept is not True:
            self._flush(self._mark)
            self._run = self._at
            if self._kept is False and end <= len(self._data):
                self._run = self._mark = self._at = end
                return
        self._mark = self._at
        if isinstance(self._kept, bytes):
            self._write(self._kept)
        self._forward(self._left, self._write if self._kept else discard)

    def _forward(self, size: int, write: Write) -> None:
        """Hand the next bytes to `write`, and what is kept before them to whom it belongs."""
        self._flush(self._mark)
        here = min(size, len(self._data) - self._at)
        if here:
            write(memoryview(self._data)[self._at : self._at + here])
        self._at += here
        size -= here
        while size:
            piece = next(self._pieces, b"")
            if not piece:
                raise self._truncated()
            here = min(size, len(piece))
            write(memoryview(piece)[:here])
            self._data, self._at = piece, here
            size -= here
        self._run = self._mark = self._at

    def _has(self, size: int) -> bool:
        """Read until so many bytes are ahead; False at the end of the tar. Raises InvalidInput for one that is cut."""
        missing = size - (len(self._data) - self._at)
        if missing <= 0:
            return True
        self._flush(self._mark)
        rest = [self._data[self._mark :]]
        while missing > 0 and (piece := next(self._pieces, b"")):
            rest.append(piece)
            missing -= len(piece)
        self._data, self._at = b"".join(rest), self._at - self._mark
        self._run = self._mark = 0
        if missing > 0 and len(self._data):
            raise self._truncated()
        return missing <= 0

    def _flush(self, end: int) -> None:
        if end > self._run:
            self._write(memoryview(self._data)[self._run : end])
            self._run = end

    def _truncated(self) -> InvalidInput:
        return InvalidInput(f"{self._what} is truncated: it ends within a member")


def _said(records: dict[str, str], *keys: str) -> bytes:
    """What the first record says that there is. Raises InvalidInput for what is no name."""
    found = next((records[key] for key in keys if records.get(key)), "")
    if "\0" in found:
        raise InvalidInput(f"a member of a tar is called {found[:200]!r}")
    return encoded(found)
