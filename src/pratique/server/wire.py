"""HTTP/1.1 as a server reads and writes it (RFC 9112): strict about what could be read in two ways."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from io import BufferedReader
from typing import Final

from ..http.message import Headers, Response
from ..http.problem import status_text

MOST_HEAD_BYTES: Final = 64 << 10  # of a request line with its header fields
MOST_LINE_BYTES: Final = 4 << 10  # of a chunk's head or a trailer
BLOCK: Final = 64 << 10
TLS_HANDSHAKE: Final = b"\x16"  # the first byte of whoever takes a plain port for one with TLS

_REQUEST_LINE = re.compile(rb"([A-Z]{1,32}) ([!-~]+) HTTP/1\.([01])\r?\n")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([^\x00-\x08\x0a-\x1f\x7f]*)\r?\n")
_CHUNK_HEAD = re.compile(rb"([0-9a-fA-F]{1,15})[ \t]*(?:;[^\r\n]*)?\r?\n")
_WITHOUT_CONTENT: Final = frozenset({204, 304})


class BadMessage(Exception):
    """What came is not HTTP, or not the HTTP that is served here; `status` says so to the client."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Disconnected(ConnectionError):
    """The client went away in the middle of a message."""


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a request. `persistent`: the client would send another request on this connection."""

    method: str
    target: str
    minor: int  # of the version: HTTP/1.0 or HTTP/1.1
    headers: Headers
    persistent: bool


def read_head(reader: BufferedReader) -> Head | None:
    """The next request's head; None where the client closed the connection or speaks TLS. Raises BadMessage."""
    if reader.peek(1)[:1] in (b"", TLS_HANDSHAKE):
        return None
    line = reader.readline(MOST_HEAD_BYTES)
    if line.strip() == b"":  # RFC 9112 §2.2: one empty line before a request is forgiven
        line = reader.readline(MOST_HEAD_BYTES)
    found = _REQUEST_LINE.fullmatch(line)
    if found is None:
        raise BadMessage(414 if len(line) == MOST_HEAD_BYTES else 400, "not a request line of HTTP/1.0 or HTTP/1.1")
    headers = _read_fields(reader, MOST_HEAD_BYTES - len(line))
    wishes = ",".join(headers.all("Connection")).lower()
    minor = int(found[3])
    persistent = "close" not in wishes and (minor == 1 or "keep-alive" in wishes)
    return Head(found[1].decode(), found[2].decode(), minor, headers, persistent)


def _read_fields(reader: BufferedReader, left: int) -> Headers:
    lines: list[tuple[str, str]] = []
    while (line := reader.readline(left)) not in (b"\r\n", b"\n"):
        left -= len(line)
        if left <= 0:
            raise BadMessage(431, "the header fields are too large")
        if not line:
            raise Disconnected("in a request's head")
        found = _FIELD.fullmatch(line)
        if found is None:
            raise BadMessage(400, "not a header field")
        lines.append((found[1].decode("latin-1"), found[2].strip(b" \t").decode("latin-1")))
    return Headers(lines)


