"""What several copies have in common: each thing is asked for once and brought once, whoever comes at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from pratique.errors import Unreachable
from pratique.spec.digest import Digest
from pratique.transfer.ledger import Ledger

DIGEST = Digest.of(b"content")


class Slow:
    """Work that lasts until it is let go, and counts how often it is done."""

    def __init__(self, answer: bool = True) -> None:
        self.answer = answer
        self.times = 0
        self.begun, self.end = threading.Event(), threading.Event()

    def __call__(self) -> bool:
        self.times += 1
        self.begun.set()
        self.end.wait()
        return self.answer


def together(work: Callable[[], bool], slow: Slow) -> list[bool]:
    """What several threads get, of whom one is at work before the others come."""
    found: list[bool] = []
    threads = [threading.Thread(target=lambda: found.append(work())) for _ in range(4)]
    threads[0].start()
    slow.begun.wait()
    for thread in threads[1:]:
        thread.start()
    slow.end.set()
    for thread in threads:
        thread.join()
    return found


@pytest.mark.parametrize("there", [True, False])
def test_content_is_asked_for_once(there: bool) -> None:
    ledger, slow = Ledger(), Slow(there)
    assert together(lambda: ledger.has(DIGEST, slow), slow) == [there] * 4
    assert ledger.has(DIGEST, slow) is there
    assert slow.times == 1
    assert (ledger.known, ledger.lacking) == (({DIGEST}, set()) if there else (set(), {DIGEST}))


def test_content_is_brought_once_also_where_it_was_lacking() -> None:
    ledger, slow = Ledger(), Slow()
    ledger.has(DIGEST, lambda: False)

    def bring() -> None:
        slow()

    assert sorted(together(lambda: ledger.once(DIGEST, bring), slow)) == [False, False, False, True]
    assert slow.times == 1
    assert ledger.has(DIGEST, lambda: False)


def test_a_failure_is_of_who_asked_and_the_next_asks_himself() -> None:
    ledger = Ledger()

    def fail() -> bool:
        raise Unreachable("no answer")

    with pytest.raises(Unreachable):
        ledger.has(DIGEST, fail)
    assert ledger.has(DIGEST, lambda: True)


def test_whether_a_target_is_vacant_is_looked_at_once_and_only_for_many() -> None:
    one, many = Ledger(), Ledger(many=True)
    for ledger in (one, many):
        assert not ledger.is_vacant
    slow = Slow(answer=False)

    def look() -> bool:
        many.look(slow)
        return many.is_vacant

    assert together(look, slow) == [True] * 4
    assert slow.times == 1
    one.look(slow)
    assert (slow.times, one.is_vacant) == (1, False)
