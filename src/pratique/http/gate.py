"""At most so many requests to one host: at once, and in a second."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from ..values import frozen
from .origin import Origin

MOST_REQUESTS_AT_ONCE: Final = 16  # to one host
MOST_UNFINISHED: Final = 2  # of these with content that is still being made


@frozen
class Pace:
    """How fast a host is asked: requests at once, and requests that begin in a second (None: as they come)."""

    at_once: int = MOST_REQUESTS_AT_ONCE
    a_second: int | None = None


USUAL: Final = Pace()
Paces = Callable[[Origin], Pace]


class Gate:
    """Counts the requests under way, from their beginning until their answer is read, and spaces their beginnings.

    A thread that has a place anywhere is let in everywhere at once: whoever copies reads one answer while it sends another
    request, to the same host or another, and nobody who holds a place ever waits for one, so that all come to an end.
    `clock` and `sleep` are in seconds.
    """

    def __init__(
        self,
        paces: Paces = lambda _: USUAL,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._paces = paces
        self._clock = clock
        self._sleep = sleep
        self._changed = threading.Condition()
        self._inside: dict[Origin, int] = {}
        self._unfinished: dict[Origin, int] = {}
        self._holders: dict[int, int] = {}  # places by thread
        self._next: dict[Origin, float] = {}  # when another request may begin

    def enter(self, origin: Origin) -> Callable[[], None]:
        """Wait for a place and for its turn; the result, called once or more often, gives the place back."""
        pace = self._paces(origin)
        leave = self._place(origin, pace.at_once)
        if pace.a_second is not None:
            try:
                self._sleep(self._turn(origin, 1 / pace.a_second))
            except BaseException:
                leave()
                raise
        return leave

    def reserve(self, origin: Origin) -> Callable[[], None] | None:
        """Leave to send content that is still being made, which the result, called once, gives back; None where there is none.

        Who makes content may ask the same host for what it is made of. While such requests hold all places that would wait for
        ever, and the requests with it; so there is always a place that none of them has.
        """
        with self._changed:
            held = self._unfinished.get(origin, 0)
            if held >= min(MOST_UNFINISHED, self._paces(origin).at_once - 1):
                return None
            self._unfinished[origin] = held + 1

        def give_back() -> None:
            with self._changed:
                self._unfinished[origin] -= 1

        return give_back

    def _turn(self, origin: Origin, interval: float) -> float:
        """Seconds until the next turn, which is taken."""
        with self._changed:
            now = self._clock()
            turn = max(now, self._next.get(origin, now))
            self._next[origin] = turn + interval
        return turn - now

    def _place(self, origin: Origin, most: int) -> Callable[[], None]:
        thread = threading.get_ident()
        with self._changed:
            self._changed.wait_for(lambda: thread in self._holders or self._inside.get(origin, 0) < most)
            self._inside[origin] = self._inside.get(origin, 0) + 1
            self._holders[thread] = self._holders.get(thread, 0) + 1
        places = [thread]

        def leave() -> None:
            with self._changed:
                if places:
                    self._inside[origin] -= 1
                    self._holders[thread] -= 1
                    if not self._holders[places.pop()]:
                        del self._holders[thread]
                    self._changed.notify_all()

        return leave
