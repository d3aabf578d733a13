"""Who waits for whom. Each `Locks` stands for a process: locks belong to open files, not to processes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from pratique.server.storage.locks import Locks

MOMENT = 0.05  # seconds in which nothing must happen
PATIENCE = 10  # seconds until a test gives up


class Waiting:
    """A thread that wants a lock, holds it, and gives it back when told."""

    def __init__(self, wanted: AbstractContextManager[None]) -> None:
        self._wanted = wanted
        self._has = threading.Event()
        self._enough = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        with self._wanted:
            self._has.set()
            self._enough.wait(PATIENCE)

    def has(self, patience: float = PATIENCE) -> bool:
        return self._has.wait(patience)

    def release(self) -> None:
        self._enough.set()


Want = Callable[[AbstractContextManager[None]], Waiting]


@pytest.fixture
def want() -> Iterator[Want]:
    waiting: list[Waiting] = []

    def begin(wanted: AbstractContextManager[None]) -> Waiting:
        waiting.append(Waiting(wanted))
        return waiting[-1]

    yield begin
    for each in waiting:
        each.release()
    for each in waiting:
        each.thread.join(PATIENCE)
        assert not each.thread.is_alive()


@pytest.fixture
def locks(tmp_path: Path) -> tuple[Locks, Locks]:
    return Locks(str(tmp_path / "locks")), Locks(str(tmp_path / "locks"))


def test_many_use_at_once(locks: tuple[Locks, Locks], want: Want) -> None:
    one, other = locks
    users = [want(each) for each in (one.using(), other.using(), one.using(), other.changing("foo"))]
    assert all(user.has() for user in users)


def test_a_collector_is_alone(locks: tuple[Locks, Locks], want: Want) -> None:
    one, other = locks
    collector = want(other.collecting())
    assert collector.has()
    users = [want(each) for each in (one.using(), other.using(), one.changing("foo"))]
    assert not any(user.has(MOMENT) for user in users)
    collector.release()
    assert all(user.has() for user in users)


def test_who_comes_after_a_collector_waits_behind_it(locks: tuple[Locks, Locks], want: Want) -> None:
    one, other = locks
    first = want(one.using())
    assert first.has()
    collector = want(other.collecting())
    assert not collector.has(MOMENT)
    late = want(one.using())
    assert not late.has(MOMENT)
    first.release()
    assert collector.has()
    collector.release()
    assert late.has()


def test_one_repository_is_changed_by_one(locks: tuple[Locks, Locks], want: Want) -> None:
    one, other = locks
    first = want(one.changing("foo"))
    assert first.has()
    assert want(other.changing("bar")).has()
    same = want(other.changing("foo")), want(one.changing("foo"))
    assert not any(each.has(MOMENT) for each in same)
    first.release()
    same[0].release()
    same[1].release()
    assert all(each.has() for each in same)


def test_a_thread_may_take_what_it_holds(locks: tuple[Locks, Locks], want: Want) -> None:
    one, other = locks
    with one.changing("foo"):
        with one.changing("foo"), one.using():
            pass
        second = want(other.changing("foo"))
        assert not second.has(MOMENT)
    assert second.has()
    second.release()
    assert want(other.collecting()).has()
