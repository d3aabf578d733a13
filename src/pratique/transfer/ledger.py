"""What several copies to one target have in common: content that is there, and content that is on its way."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ..spec.digest import Digest


class Ledger:
    """Knows what a target has, so that nothing is asked for or sent twice. Safe to share among threads."""

    def __init__(self) -> None:
        self.known: set[Digest] = set()
        self._lock = threading.Lock()
        self._moving: dict[Digest, threading.Event] = {}

    def once(self, digest: Digest, work: Callable[[], None]) -> bool:
        """Do the work for this content, or wait for whoever does it; False where it was done before.

        A failure is the failure of the one who worked; who waited then does it himself.
        """
        while True:
            with self._lock:
                if digest in self.known:
                    return False
                landed = self._moving.get(digest)
                mine = landed is None
                if landed is None:
                    landed = self._moving[digest] = threading.Event()
            if mine:
                return self._work(digest, landed, work)
            landed.wait()

    def _work(self, digest: Digest, landed: threading.Event, work: Callable[[], None]) -> bool:
        try:
            work()
            self.known.add(digest)
        finally:
            with self._lock:
                del self._moving[digest]
            landed.set()
        return True
