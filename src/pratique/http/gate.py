"""At most so many requests at once to one host."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from .origin import Origin

MOST_REQUESTS_PER_HOST: Final = 16


class Gate:
    """Counts the requests under way, from their beginning until their answer is read.

    A thread that has a place anywhere is let in everywhere at once: whoever copies reads one answer while it sends another
    request, to the same host or another, and nobody who holds a place ever waits for one, so that all come to an end.
    """

    def __init__(self, most: int = MOST_REQUESTS_PER_HOST) -> None:
        self._most = most
        self._changed = threading.Condition()
        self._inside: dict[Origin, int] = {}
        self._holders: dict[int, int] = {}  # places by thread

    def enter(self, origin: Origin) -> Callable[[], None]:
        """Wait for a place; the result, called once or more often, gives it back."""
        thread = threading.get_ident()
        with self._changed:
            self._changed.wait_for(lambda: thread in self._holders or self._inside.get(origin, 0) < self._most)
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