class Content(ABC):
    """The content of a request as it comes from a connection. Nothing of it is read before it is wanted.

    `ask`, where given, is called once before the first byte is read: the client waits for it (RFC 9110 §10.1.1).
    """

    def __init__(self, reader: BufferedReader, ask: Callable[[], None] | None) -> None:
        self._reader = reader
        self._ask = ask

    @property
    def is_awaited(self) -> bool:
        """Whether the client still waits to be asked for the content, and may never send it."""
        return self._ask is not None

    @property
    @abstractmethod
    def size(self) -> int | None:
        """The length of all of the content in bytes, where the head says it."""

    @property
    @abstractmethod
    def unread(self) -> int | None:
        """How many bytes the client still sends; None where that is not known."""

    def readinto(self, buffer: bytearray | memoryview, /) -> int:
        """Fill `buffer` as far as one read goes; 0 at the end. Raises Disconnected and BadMessage."""
        if self._ask is not None:
            self._ask()
            self._ask = None
        return self._fill(memoryview(buffer))

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes, or the rest. Raises Disconnected and BadMessage."""
        if size < 0:
            return b"".join(iter(lambda: self.read(BLOCK), b""))
        buffer = bytearray(min(size, BLOCK))
        count = self.readinto(buffer) if buffer else 0
        return bytes(buffer[:count])

    def close(self) -> None:
        """Read nothing more; the connection sees to the rest."""
        self._ask = None

    @abstractmethod
    def _fill(self, buffer: memoryview) -> int:
        """Read into `buffer` from the connection; 0 at the end of the content."""

    def _take(self, buffer: memoryview) -> int:
        count = self._reader.readinto1(buffer)
        if not count:
            raise Disconnected("in a request's content")
        return count


class SizedContent(Content):
    """Content of a known length (RFC 9112 §6.2)."""

    def __init__(self, reader: BufferedReader, ask: Callable[[], None] | None, size: int) -> None:
        super().__init__(reader, ask)
        self._size = self._left = size

    @property
    def size(self) -> int:
        return self._size

    @property
    def unread(self) -> int:
        return self._left

    def _fill(self, buffer: memoryview) -> int:
        if not self._left:
            return 0
        count = self._take(buffer[: self._left])
        self._left -= count
        return count


class ChunkedContent(Content):
    """Content in chunks (RFC 9112 §7.1); extensions and trailers are read and forgotten."""

    def __init__(self, reader: BufferedReader, ask: Callable[[], None] | None) -> None:
        super().__init__(reader, ask)
        self._left = 0  # of the chunk
        self._ended = False

    @property
    def size(self) -> None:
        return None

    @property
    def unread(self) -> int | None:
        return 0 if self._ended else None

    def _fill(self, buffer: memoryview) -> int:
        if not self._left:
            self._begin()
        if self._ended:
            return 0
        count = self._take(buffer[: self._left])
        self._left -= count
        if not self._left and self._line() not in (b"\r\n", b"\n"):
            raise BadMessage(400, "a chunk does not end where it should")
        return count

    def _begin(self) -> None:
        if self._ended:
            return
        found = _CHUNK_HEAD.fullmatch(self._line())
        if found is None:
            raise BadMessage(400, "not the head of a chunk")
        self._left = int(found[1], 16)
        if self._left == 0:
            _read_fields(self._reader, MOST_HEAD_BYTES)
            self._ended = True

    def _line(self) -> bytes:
        line = self._reader.readline(MOST_LINE_BYTES)
        if not line:
            raise Disconnected("in a request's content")
        return line


def content_of(head: Head, reader: BufferedReader, ask: Callable[[], None] | None) -> Content | None:
    """The content that follows a head; None where none does. Raises BadMessage for what could be read in two ways."""
    codings, lengths = head.headers.all("Transfer-Encoding"), set(head.headers.all("Content-Length"))
    if codings:
        if lengths:
            raise BadMessage(400, "both Transfer-Encoding and Content-Length")
        if ",".join(codings).strip().lower() != "chunked":
            raise BadMessage(501, "the only transfer coding that is understood is chunked")
        return ChunkedContent(reader, ask)
    if not lengths:
        return None
    length = lengths.pop()
    if lengths or not re.fullmatch("[0-9]{1,18}", length, re.ASCII):
        raise BadMessage(400, "not a Content-Length")
    return SizedContent(reader, ask, int(length))


def format_head(response: Response, *, chunked: bool, close: bool) -> bytes:
    """The status line and header fields of an answer, with what the connection needs."""
    lines = [f"HTTP/1.1 {status_text(response.status)}"]
    lines += [f"{name}: {_one_line(value)}" for name, value in response.headers]
    if "Date" not in response.headers:
        lines.append(f"Date: {formatdate(usegmt=True)}")
    if chunked:
        lines.append("Transfer-Encoding: chunked")
    if close:
        lines.append("Connection: close")
    return "\r\n".join((*lines, "", "")).encode("latin-1", "replace")


def has_content(method: str, status: int) -> bool:
    """Whether content follows the head of an answer (RFC 9110 §6.4.1)."""
    return method != "HEAD" and status >= 200 and status not in _WITHOUT_CONTENT


def _one_line(value: str) -> str:
    return value if value.isprintable() else "".join(sign for sign in value if sign.isprintable())
