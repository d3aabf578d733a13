"""One client's connection: whose turn it is, and what happens in ours."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import time
from collections.abc import Callable
from enum import Enum
from typing import Final

from ...errors import Unreachable
from ...http.log import logger
from ...http.message import Request
from .exchange import NOT_NOW, Exchange
from .service import Service
from .wire import BLOCK, TLS_HANDSHAKE, BadMessage, Head, Source, content_of, take_head

log = logger(__name__)

BEGIN: Final = 1.0  # seconds that a client has to begin before it counts as idle
LINGER: Final = 2.0  # seconds that a client has to read an answer that came before it sent everything
HTTP_REQUEST: Final = "HTTP_REQUEST"  # what OpenSSL calls a handshake that is a request
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class Turn(Enum):
    """Whose turn it is: the client's, to send or to read; ours, again or in a thread that may wait; or nobody's any more."""

    READ = "read"
    WRITE = "write"
    AGAIN = "again"
    WORK = "work"
    GONE = "gone"


class Connection:
    """The state of one connection.

    `advance` and `proceed` are called on the listener's own thread and never wait. When they return WORK, `work` is called
    on another, and nothing else until it returns. A client that does not go on is let go at `deadline`; before its first
    request and between two `idle_since` says since when. Both are of the monotonic clock.
    """

    def __init__(self, service: Service, accepted: socket.socket, peer: str) -> None:
        self.socket = accepted
        self.idle_since: float | None = None
        self._service = service
        self._expect_nothing_yet()
        self._peer = peer
        self._shaking = isinstance(accepted, ssl.SSLSocket)
        self._held = b""  # what was received and not looked at
        self._count = 0  # requests
        self._task: Callable[[], Turn] | None = None

    def advance(self) -> Turn:
        """Receive something, and go on with it."""
        return _tried(self._receive)

    def proceed(self) -> Turn:
        """Go on with what was received already."""
        return _tried(self._next)

    def work(self) -> Turn:
        """Do what has to wait for the client or for a disk."""
        return _tried(self._work)

    def stop(self) -> None:
        """End the connection from another thread than the one that uses it."""
        with contextlib.suppress(OSError):
            # Not the method of a TLS socket: that would let the other thread read on without TLS.
            socket.socket.shutdown(self.socket, socket.SHUT_RDWR)

    def close(self) -> None:
        """Give the connection up."""
        with contextlib.suppress(OSError, ValueError):
            if isinstance(self.socket, ssl.SSLSocket) and not self._shaking:
                self.socket.settimeout(0)  # say goodbye and do not wait for the answer
                self.socket.unwrap()
        self.socket.close()

    # --- Without waiting

    def _receive(self) -> Turn:
        try:
            self._shake()
            data = self.socket.recv(BLOCK)
            while unpacked := self._unpacked():
                data += unpacked
        except ssl.SSLWantWriteError:
            return Turn.WRITE
        except NOT_NOW:
            return Turn.READ
        except ssl.SSLError as error:
            if not self._shaking or error.reason != HTTP_REQUEST:
                raise
            return self._answer_plainly()
        if not data:
            return Turn.GONE
        self._held = self._held + data if self._held else data
        return self._next()

    def _shake(self) -> None:
        if self._shaking and isinstance(self.socket, ssl.SSLSocket):
            self.socket.do_handshake()
            self._shaking = False
            self._expect_nothing_yet()

    def _answer_plainly(self) -> Turn:
        """Tell whoever speaks http to a port with TLS, in http; nothing of what he said is looked at."""
        self.socket = socket.socket(fileno=self.socket.detach())
        return self._refuse(None, BadMessage(400, "http, where TLS is spoken"))

    def _next(self) -> Turn:
        """Begin with the next request, if its head is there."""
        if self._service.closing:
            return Turn.GONE
        head = None
        try:
            if self._held.startswith(TLS_HANDSHAKE):
                # Docker's client goes on with http only where the answer to its handshake is one of http.
                raise BadMessage(400, "TLS, where http is spoken")
            taken = take_head(self._held)
            if taken is None:
                return self._wait()
            head, self._held = taken
            return self._begin(head)
        except BadMessage as bad:
            return self._refuse(head, bad)

    def _wait(self) -> Turn:
        if self._held:
            if self.idle_since is not None:
                self._expect()
            self.deadline = min(self._due, time.monotonic() + self._service.limits.idle)
        return Turn.READ

    def _expect(self) -> None:
        """From now on a handshake, or a head, has to come."""
        now = time.monotonic()
        self.idle_since = None
        self._due = now + self._service.limits.head
        self.deadline = min(self._due, now + self._service.limits.idle)

    def _expect_nothing_yet(self) -> None:
        """The same; a client that does not begin soon is idle, and may have to make room for another."""
        self._expect()
        self.idle_since = time.monotonic() + BEGIN

    def _begin(self, head: Head) -> Turn:
        self.idle_since = None
        self._count += 1
        source = Source(self._held, self._receive_into)
        expects = head.minor > 0 and "100-continue" in (head.headers.get("Expect") or "").lower()
        content = content_of(head, source, self._continue if expects else None, self._service.limits.content)
        request = self._service.request(head, content, self._peer)
        exchange = Exchange(self._service, self.socket, self._peer, head, content)
        if content is not None or not self._service.is_quick(request):
            return self._later(lambda: self._serve(exchange, request, source))
        exchange.handle(request, may_persist=self._may_persist)
        if not exchange.send_now():
            return self._later(lambda: self._finish(exchange, source))
        return self._rest() if exchange.persistent else Turn.GONE

    def _refuse(self, head: Head | None, bad: BadMessage) -> Turn:
        exchange = Exchange(self._service, self.socket, self._peer, head)
        exchange.refuse(bad)
        return self._later(lambda: self._finish(exchange, Source(self._held, self._receive_into)))

    def _rest(self) -> Turn:
        self.idle_since = time.monotonic()
        self.deadline = self.idle_since + self._service.limits.idle
        return Turn.AGAIN if self._held else Turn.READ

    @property
    def _may_persist(self) -> bool:
        return self._count < self._service.limits.requests

    def _later(self, task: Callable[[], Turn]) -> Turn:
        self._task = task
        return Turn.WORK

    # --- In a thread that may wait

    def _work(self) -> Turn:
        task, self._task = self._task, None
        self.socket.settimeout(self._service.limits.idle)
        turn = task() if task else Turn.GONE
        if turn is not Turn.GONE:
            self.socket.settimeout(0)
        return turn

    def _serve(self, exchange: Exchange, request: Request, source: Source) -> Turn:
        try:
            exchange.handle(request, may_persist=self._may_persist)
        except BadMessage as bad:
            exchange.refuse(bad)
        return self._finish(exchange, source)

    def _finish(self, exchange: Exchange, source: Source) -> Turn:
        exchange.send()
        if exchange.persistent:
            exchange.drain()
            self._held = source.held + self._unpacked()
            return self._rest()
        if not exchange.is_heard:
            self._linger()
        return Turn.GONE

    def _unpacked(self) -> bytes:
        """What TLS has unpacked already: no event tells of it any more."""
        count = self.socket.pending() if isinstance(self.socket, ssl.SSLSocket) else 0
        return self.socket.recv(count) if count else b""

    def _linger(self) -> None:
        # Closing while the client still sends would reset the connection and lose the answer on its way.
        if isinstance(self.socket, ssl.SSLSocket):
            return
        end = time.monotonic() + LINGER
        self.socket.shutdown(socket.SHUT_WR)
        self.socket.settimeout(LINGER)
        while time.monotonic() < end and not self._service.closing and self.socket.recv(BLOCK):
            pass

    def _continue(self) -> None:
        self.socket.sendall(CONTINUE)

    def _receive_into(self, buffer: memoryview) -> int:
        count = self.socket.recv_into(buffer)
        if count and isinstance(self.socket, ssl.SSLSocket):
            # A record of TLS has 16 KiB at most, and whoever stores them is much faster with more at a time.
            with contextlib.suppress(OSError):  # it comes again with the next read
                while count < len(buffer) and self._is_readable() and (more := self.socket.recv_into(buffer[count:])):
                    count += more
        return count

    def _is_readable(self) -> bool:
        poll = select.poll()
        poll.register(self.socket, select.POLLIN)
        return bool(poll.poll(0))


def _tried(step: Callable[[], Turn]) -> Turn:
    try:
        return step()
    except (OSError, Unreachable) as error:
        log.debug("a connection broke: %s", error)
    except Exception:
        log.exception("a connection was given up")
    return Turn.GONE
