"""HTTP/1.1 as a server reads and writes it (RFC 9112): strict about what could be read in two ways."""

from __future__ import annotations

import re
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from email.utils import formatdate
from functools import lru_cache
from typing import Final

from ...http.message import Headers, Response
from ...http.problem import status_text
from ...values import frozen

MOST_HEAD_BYTES: Final = 64 << 10  # of a request line with its header fields, or of what chunks say beside content
MOST_TARGET_BYTES: Final = 8 << 10  # of a request's target
MOST_FIELDS: Final = 128  # of a head
MOST_LINE_BYTES: Final = 4 << 10  # of a chunk's head or a trailer
BLOCK: Final = 64 << 10  # bytes read at a time
TLS_HANDSHAKE: Final = b"\x16"  # the first byte of whoever takes a plain port for one with TLS
END: Final = b"\r\n\r\n"

_NAME: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_REQUEST_LINE = re.compile(r"([A-Z]{1,32}) ([!-~]+) HTTP/1\.([01])\r\n")
_FIELDS = re.compile(rf"(?:{_NAME}:[^\x00-\x08\x0a-\x1f\x7f]*\r\n)*\r\n")
_FIELD = re.compile(rf"({_NAME}):([^\r]*)\r\n")
_BARE_NEWLINE = re.compile(rb"(?<!\r)\n")
_CHUNK_HEAD = re.compile(rb"([0-9a-fA-F]{1,15})[ \t]*(?:;[^\x00-\x08\x0a-\x1f\x7f]*)?\r\n")
_LENGTH = re.compile("[0-9]{1,18}", re.ASCII)
_WITHOUT_CONTENT: Final = frozenset({204, 304})


