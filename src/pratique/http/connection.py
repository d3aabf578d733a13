"""One connection: HTTP/1.1 over a blocking socket (RFC 9112), and the content of its answers."""

from __future__ import annotations

import io
import select
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol

from ..errors import InvalidInput, Unreachable
from ..values import frozen
from .answer import BLOCK, Channel, Content, Head, Incoming, Malformed, content_of, read_head
from .message import Request, Response, Stream
from .origin import Origin, is_private_address
from .outgoing import chunk, head_of, pieces
from .reach import Proxy, Reach
from .trust import Trust

if TYPE_CHECKING:
    import ssl

CONNECT_SECONDS: Final = 10.0
READ_SECONDS: Final = 60.0
MOST_DRAINED_BYTES: Final = 1 << 16  # of an unread rest, for the sake of using the connection again

PROXY_AUTHENTICATION_REQUIRED: Final = 407

# What a server that speaks TLS begins its first record with: a handshake or an alert (RFC 8446 §5.1).
_TLS_RECORDS: Final = (b"\x16", b"\x15")


@frozen
class Timeouts:
    """How long to wait, in seconds, for a connection and for each piece of an answer."""

    connect: float = CONNECT_SECONDS
    read: float = READ_SECONDS


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
        self._is_secured = False  # whether the socket has TLS
        self._shut = False
        self._channel: Channel | None = None  # the socket, or TLS within it
        self._incoming: Incoming | None = None

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
            from .failure import unconnected

            raise unconnected(request, self.towards, error) from error

    def exchange(self, request: Request, pool: Pool) -> Response:
        """Send a request and read the head of its answer, which may come before the body is sent.

        Raises Unanswered, Misbehaved, and Stale where a used connection had been closed.
        """
        place = str(self.origin) if self._forwarding else ""  # RFC 9112 §3.2.2
        head = head_of(request, place, *self._authorization())
        try:
            answer, content, persistent = self._exchange(request, head)
        except (OSError, Malformed) as error:
            from .failure import unanswered

            raise unanswered(request, self.towards, self.timeouts.read, error) from error
        self._refuse_proxy(request, answer)
        stream = _BodyStream(request, self, content, pool, persistent=persistent)
        return Response(answer.status, answer.headers, stream, request.url, self.peer)

    def speaks_tls(self) -> bool:
        """Whether the other side answers the beginning of a TLS handshake. Raises OSError, Unreachable."""
        from .hello import client_hello

        connected = self._line(f"TLS with {self.origin.netloc}")
        connected.sendall(client_hello(self.origin.host))
        return connected.recv(1) in _TLS_RECORDS

    def wait(self, seconds: float) -> None:
        """Set how long a read may take; 0 for what has arrived already."""
        if self._socket is not None:
            self._socket.settimeout(seconds)

    def has_news(self) -> bool:
        """Whether there is something to read, if only the news that the other side has closed the connection."""
        return self._socket is None or _readable(self._socket)

    @property
    def has_more(self) -> bool:
        """Whether more came than was read: content of an answer that has none, or an answer to nothing."""
        return self._incoming is not None and self._incoming.waiting > 0

    def shut(self) -> None:
        """Free whoever is blocked on the socket. Not by SSLSocket.shutdown: it takes the TLS state from under a reader."""
        self._shut = True
        if self._socket is not None:
            with suppress(OSError):
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def close(self) -> None:
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
        self._channel = self._secured(connected) if self.origin.scheme == "https" else connected
        self._incoming = Incoming(self._channel)
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

    def _secured(self, connected: socket.socket) -> Channel:
        """TLS with the server over this line. Raises OSError."""
        if not self._is_secured:
            from .records import Records

            return Records(self._wrap(connected, self._reach.trust, self.origin.host))
        from .tunnel import Layer

        return Layer(connected, self._context(self._reach.trust), self.origin.host)

    def _wrap(self, connected: socket.socket, trust: Trust, host: str) -> ssl.SSLSocket:
        wrapped = self._context(trust).wrap_socket(connected, server_hostname=host, do_handshake_on_connect=False)
        self._hold(wrapped)
        self._is_secured = True
        wrapped.do_handshake()
        return wrapped

    def _dial(self, origin: Origin) -> socket.socket:
        """Connect to the first address that answers. Unlike `socket.create_connection` it can be freed by `shut`."""
        failure = OSError("the name has no address")
        host = origin.host.encode("ascii")  # of text Python would load tables of Unicode
        for family, kind, protocol, _, address in socket.getaddrinfo(host, origin.port, type=socket.SOCK_STREAM):
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
    def _bare(self) -> socket.socket | None:
        """The socket, where there is no TLS."""
        return self._socket if self._channel is self._socket and not self._is_secured else None

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

    def _authorization(self) -> list[tuple[str, str]]:
        proxy = self._forwarding
        return [("Proxy-Authorization", proxy.authorization)] if proxy and proxy.authorization else []

    def _refuse_proxy(self, request: Request, answer: Head) -> None:
        """Raise what a proxy means that wants to know who asks; any other answer may be the server's."""
        proxy = self._forwarding
        if proxy is not None and answer.status == PROXY_AUTHENTICATION_REQUIRED:
            from .tunnel import refuse

            refuse(proxy, str(request), answer.status, answer.headers, self.origin.netloc)

    def _hold(self, connected: socket.socket) -> None:
        """Make a socket the one that `shut` reaches; raises OSError where that was called already."""
        self._socket = connected
        if self._shut:
            raise ConnectionAbortedError("shut")

    def _exchange(self, request: Request, head: bytes) -> tuple[Head, Content, bool]:
        """Head and content of the answer, and whether the connection is good for another request."""
        channel, incoming = self._channel, self._incoming
        if channel is None or incoming is None:
            raise ConnectionAbortedError("the connection is not open")
        try:
            complete = self._send(channel, request, head)
            answer = read_head(incoming)
        except ConnectionError as error:
            if self.used and not request.once and not incoming.waiting:
                raise Stale from error
            raise
        content, persistent = content_of(answer, request.method, incoming)
        return answer, content, persistent and complete

    def _send(self, channel: Channel, request: Request, head: bytes) -> bool:
        """Send head and body; False when an answer or a broken pipe came before the body was sent."""
        channel.sendall(head)
        body = request.body
        if body is None:
            return True
        with body.open() as content:
            sent = self._pass_on(content, body.size) if body.size else 0
            chunked = body.size is None
            return all(self._send_piece(channel, piece, chunked) for piece in pieces(request, content, sent))

    def _pass_on(self, content: Stream, size: int) -> int:
        """How much of the content the kernel has sent by itself, where nothing but a bare socket is in between."""
        bare = self._bare
        if bare is None:
            return 0
        from .passing import passed_on

        return passed_on(bare, content, size, self._is_answered)

    def _send_piece(self, channel: Channel, piece: memoryview, chunked: bool) -> bool:
        try:
            if self._is_answered():
                return False
            for part in chunk(piece) if chunked else (piece,):
                channel.sendall(part)
        except OSError as error:
            from .failure import is_broken_pipe

            if not is_broken_pipe(error):
                raise
            return False
        return True

    def _is_answered(self) -> bool:
        """Whether the answer, not just an interim one, or the end has come while the body is still being sent."""
        # Over TLS there is always news, for instance session tickets; an early answer shows when the pipe breaks.
        bare = self._bare
        if bare is None or not self.has_news():
            return False
        return not bare.recv(len(b"HTTP/1.1 1"), socket.MSG_PEEK).endswith(b" 1")


