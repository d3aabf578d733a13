"""Range requests (RFC 9110 §14): which parts of some content a request is for, and several parts in one answer."""

from __future__ import annotations

import io
import re
import secrets
from collections.abc import Iterator, Sequence
from io import FileIO
from typing import Final

from ...http.message import Request, Stream
from ...spec.endpoints import SIZE_INVALID
from ...values import frozen
from ..answers import Rejected
from ..content import FilePart

RANGE_NOT_SATISFIABLE: Final = 416
MOST_RANGES: Final = 1024  # in one request; whoever asks for more gets all of the content

_RANGE = re.compile(r"(?P<first>[0-9]{0,19})-(?P<last>[0-9]{0,19})", re.ASCII)


@frozen
class Part:
    """The bytes from `first` to `last`, both of them included."""

    first: int
    last: int

    @property
    def size(self) -> int:
        return self.last - self.first + 1

    def describe(self, whole: int) -> str:
        """Content-Range, for a part of `whole` bytes (§14.4)."""
        return f"bytes {self.first}-{self.last}/{whole}"


def requested(request: Request, whole: int, etag: str) -> tuple[Part, ...]:
    """The parts of `whole` bytes that a request is for, in its order; none where it is for all of them.

    What is not understood is as if it were not there (§14.2). Raises Rejected (416) where no part is in the content.
    """
    ranges = _ranges(request, etag)
    if not ranges or (whole == 0 and any(not one["first"] and int(one["last"]) for one in ranges)):
        return ()  # the last bytes of nothing are nothing, and Content-Range has no word for it
    parts = tuple(part for one in ranges if (part := _part(one, whole)))
    if not parts:
        raise Rejected(
            SIZE_INVALID,
            "the range is not in the content",
            status=RANGE_NOT_SATISFIABLE,
            headers=(("Content-Range", f"bytes */{whole}"),),
        )
    # Ranges that overlap could ask for much more than there is (§17.15).
    return parts if sum(part.size for part in parts) <= whole else ()


class Multipart:
    """A stream of several parts of an open file as `multipart/byteranges` (§14.6); closing it closes the file."""

    def __init__(self, file: FileIO, parts: Sequence[Part], whole: int, media_type: str) -> None:
        self._file = file
        self._boundary = secrets.token_hex(16)
        self._parts = [(self._head(part, whole, media_type), part) for part in parts]
        self._end = f"\r\n--{self._boundary}--\r\n".encode()
        self.size = sum(len(head) + part.size for head, part in self._parts) + len(self._end)
        self._streams = self._open()
        self._stream: Stream | None = next(self._streams)

    @property
    def media_type(self) -> str:
        """The type of the whole answer."""
        return f"multipart/byteranges; boundary={self._boundary}"

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes, or the rest."""
        if size < 0:
            return b"".join(iter(lambda: self.read(1 << 20), b""))
        buffer = bytearray(size)
        return bytes(buffer[: self.readinto(buffer)])

    def readinto(self, buffer: bytearray | memoryview, /) -> int:
        """Fill `buffer` as far as one read goes; 0 at the end."""
        while self._stream:
            if (count := self._stream.readinto(buffer)) or not buffer:
                return count
            self._stream = next(self._streams, None)
        return 0

    def close(self) -> None:
        self._file.close()

    def _head(self, part: Part, whole: int, media_type: str) -> bytes:
        lines = (f"--{self._boundary}", f"Content-Type: {media_type}", f"Content-Range: {part.describe(whole)}")
        return ("\r\n" + "\r\n".join(lines) + "\r\n\r\n").encode()

    def _open(self) -> Iterator[Stream]:
        for head, part in self._parts:
            yield io.BytesIO(head)
            yield FilePart(self._file, part.first, part.size)  # made when it is its turn: it moves the file's position
        yield io.BytesIO(self._end)


def _ranges(request: Request, etag: str) -> list[re.Match[str]]:
    lines, condition = request.headers.all("Range"), request.headers.get("If-Range")
    # Only GET has ranges (§14.2); two fields are no field, and a date or a weak tag is not our tag (§13.1.5).
    if request.method != "GET" or len(lines) != 1 or (condition is not None and condition.strip() != etag):
        return []
    unit, _, listed = lines[0].partition("=")
    texts = [text.strip() for text in listed.split(",", MOST_RANGES) if text.strip()]
    if unit.strip().lower() != "bytes" or len(texts) > MOST_RANGES:
        return []
    found = [match for text in texts if (match := _RANGE.fullmatch(text)) and text != "-"]
    return found if len(found) == len(texts) else []


def _part(one: re.Match[str], whole: int) -> Part | None:
    if one["first"]:
        first, last = int(one["first"]), min(int(one["last"] or whole), whole - 1)
    else:
        first, last = max(whole - int(one["last"]), 0), whole - 1
    return Part(first, last) if first <= last else None
