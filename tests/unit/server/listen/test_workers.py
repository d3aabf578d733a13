"""Threads that come when there is work and go when there is none."""

from __future__ import annotations

import threading

import pytest

from pratique.server.listen import workers
from pratique.server.listen.workers import Workers

PATIENCE = 10  # seconds until a test gives up


def do(crew: Workers, count: int) -> set[int]:
    """So much work at once, all of it under way before any of it ends; the threads that did it."""
    together = threading.Barrier(count + 1)
    done = threading.Semaphore(0)
    seen: set[int] = set()

    def work() -> None:
        seen.add(threading.get_ident())
        together.wait(PATIENCE)
        done.release()

    for _ in range(count):
        crew.give(work)
    together.wait(PATIENCE)
    for _ in range(count):
        assert done.acquire(timeout=PATIENCE)
    return seen


def test_everything_given_is_done_at_once_by_threads_of_its_own() -> None:
    crew = Workers()
    assert len(do(crew, 20)) == 20
    crew.close()


def test_threads_end_when_there_is_nothing_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "REST", 0.001)
    before = threading.active_count()
    crew = Workers()
    for count in (5, 1, 10, 2):
        do(crew, count)
    crew.close()
    for thread in threading.enumerate():
        if thread.name == "listener-worker":
            thread.join(PATIENCE)
    assert threading.active_count() <= before


def test_threads_are_let_go_at_the_end() -> None:
    crew = Workers()
    do(crew, 5)
    crew.close()
    do(crew, 2)  # who comes later is served, and nobody stays for more
    for thread in threading.enumerate():
        if thread.name == "listener-worker":
            thread.join(PATIENCE)
            assert not thread.is_alive()
