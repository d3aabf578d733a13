"""A request as it goes out: its header fields and the pieces of its content."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..errors import InvalidInput, Misbehaved
from .message import Request, Stream

MOST_COPIED_BYTES: Final = 1 << 14  # of a chunk that is sent together with its length
BUFFER_BYTES: Final = 1 << 20  # read from a body and written to a socket at a time
_SEPARATORS: Final = frozenset("\r\n\0")  # of which no field may have one (RFC 9110 §5.5)


def fields(request: Request) -> Iterator[tuple[str, str]]:
    """The header fields of a request, and those that say how its content comes (RFC 9112 §6)."""
    yield from request.headers
    yield "Accept-Encoding", "identity"
    if request.body is not None and request.body.size is not None:
        yield "Content-Length", str(request.body.size)
    elif request.body is not None:
        yield "Transfer-Encoding", "chunked"
    elif request.method in ("POST", "PUT", "PATCH"):
        yield "Content-Length", "0"


def head_of(request: Request, place: str = "", *further: tuple[str, str]) -> bytes:
    """The request line, after `place`, and the header fields with `further` ones (RFC 9112 §3).

    Raises InvalidInput for a field that cannot be sent as one line.
    """
    lines = [f"{request.method} {place}{request.target} HTTP/1.1", f"Host: {request.origin.netloc}"]
    for name, value in (*fields(request), *further):
        if not _SEPARATORS.isdisjoint(value):
            raise InvalidInput(f"{request}: the header field {name} has more than a line")
        lines.append(f"{name}: {value}")
    try:
        return "\r\n".join((*lines, "", "")).encode("latin-1")
    except UnicodeEncodeError:
        raise InvalidInput(f"{request}: a header field has letters that none can have") from None


def chunk(piece: memoryview) -> tuple[bytes | memoryview, ...]:
    """A piece as one of the chunks of what has no announced length (RFC 9112 §7.1), in parts; large ones are not copied."""
    head, end = b"%x\r\n" % len(piece), b"\r\n"
    return (head, piece, end) if len(piece) > MOST_COPIED_BYTES else (head + bytes(piece) + end,)


def pieces(request: Request, content: Stream, sent: int = 0) -> Iterator[memoryview]:
    """The content of a request, of which so much was `sent`; an empty piece ends what has no announced length.

    Raises Misbehaved for another length than the announced one.
    """
    size = request.body.size if request.body else 0
    buffer = bytearray(min(BUFFER_BYTES, size) if size else BUFFER_BYTES)
    while count := content.readinto(buffer):
        sent += count
        if size is not None and sent > size:  # a byte more would be read as the next request
            break
        yield memoryview(buffer)[:count]
    if size is None:
        yield memoryview(b"")
    elif sent != size:
        more = " or more" if sent > size else ""
        raise Misbehaved(f"{request}: the content has {sent} bytes{more}, {size} were announced")
