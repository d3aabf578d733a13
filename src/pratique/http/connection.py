"""The one file that knows the HTTP library: one connection over `http.client`, and the content of its answers."""

from __future__ import annotations

import http.client
import io
import select
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Protocol

from ..errors import InvalidInput, Misbehaved, Unreachable
from .message import Headers, Request, Response, Unanswered
from .origin import DEFAULT_PORTS, Origin, is_private_address

CONNECT_SECONDS: Final = 10.0
READ_SECONDS: Final = 60.0
MOST_INTERIM_ANSWERS: Final = 20  # 1xx before the real one
BUFFER_BYTES: Final = 1 << 20  # read from a body and written to a socket at a time
MOST_DRAINED_BYTES: Final = 1 << 16  # of an unread rest, for the sake of using the connection again

# What a server that speaks TLS begins its first record with: a handshake or an alert (RFC 8446 §5.1).
_TLS_RECORDS: Final = (b"\x16", b"\x15")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long to wait, in seconds, for a connection and for each piece of an answer."""

    connect: float = CONNECT_SECONDS
    read: float = READ_SECONDS


class _Answer(http.client.HTTPResponse):
    """An answer behind some interim ones; the library itself skips only `100 Continue`, and that for ever (RFC 9110 §15.2)."""

    def begin(self) -> None:
        """Read the head. Raises IncompleteRead where it is cut; the library itself would take that for its end."""
        stream = self.fp
        self.fp = _Head(stream)  # type: ignore[assignment]
        try:
            super().begin()
        finally:
            self.fp = stream

    def _read_status(self) -> tuple[str, int, str]:
        read_status = super()._read_status  # type: ignore[misc]
        for _ in range(MOST_INTERIM_ANSWERS):
            version, status, reason = read_status()
            if status == http.HTTPStatus.SWITCHING_PROTOCOLS or not 100 <= status < 200:
                return version, status, reason
            http.client.parse_headers(self.fp)
        raise http.client.HTTPException("nothing but interim answers")


class _Head:
    """The lines of an answer's head, each of them whole."""

    def __init__(self, stream: io.BufferedIOBase) -> None:
        self._stream = stream
        self._begun = False

    def readline(self, limit: int) -> bytes:
        line = self._stream.readline(limit)
        if (line or self._begun) and not line.endswith(b"\n") and len(line) < limit:
            raise http.client.IncompleteRead(line)
        self._begun = True
        return line

    def close(self) -> None:
        """Left to whoever has the stream."""


class Stale(Exception):
    """A used connection turned out to be closed before anything was answered."""


class Pool(Protocol):
    """Where connections come from and go back to."""

    def take_back(self, connection: Connection, *, reusable: bool) -> None: ...
    def raise_if_cancelled(self, request: Request) -> None: ...


class Connection:
    """One connection and what the pool knows of it."""

    def __init__(self, origin: Origin, timeouts: Timeouts) -> None:
        self.origin = origin
        self.peer: str | None = None
        self.used = False
        self.timeouts = timeouts
        self._socket: socket.socket | None = None
        self._shut = False
        self._http = http.client.HTTPConnection(origin.host, origin.port)
        self._http.default_port = DEFAULT_PORTS[origin.scheme]
        self._http.auto_open = 0
        self._http.response_class = _Answer

    def open(self, tls: Callable[[], ssl.SSLContext] | None, request: Request) -> None:
        """Connect; nothing is sent, not even the beginning of TLS, to an address that the request does not admit.

        Raises Unanswered, Unreachable, and InvalidInput for certificates that cannot be loaded.
        """
        try:
            self._open(tls, request)
        except InvalidInput:
            raise
        except (OSError, ValueError) as error:
            raise _unconnected(request, error) from error

    def exchange(self, request: Request, pool: Pool) -> Response:
        """Send a request and read the head of its answer, which may come before the body is sent.

        Raises Unanswered, Misbehaved, and Stale where a used connection had been closed.
        """
        try:
            answer = self._exchange(request)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _unanswered(request, self, error) from error
        stream = _BodyStream(request, self, answer, pool)
        return Response(answer.status, _headers(answer), stream, request.url, self.peer)

    def speaks_tls(self) -> bool:
        """Whether the other side answers the beginning of a TLS handshake. Raises OSError."""
        hello, incoming = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        with suppress(ssl.SSLWantReadError):
            context.wrap_bio(incoming, hello, server_hostname=self.origin.host).do_handshake()
        connected = self._dial()
        connected.sendall(hello.read())
        return connected.recv(1) in _TLS_RECORDS

    def wait(self, seconds: float) -> None:
        """Set how long a read may take; 0 for what has arrived already."""
        if self._socket is not None:
            self._socket.settimeout(seconds)

    def has_news(self) -> bool:
        """Whether there is something to read, if only the news that the other side has closed the connection."""
        return self._socket is None or _readable(self._socket)

    def shut(self) -> None:
        """Free whoever is blocked on the socket. Not by SSLSocket.shutdown: it takes the TLS state from under a reader."""
        self._shut = True
        if self._socket is not None:
            with suppress(OSError):
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def close(self) -> None:
        with suppress(OSError):
            self._http.close()
        if self._socket is not None:
            with suppress(OSError):
                self._socket.close()

    def _open(self, tls: Callable[[], ssl.SSLContext] | None, request: Request) -> None:
        connected = self._dial()
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.peer = str(connected.getpeername()[0])
        if request.public_only:
            _refuse_private(request, self.peer)
        if tls is not None:
            host = self.origin.host
            wrapped = tls().wrap_socket(connected, server_hostname=host, do_handshake_on_connect=False)
            self._hold(wrapped)
            wrapped.do_handshake()
        self.wait(self.timeouts.read)
        self._http.sock = self._socket

    def _dial(self) -> socket.socket:
        """Connect to the first address that answers. Unlike `socket.create_connection` it can be freed by `shut`."""
        failure = OSError("the name has no address")
        for family, kind, protocol, _, address in socket.getaddrinfo(
            self.origin.host, self.origin.port, type=socket.SOCK_STREAM
        ):
            attempt = socket.socket(family, kind, protocol)
            try:
                self._hold(attempt)
                attempt.settimeout(self.timeouts.connect)
                attempt.connect(address)
            except OSError as error:
                attempt.close()
                failure = error
            else:
                return attempt
        raise failure

    def _hold(self, connected: socket.socket) -> None:
        """Make a socket the one that `shut` reaches; raises OSError where that was called already."""
        self._socket = connected
        if self._shut:
            raise ConnectionAbortedError("shut")

    def _exchange(self, request: Request) -> http.client.HTTPResponse:
        try:
            complete = self._send(request)
            answer = self._http.getresponse()
        except (http.client.RemoteDisconnected, ConnectionError) as error:
            if self.used and not request.once:
                raise Stale from error
            raise
        if not complete:
            answer.will_close = True
        return answer

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
        try:
            if self._is_answered():
                return False
            if chunked:
                self._http.send(b"%x\r\n%b\r\n" % (len(piece), bytes(piece)))
            else:
                self._http.send(piece)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
            return False
        return True

    def _is_answered(self) -> bool:
        """Whether the answer, not just an interim one, or the end has come while the body is still being sent."""
        # Over TLS there is always news, for instance session tickets; an early answer shows when the pipe breaks.
        if self._socket is None or self.origin.scheme == "https" or not self.has_news():
            return False
        return not self._socket.recv(len(b"HTTP/1.1 1"), socket.MSG_PEEK).endswith(b" 1")