class _BodyStream(io.RawIOBase):
    """The content of an answer; gives its connection back when read to the end, and up when closed before."""

    def __init__(
        self, request: Request, connection: Connection, content: Content, pool: Pool, *, persistent: bool
    ) -> None:
        super().__init__()
        self._request = request
        self._connection = connection
        self._content = content
        self._pool = pool
        self._persistent = persistent
        self._done = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object, /) -> int:
        if self._done:
            return 0
        try:
            count = self._content.readinto(memoryview(buffer).cast("B"))  # type: ignore[arg-type]
        except (OSError, Malformed) as error:
            from .failure import unfinished

            self._finish()
            self._pool.raise_if_cancelled(self._request)
            raise unfinished(self._request, error) from error
        if self._content.ended:
            self._finish()
            if not count:
                self._pool.raise_if_cancelled(self._request)  # what looks like the end may be the socket that was shut
        return count

    def close(self) -> None:
        if not self._done:
            self._drain()
            self._finish()
        super().close()

    def _drain(self) -> None:
        """Read a short rest that has arrived anyway, so that the connection can be used again."""
        if self._content.ended or not self._persistent or (self._content.left or 0) > MOST_DRAINED_BYTES:
            return
        rest, left = memoryview(bytearray(BLOCK)), MOST_DRAINED_BYTES
        self._connection.wait(0)
        with suppress(OSError, Malformed):
            while left > 0 and not self._content.ended:
                left -= self._content.readinto(rest[:left])
        self._connection.wait(self._connection.timeouts.read)

    def _finish(self) -> None:
        if not self._done:
            self._done = True
            reusable = self._persistent and self._content.ended and not self._connection.has_more
            self._pool.take_back(self._connection, reusable=reusable)


def _readable(connected: socket.socket) -> bool:
    if hasattr(select, "poll"):  # select() has no room for descriptors above 1023
        poll = select.poll()
        poll.register(connected, select.POLLIN)
        return bool(poll.poll(0))
    return bool(select.select([connected], [], [], 0)[0])
