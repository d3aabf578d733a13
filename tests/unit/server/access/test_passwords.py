"""Plain words and hashes: who is let in, what it costs, and what is remembered."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import bcrypt
import pytest

from pratique.auth.secret import Secret
from pratique.server.access import passwords
from pratique.server.access.attempts import FREE_FAILURES, TooManyAttempts
from pratique.server.access.passwords import Memory, Passwords

from ..asking import Clock
from .test_htpasswd import ALICE, BOB

USERS = {"alice": Secret(ALICE), "bob": Secret(BOB), "carol": Secret("plain"), "dave": Secret("")}
PLAIN = {"carol": Secret("plain"), "erin": Secret("pass:word")}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def memory(clock: Clock) -> Memory:
    return Memory(clock)


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The hashes that passwords were compared with."""
    seen: list[bytes] = []
    check = bcrypt.checkpw

    def counting(password: bytes, stored: bytes) -> bool:
        seen.append(stored)
        return check(password, stored)

    monkeypatch.setattr(bcrypt, "checkpw", counting)
    return seen


def test_who_is_let_in(memory: Memory) -> None:
    known = Passwords(USERS, memory)
    for user, password in (("alice", "secret"), ("bob", "pass:wörd"), ("carol", "plain")):
        assert known.check(user, password)


@pytest.mark.parametrize(
    ("user", "password"),
    [
        ("alice", "Secret"),
        ("alice", ""),
        ("alice", ALICE),
        ("alice", "secret\0"),
        ("bob", "secret"),
        ("carol", "plain "),
        ("carol", ""),
        ("dave", ""),
        ("mallory", ""),
        ("mallory", "secret"),
        ("", ""),
        ("anonymous", ""),
        ("ä", "ö"),
    ],
)
@pytest.mark.parametrize("users", [USERS, PLAIN])
def test_who_is_not(memory: Memory, users: dict[str, Secret], user: str, password: str) -> None:
    assert not Passwords(users, memory).check(user, password)


def test_of_a_long_password_bcrypt_takes_what_it_takes(memory: Memory) -> None:
    stored = bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4)).decode()
    known = Passwords({"alice": Secret(stored)}, memory)
    assert known.check("alice", "x" * 100)
    assert not known.check("alice", "x" * 71)


# --- What it costs


def test_a_right_password_is_hashed_once_in_five_minutes(memory: Memory, clock: Clock, hashed: list[bytes]) -> None:
    known = Passwords(USERS, memory)
    assert known.is_slow("alice", "secret")
    for _ in range(3):
        assert known.check("alice", "secret")
        assert not known.is_slow("alice", "secret")
        clock.now += passwords.REMEMBERED_SECONDS / 3
    assert len(hashed) == 1
    assert known.check("alice", "secret")
    assert len(hashed) == 2


def test_a_wrong_password_is_hashed_each_time(memory: Memory, hashed: list[bytes]) -> None:
    known = Passwords(USERS, memory)
    known.check("alice", "secret")
    for _ in range(2):
        assert not known.check("alice", "wrong")
    assert len(hashed) == 3


@pytest.mark.parametrize(("user", "password"), [("mallory", "secret"), ("carol", "wrong"), ("", "")])
def test_a_user_without_a_hash_costs_as_much_as_one_with(
    memory: Memory, hashed: list[bytes], user: str, password: str
) -> None:
    known = Passwords(USERS, memory)
    for _ in range(3):
        assert not known.check(user, password)
    assert len(hashed) == 3
    assert len(set(hashed)) == 1, "asking again would tell otherwise"


def test_somebody_else_s_password_opens_nothing(memory: Memory) -> None:
    """The hash that stands in for the one that an unknown user has not may well fit."""
    known = Passwords({"alice": Secret(ALICE)}, memory)
    for _ in range(2):
        assert not known.check("mallory", "secret")


def test_plain_words_alone_need_no_bcrypt(memory: Memory, hashed: list[bytes]) -> None:
    known = Passwords(PLAIN, memory)
    assert known.check("carol", "plain")
    assert not known.check("mallory", "plain")
    assert not known.is_slow("carol", "plain")
    assert not hashed


