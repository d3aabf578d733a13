"""At most so many requests at once to one host."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from .origin import Origin

MOST_REQUESTS_PER_HOST: Final = 16


class Gate:
    """Counts the requests under way, from their beginning until their answer is read.

    A thread that is inside already is let in again at once: whoever copies within one host reads one answer while it
    sends another request, and would otherwise wait for itself.
    """

    def __init__(self, most: int = MOST_REQUESTS_PER_HOST) -> None:
        self._most = most
        self._changed = threading.Condition()
        self._inside: dict[Origin, dict[int, int]] = {}

    def enter(self, origin: Origin) -> Callable[[], None]:
        """Wait for a place; the result, called once or more often, gives it back."""
        thread = threading.get_ident()
        with self._changed:
            inside = self._inside.setdefault(origin, {})
            self._changed.wait_for(lambda: thread in inside or sum(inside.values()) < self._most)
            inside[thread] = inside.get(thread, 0) + 1
        places = [thread]

        def leave() -> None:
            with self._changed:
                if places:
                    inside[places.pop()] -= 1
                    if not inside[thread]:
                        del inside[thread]
                    self._changed.notify_all()

        return leave
