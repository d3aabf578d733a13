"""A transport for each operation, so that one is cancelled and the others are not."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ..errors import Error
from ..http.message import Request, Response, Transport
from ..http.origin import Origin
from ..http.session import Wired
from .operation import CURRENT, Line, Operation


class Lines:
    """Carries each request by the transport of the operation that makes it. Safe to share among threads.

    Those whose operation has ended well are used again, the last first: their connections are open yet. `make` makes one.
    Whoever is in no operation, as a program that uses the blocking registries beside, is in `outside`.
    """

    def __init__(self, make: Callable[[], Line], outside: Operation) -> None:
        self._make = make
        self._lock = threading.RLock()  # again by the same thread, where what is thrown away ends an operation
        self._idle: list[Line] = []
        self._lent: dict[Operation, Line] = {}
        self._outside = outside
        self._cancelled: str | None = None
        self._closed = False

    def __call__(self, request: Request) -> Response:
        operation = self._operation()
        try:
            return operation.line(self)(request)
        except Error:
            operation.check()
            raise

    def speaks_tls(self, origin: Origin) -> bool:
        """Whether a server at this host and port answers the beginning of a TLS handshake."""
        operation = self._operation()
        answer = operation.line(self).speaks_tls(origin)
        operation.check()
        return answer

    def cancel(self, reason: str) -> None:
        """Fail everything of every operation, under way and to come, with `reason`, at once."""
        with self._lock:
            self._cancelled = reason
            lent = dict(self._lent)
        for operation, line in lent.items():
            operation.wake()
            line.cancel(reason)
        self._outside.wake()

    def close(self) -> None:
        """Close the idle connections, and from now on each as soon as it is idle."""
        self._closed = True
        self._outside.release()
        with self._lock:
            idle, self._idle = self._idle, []
        for line in idle:
            line.close()

    def lend(self, operation: Operation) -> Line:
        """A transport for an operation."""
        with self._lock:
            line = self._lent[operation] = self._idle.pop() if self._idle else self._make()
            if self._cancelled is not None:
                line.cancel(self._cancelled)
        return line

    def take_back(self, operation: Operation, line: Line, *, usable: bool) -> None:
        """Keep a transport for the next operation, or close its connections."""
        with self._lock:
            self._lent.pop(operation, None)
            keep = usable and self._cancelled is None and not self._closed
            if keep:
                self._idle.append(line)
        if not keep:
            line.close()

    def _operation(self) -> Operation:
        return CURRENT.get() or self._outside


def checked(transport: Transport) -> Transport:
    """A transport that was given: an operation that was cancelled makes no further request."""
    if isinstance(transport, Wired):
        return transport

    def carried(request: Request) -> Response:
        operation = CURRENT.get()
        if operation:
            operation.check()
        return transport(request)

    return carried


def sleeping(outside: Operation) -> Callable[[float], None]:
    """A sleep in seconds that ends with the operation, or with `outside` for whoever is in none."""

    def sleep(seconds: float) -> None:
        (CURRENT.get() or outside).sleep(seconds)

    return sleep
