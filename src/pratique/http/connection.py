"""The one file that knows the HTTP library: one connection over `http.client`, and the content of its answers."""

from __future__ import annotations

import http.client
import io
import select
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Protocol

from ..errors import InvalidInput, Misbehaved, Unreachable
from .message import Headers, Request, Response, Unanswered
from .origin import DEFAULT_PORTS, Origin, is_private_address
from .outgoing import fields, pieces
from .reach import Proxy, Reach
from .trust import Trust

CONNECT_SECONDS: Final = 10.0
READ_SECONDS: Final = 60.0
MOST_INTERIM_ANSWERS: Final = 20  # 1xx before the real one
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

    def __init__(
        self, origin: Origin, timeouts: Timeouts, reach: Reach, context: Callable[[Trust], ssl.SSLContext]
    ) -> None:
        self.origin = origin
        self.peer: str | None = None
        self.used = False
        self.timeouts = timeouts
        self._reach = reach
        self._proxy = reach.proxy
        self._context = context
        self.towards = origin.netloc  # who is spoken to, for people
        self._socket: socket.socket | None = None
        self._shut = False
        self._http = http.client.HTTPConnection(origin.host, origin.port)
        self._http.default_port = DEFAULT_PORTS[origin.scheme]
        self._http.auto_open = 0
        self._http.response_class = _Answer

    @property
    def is_public(self) -> bool:
        """Whether the server is at an address that the public network reaches, as far as can be known."""
        return self.peer is not None and not is_private_address(self.peer)

    def open(self, request: Request) -> None:
        """Connect; nothing is sent, not even the beginning of TLS, to an address that the request does not admit.

        Raises Unanswered, Unreachable, and InvalidInput for certificates that cannot be loaded.
        """
        try:
            self._open(request)
        except InvalidInput:
            raise
        except (OSError, ValueError) as error:
            raise _unconnected(request, self.towards, error) from error

    def exchange(self, request: Request, pool: Pool) -> Response:
        """Send a request and read the head of its answer, which may come before the body is sent.

        Raises Unanswered, Misbehaved, and Stale where a used connection had been closed.
        """
        try:
            answer = self._exchange(request)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _unanswered(request, self, error) from error
        self._refuse_proxy(request, answer)
        stream = _BodyStream(request, self, answer, pool)
        return Response(answer.status, _headers(answer), stream, request.url, self.peer)

    def speaks_tls(self) -> bool:
        """Whether the other side answers the beginning of a TLS handshake. Raises OSError, Unreachable."""
        hello, incoming = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        with suppress(ssl.SSLWantReadError):
            context.wrap_bio(incoming, hello, server_hostname=self.origin.host).do_handshake()
        connected = self._line(f"TLS with {self.origin.netloc}")
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

    def _open(self, request: Request) -> None:
        if self._proxy is not None:
            from .tunnel import behind

            self.peer = behind(self.origin.host)
            self._refuse_private(request)
        connected = self._line(str(request))
        if self._proxy is None:
            self.peer = str(connected.getpeername()[0])
            self._refuse_private(request)
        self._http.sock = self._secured(connected) if self.origin.scheme == "https" else connected
        self.wait(self.timeouts.read)

    def _line(self, request: str) -> socket.socket:
        """A line to the server, or for plain http to the proxy before it. Raises OSError, Unreachable, Misbehaved."""
        proxy = self._proxy
        if proxy is None:
            return self._dial(self.origin)
        self.towards = f"the proxy {proxy} ({proxy.source})"
        connected = self._dial(proxy.origin)
        if proxy.origin.scheme == "https":
            connected = self._wrap(connected, proxy.trust, proxy.origin.host)
        if self.origin.scheme == "https":
            from .tunnel import tunnel

            tunnel(connected, proxy, self.origin, request)
            self.towards = self.origin.netloc
        return connected

    def _secured(self, connected: socket.socket) -> Any:
        """TLS with the server over this line, as much of a socket as `http.client` wants. Raises OSError."""
        if not isinstance(connected, ssl.SSLSocket):
            return self._wrap(connected, self._reach.trust, self.origin.host)
        from .tunnel import Layer

        return Layer(connected, self._context(self._reach.trust), self.origin.host)

    def _wrap(self, connected: socket.socket, trust: Trust, host: str) -> ssl.SSLSocket:
        wrapped = self._context(trust).wrap_socket(connected, server_hostname=host, do_handshake_on_connect=False)
        self._hold(wrapped)
        wrapped.do_handshake()
        return wrapped

    def _dial(self, origin: Origin) -> socket.socket:
        """Connect to the first address that answers. Unlike `socket.create_connection` it can be freed by `shut`."""
        failure = OSError("the name has no address")
        for family, kind, protocol, _, address in socket.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM):
            attempt = socket.socket(family, kind, protocol)
            try:
                self._hold(attempt)
                attempt.settimeout(self.timeouts.connect)
                attempt.connect(address)
                attempt.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError as error:
                attempt.close()
                failure = error
            else:
                return attempt
        raise failure

    @property
    def _forwarding(self) -> Proxy | None:
        """The proxy that every request is made of; None where it is but a tunnel, or not there."""
        return self._proxy if self.origin.scheme == "http" else None

    def _refuse_private(self, request: Request) -> None:
        if request.public_only and not self.is_public:
            raise Unreachable(
                f"{request}: {self.origin.host} is {self.peer or 'a name'}, an address that is not public, "
                "and was named by who may be a stranger",
                advice="nothing was sent there; if it is the token service that is meant, give it with --realm",
            )

    def _refuse_proxy(self, request: Request, answer: http.client.HTTPResponse) -> None:
        """Raise what a proxy means that wants to know who asks; any other answer may be the server's."""
        proxy = self._forwarding
        if proxy is not None and answer.status == http.HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
            from .tunnel import refuse

            refuse(proxy, str(request), answer.status, _headers(answer), self.origin.netloc)

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
        # To a proxy the whole URL is said (RFC 9112 §3.2.2), unless it is but a tunnel.
        place = str(self.origin) if self._forwarding else ""
        self._http.putrequest(request.method, place + request.target, skip_accept_encoding=True)
        for name, value in fields(request):
            self._http.putheader(name, value)
        if self._forwarding and self._forwarding.authorization:
            self._http.putheader("Proxy-Authorization", self._forwarding.authorization)
        if request.body is None:
            self._http.endheaders()
            return True
        self._http.endheaders()
        return all(self._send_piece(piece, chunked) for piece in pieces(request))

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
        if self._socket is None or self._http.sock is not self._socket or isinstance(self._socket, ssl.SSLSocket):
            return False
        if not self.has_news():
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
        if self._answer.will_close or self._expected is None or self._expected > MOST_DRAINED_BYTES:
            return False
        rest = bytearray(self._expected)
        self._connection.wait(0)
        with suppress(OSError, http.client.HTTPException, ValueError):
            while self._expected and (count := self._answer.readinto(rest)):
                self._expected -= count
        self._connection.wait(self._connection.timeouts.read)
        return not self._expected

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


