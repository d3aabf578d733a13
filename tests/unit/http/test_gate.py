"""At most so many requests to one host: at once, and in a second."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from pratique.http.gate import MOST_UNFINISHED, Gate, Pace
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
    gate = Gate(lambda _: Pace(2))
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
    gate = Gate(lambda _: Pace(1))
    leave = gate.enter(R)
    again = gate.enter(R)
    waiting = Entering(gate)
    again()
    assert waiting.stays_out(), "the first place is still taken"
    leave()
    assert waiting.comes_in()
    waiting.go()


def test_leaving_twice_gives_one_place_back() -> None:
    gate = Gate(lambda _: Pace(1))
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
    gate = Gate(lambda _: Pace(1))
    first = Entering(gate)
    assert first.comes_in()
    first.leave()
    gate.enter(R)()
    first.go()


def test_who_has_a_place_never_waits_for_another() -> None:
    """Else two threads, each with a place at the host that the other waits for, would wait for ever."""
    gate = Gate(lambda _: Pace(1))
    at_r, at_s = Entering(gate, R), Entering(gate, S)
    assert at_r.comes_in()
    assert at_s.comes_in()
    leave = gate.enter(Origin("https", "t.test", 443))
    gate.enter(R)()
    gate.enter(S)()
    leave()
    at_r.go()
    at_s.go()


def test_requests_begin_one_after_another_at_the_pace_of_their_host() -> None:
    now, slept = [100.0], []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    paces = {R: Pace(a_second=4), S: Pace()}
    gate = Gate(paces.__getitem__, clock=lambda: now[0], sleep=sleep)
    for origin in (R, R, S, R):
        gate.enter(origin)()
    assert slept == [0, 0.25, 0.25], "the other host does not wait"
    now[0] += 10
    gate.enter(R)()
    assert slept[-1] == 0, "what was not used is not saved up, and nobody waits for it"


def test_many_threads_get_turns_of_their_own() -> None:
    slept: list[float] = []
    gate = Gate(lambda _: Pace(a_second=10), clock=lambda: 0.0, sleep=slept.append)
    threads = [threading.Thread(target=lambda: gate.enter(R)()) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(slept) == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])


@pytest.mark.parametrize(("most", "leaves"), [(1, 0), (2, 1), (3, MOST_UNFINISHED), (16, MOST_UNFINISHED)])
def test_what_waits_for_others_leaves_them_a_place(most: int, leaves: int) -> None:
    gate = Gate(lambda _: Pace(most))
    held = [gate.reserve(R) for _ in range(most + 1)]
    assert [bool(each) for each in held] == [True] * leaves + [False] * (most + 1 - leaves)
    if held[0]:
        assert gate.reserve(S), "another host has others"
        held[0]()
        assert [bool(gate.reserve(R)) for _ in range(2)] == [True, False]
