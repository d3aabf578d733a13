"""At most so many requests at once to one host."""

from __future__ import annotations

import threading
from collections.abc import Callable

from pratique.http.gate import Gate
from pratique.http.origin import Origin

R, S = (Origin("https", host, 443) for host in ("r.test", "s.test"))
PATIENCE_SECONDS = 20.0


class Entering(threading.Thread):
    """A thread that goes in and tells."""

    def __init__(self, gate: Gate, origin: Origin) -> None:
        super().__init__()
        self._gate, self._origin = gate, origin
        self.inside = threading.Event()
        self.leave: Callable[[], None] = lambda: None
        self.start()

    def run(self) -> None:
        self.leave = self._gate.enter(self._origin)
        self.inside.set()

    def comes_in(self) -> bool:
        return self.inside.wait(PATIENCE_SECONDS)


def test_whoever_comes_too_many_waits_for_a_place() -> None:
    gate = Gate(2)
    first, second = Entering(gate, R), Entering(gate, R)
    assert first.comes_in()
    assert second.comes_in()
    third = Entering(gate, R)
    elsewhere = Entering(gate, S)
    assert elsewhere.comes_in(), "another host has places of its own"
    assert not third.inside.is_set()
    first.leave()
    assert third.comes_in()
    for thread in (first, second, third, elsewhere):
        thread.leave()
        thread.join()


def test_a_thread_that_is_inside_is_let_in_again() -> None:
    gate = Gate(1)
    leave = gate.enter(R)
    again = gate.enter(R)
    waiting = Entering(gate, R)
    again()
    assert not waiting.inside.is_set(), "the first place is still taken"
    leave()
    assert waiting.comes_in()
    waiting.leave()
    waiting.join()


def test_leaving_twice_gives_one_place_back() -> None:
    gate = Gate(1)
    leave = gate.enter(R)
    leave()
    first = Entering(gate, R)
    assert first.comes_in()
    leave()
    second = Entering(gate, R)
    assert not second.inside.is_set()
    first.leave()
    assert second.comes_in()
    second.leave()
    for thread in (first, second):
        thread.join()


def test_a_place_may_be_given_back_by_another_thread() -> None:
    gate = Gate(1)
    first = Entering(gate, R)
    assert first.comes_in()
    first.join()
    first.leave()
    gate.enter(R)()
