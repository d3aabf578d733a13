"""Answers on their way out, over sockets that wait."""

from __future__ import annotations

import mmap
import socket
import ssl
from typing import Final

from ...http.message import Response, Stream
from ..content import FilePart

MOST_JOINED: Final = 64 << 10  # bytes of content that go out in one send with the head
WINDOW: Final = 16 << 20  # bytes of a file that are mapped at a time
STEP: Final = 512 << 10  # bytes of a file that are sent at a time
READ: Final = 256 << 10  # bytes of any other content that are read and sent at a time


class Sender:
    """Sends one answer; `sent` are the bytes of its content so far."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self.sent = 0

    def send(self, start: bytes, response: Response, *, chunked: bool) -> None:
        """Send the head and the content of an answer. Raises OSError, also for content that ends early."""
        length, stream = response.length, response.stream
        if length is None:
            self._send_unsized(start, stream, chunked=chunked)
        # OpenSSL would read a mapped file itself, and end the process where somebody made the file shorter.
        elif length > MOST_JOINED and isinstance(stream, FilePart) and not isinstance(self._line, ssl.SSLSocket):
            self._send_file(start, stream, length)
        else:
            self._send_stream(start, stream, length)

    def _send_file(self, start: bytes, part: FilePart, length: int) -> None:
        # Measured: faster than sendfile, which leaves cold pages to the receiver, and than a buffer of our own.
        self._line.sendall(start)
        first, end = part.start, part.start + min(length, part.size)
        while first < end:
            base = first - first % mmap.ALLOCATIONGRANULARITY
            last = min(base + WINDOW, end)
            try:
                window = mmap.mmap(part.file.fileno(), last - base, mmap.MAP_PRIVATE, mmap.PROT_READ, offset=base)
            except ValueError:  # the file is shorter by now
                raise _ended_early() from None
            with window, memoryview(window) as view:
                self._send_window(window, view, first - base)
            first = last
        if part.size < length:
            raise _ended_early()

    def _send_window(self, window: mmap.mmap, view: memoryview, first: int) -> None:
        while first < len(view):
            last = min(first - first % STEP + STEP, len(view))
            self._line.sendall(view[first:last])
            self.sent += last - first
            # What is sent is given back at once, so that many slow readers do not add up.
            window.madvise(mmap.MADV_DONTNEED, first - first % STEP, min(STEP, len(view) - (first - first % STEP)))
            first = last

    def _send_stream(self, start: bytes, stream: Stream, length: int) -> None:
        while self.sent < length:
            data = stream.read(min(length - self.sent, READ))
            if not data:
                raise _ended_early()
            self._line.sendall(start + data if start else data)
            self.sent += len(data)
            start = b""
        if start:
            self._line.sendall(start)

    def _send_unsized(self, start: bytes, stream: Stream, *, chunked: bool) -> None:
        self._line.sendall(start)
        while data := stream.read(READ):
            self._line.sendall(b"%x\r\n%b\r\n" % (len(data), data) if chunked else data)
            self.sent += len(data)
        if chunked:
            self._line.sendall(b"0\r\n\r\n")


def joined(response: Response) -> bytes | None:
    """The content of a short answer, less than its length where it ends early; None for a long one or an unknown length."""
    length = response.length
    if length is None or length > MOST_JOINED:
        return None
    content = b""
    while len(content) < length and (data := response.stream.read(length - len(content))):
        content = content + data if content else data
    return content


def _ended_early() -> ConnectionError:
    return ConnectionError("the content ended early")