def _unconnected(request: Request, towards: str, error: Exception) -> Unanswered:
    if isinstance(error, ssl.SSLCertVerificationError):
        advice = "give the authority with --ca-file, or --no-tls-verify if you must"
        return Unanswered(
            f"{request}: the certificate of {towards} is not trusted ({error.verify_message})",
            transient=False,
            advice=advice,
        )
    if isinstance(error, ssl.SSLError):
        return _insecure(request, towards, error)
    if isinstance(error, TimeoutError):
        return Unanswered(f"{request}: {towards} did not accept a connection in time", transient=True)
    if isinstance(error, socket.gaierror):
        return Unanswered(
            f"{request}: the name of {towards} is not known ({error.strerror})",
            transient=error.errno == socket.EAI_AGAIN,
        )
    transient = isinstance(error, ConnectionResetError)
    return Unanswered(f"{request}: no connection to {towards} ({_reason(error)})", transient=transient)


def _insecure(request: Request, towards: str, error: ssl.SSLError) -> Unanswered:
    wanted = "CERTIFICATE" in _reason(error)  # the alert of a server that wants to know who we are
    advice = "name your own with --cert and --key" if wanted else "if the registry speaks plain http, say --plain-http"
    return Unanswered(f"{request}: no TLS connection to {towards} ({_reason(error)})", transient=False, advice=advice)


def _unanswered(request: Request, connection: Connection, error: Exception) -> Unanswered | Misbehaved:
    towards = connection.towards
    if isinstance(error, TimeoutError):
        return Unanswered(f"{request}: no answer from {towards} in {connection.timeouts.read:g} s", transient=True)
    if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
        return _insecure(request, towards, error)
    if isinstance(
        error, http.client.RemoteDisconnected | ConnectionError | ssl.SSLEOFError | http.client.IncompleteRead
    ):
        return Unanswered(f"{request}: {towards} closed the connection ({_reason(error)})", transient=True)
    if isinstance(error, http.client.HTTPException | ValueError):
        return Misbehaved(f"{request}: {towards} did not answer in HTTP ({_reason(error)})")
    return Unanswered(f"{request}: {_reason(error)}", transient=False)


def _reason(error: BaseException) -> str:
    text = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text).replace("\n", " ")[:200]
