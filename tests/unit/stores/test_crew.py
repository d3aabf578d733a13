from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar

import pytest

from pratique.stores.crew import all_done, in_parallel

WHO: ContextVar[str] = ContextVar("WHO", default="nobody")


@pytest.fixture
def caller() -> Iterator[str]:
    token = WHO.set("the caller")
    yield WHO.get()
    WHO.reset(token)


@pytest.mark.parametrize("work_on", [lambda work, items: list(in_parallel(work, items)), all_done])
def test_the_context_of_the_caller_holds_in_every_thread(
    work_on: Callable[[Callable[[int], None], range], object], caller: str
) -> None:
    seen: set[tuple[str, str]] = set()
    together = threading.Barrier(2)  # two at once, so that no thread can do both

    def work(_: int) -> None:
        together.wait()
        seen.add((threading.current_thread().name, WHO.get()))
        WHO.set("a thread")

    work_on(work, range(2))
    assert [who for _, who in seen] == [caller, caller]
    assert threading.current_thread().name not in {name for name, _ in seen}
    assert WHO.get() == caller


def test_results_come_in_the_order_of_the_items_whichever_is_first() -> None:
    gates = [threading.Event() for _ in range(4)]

    def work(number: int) -> int:
        if number < 3:
            gates[number + 1].wait()  # each ends after the one behind it
        gates[number].set()
        return number

    assert list(in_parallel(work, range(4), 4)) == [0, 1, 2, 3]


@pytest.mark.parametrize("jobs", [1, 3, 100])
def test_no_more_threads_than_jobs_and_every_item_once(jobs: int) -> None:
    seen: list[tuple[str, int]] = []
    all_done(lambda number: seen.append((threading.current_thread().name, number)), range(50), jobs)
    assert sorted(number for _, number in seen) == list(range(50))
    assert len({name for name, _ in seen}) <= min(jobs, 50)


@pytest.mark.parametrize("error", [IndexError("pop from an empty deque"), KeyError("x"), SystemExit(3)])
@pytest.mark.parametrize(
    "work_on", [lambda work, items: list(in_parallel(work, items, 2)), lambda work, items: all_done(work, items, 2)]
)
def test_the_first_failure_is_raised_at_once_and_drops_what_has_not_begun(
    work_on: Callable[[Callable[[int], None], range], object], error: BaseException
) -> None:
    begun: list[int] = []
    slow, failed = threading.Event(), threading.Event()

    def work(number: int) -> None:
        begun.append(number)
        if number == 0:
            slow.wait()  # still at work when the other fails, and not waited for
        else:
            failed.set()
            raise error

    with pytest.raises(type(error)) as raised:
        work_on(work, range(100))
    assert raised.value is error
    assert sorted(begun) == [0, 1]
    slow.set()


def test_who_has_enough_of_the_results_drops_the_rest() -> None:
    begun: list[int] = []
    more = threading.Semaphore(2)

    def work(number: int) -> int:
        more.acquire()
        begun.append(number)
        return number

    results = in_parallel(work, range(100), 2)
    assert next(results) == 0
    results.close()  # type: ignore[attr-defined]
    more.release(100)
    for thread in threading.enumerate():
        if thread.name.startswith("pratique_"):
            thread.join()
    assert len(begun) <= 4
