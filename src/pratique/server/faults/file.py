"""Faults on purpose: what happens to which requests, and how often; for those who test clients of registries.

A TOML file says it, `docs/faults.md` describes it:

```toml
seed = 7                    # of every probability

[[faults]]
method = "PUT"              # which requests: every key that is there has to fit
path = "/v2/*/manifests/*"  # `*` also stands for `/`
after = 2                   # how often: the first two are left alone,
count = 3                   # and then it happens three times
answer = { status = 429, retry-after = 5 }

[[faults]]
manner = "head-unsupported"
```
"""

from __future__ import annotations

import random
import threading
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from ...config.tables import Table
from ...errors import InvalidInput
from ...http.log import logger
from ...http.message import Request, Response, Transport, Unanswered
from ...http.origin import redact
from ...values import frozen
from .fault import MANNER, MOST_TIMES, Fault, read

log = logger(__name__)

MOST_SEEN: Final = 10_000  # faults that are remembered; the oldest are forgotten


@frozen
class Happened:
    """A fault that happened: its name, and the method and path of the request."""

    fault: str
    method: str
    path: str


class Faults:
    """Faults before a registry, the first of them outermost. Safe to share among threads."""

    def __init__(self, faults: Iterable[Fault] = (), seed: int = 0) -> None:
        self._faults = tuple(faults)
        self._seed = seed
        self._lock = threading.Lock()
        self._seen: deque[Happened] = deque(maxlen=MOST_SEEN)

    @classmethod
    def load(cls, path: Path) -> Faults:
        """Read a file. Raises InvalidInput, naming the file and the line or key."""
        table = Table.load(path)
        if table is None:
            raise InvalidInput(f"{path}: there is no such file")
        table.check(("seed", "faults"))
        return cls(map(read, table.tables("faults")), table.number("seed", 0, MOST_TIMES) or 0)

    def before(self, registry: Transport) -> Transport:
        """The registry with its faults."""
        for index, fault in reversed([*enumerate(self._faults)]):
            registry = _Happening(fault, registry, random.Random(f"{self._seed} {index}"), self._note)  # noqa: S311
        return registry

    @property
    def seen(self) -> tuple[Happened, ...]:
        """The faults that happened, the latest last."""
        with self._lock:
            return tuple(self._seen)

    def count(self, name: str) -> int:
        """How often the fault of this name happened, as far as is remembered."""
        return sum(seen.fault == name for seen in self.seen)

    def _note(self, fault: str, request: Request) -> None:
        with self._lock:
            self._seen.append(Happened(fault, request.method, request.path))
        log.info("fault %s: %s %s", fault, request.method, redact(request.url))


class _Happening:
    """One fault before a registry: it happens to some requests, and the others go past it."""

    def __init__(
        self, fault: Fault, registry: Transport, chance: random.Random, note: Callable[[str, Request], None]
    ) -> None:
        self._fault = fault
        self._registry = registry
        self._chance = chance
        self._note = note
        self._lock = threading.Lock()
        self._fitting = 0
        self._happened = 0
        self._watched = _Watched(registry)
        self._troubled = fault.before(self._watched)

    def __call__(self, request: Request) -> Response:
        if not self._fault.match.fits(request) or not self._is_due():
            return self._registry(request)
        if self._fault.effect != MANNER:
            self._note(self._fault.name, request)
            return self._troubled(request)
        return self._in_its_manner(request)

    def _is_due(self) -> bool:
        turn = self._fault.turn
        with self._lock:
            number = self._fitting - turn.after
            self._fitting += 1
            due = number >= 0 and number % turn.every == 0 and not 0 < turn.count <= self._happened
            due = due and (turn.probability >= 1 or self._chance.random() < turn.probability)
            self._happened += due
            return due

    def _in_its_manner(self, request: Request) -> Response:
        """A manner leaves most requests as they are: only where it did something, it is said to have happened."""
        self._watched.forget()
        try:
            response = self._troubled(request)
        except Unanswered:
            self._note(self._fault.name, request)
            raise
        if not self._watched.is_untouched(request, response):
            self._note(self._fault.name, request)
        return response


class _Watched:
    """The registry behind a manner: what this thread's request was when it came here, and its answer when it left."""

    def __init__(self, registry: Transport) -> None:
        self._registry = registry
        self._local = threading.local()

    def __call__(self, request: Request) -> Response:
        response = self._registry(request)
        self._local.passed = [*getattr(self._local, "passed", []), (_head(request), _tail(response))]
        return response

    def forget(self) -> None:
        """Begin with another request."""
        self._local.passed = []

    def is_untouched(self, request: Request, response: Response) -> bool:
        """Whether this request, with its answer, was the only thing that came past."""
        return bool(self._local.passed == [(_head(request), _tail(response))])


def _head(request: Request) -> tuple[object, ...]:
    return request.method, request.url, tuple(request.headers), request.body and request.body.size


def _tail(response: Response) -> tuple[object, ...]:
    return response.status, tuple(response.headers)
