"""Threads for what has to wait: made when they are needed, gone some time after."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Final

REST: Final = 10.0  # seconds that a thread waits for more to do


class Workers:
    """As many threads as there is work at once; whoever gives it bounds that."""

    def __init__(self) -> None:
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._free = 0  # threads that wait, less the work that waits for them
        self._closed = False

    def give(self, work: Callable[[], None]) -> None:
        """Do this in a thread, at once. It raises nothing."""
        with self._lock:
            waits = self._free > 0
            if waits:
                self._free -= 1
        if waits:
            self._work.put(work)
        else:
            threading.Thread(target=self._run, args=(work,), name="listener-worker", daemon=True).start()

    def close(self) -> None:
        """Let the threads go, each when it has nothing to do."""
        with self._lock:
            self._closed = True
            for _ in range(self._free):
                self._work.put(None)
            self._free = 0

    def _run(self, work: Callable[[], None] | None) -> None:
        while work is not None:
            work()
            work = self._wait()

    def _wait(self) -> Callable[[], None] | None:
        with self._lock:
            if self._closed:
                return None
            self._free += 1
        try:
            return self._work.get(timeout=REST)
        except Empty:
            with self._lock:
                if self._free > 0:
                    self._free -= 1
                    return None
            return self._work.get()  # somebody counted on this thread in the meantime
