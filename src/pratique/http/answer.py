"""Answers as a client reads them (RFC 9112): what servers really send, as far as it can be read in one way only, within limits.

Generous to bare line feeds, folded lines, a missing reason and lengths that are said twice. Nothing here knows sockets.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple, Protocol

from .message import Headers

MOST_INTERIM_ANSWERS: Final = 20  # 1xx before the real one
MOST_HEAD_BYTES: Final = 64 << 10  # of a head, and of what chunks say beside content
MOST_LINES: Final = 100  # of a head
MOST_LINE_BYTES: Final = 4 << 10  # of a chunk's head or a trailer
MOST_DIGITS: Final = 18  # of a length in bytes; 15 of a chunk's, which is hexadecimal
BLOCK: Final = 16 << 10  # bytes read at a time, where it is not known what comes

_NAME_SIGNS: Final = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"  # RFC 9110 §5.6.2
_BLANKS: Final = " \t"
_HEXADECIMAL: Final = frozenset(b"0123456789abcdefABCDEF")
_SWITCHING_PROTOCOLS: Final = 101
_WITHOUT_CONTENT: Final = frozenset({_SWITCHING_PROTOCOLS, 204, 304})


class Malformed(Exception):
    """What came is not HTTP, or could be read in two ways."""


class Cut(ConnectionError):
    """The connection ended before the message did."""


class Channel(Protocol):
    """As much of a socket as an exchange needs."""

    def sendall(self, data: bytes | memoryview, /) -> None: ...
    def recv(self, size: int, /) -> bytes: ...
    def recv_into(self, buffer: memoryview, /) -> int: ...


class Head(NamedTuple):
    """The status line and header fields of an answer. `minor` is that of the version, HTTP/1.0 or HTTP/1.1."""

    status: int
    minor: int
    headers: Headers

    @property
    def interim(self) -> bool:
        """Whether the answer is yet to come; a change of protocols, which nobody asked for, would be one."""
        return self.status < 200 and self.status != _SWITCHING_PROTOCOLS

    @property
    def persistent(self) -> bool:
        """Whether the server takes another request on this connection (RFC 9112 §9.3)."""
        wishes = ",".join(self.headers.all("Connection")).lower()
        return "close" not in wishes and (self.minor > 0 or "keep-alive" in wishes)


class Incoming:
    """The bytes of a connection in their order: those that came already, and then what the channel brings."""

    __slots__ = ("_at", "_channel", "_held")

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._held = b""
        self._at = 0  # how many of the held bytes were taken

    @property
    def waiting(self) -> int:
        """How many bytes came already and were not taken."""
        return len(self._held) - self._at

    def readinto(self, buffer: memoryview) -> int:
        """Fill `buffer` as far as one read goes; 0 at the end of the connection. Raises OSError."""
        if self._at == len(self._held):
            return self._channel.recv_into(buffer)
        taken = self._held[self._at : self._at + len(buffer)]
        buffer[: len(taken)] = taken
        self._at += len(taken)
        return len(taken)

    def line(self) -> bytes:
        """The next line, without its end. Raises Malformed for a long one, Cut and OSError."""
        while (end := self._held.find(b"\n", self._at)) < 0 and self.waiting <= MOST_LINE_BYTES:
            if not self._receive():
                raise Cut("in the middle of a line")
        if not 0 <= end - self._at < MOST_LINE_BYTES:
            raise Malformed("a line of the content is too long")
        line = self._held[self._at : end]
        self._at = end + 1
        return line.removesuffix(b"\r")

    def head(self) -> bytes:
        """All lines up to an empty one. Raises Malformed as soon as they can be no head, Cut and OSError."""
        while (end := self._end_of_head()) < 0:
            self._check_beginning()
            if not self._receive():
                raise Cut("in the middle of the head" if self.waiting else "without an answer")
        if end - self._at > MOST_HEAD_BYTES:
            raise _too_long()
        head = self._held[self._at : end]
        self._at = end
        return head

    def _end_of_head(self) -> int:
        end = self._held.find(b"\n\r\n", self._at)
        bare = self._held.find(b"\n\n", self._at, end + 1 if end >= 0 else None)
        if bare >= 0:
            return bare + len(b"\n\n")
        return end + len(b"\n\r\n") if end >= 0 else -1

    def _check_beginning(self) -> None:
        """Who speaks another protocol may wait for us for ever: its first line says enough. Nor need a head be endless."""
        if self.waiting >= MOST_HEAD_BYTES:
            raise _too_long()
        if self._held.count(b"\n", self._at) > MOST_LINES + 1:
            raise _too_many()
        end = self._held.find(b"\n", self._at)
        if end >= 0:
            _parse_status(self._held[self._at : end])
        elif not b"HTTP/1.".startswith(self._held[self._at : self._at + 7]):
            raise _no_status()

    def _receive(self) -> int:
        data = self._channel.recv(BLOCK)
        self._held = self._held[self._at :] + data
        self._at = 0
        return len(data)


def read_head(incoming: Incoming) -> Head:
    """The head of an answer behind interim ones (RFC 9110 §15.2), or the last of too many. Raises Malformed, Cut, OSError."""
    head = parse_head(incoming.head())
    for _ in range(MOST_INTERIM_ANSWERS):
        if not head.interim:
            break
        head = parse_head(incoming.head())
    return head


def parse_head(raw: bytes) -> Head:
    """Read the lines of a head. Raises Malformed."""
    first, _, rest = raw.rstrip(b"\r\n").partition(b"\n")
    minor, status = _parse_status(first)
    text = rest.decode("latin-1").replace("\r\n", "\n")
    if text.count("\n") >= MOST_LINES:
        raise _too_many()
    if "\r" in text or "\0" in text:
        raise Malformed("a header field has a character that none may have")
    return Head(status, minor, Headers(_parse_fields(text.split("\n") if text else ())))


def _no_status() -> Malformed:
    return Malformed("it does not begin with HTTP/1.1 and a status")


def _too_long() -> Malformed:
    return Malformed(f"the head has more than {MOST_HEAD_BYTES} bytes")


def _too_many() -> Malformed:
    return Malformed(f"the head has more than {MOST_LINES} lines")


def _parse_status(line: bytes) -> tuple[int, int]:
    """The minor version and the status; a reason may be missing, and says nothing (RFC 9112 §4)."""
    words = line.split(None, 2)
    if len(words) < 2 or len(words[0]) != 8 or not line.startswith(b"HTTP/1.") or not words[0][7:].isdigit():
        raise _no_status()
    status = words[1]
    if len(status) != 3 or not status.isdigit() or status < b"100":
        raise Malformed("the status is not a number of three digits")
    return int(words[0][7:]), int(status)


def _parse_fields(lines: Iterable[str]) -> list[tuple[str, str]]:
    fields: list[tuple[str, str]] = []
    for line in lines:
        if line[:1] in (" ", "\t") and fields:  # a folded line (RFC 9112 §5.2)
            fields[-1] = (fields[-1][0], f"{fields[-1][1]} {line.strip(_BLANKS)}".strip())
        else:
            fields.append(_parse_field(line))
    return fields


def _parse_field(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    name = name.rstrip(_BLANKS)
    if not colon or not name or name.strip(_NAME_SIGNS):
        raise Malformed("a line of the head is not a header field")
    return name, value.strip(_BLANKS)


class Content(Protocol):
    """What follows a head, in the way that it is framed."""

    left: int | None  # bytes still to come, where that is known

    @property
    def ended(self) -> bool:
        """Whether all of it was read."""

    def readinto(self, buffer: memoryview) -> int:
        """Fill `buffer` as far as one read goes; 0 at the end. Raises Cut, Malformed, OSError."""


class Sized:
    """Content of a known length (RFC 9112 §6.2)."""

    __slots__ = ("_incoming", "left")

    def __init__(self, incoming: Incoming, size: int) -> None:
        self._incoming = incoming
        self.left: int | None = size

    @property
    def ended(self) -> bool:
        return not self.left

    def readinto(self, buffer: memoryview) -> int:
        if not self.left:
            return 0
        count = self._incoming.readinto(buffer[: self.left])
        if not count and len(buffer):
            raise Cut(f"{self.left} bytes before its end")
        self.left -= count
        return count


class Unsized:
    """Content that ends with the connection (RFC 9112 §6.3)."""

    __slots__ = ("_incoming", "ended", "left")

    def __init__(self, incoming: Incoming) -> None:
        self._incoming = incoming
        self.left: int | None = None
        self.ended = False

    def readinto(self, buffer: memoryview) -> int:
        count = self._incoming.readinto(buffer)
        self.ended = not count and len(buffer) > 0
        return count


class Chunked:
    """Content in chunks (RFC 9112 §7.1); extensions and trailers are read and forgotten."""

    __slots__ = ("_incoming", "_more", "_spoken", "ended", "left")

    def __init__(self, incoming: Incoming) -> None:
        self._incoming = incoming
        self._more = 0  # bytes to come of this chunk
        self._spoken = 0  # bytes that were not content
        self.left: int | None = None
        self.ended = False

    def readinto(self, buffer: memoryview) -> int:
        if not self._more and not self.ended:
            self._begin()
        if self.ended:
            return 0
        count = self._incoming.readinto(buffer[: self._more])
        if not count and len(buffer):
            raise Cut("in the middle of a chunk")
        self._more -= count
        if not self._more and self._incoming.line():
            raise Malformed("a chunk does not end where it should")
        return count

    def _begin(self) -> None:
        line = self._incoming.line()
        digits = line.partition(b";")[0].strip(b" \t")
        if not digits or not _HEXADECIMAL.issuperset(digits):
            raise Cut("no chunk where one should begin")
        if len(digits.lstrip(b"0")) > MOST_DIGITS - 3:
            raise Malformed("the size of a chunk is absurd")
        self._hear(len(line) - len(digits))
        self._more = int(digits, 16)
        if not self._more:
            self._end()

    def _end(self) -> None:
        while line := self._incoming.line():
            self._hear(len(line))
        self.ended = True

    def _hear(self, count: int) -> None:
        self._spoken += count
        if self._spoken > MOST_HEAD_BYTES:
            raise Malformed("chunks say more beside their content than anyone needs to")


def content_of(head: Head, method: str, incoming: Incoming) -> tuple[Content, bool]:
    """The content that follows a head (RFC 9112 §6.3), and whether another answer may follow it.

    Raises Malformed where its length could be read in two ways, and for a head that is none of an answer.
    """
    if head.interim:
        raise Malformed("nothing but interim answers")
    if method == "HEAD" or head.status in _WITHOUT_CONTENT:
        return Sized(incoming, 0), head.persistent and head.status != _SWITCHING_PROTOCOLS
    codings = _words(head.headers.all("Transfer-Encoding"))
    lengths = _words(head.headers.all("Content-Length"))
    if codings - {"identity"}:
        if codings != {"chunked"}:
            raise Malformed("it has a transfer coding that nobody asked for")
        # A length beside it is overruled, and such a connection is not to be trusted any further.
        return Chunked(incoming), head.persistent and not lengths and head.minor > 0
    if not lengths:
        return Unsized(incoming), False
    length = lengths.pop()
    if lengths or not (length.isascii() and length.isdigit() and len(length) <= MOST_DIGITS):
        raise Malformed("its length is not one number")
    return Sized(incoming, int(length)), head.persistent


def _words(values: Iterable[str]) -> set[str]:
    return {word.strip(" \t").lower() for value in values for word in value.split(",")}