def test_many_at_once_hash_the_same_password_once(memory: Memory, hashed: list[bytes]) -> None:
    known = Passwords(USERS, memory)
    threads = [threading.Thread(target=known.check, args=("alice", "secret")) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(hashed) == 1


# --- What is remembered


def test_a_changed_hash_ends_what_was_right(memory: Memory) -> None:
    assert Passwords(USERS, memory).check("alice", "secret")
    assert not Passwords({"alice": Secret(BOB)}, memory).check("alice", "secret")
    assert not Passwords({}, memory).check("alice", "secret")


def test_what_was_right_for_one_is_not_for_another(memory: Memory) -> None:
    users = {"alice": Secret(ALICE), "bob": Secret(BOB)}
    assert Passwords(users, memory).check("alice", "secret")
    assert not Passwords(users, memory).check("bob", "secret")


def test_nothing_of_a_password_is_kept(memory: Memory) -> None:
    known = Passwords(USERS, memory)
    known.check("alice", "secret")
    known.check("alice", "a wrong word")
    for text in _texts(vars(memory) | vars(memory.attempts)):
        assert "secret" not in text
        assert "wrong" not in text
        assert ALICE not in text


def _texts(value: Any) -> Iterator[str]:
    yield repr(value)
    if isinstance(value, dict):
        for key, each in value.items():
            yield from (*_texts(key), *_texts(each))


def test_what_is_remembered_has_an_end(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "MOST_REMEMBERED", 3)
    for number in range(10):
        memory.keep(bytes([number]))
    assert [memory.has(bytes([number])) for number in range(10)] == [False] * 7 + [True] * 3


# --- Guessing


@pytest.mark.parametrize(("user", "right"), [("alice", "secret"), ("carol", "plain")])
def test_who_guesses_has_to_wait_even_with_the_right_password(
    memory: Memory, clock: Clock, hashed: list[bytes], user: str, right: str
) -> None:
    known = Passwords(USERS, memory)
    assert known.check(user, right, "192.0.2.1")
    for _ in range(FREE_FAILURES):
        assert not known.check(user, "wrong", "192.0.2.1")
    before = len(hashed)
    with pytest.raises(TooManyAttempts):
        known.check(user, right, "192.0.2.1")
    assert len(hashed) == before
    assert known.check(user, right, "192.0.2.2"), "elsewhere nobody waits for it"
    clock.now += 1
    assert known.check(user, right, "192.0.2.1")


def test_guessing_names_is_guessing(memory: Memory, hashed: list[bytes]) -> None:
    known = Passwords(USERS, memory)
    for _ in range(FREE_FAILURES):
        assert not known.check("mallory", "wrong")
    with pytest.raises(TooManyAttempts):
        known.check("mallory", "wrong")
    assert len(hashed) == FREE_FAILURES


def test_guesses_at_once_are_no_way_around(
    memory: Memory, hashed: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All are there before the first failure is known."""
    known, refused, arrived, all_there = Passwords(USERS, memory), list[int](), set[int](), threading.Event()
    check, compare = memory.attempts.check, bcrypt.checkpw

    def arrive(peer: str | None, user: str) -> None:
        check(peer, user)
        arrived.add(threading.get_ident())
        if len(arrived) == 64:
            all_there.set()

    def wait(password: bytes, stored: bytes) -> bool:
        assert all_there.wait(30)
        return compare(password, stored)

    def guess(number: int) -> None:
        try:
            known.check("alice", f"guess {number}", "192.0.2.1")
        except TooManyAttempts:
            refused.append(number)

    monkeypatch.setattr(memory.attempts, "check", arrive)
    monkeypatch.setattr(bcrypt, "checkpw", wait)
    threads = [threading.Thread(target=guess, args=(number,)) for number in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(hashed) <= FREE_FAILURES + passwords.MOST_AT_ONCE
    assert len(refused) == 64 - len(hashed)
