"""At most so many requests at once to one host."""

from __future__ import annotations

import threading
from collections.abc import Callable

from pratique.http.gate import Gate
from pratique.http.origin import Origin

R, S = (Origin("https", host, 443) for host in ("r.test", "s.test"))
PATIENCE_SECONDS = 20.0


class Entering(threading.Thread):
    """A thread that goes in, tells, and stays until it is sent out."""

    def __init__(self, gate: Gate, origin: Origin = R) -> None:
        super().__init__()
        self._gate, self._origin = gate, origin
        self._inside = threading.Event()
        self._out = threading.Event()
        self.leave: Callable[[], None] = lambda: None
        self.start()

    def run(self) -> None:
        self.leave = self._gate.enter(self._origin)
        self._inside.set()
        self._out.wait(PATIENCE_SECONDS)
        self.leave()

    def comes_in(self) -> bool:
        return self._inside.wait(PATIENCE_SECONDS)

    def stays_out(self) -> bool:
        return not self._inside.wait(
            0.05
        )  # a thread that would come in has the time to; nothing depends on it otherwise

    def go(self) -> None:
        self._out.set()
        self.join()


def test_whoever_comes_too_many_waits_for_a_place() -> None:
    gate = Gate(2)
    first, second = Entering(gate), Entering(gate)
    assert first.comes_in()
    assert second.comes_in()
    third, elsewhere = Entering(gate), Entering(gate, S)
    assert elsewhere.comes_in(), "another host has places of its own"
    assert third.stays_out()
    first.go()
    assert third.comes_in()
    for thread in (second, third, elsewhere):
        thread.go()


def test_a_thread_that_is_inside_is_let_in_again() -> None:
    gate = Gate(1)
    leave = gate.enter(R)
    again = gate.enter(R)
    waiting = Entering(gate)
    again()
    assert waiting.stays_out(), "the first place is still taken"
    leave()
    assert waiting.comes_in()
    waiting.go()


def test_leaving_twice_gives_one_place_back() -> None:
    gate = Gate(1)
    leave = gate.enter(R)
    leave()
    first = Entering(gate)
    assert first.comes_in()
    leave()
    second = Entering(gate)
    assert second.stays_out()
    first.go()
    assert second.comes_in()
    second.go()


def test_a_place_may_be_given_back_by_another_thread() -> None:
    gate = Gate(1)
    first = Entering(gate)
    assert first.comes_in()
    first.leave()
    gate.enter(R)()
    first.go()


def test_who_has_a_place_never_waits_for_another() -> None:
    """Else two threads, each with a place at the host that the other waits for, would wait for ever."""
    gate = Gate(1)
    at_r, at_s = Entering(gate, R), Entering(gate, S)
    assert at_r.comes_in()
    assert at_s.comes_in()
    leave = gate.enter(Origin("https", "t.test", 443))
    gate.enter(R)()
    gate.enter(S)()
    leave()
    at_r.go()
    at_s.go()