class _BodyStream(io.RawIOBase):
    """The content of an answer; gives its connection back when read to the end, and up when closed before."""

    def __init__(self, request: Request, connection: Connection, answer: http.client.HTTPResponse, pool: Pool) -> None:
        super().__init__()
        self._request = request
        self._connection = connection
        self._answer = answer
        self._pool = pool
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
            self._pool.raise_if_cancelled(self._request)
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
        if self._expected is None or self._expected > MOST_DRAINED_BYTES:
            return False
        rest = bytearray(self._expected)
        self._connection.wait(0)
        with suppress(OSError, http.client.HTTPException, ValueError):
            while self._expected and (count := self._answer.readinto(rest)):
                self._expected -= count
        self._connection.wait(self._connection.timeouts.read)
        return not self._expected and not self._answer.will_close

    def _end(self) -> None:
        self._finish(reusable=not self._answer.will_close and not self._expected)
        self._pool.raise_if_cancelled(self._request)  # what looks like the end may be the socket that was shut
        if self._expected:
            raise Unanswered(
                f"{self._request}: the answer was cut, {self._expected} bytes before its end", transient=True
            )

    def _finish(self, *, reusable: bool) -> None:
        if not self._done:
            self._done = True
            self._answer.close()
            self._pool.take_back(self._connection, reusable=reusable)


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
            if body.size is not None and sent > body.size:  # a byte more would be read as the next request
                break
            yield memoryview(buffer)[:count]
    if body.size is None:
        yield memoryview(b"")
    elif sent != body.size:
        more = " or more" if sent > body.size else ""
        raise Misbehaved(f"{request}: the content has {sent} bytes{more}, {body.size} were announced")


def _headers(answer: http.client.HTTPResponse) -> Headers:
    # A folded line (RFC 9112 §5.2) comes with its line ends.
    return Headers(
        (name, " ".join(line.strip() for line in value.splitlines()) if "\n" in value else value)
        for name, value in answer.getheaders()
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
            advice="nothing was sent there; if it is the token service that is meant, give it with --realm",
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
        return _insecure(request, error)
    if isinstance(error, TimeoutError):
        return Unanswered(f"{request}: {origin.netloc} did not accept a connection in time", transient=True)
    if isinstance(error, socket.gaierror):
        return Unanswered(
            f"{request}: the name {origin.host} is not known ({error.strerror})",
            transient=error.errno == socket.EAI_AGAIN,
        )
    transient = isinstance(error, ConnectionResetError)
    return Unanswered(f"{request}: no connection to {origin.netloc} ({_reason(error)})", transient=transient)


def _insecure(request: Request, error: ssl.SSLError) -> Unanswered:
    wanted = "CERTIFICATE" in _reason(error)  # the alert of a server that wants to know who we are
    advice = "name your own with --cert and --key" if wanted else "if the registry speaks plain http, say --plain-http"
    return Unanswered(
        f"{request}: no TLS connection to {request.origin.netloc} ({_reason(error)})", transient=False, advice=advice
    )


def _unanswered(request: Request, connection: Connection, error: Exception) -> Unanswered | Misbehaved:
    netloc = connection.origin.netloc
    if isinstance(error, TimeoutError):
        return Unanswered(f"{request}: no answer from {netloc} in {connection.timeouts.read:g} s", transient=True)
    if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
        return _insecure(request, error)
    if isinstance(
        error, http.client.RemoteDisconnected | ConnectionError | ssl.SSLEOFError | http.client.IncompleteRead
    ):
        return Unanswered(f"{request}: {netloc} closed the connection ({_reason(error)})", transient=True)
    if isinstance(error, http.client.HTTPException | ValueError):
        return Misbehaved(f"{request}: {netloc} did not answer in HTTP ({_reason(error)})")
    return Unanswered(f"{request}: {_reason(error)}", transient=False)


def _reason(error: BaseException) -> str:
    text = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text).replace("\n", " ")[:200]
