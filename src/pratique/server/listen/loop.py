"""The turns of a listener's connections: one thread for all that is quick, others for what has to wait."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
import time
from collections import deque
from functools import partial
from operator import itemgetter
from typing import Final

from ...http.log import logger
from .certificates import Certificates
from .connection import Connection, Turn
from .service import Service
from .workers import Workers

log = logger(__name__)

TICK: Final = 1.0  # seconds between two looks at who is late, at most
ACCEPTED_AT_ONCE: Final = 64  # connections, before those that are there have their turn
STOPPED: Final = 0.5  # seconds that threads have to notice that their connection was ended

_EVENTS: Final = {Turn.READ: selectors.EVENT_READ, Turn.WRITE: selectors.EVENT_WRITE}


class Loop:
    """Accepts connections and gives each its turns; `run` is the whole life of it, and `stop` ends it from elsewhere.

    The socket `listening` is closed when `run` ends.
    """

    def __init__(self, service: Service, listening: socket.socket, certificates: Certificates | None) -> None:
        self._service = service
        self._listening = listening
        self._certificates = certificates
        self._limits = service.limits
        self._pause = min(TICK, self._limits.idle / 4, self._limits.head / 4)
        self._looked = time.monotonic()
        self._selector = selectors.DefaultSelector()
        self._wakes, self._waker = socket.socketpair()
        self._lock = threading.Lock()
        self._awake = False
        self._over = False
        self._accepting = False
        self._watched: dict[Connection, Turn] = {}
        self._working: set[Connection] = set()
        self._ready: deque[Connection] = deque()  # more requests came already
        self._returned: deque[tuple[Connection, Turn]] = deque()  # from threads
        self._workers = Workers()
        for end in (self._listening, self._wakes, self._waker):
            end.setblocking(False)

    @property
    def connections(self) -> int:
        """How many there are."""
        return len(self._watched) + len(self._working) + len(self._ready)

    def run(self) -> None:
        """Serve until the service is closing, and end what is under way."""
        self._selector.register(self._wakes, selectors.EVENT_READ, self._hear)
        self._accept_again()
        try:
            while not self._service.closing:
                self._try_turns()
            self._wind_down()
        finally:
            self.release()

    def stop(self) -> None:
        """End `run`, from another thread."""
        self._service.closing = True
        self._wake()

    def release(self) -> None:
        """Close what was opened here; `run` does it at its end."""
        with self._lock:
            self._over = True
            for left, _ in self._returned:
                left.close()
        self._workers.close()
        self._selector.close()
        for end in (self._listening, self._wakes, self._waker):
            end.close()

    # --- Turns

    def _try_turns(self) -> None:
        try:
            self._take_turns()
        except Exception:  # ours, not a client's: the others are still served
            log.exception("a turn failed")
            time.sleep(self._pause / 10)

    def _take_turns(self) -> None:
        for key, _ in self._selector.select(0 if self._ready else self._pause):
            key.data()
        self._take_back()
        for _ in range(len(self._ready)):
            connection = self._ready.popleft()
            self._go_on(connection, connection.proceed())
        now = time.monotonic()
        if now - self._looked >= self._pause:
            self._looked = now
            self._let_go(now)

    def _advance(self, connection: Connection) -> None:
        if connection in self._watched:  # one that had its turn a moment ago may be gone
            turn = connection.advance()
            if turn is not self._watched[connection]:
                self._go_on(connection, turn)

    def _go_on(self, connection: Connection, turn: Turn) -> None:
        if turn in _EVENTS:
            self._watch(connection, turn)
            return
        self._forget(connection)
        if turn is Turn.AGAIN:
            self._ready.append(connection)
        elif turn is Turn.WORK:
            self._working.add(connection)
            self._workers.give(partial(self._work, connection))
        else:
            connection.close()
            self._accept_again()

    def _watch(self, connection: Connection, turn: Turn) -> None:
        if connection not in self._watched:
            self._selector.register(connection.socket, _EVENTS[turn], partial(self._advance, connection))
        elif self._watched[connection] is not turn:
            self._selector.modify(connection.socket, _EVENTS[turn], partial(self._advance, connection))
        self._watched[connection] = turn

    def _forget(self, connection: Connection) -> None:
        if self._watched.pop(connection, None):
            self._selector.unregister(connection.socket)

    def _let_go(self, now: float) -> None:
        """End the connections of clients that are late."""
        for connection in [each for each in self._watched if each.deadline <= now]:
            self._go_on(connection, Turn.GONE)
        self._accept_again()

    # --- Work in threads

    def _work(self, connection: Connection) -> None:
        turn = connection.work()
        with self._lock:
            if not self._over:
                self._returned.append((connection, turn))
                self._wake()
                return
        connection.close()

    def _take_back(self) -> None:
        self._awake = False
        while self._returned:
            connection, turn = self._returned.popleft()
            self._working.discard(connection)
            self._go_on(connection, Turn.GONE if self._service.closing else turn)

    def _wake(self) -> None:
        if not self._awake:
            self._awake = True
            with contextlib.suppress(OSError):
                self._waker.send(b"!")

    def _hear(self) -> None:
        with contextlib.suppress(OSError):
            self._wakes.recv(64)

    # --- New connections

    def _accept(self) -> None:
        for _ in range(ACCEPTED_AT_ONCE):
            if self.connections >= self._limits.connections and not self._make_room():
                self._accept_later()  # whoever comes now waits in the system's queue
                return
            try:
                accepted, address = self._listening.accept()
            except BlockingIOError:
                return
            except OSError as error:  # for want of files, say: whoever leaves makes room
                log.warning("cannot accept a connection: %s", error)
                self._accept_later()
                return
            self._welcome(accepted, address)

    def _welcome(self, accepted: socket.socket, address: object) -> None:
        accepted.setblocking(False)
        peer = str(address[0]) if isinstance(address, tuple) else ""
        try:
            if peer:
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            line = self._certificates.wrap(accepted) if self._certificates else accepted
        except OSError:  # gone already
            accepted.close()
            return
        self._watch(Connection(self._service, line, peer), Turn.READ)

    def _make_room(self) -> bool:
        """End the connection that has been idle for longest; whether there was one to spare."""
        latest = time.monotonic() - self._limits.spare
        idle = [
            (connection.idle_since, connection) for connection in self._watched if connection.idle_since is not None
        ]
        since, longest = min(idle, key=itemgetter(0), default=(latest + 1, None))
        if longest is None or since > latest:
            return False
        self._go_on(longest, Turn.GONE)
        return True

    def _accept_again(self) -> None:
        if not self._accepting and not self._service.closing:
            self._accepting = True
            self._selector.register(self._listening, selectors.EVENT_READ, self._accept)

    def _accept_later(self) -> None:
        if self._accepting:
            self._accepting = False
            self._selector.unregister(self._listening)

    # --- The end

    def _wind_down(self) -> None:
        self._accept_later()
        self._listening.close()
        for connection in [*self._watched, *self._ready]:
            self._go_on(connection, Turn.GONE)
        self._ready.clear()
        self._wait_for_work(self._limits.grace)
        for connection in self._working:
            connection.stop()
        self._wait_for_work(STOPPED)

    def _wait_for_work(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        self._take_back()
        while self._working and (left := end - time.monotonic()) > 0:
            for key, _ in self._selector.select(left):
                key.data()
            self._take_back()
