"""A transport over sockets: a thread-safe pool of connections, each of which is `connection.py`'s affair.

Nothing here follows redirects, decodes content, keeps cookies or reads netrc.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Final

from .connection import Connection, Stale, Timeouts
from .message import Request, Response, Unanswered
from .origin import Origin
from .reach import Reaches, usual
from .trust import Trust

__all__ = ["HttpTransport", "Timeouts"]

IDLE_SECONDS: Final = 30.0  # after which an idle connection is not used again
MOST_IDLE_CONNECTIONS: Final = 32  # an origin


class HttpTransport:
    """Carries requests over sockets. Safe to share among threads; `cancel()` frees every blocked one at once."""

    def __init__(
        self,
        reaches: Reaches = usual,
        timeouts: Timeouts | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reaches = cache(reaches)
        self._context = cache(Trust.context)
        self._timeouts = timeouts or Timeouts()
        self._clock = clock
        self._lock = threading.Lock()
        self._idle: dict[Origin, list[tuple[float, Connection]]] = {}
        self._open: set[Connection] = set()
        self._cancelled: str | None = None
        self._closed = False

    def __call__(self, request: Request) -> Response:
        """Send a request, on an idle connection if there is one.

        Raises Unanswered, or Misbehaved for an answer that is not HTTP.
        """
        connection = self._idle_connection(request)
        if connection is not None:
            with suppress(Stale):
                return self._exchange(connection, request)
        return self._exchange(self._connect(request), request)

    def speaks_tls(self, origin: Origin) -> bool:
        """Whether a server at this host and port answers the beginning of a TLS handshake; False if none listens."""
        connection = self._opening(origin)
        try:
            return connection.speaks_tls()
        except (OSError, Unanswered):
            return False
        finally:
            self._discard(connection)

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
            self._closed = True  # what is still being read is not kept
            idle = [connection for entries in self._idle.values() for _, connection in entries]
            self._idle.clear()
        for connection in idle:
            self._discard(connection)

    def take_back(self, connection: Connection, *, reusable: bool) -> None:
        """Keep a connection whose answer was read for the next request, or close it."""
        with self._lock:
            entries = self._idle.setdefault(connection.origin, [])
            keep = reusable and not self._closed and self._cancelled is None and len(entries) < MOST_IDLE_CONNECTIONS
            if keep:
                connection.used = True
                entries.append((self._clock(), connection))
        if not keep:
            self._discard(connection)

    def raise_if_cancelled(self, request: Request) -> None:
        """Raises Unanswered with the reason that `cancel` was given."""
        if self._cancelled is not None:
            raise Unanswered(f"{request}: {self._cancelled}", transient=False) from None

    def _idle_connection(self, request: Request) -> Connection | None:
        while True:
            with self._lock:
                entries = self._idle.get(request.origin)
                if not entries:
                    return None
                since, connection = entries.pop()
            admitted = not request.public_only or connection.is_public
            if admitted and self._clock() - since < IDLE_SECONDS and not connection.has_news():
                return connection
            self._discard(connection)

    def _opening(self, origin: Origin) -> Connection:
        connection = Connection(origin, self._timeouts, self._reaches(origin), self._context)
        with self._lock:
            self._open.add(connection)
        return connection

    def _connect(self, request: Request) -> Connection:
        connection = self._opening(request.origin)
        with self._giving_up(connection, request):
            self.raise_if_cancelled(request)
            connection.open(request)
        return connection

    def _exchange(self, connection: Connection, request: Request) -> Response:
        with self._giving_up(connection, request):
            self.raise_if_cancelled(request)
            return connection.exchange(request, self)

    @contextmanager
    def _giving_up(self, connection: Connection, request: Request) -> Iterator[None]:
        """Close the connection where anything goes wrong with it; being cancelled is the reason before any other."""
        try:
            yield
        except BaseException:
            self._discard(connection)
            self.raise_if_cancelled(request)
            raise

    def _discard(self, connection: Connection) -> None:
        with self._lock:
            self._open.discard(connection)
        connection.close()
