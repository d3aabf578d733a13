"""Trouble for servers: any of the effects of `serve --faults`, at random and again for the same seed."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from functools import partial

from pratique.http.message import Request, Response, Transport
from pratique.server.faults.effects import Answers, Cuts

FAULTS: tuple[Callable[[Transport, int], Transport], ...] = (
    *(lambda handle, _, status=status: Answers(handle, status=status) for status in (500, 502, 503, 504)),
    lambda handle, _: Answers(handle, status=429, retry_after=1),
    lambda handle, _: Cuts(handle, at="before"),
    lambda handle, _: Cuts(handle, at="after"),
    *(
        partial(lambda handle, after, at: Cuts(handle, at=at, bytes=after), at=at)
        for at in ("answer", "answer", "request")
    ),
)


class Faulty:
    """A server's handler, now and then in trouble: `rate` of its answers come cut, as an error or not at all."""

    def __init__(self, handle: Transport, seed: int, rate: float) -> None:
        self._handle = handle
        self._random = random.Random(seed)  # noqa: S311
        self._lock = threading.Lock()
        self.rate = rate
        self.count = 0

    def __call__(self, request: Request) -> Response:
        with self._lock:
            fault = self._random.choice(FAULTS) if self._random.random() < self.rate else None
            after = self._random.randrange(4000)
        if fault is None:
            return self._handle(request)
        self.count += 1
        return fault(self._handle, after)(request)
