"""Reading a blob to its end over connections that break (distribution specification, §Pulling blobs; RFC 9110 §14)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from ..errors import ContentMismatch, Misbehaved
from ..expressions import expression
from ..http.message import Request, Response, Stream, Unanswered
from ..http.problem import failure
from ..spec.descriptor import Descriptor
from ..spec.digest import VerifyingReader

MOST_RESUMPTIONS: Final = 5  # in a row, without a byte of progress
SKIPPED_BYTES: Final = 1 << 20  # at a time, where a server sends the beginning again

_CONTENT_RANGE = expression(r"bytes\s+(?:(?P<first>\d{1,19})-\d{1,19}|\*)/(?:(?P<whole>\d{1,19})|\*)", re.ASCII)


def content_range(response: Response) -> tuple[int | None, int | None]:
    """The byte with which the content of an answer begins, and how long the whole is, as far as it says (RFC 9110 §14.4)."""
    found = _CONTENT_RANGE.fullmatch((response.headers.get("Content-Range") or "").strip())
    first, whole = (found["first"], found["whole"]) if found else (None, None)
    return int(first) if first else None, int(whole) if whole else None


class ResumingStream:
    """The content of a descriptor as a stream; where the connection is cut, the rest is asked for by `Range`."""

    def __init__(
        self, send: Callable[[Request], Response], request: Request, descriptor: Descriptor, offset: int
    ) -> None:
        self._send = send
        self._request = request
        self._size = descriptor.size
        self._position = offset
        self._behind = 0  # bytes that a server without ranges sends again
        self._left = MOST_RESUMPTIONS
        self._response = self._ask()
        self._reader: Stream | VerifyingReader = _Raw(self)
        self.vouched = descriptor.digest if offset == 0 else None
        if offset == 0:
            self._reader = descriptor.digest.reader(_Raw(self), descriptor.size)

    def entrust(self) -> None:
        """Verify nothing but the length any more."""
        self._reader, self.vouched = _Raw(self), None

    def read(self, size: int = -1, /) -> bytes:
        """Read at most `size` bytes, or to the end. Raises ContentMismatch, Unreachable."""
        return self._reader.read(size)

    def readinto(self, buffer: bytearray | memoryview, /) -> int:
        """Fill `buffer` as far as one read goes; 0 at the end. Raises ContentMismatch, Unreachable."""
        return self._reader.readinto(buffer)

    def close(self) -> None:
        self._response.close()

    def fill(self, buffer: bytearray | memoryview) -> int:
        """One read from the connection of the moment, or from the next where that one breaks."""
        while True:
            try:
                self._catch_up()
                count = self._response.stream.readinto(buffer)
            except Unanswered:
                self._response.close()
                if self._left == 0:
                    raise
                self._left -= 1
                self._response = self._ask()
                continue
            self._position += count
            self._left = MOST_RESUMPTIONS if count else self._left
            if self._position > self._size or (not count and len(buffer) and self._position < self._size):
                raise self._wrong_length()
            return count

    def _ask(self) -> Response:
        request = self._request
        if self._position:
            request = request.having("Range", f"bytes={self._position}-")
        response = self._send(request)
        if response.status == 206 and self._position:
            self._check_range(request, response)
            return response
        if response.status == 416 and self._position == self._size:
            response.close()
            return Response.of(206)
        if response.status != 200:
            raise failure(request, response)
        self._behind = self._position
        return response

    def _check_range(self, request: Request, response: Response) -> None:
        first, _ = content_range(response)
        if first != self._position:
            response.close()
            raise Misbehaved(
                f"{request}: asked from byte {self._position} on, the answer is {response.headers.get('Content-Range')!r}"
            )

    def _catch_up(self) -> None:
        """A server without ranges begins anew: read up to where we are."""
        while self._behind:
            data = self._response.stream.read(min(self._behind, SKIPPED_BYTES))
            if not data:
                self._position -= self._behind
                raise self._wrong_length()
            self._behind -= len(data)

    def _wrong_length(self) -> ContentMismatch:
        longer = self._position > self._size
        return ContentMismatch(
            f"{self._request}: the content {'goes on after' if longer else 'ends at'} byte {min(self._position, self._size)}",
            expected=f"{self._size} bytes",
            actual=f"more than {self._size} bytes" if longer else f"{self._position} bytes",
        )


class _Raw:
    """The unverified bytes of a resuming stream."""

    def __init__(self, stream: ResumingStream) -> None:
        self._stream = stream

    def readinto(self, buffer: bytearray | memoryview, /) -> int:
        return self._stream.fill(buffer)

    def read(self, size: int = -1, /) -> bytes:
        if size < 0:
            return b"".join(iter(lambda: self.read(SKIPPED_BYTES), b""))
        buffer = bytearray(size)
        return bytes(buffer[: self._stream.fill(buffer)])

    def close(self) -> None:
        self._stream.close()
