"""How many passwords were wrong, and how long whoever sent them has to wait.

Counted are failures of one client's address with one name, and of one address with whatever names. A name alone is not
counted: strangers could keep its owner out by it.
"""

from __future__ import annotations

import ipaddress
import math
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, TypeVar

from ...values import record

FREE_FAILURES: Final = 5  # of one name from one address, before there is a wait
FREE_FAILURES_OF_ADDRESS: Final = 50  # with whatever names: many people may share an address
FIRST_WAIT: Final = 1.0  # seconds; twice as long after each further failure
LONGEST_WAIT: Final = 60.0  # seconds
FORGOTTEN_AFTER: Final = 900.0  # seconds without a failure
MOST_COUNTED: Final = 10_000  # addresses, and names from addresses; what failed longest ago makes room
NETWORK_BITS: Final = 64  # of an IPv6 address: whoever has one has all with the same beginning


Key = TypeVar("Key")


class TooManyAttempts(Exception):
    """No password is looked at before `seconds`, a whole number, have passed."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"too many wrong passwords; try again in {seconds} s")
        self.seconds = seconds


@record
class _Count:
    failures: int
    last: float


class Attempts:
    """Failures by address and name. `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._names: OrderedDict[tuple[str, str], _Count] = OrderedDict()
        self._addresses: OrderedDict[str, _Count] = OrderedDict()

    def check(self, peer: str | None, user: str) -> None:
        """Raise TooManyAttempts while this client has to wait. All clients of an unknown address count as one."""
        address, now = _network(peer), self._clock()
        with self._lock:
            wait = max(
                _wait(self._names.get((address, user)), FREE_FAILURES, now),
                _wait(self._addresses.get(address), FREE_FAILURES_OF_ADDRESS, now),
            )
        if wait > 0:
            raise TooManyAttempts(math.ceil(wait))

    def fail(self, peer: str | None, user: str) -> None:
        """Count a wrong password."""
        address, now = _network(peer), self._clock()
        with self._lock:
            _count(self._names, (address, user), now)
            _count(self._addresses, address, now)

    def succeed(self, peer: str | None, user: str) -> None:
        """Forget the failures of this name from this address; those of the address with other names stay."""
        if self._names:
            with self._lock:
                self._names.pop((_network(peer), user), None)


def _network(peer: str | None) -> str:
    if peer is None or ":" not in peer:
        return peer or ""
    try:
        return str(ipaddress.IPv6Network((peer.partition("%")[0], NETWORK_BITS), strict=False))
    except ValueError:
        return peer


def _wait(count: _Count | None, free: int, now: float) -> float:
    if count is None or count.failures < free or now - count.last > FORGOTTEN_AFTER:
        return 0
    wait = min(LONGEST_WAIT, FIRST_WAIT * float(1 << min(count.failures - free, 32)))
    return min(wait, count.last + wait - now)  # a clock that is set back does not lengthen it


def _count(counts: OrderedDict[Key, _Count], key: Key, now: float) -> None:
    count = counts.pop(key, None)
    if count is None or now - count.last > FORGOTTEN_AFTER:
        count = _Count(0, now)
    counts[key] = _Count(count.failures + 1, now)
    if len(counts) > MOST_COUNTED:
        counts.popitem(last=False)
