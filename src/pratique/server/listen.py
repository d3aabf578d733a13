"""Sockets that a registry listens on: one thread a connection, HTTP/1.1, TLS where wanted."""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
import threading
import time
from collections.abc import Iterable
from contextlib import nullcontext
from io import BufferedReader
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from ..errors import Unreachable
from ..http.message import Body, Request, Response, Stream, Transport
from ..http.origin import redact
from ..spec.reference import is_registry
from .answers import UNKNOWN, Rejected
from .content import FilePart
from .wire import (
    BLOCK,
    BadMessage,
    Content,
    Head,
    content_of,
    format_head,
    has_content,
    read_head,
)

log = logging.getLogger(__name__)
access_log = logging.getLogger("pratique.server.access")

IDLE: Final = 60.0  # seconds that a client may be silent
GRACE: Final = 0.5  # seconds that answers under way have to end when the listener is closed
LINGER: Final = 2.0  # seconds that a client has to read an answer that came before it sent everything
MOST_DRAINED: Final = 256 << 10  # bytes of unwanted content that are read to keep a connection
MOST_JOINED: Final = 64 << 10  # bytes of content that go out in one send with the head
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class Listener:
    """Serves `handle` on a port; a context manager that begins on entry and ends on exit.

    `port` 0 takes a free one. With `certificate` (a PEM chain) and `key` it speaks TLS. `idle` is in seconds.
    Raises OSError where the port is taken or a file cannot be read.

    `address` is `host:port`, as it stands in a reference.
    """

    def __init__(
        self,
        handle: Transport,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        certificate: Path | None = None,
        key: Path | None = None,
        idle: float = IDLE,
    ) -> None:
        self.handle = handle
        self.idle = idle
        self.closing = False
        self.tls = _context(certificate, key) if certificate else None
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family, backlog=1024)
        bound, bound_port = self._socket.getsockname()[:2]
        self.address = f"[{bound}]:{bound_port}" if ":" in bound else f"{bound}:{bound_port}"
        self._lock = threading.Lock()
        self._connections: dict[_Connection, threading.Thread] = {}
        self._thread = threading.Thread(target=self._accept, name="listener", daemon=True)

    @property
    def scheme(self) -> str:
        return "https" if self.tls else "http"

    @property
    def url(self) -> str:
        """The root of the registry, without a slash at its end."""
        return f"{self.scheme}://{self.address}"

    def wait(self) -> None:
        """Wait until the listener is closed."""
        self._thread.join()

    def close(self) -> None:
        """Accept nothing more, let answers under way end for half a second, and close every connection."""
        self.closing = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # frees the thread that accepts
        if self._thread.ident is not None:
            self._thread.join()
        self._socket.close()
        with self._lock:
            connections = dict(self._connections)
        for connection in connections:
            connection.stop(even_busy=False)
        _join(connections.values(), GRACE)
        for connection in connections:
            connection.stop(even_busy=True)
        _join(connections.values(), GRACE)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _accept(self) -> None:
        while not self.closing:
            try:
                accepted, _ = self._socket.accept()
            except OSError as error:
                if not self.closing:  # for want of files, say: whoever leaves makes room
                    log.warning("cannot accept a connection: %s", error)
                    time.sleep(GRACE / 10)
                continue
            self._serve(_Connection(self, accepted))

    def _serve(self, connection: _Connection) -> None:
        thread = threading.Thread(target=self._run, args=(connection,), daemon=True)
        with self._lock:
            self._connections[connection] = thread
            thread.start()

    def _run(self, connection: _Connection) -> None:
        try:
            connection.run()
        finally:
            with self._lock:
                del self._connections[connection]


