"""Several things at once, by a bounded number of threads, each in a copy of the context (PEP 567) of who began them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from contextvars import copy_context
from typing import Final, TypeVar

JOBS: Final = 8  # threads; more gain nothing where bytes move
WAITING_JOBS: Final = 16  # threads where each mostly waits for an answer; a session lets no more through to one host

T = TypeVar("T")
R = TypeVar("R")


def in_parallel(work: Callable[[T], R], items: Iterable[T], jobs: int = WAITING_JOBS) -> Iterator[R]:
    """The results in the order of the items; the first failure drops what has not begun, and is raised at once."""
    listed = list(items)
    if len(listed) < 2 or jobs < 2:
        yield from map(work, listed)
        return
    early: dict[int, R] = {}
    following = 0
    with closing(_as_they_come(work, listed, jobs)) as outcomes:
        for number, result in outcomes:
            early[number] = result
            while following in early:
                yield early.pop(following)
                following += 1


def all_done(work: Callable[[T], object], items: Iterable[T], jobs: int = JOBS) -> None:
    """Do the work for every item, in any order; the first failure, whenever it comes, is raised at once."""
    for _ in in_parallel(work, items, jobs):
        pass


def _as_they_come(work: Callable[[T], R], items: Sequence[T], jobs: int) -> Generator[tuple[int, R], None, None]:
    """Each item's number and result, whichever is first. Raises the first failure.

    The threads are plain ones: `concurrent.futures` takes longer to load than most commands to run, and wakes more often.
    """
    import threading
    from queue import SimpleQueue

    context = copy_context()
    waiting = deque(enumerate(items))
    outcomes: SimpleQueue[tuple[int, R] | BaseException] = SimpleQueue()

    def labour() -> None:
        while waiting:
            try:
                number, item = waiting.popleft()
            except IndexError:  # another thread was faster
                return
            try:
                outcomes.put((number, context.copy().run(work, item)))
            except BaseException as error:
                waiting.clear()
                outcomes.put(error)

    try:
        for number in range(min(jobs, len(items))):
            threading.Thread(target=labour, name=f"pratique_{number}").start()
        for _ in items:
            outcome = outcomes.get()
            if isinstance(outcome, BaseException):
                raise outcome
            yield outcome
    finally:
        # Whoever is still at work is not waited for: after a failure the session is cancelled, which frees them.
        waiting.clear()
