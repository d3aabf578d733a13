"""How a blocking object gets its asynchronous face: each verb is done in a thread, and none is written again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, ExitStack, asynccontextmanager
from functools import partial, wraps
from itertools import islice
from typing import Any, Concatenate, Final, Generic, ParamSpec, TypeVar

from anyio import CancelScope, CapacityLimiter, to_thread

from .operation import Operation

THREADS: Final = 16  # verbs under way at once, by one limiter; what one does with a crew of its own is not counted

S = TypeVar("S")
S_co = TypeVar("S_co", covariant=True)
P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class Threads:
    """Where verbs are done, so many at once as `limiter` admits."""

    def __init__(self, limiter: CapacityLimiter | None = None) -> None:
        self.limiter = limiter or CapacityLimiter(THREADS)

    async def run(self, work: Callable[[], R]) -> R:
        """The result of a whole verb; cancelled, it has closed what it had open."""
        operation = Operation()
        try:
            return await operation.run(work, self.limiter)
        finally:
            operation.end()


class Held(Threads):
    """The same for what stays open from one call to the next: all of them are one operation, until `close`."""

    def __init__(self, threads: Threads) -> None:
        super().__init__(threads.limiter)
        self.operation = Operation()

    async def run(self, work: Callable[[], R]) -> R:
        """The result of a part of it. Cancelled, the whole is; further parts raise ClosedResourceError."""
        return await self.operation.run(work, self.limiter)

    def go_on(self) -> None:
        """Wait for nobody's thread any more: whoever has an answer open has a place that others wait for."""
        self.limiter = CapacityLimiter(1)


class Face(Generic[S_co]):
    """What stands for a `blocking` object, whose verbs are done by `threads`."""

    def __init__(self, blocking: S_co, threads: Threads) -> None:
        self.blocking = blocking
        self.threads = threads

    def __str__(self) -> str:
        return str(self.blocking)

    def __repr__(self) -> str:
        return f"<asynchronous {self.blocking!r}>"


class Flow(Generic[T]):
    """An asynchronous iterator: as much is asked for as is wanted, a page or a part at a time.

    It may be left at any time. Where it was cancelled it is over, and raises ClosedResourceError.
    """

    def __init__(self, begin: Callable[[], Iterator[T]], threads: Threads) -> None:
        self._begin = begin
        self._held = Held(threads)
        self._items: Iterator[T] | None = None

    def __aiter__(self) -> Flow[T]:
        return self

    async def __anext__(self) -> T:
        items: list[T] = []
        try:
            items = await self._held.run(self._next)
        finally:
            self._held.operation.rest() if items else self._held.operation.end()
        if not items:
            raise StopAsyncIteration
        return items[0]

    async def aclose(self) -> None:
        """Leave it: whatever threads it has are freed."""
        self._held.operation.end()

    def __del__(self) -> None:
        self._held.operation.end()

    def _next(self) -> list[T]:
        """One item, or nothing at the end: a StopIteration does not come through a thread."""
        if self._items is None:
            self._items = self._begin()
        return list(islice(self._items, 1))


def verb(
    function: Callable[Concatenate[S, P], R],
) -> Callable[Concatenate[Face[S], P], Coroutine[Any, Any, R]]:
    """The method of a face that does what the blocking method does."""

    @wraps(function)
    async def done(face: Face[S], /, *args: P.args, **kwargs: P.kwargs) -> R:
        return await face.threads.run(partial(function, face.blocking, *args, **kwargs))

    return done


def found(
    function: Callable[Concatenate[S, P], R], face_of: Callable[[R, Threads], T]
) -> Callable[Concatenate[Face[S], P], Coroutine[Any, Any, T]]:
    """The same where the result has a face, too."""

    @wraps(function)
    async def done(face: Face[S], /, *args: P.args, **kwargs: P.kwargs) -> T:
        result = await face.threads.run(partial(function, face.blocking, *args, **kwargs))
        return face_of(result, face.threads)

    return done


def made(
    function: Callable[Concatenate[S, P], R], face_of: Callable[[R, Threads], T]
) -> Callable[Concatenate[Face[S], P], T]:
    """The same where nobody is asked yet, so that nobody has to wait."""

    @wraps(function)
    def done(face: Face[S], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return face_of(function(face.blocking, *args, **kwargs), face.threads)

    return done


def later(
    function: Callable[Concatenate[S, P], R], face_of: Callable[[Callable[[], R], Threads], T]
) -> Callable[Concatenate[Face[S], P], T]:
    """The same where the blocking method is called by the face, when more of it is wanted."""

    @wraps(function)
    def done(face: Face[S], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return face_of(partial(function, face.blocking, *args, **kwargs), face.threads)

    return done


def flow(function: Callable[Concatenate[S, P], Iterator[T]]) -> Callable[Concatenate[Face[S], P], Flow[T]]:
    """The same for what comes one after the other."""
    return later(function, Flow)


def in_thread(function: Callable[P, R]) -> Callable[P, Coroutine[Any, Any, R]]:
    """The same for a function."""

    @wraps(function)
    async def done(*args: P.args, **kwargs: P.kwargs) -> R:
        return await Threads().run(partial(function, *args, **kwargs))

    return done


def block(function: Callable[P, AbstractContextManager[R]]) -> Callable[P, AbstractAsyncContextManager[R]]:
    """The same for a function whose result is for the time of a block; its beginning and its end are not cancelled."""

    @wraps(function)
    @asynccontextmanager
    async def done(*args: P.args, **kwargs: P.kwargs) -> AsyncIterator[R]:
        with ExitStack() as stack:
            with CancelScope(shield=True):
                value = await to_thread.run_sync(stack.enter_context, function(*args, **kwargs))
            try:
                yield value
            finally:
                with CancelScope(shield=True):
                    await to_thread.run_sync(stack.close)

    return done
