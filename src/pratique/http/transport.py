"""The one file that knows the HTTP library: a transport over `http.client` with a thread-safe pool of connections.

Nothing here follows redirects, decodes content, keeps cookies or reads netrc.
"""

from __future__ import annotations

import http.client
import io
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from ..errors import InvalidInput, Misbehaved, Unreachable
from .message import Headers, Request, Response, Unanswered
from .origin import DEFAULT_PORTS, Origin, is_private_address

CONNECT_SECONDS: Final = 10.0
READ_SECONDS: Final = 60.0
IDLE_SECONDS: Final = 30.0  # after which an idle connection is not used again
MOST_IDLE_CONNECTIONS: Final = 32  # an origin
MOST_INTERIM_ANSWERS: Final = 20  # 1xx before the real one
BUFFER_BYTES: Final = 1 << 20  # read from a body and written to a socket at a time
MOST_DRAINED_BYTES: Final = 1 << 16  # of an unread rest, for the sake of using the connection again

# What a server that speaks TLS begins its first record with: a handshake or an alert (RFC 8446 §5.1).
_TLS_RECORDS: Final = (b"\x16", b"\x15")


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom to trust and who to be: `ca_file` replaces the system's authorities, `cert` and `key` are for mutual TLS."""

    verify: bool = True
    ca_file: str | None = None
    cert: str | None = None
    key: str | None = None

    def context(self) -> ssl.SSLContext:
        """The TLS settings. Raises InvalidInput for files that cannot be read or do not fit."""
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
            if self.cert:
                context.load_cert_chain(self.cert, self.key)
        except (OSError, ValueError) as error:
            files = ", ".join(file for file in (self.ca_file, self.cert, self.key) if file)
            raise InvalidInput(f"certificates cannot be loaded from {files}: {_reason(error)}") from None
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols(["http/1.1"])
        return context


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long to wait, in seconds, for a connection and for each piece of an answer."""

    connect: float = CONNECT_SECONDS
    read: float = READ_SECONDS


class HttpTransport:
    """Carries requests over sockets. Safe to share among threads; `cancel()` frees every blocked one at once."""

    def __init__(
        self,
        trust: Trust | None = None,
        timeouts: Timeouts | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._trust = trust or Trust()
        self._timeouts = timeouts or Timeouts()
        self._clock = clock
        self._context: ssl.SSLContext | None = None
        self._lock = threading.Lock()
        self._idle: dict[Origin, list[tuple[float, _Connection]]] = {}
        self._open: set[_Connection] = set()
        self._cancelled: str | None = None

    def __call__(self, request: Request) -> Response:
        """Send a request, on an idle connection if there is one.

        Raises Unanswered, or Misbehaved for an answer that is not HTTP.
        """
        origin = request.origin
        while (connection := self._idle_connection(origin)) is not None:
            if request.public_only:
                _refuse_private(request, connection.peer)
            with suppress(_Stale):
                return self._exchange(connection, request)
        connection = self._connect(origin, request)
        try:
            return self._exchange(connection, request)
        except _Stale as error:
            raise Unanswered(f"{request}: {origin} closed the connection without an answer", transient=True) from error

    def speaks_tls(self, origin: Origin) -> bool:
        """Whether a server at this host and port answers the beginning of a TLS handshake; False if none listens."""
        hello, incoming = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        with suppress(ssl.SSLWantReadError):
            context.wrap_bio(incoming, hello, server_hostname=origin.host).do_handshake()
        try:
            with socket.create_connection((origin.host, origin.port), self._timeouts.connect) as connection:
                connection.sendall(hello.read())
                return connection.recv(1) in _TLS_RECORDS
        except OSError:
            return False

    def cancel(self, reason: str) -> None:
        """Fail everything under way and to come with `reason`, at once."""
        with self._lock:
            self._cancelled = reason
            connections = list(self._open)
        for connection in connections:
            connection.shut()

    def close(self) -> None:
        """Close the idle connections."""
        with self._lock:
            idle = [connection for entries in self._idle.values() for _, connection in entries]
            self._idle.clear()
        for connection in idle:
            self._discard(connection)

    def _idle_connection(self, origin: Origin) -> _Connection | None:
        while True:
            with self._lock:
                entries = self._idle.get(origin)
                if not entries:
                    return None
                since, connection = entries.pop()
            if self._clock() - since < IDLE_SECONDS and not connection.has_news():
                return connection
            self._discard(connection)

    def _connect(self, origin: Origin, request: Request) -> _Connection:
        self._raise_if_cancelled(request)
        connection = _Connection(origin, self._timeouts)
        with self._lock:
            self._open.add(connection)
        try:
            connection.open(self._tls if origin.scheme == "https" else None, request)
        except BaseException as error:
            self._discard(connection)
            self._raise_if_cancelled(request)
            if isinstance(error, OSError | ValueError) and not isinstance(error, InvalidInput):
                raise _unconnected(request, error) from error
            raise
        return connection

    def _tls(self) -> ssl.SSLContext:
        with self._lock:
            if self._context is None:
                self._context = self._trust.context()
            return self._context

    def _exchange(self, connection: _Connection, request: Request) -> Response:
        try:
            self._raise_if_cancelled(request)
            answer = connection.exchange(request)
        except BaseException as error:
            self._discard(connection)
            self._raise_if_cancelled(request)
            if isinstance(error, OSError | http.client.HTTPException | ValueError):
                raise _unanswered(request, connection, error) from error
            raise
        stream = _BodyStream(request, connection, answer, self._finished)
        return Response(answer.status, _headers(answer), stream, request.url, connection.peer)

    def _finished(self, connection: _Connection, *, reusable: bool) -> None:
        with self._lock:
            entries = self._idle.setdefault(connection.origin, [])
            keep = reusable and self._cancelled is None and len(entries) < MOST_IDLE_CONNECTIONS
            if keep:
                connection.used = True
                entries.append((self._clock(), connection))
        if not keep:
            self._discard(connection)

    def _discard(self, connection: _Connection) -> None:
        with self._lock:
            self._open.discard(connection)
        connection.close()

    def _raise_if_cancelled(self, request: Request) -> None:
        if self._cancelled is not None:
            raise Unanswered(f"{request}: {self._cancelled}", transient=False) from None


class _Answer(http.client.HTTPResponse):
    """An answer behind any number of interim ones; the library itself skips only `100 Continue` (RFC 9110 §15.2)."""

    def _read_status(self) -> tuple[str, int, str]:
        read_status = super()._read_status  # type: ignore[misc]
        for _ in range(MOST_INTERIM_ANSWERS):
            version, status, reason = read_status()
            if not 101 < status < 200:
                return version, status, reason
            http.client.parse_headers(self.fp)
        raise http.client.HTTPException("nothing but interim answers")


class _Stale(Exception):
    """A used connection turned out to be closed before anything was answered."""


class _Connection:
    """One connection and what the pool knows of it."""

    def __init__(self, origin: Origin, timeouts: Timeouts) -> None:
        self.origin = origin
        self.peer: str | None = None
        self.used = False
        self.timeouts = timeouts
        self._socket: socket.socket | None = None
        self._http = http.client.HTTPConnection(origin.host, origin.port)
        self._http.default_port = DEFAULT_PORTS[origin.scheme]
        self._http.auto_open = 0
        self._http.response_class = _Answer

    def open(self, tls: Callable[[], ssl.SSLContext] | None, request: Request) -> None:
        """Connect; nothing is sent, not even the beginning of TLS, to an address that the request does not admit."""
        connected = socket.create_connection((self.origin.host, self.origin.port), self.timeouts.connect)
        self._socket = connected
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.peer = str(connected.getpeername()[0])
        if request.public_only:
            _refuse_private(request, self.peer)
        if tls is not None:
            wrapped = tls().wrap_socket(connected, server_hostname=self.origin.host, do_handshake_on_connect=False)
            self._socket = wrapped
            wrapped.do_handshake()
        self.wait(self.timeouts.read)
        self._http.sock = self._socket

    def wait(self, seconds: float) -> None:
        """Set how long a read may take; 0 for what has arrived already."""
        if self._socket is not None:
            self._socket.settimeout(seconds)

    def exchange(self, request: Request) -> http.client.HTTPResponse:
        """Send a request and read the head of its answer; the answer may come before the body is sent."""
        try:
            complete = self._send(request)
            answer = self._http.getresponse()
        except (http.client.RemoteDisconnected, ConnectionError) as error:
            if self.used:
                raise _Stale from error
            raise
        if not complete:
            answer.will_close = True
        return answer

    def has_news(self) -> bool:
        """Whether there is something to read, if only the news that the other side has closed the connection."""
        return self._socket is None or _readable(self._socket)

    def shut(self) -> None:
        """Free whoever is blocked on the socket. Not by SSLSocket.shutdown: it takes the TLS state from under a reader."""
        if self._socket is not None:
            with suppress(OSError):
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def close(self) -> None:
        with suppress(OSError):
            self._http.close()
        if self._socket is not None:
            with suppress(OSError):
                self._socket.close()

    def _send(self, request: Request) -> bool:
        """Send head and body; False when an answer or a broken pipe came before the body was sent."""
        chunked = request.body is not None and request.body.size is None
        self._http.putrequest(request.method, request.target, skip_accept_encoding=True)
        for name, value in _fields(request):
            self._http.putheader(name, value)
        if request.body is None:
            self._http.endheaders()
            return True
        self._http.endheaders()
        return all(self._send_piece(piece, chunked) for piece in _pieces(request))

    def _send_piece(self, piece: memoryview, chunked: bool) -> bool:
        # Over TLS there is always news, for instance session tickets; an early answer shows when the pipe breaks.
        if self.origin.scheme == "http" and self.has_news():
            return False
        try:
            if chunked:
                self._http.send(b"%x\r\n%b\r\n" % (len(piece), bytes(piece)))
            else:
                self._http.send(piece)
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True


class _BodyStream(io.RawIOBase):
    """The content of an answer; gives its connection back when read to the end, and up when closed before."""

    def __init__(
        self, request: Request, connection: _Connection, answer: http.client.HTTPResponse, finished: Callable[..., None]
    ) -> None:
        super().__init__()
        self._request = request
        self._connection = connection
        self._answer = answer
        self._finished = finished
        self._expected = answer.length  # bytes still to come where the answer says how many
        self._done = False
        if answer.isclosed():
            self._finish(reusable=not answer.will_close)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object, /) -> int:
        if self._done:
            return 0
        view = memoryview(buffer)  # type: ignore[arg-type]
        try:
            count = self._answer.readinto(view)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._finish(reusable=False)
            raise Unanswered(f"{self._request}: the answer was cut ({_reason(error)})", transient=True) from error
        if self._expected is not None:
            self._expected -= count
        if not count and len(view):
            self._end()
        elif self._answer.isclosed() and not self._expected:
            self._finish(reusable=not self._answer.will_close)
        return count

    def close(self) -> None:
        if not self._done:
            self._finish(reusable=self._drain())
        super().close()

    def _drain(self) -> bool:
        """Read a short rest that has arrived anyway, so that the connection can be used again."""
        if not 0 <= (self._expected if self._expected is not None else -1) <= MOST_DRAINED_BYTES:
            return False
        try:
            self._connection.wait(0)
            self._answer.read()
        except (OSError, http.client.HTTPException, ValueError):
            return False
        self._connection.wait(self._connection.timeouts.read)
        return self._answer.isclosed() and not self._answer.will_close

    def _end(self) -> None:
        self._finish(reusable=not self._answer.will_close and not self._expected)
        if self._expected:
            raise Unanswered(
                f"{self._request}: the answer was cut, {self._expected} bytes before its end", transient=True
            )

    def _finish(self, *, reusable: bool) -> None:
        if not self._done:
            self._done = True
            self._answer.close()
            self._finished(self._connection, reusable=reusable)


def _fields(request: Request) -> Iterator[tuple[str, str]]:
    yield from request.headers
    yield "Accept-Encoding", "identity"
    if request.body is not None and request.body.size is not None:
        yield "Content-Length", str(request.body.size)
    elif request.body is not None:
        yield "Transfer-Encoding", "chunked"
    elif request.method in ("POST", "PUT", "PATCH"):
        yield "Content-Length", "0"


def _pieces(request: Request) -> Iterator[memoryview]:
    body = request.body
    if body is None:
        return
    buffer = bytearray(min(BUFFER_BYTES, body.size) if body.size else BUFFER_BYTES)
    sent = 0
    with body.open() as content:
        while count := content.readinto(buffer):
            sent += count
            yield memoryview(buffer)[:count]
    if body.size is None:
        yield memoryview(b"")
    elif sent != body.size:
        raise Misbehaved(f"{request}: the content has {sent} bytes, {body.size} were announced")


def _headers(answer: http.client.HTTPResponse) -> Headers:
    # A folded line (RFC 9112 §5.2) comes with its line ends.
    return Headers(
        (name, " ".join(value.split("\r\n")) if "\n" in value else value) for name, value in answer.getheaders()
    )


def _readable(connected: socket.socket) -> bool:
    if hasattr(select, "poll"):  # select() has no room for descriptors above 1023
        poll = select.poll()
        poll.register(connected, select.POLLIN)
        return bool(poll.poll(0))
    return bool(select.select([connected], [], [], 0)[0])


def _refuse_private(request: Request, peer: str | None) -> None:
    if peer is not None and is_private_address(peer):
        raise Unreachable(
            f"{request}: {request.origin.host} is {peer}, an address that is not public, and was named by a public registry",
            advice="a secret is not sent there; if this is intended, say so with --realm",
        )


def _unconnected(request: Request, error: Exception) -> Unanswered:
    origin = request.origin
    if isinstance(error, ssl.SSLCertVerificationError):
        advice = "give the authority with --ca-file, or --no-tls-verify if you must"
        return Unanswered(
            f"{request}: the certificate of {origin.netloc} is not trusted ({error.verify_message})",
            transient=False,
            advice=advice,
        )
    if isinstance(error, ssl.SSLError):
        advice = "if the registry speaks plain http, say --plain-http"
        return Unanswered(
            f"{request}: no TLS connection to {origin.netloc} ({_reason(error)})", transient=False, advice=advice
        )
    if isinstance(error, TimeoutError):
        return Unanswered(f"{request}: {origin.netloc} did not accept a connection in time", transient=True)
    if isinstance(error, socket.gaierror):
        return Unanswered(
            f"{request}: the name {origin.host} is not known ({error.strerror})",
            transient=error.errno == socket.EAI_AGAIN,
        )
    transient = isinstance(error, ConnectionResetError)
    return Unanswered(f"{request}: no connection to {origin.netloc} ({_reason(error)})", transient=transient)


def _unanswered(request: Request, connection: _Connection, error: Exception) -> Unanswered | Misbehaved:
    netloc = connection.origin.netloc
    if isinstance(error, TimeoutError):
        return Unanswered(f"{request}: no answer from {netloc} in {connection.timeouts.read:g} s", transient=True)
    if isinstance(error, http.client.RemoteDisconnected | ConnectionError | ssl.SSLError | http.client.IncompleteRead):
        return Unanswered(f"{request}: {netloc} closed the connection ({_reason(error)})", transient=True)
    if isinstance(error, http.client.HTTPException | ValueError):
        return Misbehaved(f"{request}: {netloc} did not answer in HTTP ({_reason(error)})")
    return Unanswered(f"{request}: {_reason(error)}", transient=False)


def _reason(error: BaseException) -> str:
    text = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text).replace("\n", " ")[:200]
