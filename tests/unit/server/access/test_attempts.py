"""How long whoever sends wrong passwords has to wait."""

from __future__ import annotations

import pytest

from pratique.server.access import attempts
from pratique.server.access.attempts import Attempts, TooManyAttempts

from ..asking import Clock

HERE, THERE = "192.0.2.1", "192.0.2.2"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def counted(clock: Clock) -> Attempts:
    return Attempts(clock)


def wait(counted: Attempts, peer: str | None, user: str) -> int:
    """Seconds that somebody has to wait."""
    try:
        counted.check(peer, user)
    except TooManyAttempts as many:
        return many.seconds
    return 0


def fail(counted: Attempts, times: int, peer: str | None = HERE, user: str = "alice") -> None:
    for _ in range(times):
        counted.fail(peer, user)


def test_a_few_failures_are_free(counted: Attempts) -> None:
    fail(counted, attempts.FREE_FAILURES - 1)
    assert wait(counted, HERE, "alice") == 0


def test_each_further_failure_doubles_the_wait_to_a_minute(counted: Attempts, clock: Clock) -> None:
    fail(counted, attempts.FREE_FAILURES - 1)
    waits = []
    for _ in range(9):
        fail(counted, 1)
        waits.append(wait(counted, HERE, "alice"))
        clock.now += waits[-1]
        assert wait(counted, HERE, "alice") == 0
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_the_wait_is_rounded_up(counted: Attempts, clock: Clock) -> None:
    fail(counted, attempts.FREE_FAILURES + 1)
    clock.now += 1.5
    assert wait(counted, HERE, "alice") == 1


def test_neither_another_address_nor_another_name_waits(counted: Attempts) -> None:
    fail(counted, 20)
    assert wait(counted, HERE, "alice") == 60
    assert wait(counted, THERE, "alice") == 0, "a stranger cannot keep a user out"
    assert wait(counted, HERE, "bob") == 0


def test_who_tries_many_names_waits_with_all(counted: Attempts) -> None:
    for number in range(attempts.FREE_FAILURES_OF_ADDRESS):
        fail(counted, 1, HERE, f"user{number}")
    assert wait(counted, HERE, "alice") == 1
    assert wait(counted, THERE, "alice") == 0


def test_a_success_forgets_the_failures_of_its_name_only(counted: Attempts) -> None:
    for user in ("alice", "bob"):
        fail(counted, attempts.FREE_FAILURES, HERE, user)
    counted.succeed(HERE, "alice")
    assert wait(counted, HERE, "alice") == 0
    assert wait(counted, HERE, "bob") == 1


def test_a_success_does_not_forget_what_the_address_did(counted: Attempts) -> None:
    for number in range(attempts.FREE_FAILURES_OF_ADDRESS):
        fail(counted, 1, HERE, f"user{number}")
    counted.succeed(HERE, "alice")
    assert wait(counted, HERE, "alice") == 1


def test_failures_are_forgotten(counted: Attempts, clock: Clock) -> None:
    fail(counted, 20)
    clock.now += attempts.FORGOTTEN_AFTER + 1
    fail(counted, attempts.FREE_FAILURES - 1)
    assert wait(counted, HERE, "alice") == 0


def test_a_clock_that_is_set_back_keeps_nobody_out_for_long(counted: Attempts, clock: Clock) -> None:
    fail(counted, 20)
    clock.now -= 24 * 3600
    assert wait(counted, HERE, "alice") == attempts.LONGEST_WAIT


def test_one_network_of_ipv6_is_one_client(counted: Attempts) -> None:
    for last in range(attempts.FREE_FAILURES):
        counted.fail(f"2001:db8:1:2::{last:x}", "alice")
    assert wait(counted, "2001:db8:1:2:ffff::1", "alice") == 1
    assert wait(counted, "2001:db8:1:3::1", "alice") == 0


@pytest.mark.parametrize("peer", [None, "", "no address", "fe80::1%eth0", ":"])
def test_any_address(counted: Attempts, peer: str | None) -> None:
    fail(counted, attempts.FREE_FAILURES, peer)
    assert wait(counted, peer, "alice") == 1


def test_what_is_counted_has_an_end(counted: Attempts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "MOST_COUNTED", 10)
    for number in range(1000):
        fail(counted, attempts.FREE_FAILURES, f"192.0.2.{number}", f"user{number}")
    assert (len(counted._names), len(counted._addresses)) == (10, 10)
    assert wait(counted, "192.0.2.0", "user0") == 0
    assert wait(counted, "192.0.2.999", "user999") == 1
