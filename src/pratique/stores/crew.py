"""Several things at once, by a bounded number of threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeVar

JOBS: Final = 8  # threads; more gain nothing where bytes move

T = TypeVar("T")
R = TypeVar("R")


def in_parallel(work: Callable[[T], R], items: Iterable[T], jobs: int = JOBS) -> Iterator[R]:
    """The results in the order of the items; the first failure drops what has not begun, and is raised at once."""
    listed = list(items)
    if len(listed) < 2 or jobs < 2:
        yield from map(work, listed)
        return
    from concurrent.futures import ThreadPoolExecutor

    crew = ThreadPoolExecutor(min(jobs, len(listed)), thread_name_prefix="pratique")
    try:
        yield from crew.map(work, listed)
    finally:
        # Whoever is still at work is not waited for: after a failure the session is cancelled, which frees them.
        crew.shutdown(wait=False, cancel_futures=True)


def all_done(work: Callable[[T], object], items: Iterable[T], jobs: int = JOBS) -> None:
    """Do the work for every item, in any order; the first failure, whenever it comes, is raised at once."""
    listed = list(items)
    if len(listed) < 2 or jobs < 2:
        for item in listed:
            work(item)
        return
    from concurrent.futures import ThreadPoolExecutor, as_completed

    crew = ThreadPoolExecutor(min(jobs, len(listed)), thread_name_prefix="pratique")
    try:
        for future in as_completed([crew.submit(work, item) for item in listed]):
            future.result()
    finally:
        crew.shutdown(wait=False, cancel_futures=True)
