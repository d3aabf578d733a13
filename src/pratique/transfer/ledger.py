"""What several copies to one target have in common: content that is there, and content that is on its way."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ..spec.digest import Digest


class Ledger:
    """Knows what a target has, so that nothing is asked for or sent twice. Safe to share among threads.

    `known` is there; `lacking` was not when it was asked for. With `many` copies to come it is worth asking whether the target
    has any name at all.
    """

    def __init__(self, *, many: bool = False) -> None:
        self.known: set[Digest] = set()
        self.lacking: set[Digest] = set()
        self._is_vacant: bool | None = None if many else False
        self._looking = threading.Lock()
        self._lock = threading.Lock()
        self._asking: dict[Digest, threading.Event] = {}
        self._moving: dict[Digest, threading.Event] = {}

    @property
    def is_vacant(self) -> bool:
        """Whether the target is known to have no name: then hardly anything is there."""
        return self._is_vacant is True

    def look(self, has_names: Callable[[], bool]) -> None:
        """Find out whether the target is vacant, once, and where that is of use."""
        with self._looking:
            if self._is_vacant is None:
                self._is_vacant = not has_names()

    def has(self, digest: Digest, ask: Callable[[], bool]) -> bool:
        """Whether the target has content, or had none when somebody asked; who wants to know at the same time waits."""

        def learn() -> None:
            (self.known if ask() else self.lacking).add(digest)

        self._alone(self._asking, digest, lambda: digest in self.known or digest in self.lacking, learn)
        return digest in self.known

    def once(self, digest: Digest, work: Callable[[], None]) -> bool:
        """Do the work for this content, or wait for whoever does it; False where it was done before.

        A failure is the failure of the one who worked; who waited then does it himself.
        """

        def bring() -> None:
            work()
            self.known.add(digest)

        return self._alone(self._moving, digest, lambda: digest in self.known, bring)

    def _alone(
        self, busy: dict[Digest, threading.Event], digest: Digest, is_done: Callable[[], bool], work: Callable[[], None]
    ) -> bool:
        while True:
            with self._lock:
                if is_done():
                    return False
                landed = busy.get(digest)
                mine = landed or busy.setdefault(digest, threading.Event())
            if landed is None:
                break
            landed.wait()
        try:
            work()
        finally:
            with self._lock:
                del busy[digest]
            mine.set()
        return True