class _Connection:
    """One client's connection and the thread that serves it."""

    def __init__(self, listener: Listener, accepted: socket.socket) -> None:
        self._listener = listener
        self._socket = accepted
        self._busy = False

    def run(self) -> None:
        try:
            self._prepare()
            with self._socket.makefile("rb") as reader:
                while not self._listener.closing and self._exchange(reader):
                    pass
        except (OSError, Unreachable) as error:
            log.debug("a connection broke: %s", error)
        except Exception:
            log.exception("a connection was given up")
        finally:
            self._close()

    def stop(self, *, even_busy: bool) -> None:
        """End the connection from another thread: at once while no request is under way."""
        if even_busy or not self._busy:
            with contextlib.suppress(OSError):
                # Not the method of a TLS socket: that would let the other thread read on without TLS.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def _prepare(self) -> None:
        self._socket.settimeout(self._listener.idle)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._listener.tls:
            self._socket = self._listener.tls.wrap_socket(self._socket, server_side=True, do_handshake_on_connect=False)
            self._socket.do_handshake()

    def _close(self) -> None:
        with contextlib.suppress(OSError):
            if isinstance(self._socket, ssl.SSLSocket):
                self._socket.settimeout(0)  # say goodbye and do not wait for the answer
                self._socket.unwrap()
        self._socket.close()

    # --- One request and its answer

    def _exchange(self, reader: BufferedReader) -> bool:
        """Serve the next request; whether the connection is good for another."""
        try:
            head = read_head(reader)
            if head is None:
                return False
            self._busy = True
            return self._serve(head, reader)
        except BadMessage as bad:
            self._send(Rejected(UNKNOWN, str(bad), status=bad.status).response(), None, close=True)
            self._linger(reader)
            return False
        finally:
            self._busy = False

    def _serve(self, head: Head, reader: BufferedReader) -> bool:
        start = time.monotonic()
        expects = "100-continue" in (head.headers.get("Expect") or "").lower()
        content = content_of(head, reader, self._continue if expects else None)
        request = _request(head, self._listener.scheme, content)
        with self._listener.handle(request) as response:
            framed = response.length is not None or head.minor == 1  # in HTTP/1.0 only the end of the connection tells
            persistent = framed and head.persistent and not self._listener.closing and _is_drainable(content)
            sent = self._send(response, head, close=not persistent)
        self._log(request, response.status, sent, time.monotonic() - start)
        if persistent:
            _drain(content)
        elif content is not None and content.unread != 0:
            self._linger(reader)
        return persistent

    def _continue(self) -> None:
        self._socket.sendall(CONTINUE)

    def _log(self, request: Request, status: int, sent: int, seconds: float) -> None:
        if access_log.isEnabledFor(logging.INFO):
            url = redact(request.url)
            access_log.info('"%s %s" %d %d bytes %.1f ms', request.method, url, status, sent, seconds * 1000)

    def _linger(self, reader: BufferedReader) -> None:
        # Closing while the client still sends would reset the connection and lose the answer on its way.
        if isinstance(self._socket, ssl.SSLSocket):
            return
        end = time.monotonic() + LINGER
        self._socket.shutdown(socket.SHUT_WR)
        self._socket.settimeout(LINGER)
        while time.monotonic() < end and not self._listener.closing and reader.read1(BLOCK):
            pass

    # --- Answers

    def _send(self, response: Response, head: Head | None, *, close: bool) -> int:
        """Send an answer to the request with this head, if one was understood; returns the bytes of its content."""
        length = response.length
        chunked = length is None and head is not None and head.minor == 1
        start = format_head(response, chunked=chunked, close=close)
        if head is not None and not has_content(head.method, response.status):
            self._socket.sendall(start)
            return 0
        if length is None:
            return self._send_unsized(start, response, chunked=chunked)
        if length > MOST_JOINED and isinstance(response.stream, FilePart):
            return self._send_file(start, response.stream, length)
        return self._send_stream(start, response.stream, length)

    def _send_file(self, start: bytes, part: FilePart, length: int) -> int:
        if isinstance(self._socket, ssl.SSLSocket):  # its own sendfile moves 8 KiB at a time
            return self._send_stream(start, part, length)
        self._socket.sendall(start)
        if self._socket.sendfile(part.file, part.start, length) != length:
            raise ConnectionError("the content ended early")
        return length

    def _send_stream(self, start: bytes, stream: Stream, length: int) -> int:
        left = length
        while left:
            data = stream.read(min(left, 4 * BLOCK))
            if not data:
                raise ConnectionError("the content ended early")
            self._socket.sendall(start + data if start else data)
            start, left = b"", left - len(data)
        if start:
            self._socket.sendall(start)
        return length

    def _send_unsized(self, start: bytes, response: Response, *, chunked: bool) -> int:
        self._socket.sendall(start)
        total = 0
        while data := response.stream.read(BLOCK):
            self._socket.sendall(b"%x\r\n%b\r\n" % (len(data), data) if chunked else data)
            total += len(data)
        if chunked:
            self._socket.sendall(b"0\r\n\r\n")
        return total


def _context(certificate: Path, key: Path | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["http/1.1"])
    return context


def _join(threads: Iterable[threading.Thread], seconds: float) -> None:
    end = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))


def _request(head: Head, scheme: str, content: Content | None) -> Request:
    """The request with its absolute URL (RFC 9112 §3.3). Raises BadMessage where it has none."""
    hosts = head.headers.all("Host")
    if len(hosts) != 1 or not is_registry(hosts[0]):
        raise BadMessage(400, "a request has one Host")
    url = head.target
    if url.startswith("/"):
        url = f"{scheme}://{hosts[0]}{url}"
    elif not url.startswith(f"{scheme}://"):
        raise BadMessage(400, "not a request target of this server")
    body = Body(lambda: nullcontext(content), content.size) if content is not None else None
    return Request(head.method, url, head.headers, body)


def _is_drainable(content: Content | None) -> bool:
    """Whether what the client still sends is known to come, and short enough to be worth the connection."""
    if content is None or content.unread == 0:
        return True
    return not content.is_awaited and content.unread is not None and content.unread <= MOST_DRAINED


def _drain(content: Content | None) -> None:
    while content is not None and content.unread:
        content.read(BLOCK)
