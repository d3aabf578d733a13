"""One verb under way: its threads, and the connections that are cancelled with it and with nothing else."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import Final, Generic, Protocol, TypeVar

from anyio import CancelScope, CapacityLimiter, ClosedResourceError, get_cancelled_exc_class, to_thread

from ..http.message import Transport
from ..http.session import Wired

R = TypeVar("R")


class Interrupted(BaseException):
    """What ends the threads of an operation that was cancelled: no handler of errors takes it for one."""


class Line(Transport, Wired, Protocol):
    """A transport that one operation has for itself."""


class Lender(Protocol):
    """Where such transports come from and go back to."""

    def lend(self, operation: Operation) -> Line: ...
    def take_back(self, operation: Operation, line: Line, *, usable: bool) -> None: ...


class Operation:
    """What belongs to one verb, from its beginning until `end`. Crews of threads have it by their context (PEP 567)."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # again by the same thread, where what is thrown away ends an operation
        self._lines: dict[Lender, Line] = {}
        self._hand: threading.Thread | None = None  # whose turn it is
        self._crew: set[threading.Thread] = set()  # others that made requests
        self._stopped = threading.Event()
        self._is_over = False

    async def run(self, work: Callable[[], R], limiter: CapacityLimiter) -> R:
        """Do some work in a thread. Who is cancelled meanwhile comes back when all is closed and the thread is free.

        Raises what the work raises, and ClosedResourceError where the operation was cancelled before or by somebody else.
        """
        turn = _Turn(self, work)
        try:
            return await to_thread.run_sync(turn, abandon_on_cancel=True, limiter=limiter)
        except Interrupted:
            raise ClosedResourceError from None
        except get_cancelled_exc_class():
            self.cancel()
            if not turn.revoke():
                with CancelScope(shield=True):
                    await to_thread.run_sync(self._wait, turn.ended, limiter=CapacityLimiter(1))
            raise

    def line(self, lender: Lender) -> Line:
        """The transport of this operation among those of a lender. Raises Interrupted."""
        with self._lock:
            self.check()
            thread = threading.current_thread()
            if thread is not self._hand:
                self._crew.add(thread)
            if lender not in self._lines:
                self._lines[lender] = lender.lend(self)
            return self._lines[lender]

    def begin(self) -> None:
        """Take a turn: this thread is the one that whoever waits for it waits for. Raises Interrupted."""
        self.check()
        self._hand = threading.current_thread()
        CURRENT.set(self)  # in the context of this turn

    def check(self) -> None:
        """Raise Interrupted where it was cancelled, or has ended."""
        if self._is_over:
            raise Interrupted

    def sleep(self, seconds: float) -> None:
        """Wait, unless it is woken. Raises Interrupted."""
        self._stopped.wait(seconds)
        self.check()

    def wake(self) -> None:
        """Let nobody sleep any more: what they wait for has failed."""
        self._stopped.set()

    def cancel(self) -> None:
        """End what is under way in its threads, at once."""
        with self._lock:
            self._is_over = True
            lines, self._lines = self._lines, {}
        self.wake()
        for lender, line in lines.items():
            line.cancel("the operation was cancelled")
            lender.take_back(self, line, usable=False)

    def rest(self) -> None:
        """Give the transports back until more is wanted, where only the thread had them whose turn is over."""
        if not self._crew:
            self.release()

    def end(self) -> None:
        """Give everything back for good; a crew that is left has nothing to work for. It may be called again."""
        if self._crew:
            self.cancel()
        self._is_over = True
        self.release()

    def _wait(self, ended: threading.Event) -> None:
        """Wait until the turn is over, and nobody of its crew is at work."""
        ended.wait()
        for thread in self._crew:
            thread.join()

    def release(self) -> None:
        """Give the transports back."""
        with self._lock:
            lines, self._lines = self._lines, {}
        for lender, line in lines.items():
            lender.take_back(self, line, usable=True)


CURRENT: Final[ContextVar[Operation | None]] = ContextVar("CURRENT", default=None)


class _Turn(Generic[R]):
    """Some work for a thread, that may be taken back as long as it has not begun."""

    def __init__(self, operation: Operation, work: Callable[[], R]) -> None:
        self.ended = threading.Event()
        self._operation = operation
        self._work = work
        self._taken = threading.Lock()

    def __call__(self) -> R:
        if not self._taken.acquire(blocking=False):
            raise Interrupted
        try:
            self._operation.begin()
            return self._work()
        finally:
            self.ended.set()

    def revoke(self) -> bool:
        """Whether the work will not be begun."""
        return self._taken.acquire(blocking=False)