class BadMessage(Exception):
    """What came is not HTTP, or not the HTTP that is served here; `status` says so to the client."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Disconnected(ConnectionError):
    """The client went away in the middle of a message."""


@frozen
class Head:
    """The head of a request. `persistent`: the client would send another request on this connection."""

    method: str
    target: str
    minor: int  # of the version: HTTP/1.0 or HTTP/1.1
    headers: Headers
    persistent: bool


def take_head(held: bytes) -> tuple[Head, bytes] | None:
    """The head that stands at the beginning of what came, and what came after it; None where it is not complete yet.

    Raises BadMessage for what is no head, as soon as that can be seen.
    """
    start = 2 if held.startswith(b"\r\n") else 0  # RFC 9112 §2.2: one empty line before a request is forgiven
    end = held.find(END, start, start + MOST_HEAD_BYTES)
    if end < 0:
        _check_beginning(held[start:])
        return None
    rest = end + len(END)
    return _parse(held[start:rest].decode("latin-1")), held[rest:]


def _check_beginning(held: bytes) -> None:
    line, newline, _ = held.partition(b"\r\n")
    if len(held) >= MOST_HEAD_BYTES:
        raise BadMessage(431 if newline else 414, "the header fields are too large" if newline else "too long a target")
    if newline and not _REQUEST_LINE.fullmatch((line + newline).decode("latin-1")):
        raise _not_a_request_line()
    if _BARE_NEWLINE.search(held):
        raise BadMessage(400, "lines end with CR and LF")


def _parse(text: str) -> Head:
    found = _REQUEST_LINE.match(text)
    if found is None:
        raise _not_a_request_line()
    method, target, minor = found.groups()
    if len(target) > MOST_TARGET_BYTES:
        raise BadMessage(414, "too long a target")
    headers = _parse_fields(text, found.end())
    wishes = ",".join(headers.all("Connection")).lower()
    persistent = "close" not in wishes and (minor == "1" or "keep-alive" in wishes)
    return Head(method, target, int(minor), headers, persistent)


def _parse_fields(text: str, start: int) -> Headers:
    if _FIELDS.fullmatch(text, start) is None:
        raise BadMessage(400, "not a header field")
    lines = [(name, value.strip(" \t")) for name, value in _FIELD.findall(text, start)]
    if len(lines) > MOST_FIELDS:
        raise BadMessage(431, "too many header fields")
    return Headers(lines)


def _not_a_request_line() -> BadMessage:
    return BadMessage(400, "not a request line of HTTP/1.0 or HTTP/1.1")


class Source:
    """The bytes of a connection in their order: those that came already, and then what `receive` puts into a buffer.

    `receive` returns how many bytes those were, and 0 where the client closed the connection.
    """

    __slots__ = ("_receive", "held")

    def __init__(self, held: bytes, receive: Callable[[memoryview], int]) -> None:
        self.held = held
        self._receive = receive

    def readinto(self, buffer: memoryview) -> int:
        """Fill `buffer` as far as one read goes. Raises Disconnected."""
        if self.held:
            count = min(len(buffer), len(self.held))
            buffer[:count] = self.held[:count]
            self.held = self.held[count:]
            return count
        return self._receive(buffer) or _disconnected()

    def readline(self) -> bytes:
        """The next line with its end. Raises BadMessage for a long one and Disconnected."""
        while (end := self.held.find(b"\n")) < 0:
            if len(self.held) > MOST_LINE_BYTES:
                break
            buffer = bytearray(BLOCK)
            count = self._receive(memoryview(buffer)) or _disconnected()
            self.held += buffer[:count]
        if not 0 <= end < MOST_LINE_BYTES:
            raise BadMessage(400, "too long a line in the content")
        line, self.held = self.held[: end + 1], self.held[end + 1 :]
        return line


def _disconnected() -> int:
    raise Disconnected("in a request's content")


class Content(ABC):
    """The content of a request as it comes from a connection. Nothing of it is read before it is wanted.

    `ask`, where given, is called once before the first byte is read: the client waits for it (RFC 9110 §10.1.1).
    """

    def __init__(self, source: Source, ask: Callable[[], None] | None) -> None:
        self._source = source
        self._ask = ask
        self.received = 0  # bytes that were read

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
        count = self._fill(memoryview(buffer))
        self.received += count
        return count

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


class SizedContent(Content):
    """Content of a known length (RFC 9112 §6.2)."""

    def __init__(self, source: Source, ask: Callable[[], None] | None, size: int) -> None:
        super().__init__(source, ask)
        self._size = size

    @property
    def size(self) -> int:
        return self._size

    @property
    def unread(self) -> int:
        return self._size - self.received

    def _fill(self, buffer: memoryview) -> int:
        left = self.unread
        return self._source.readinto(buffer[:left]) if left else 0


class ChunkedContent(Content):
    """Content in chunks (RFC 9112 §7.1); extensions and trailers are read and forgotten. `most` is its longest length."""

    def __init__(self, source: Source, ask: Callable[[], None] | None, most: int | None) -> None:
        super().__init__(source, ask)
        self._most = most
        self._left = 0  # of the chunk
        self._total = 0  # of all chunks so far
        self._spoken = 0  # bytes of extensions and trailers
        self._ended = False

    @property
    def size(self) -> None:
        return None

    @property
    def unread(self) -> int | None:
        return 0 if self._ended else None

    def _fill(self, buffer: memoryview) -> int:
        if not self._left and not self._ended:
            self._begin()
        if self._ended:
            return 0
        count = self._source.readinto(buffer[: self._left])
        self._left -= count
        if not self._left and self._source.readline() != b"\r\n":
            raise BadMessage(400, "a chunk does not end where it should")
        return count

    def _begin(self) -> None:
        line = self._source.readline()
        found = _CHUNK_HEAD.fullmatch(line)
        if found is None:
            raise BadMessage(400, "not the head of a chunk")
        self._hear(len(line) - len(found[1]) - 2)
        self._left = int(found[1], 16)
        self._total += self._left
        if self._most is not None and self._total > self._most:
            raise _too_long(self._most)
        if self._left == 0:
            self._end()

    def _end(self) -> None:
        while (line := self._source.readline()) != b"\r\n":
            self._hear(len(line))
            _parse_fields((line + b"\r\n").decode("latin-1"), 0)
        self._ended = True

    def _hear(self, count: int) -> None:
        self._spoken += count
        if self._spoken > MOST_HEAD_BYTES:
            raise BadMessage(400, "more beside the content than anyone needs to say")


def content_of(head: Head, source: Source, ask: Callable[[], None] | None, most: int | None = None) -> Content | None:
    """The content that follows a head, of at most `most` bytes; None where none does.

    Raises BadMessage for what could be read in two ways, or is too long.
    """
    codings, lengths = head.headers.all("Transfer-Encoding"), head.headers.all("Content-Length")
    if codings:
        if lengths:
            raise BadMessage(400, "both Transfer-Encoding and Content-Length")
        if head.minor == 0:
            raise BadMessage(400, "Transfer-Encoding in HTTP/1.0")
        if ",".join(codings).strip().lower() != "chunked":
            raise BadMessage(501, "the only transfer coding that is understood is chunked")
        return ChunkedContent(source, ask, most)
    if not lengths:
        return None
    if len(lengths) > 1 or not _LENGTH.fullmatch(lengths[0]):
        raise BadMessage(400, "not a Content-Length")
    length = int(lengths[0])
    if most is not None and length > most:
        raise _too_long(most)
    return SizedContent(source, ask, length)


def _too_long(most: int) -> BadMessage:
    return BadMessage(413, f"the content of a request has at most {most} bytes")


def format_head(response: Response, *fields: tuple[str, str], chunked: bool, close: bool) -> bytes:
    """The status line and header fields of an answer, with further `fields` and what the connection needs."""
    lines = [_status_line(response.status)]
    lines += [f"{name}: {_one_line(value)}" for name, value in response.headers]
    lines += [f"{name}: {value}" for name, value in fields]
    if "Date" not in response.headers:
        lines.append(_date_line(int(time.time())))
    if chunked:
        lines.append("Transfer-Encoding: chunked")
    if close:
        lines.append("Connection: close")
    return "\r\n".join((*lines, "", "")).encode("latin-1", "replace")


def has_content(method: str, status: int) -> bool:
    """Whether content follows the head of an answer (RFC 9110 §6.4.1)."""
    return method != "HEAD" and status >= 200 and status not in _WITHOUT_CONTENT


@lru_cache(maxsize=64)
def _status_line(status: int) -> str:
    return f"HTTP/1.1 {status_text(status)}"


@lru_cache(maxsize=2)
def _date_line(seconds: int) -> str:
    return f"Date: {formatdate(seconds, usegmt=True)}"


def _one_line(value: str) -> str:
    return value if value.isprintable() else "".join(sign for sign in value if sign.isprintable())
