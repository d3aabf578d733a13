"""Registries as one program and one identity see them, for coroutines."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, Self

from anyio import CapacityLimiter

from ..client import connection
from ..client import registries as blocking
from ..http.message import Transport
from ..http.reach import Reaches
from ..http.transport import HttpTransport
from .face import Face, Threads, flow, made, verb
from .lines import Lines, checked, sleeping
from .operation import Operation
from .repository import Repository

P = ParamSpec("P")


class Registries(Face[blocking.Registries]):
    """Every registry there is, as one identity reaches it; `connect` makes it, an `async with` block ends it.

    Connections, tokens and what was learnt of each registry are shared by all tasks. A block that an exception leaves cancels
    whatever is under way. `limiter` says how many verbs are under way at once. `blocking` is the same for threads.
    """

    repository = made(blocking.Registries.repository, Repository)
    repositories = flow(blocking.Registries.repositories)
    meant = verb(blocking.Registries.meant)
    explain = verb(blocking.Registries.explain)
    permit = verb(blocking.Registries.permit)

    @property
    def limiter(self) -> CapacityLimiter:
        """How many threads there may be: it may be made larger or smaller, or replaced by one that others have, too."""
        return self.threads.limiter

    @limiter.setter
    def limiter(self, limiter: CapacityLimiter) -> None:
        self.threads.limiter = limiter

    def cancel(self, reason: str) -> None:
        """Fail everything under way and to come with `reason`, at once, by Unreachable."""
        self.blocking.cancel(reason)

    async def aclose(self) -> None:
        """Close the connections; it may be called again."""
        self.blocking.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is not None:
            self.cancel("the program is ending")
        self.blocking.close()


def _connecting(function: Callable[P, blocking.Registries]) -> Callable[P, Registries]:
    @wraps(function)
    def connect(*args: P.args, **kwargs: P.kwargs) -> Registries:
        with function(*args, **kwargs) as plain:
            given, sleep = plain.settings.transport, plain.settings.sleep
            if given is not None:
                return Registries(plain.alike(transport=checked(given)), Threads())
            outside = Operation()

            def carrier(reaches: Reaches, clock: Callable[[], float]) -> Transport:
                return Lines(lambda: HttpTransport(reaches, clock=clock), outside)

            return Registries(plain.alike(carrier=carrier, sleep=sleep or sleeping(outside)), Threads())

    return connect


connect = _connecting(connection.connect)
