"""When to send a request again, and after how long (RFC 9110 §9.2.2 and §10.2.3, RFC 6585 §4)."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Final

from ..expressions import expression
from ..values import frozen
from .message import Request, Response

RETRIES: Final = 3  # after the first attempt
FIRST_DELAY_SECONDS: Final = 0.5
LONGEST_DELAY_SECONDS: Final = 20.0
LONGEST_RETRY_AFTER_SECONDS: Final = 60.0  # a server that asks for more is taken at its word: the command ends

IDEMPOTENT: Final = frozenset({"GET", "HEAD", "PUT", "DELETE"})
# Worth another attempt of whatever method: nothing was done.
DECLINED: Final = frozenset({429, 503})
# Worth another attempt of an idempotent method.
TROUBLED: Final = frozenset({408, 500, 502, 504})

_SECONDS = expression(r"\d{1,9}(?:\.\d{1,9})?", re.ASCII)


def _uniform() -> float:
    import random

    return random.random()  # noqa: S311 - nothing is secret about a pause


@frozen
class Patience:
    """How often to try again and how long to wait at most when told to (seconds)."""

    retries: int = RETRIES
    longest_wait: float = LONGEST_RETRY_AFTER_SECONDS
    jitter: Callable[[], float] = _uniform  # in [0, 1)

    def after_answer(self, request: Request, response: Response, attempt: int) -> float | None:
        """Seconds to wait before attempt number `attempt` + 1, or None where the answer stands."""
        again = response.status in DECLINED or (response.status in TROUBLED and _is_repeatable(request))
        if not again or attempt >= self.retries or is_quota(response):
            return None
        wanted = retry_after(response)
        if wanted is None:
            return self._delay(attempt)
        return None if wanted > self.longest_wait else wanted

    def after_failure(self, request: Request, *, transient: bool, attempt: int) -> float | None:
        """The same where no answer came."""
        again = transient and _is_repeatable(request) and attempt < self.retries
        return self._delay(attempt) if again else None

    def _delay(self, attempt: int) -> float:
        longest = min(FIRST_DELAY_SECONDS * 2.0**attempt, LONGEST_DELAY_SECONDS)
        return longest * (0.5 + self.jitter() / 2)


def _is_repeatable(request: Request) -> bool:
    """Whether doing it twice does no harm; whoever sends a request only once finds out what it did."""
    return request.method in IDEMPOTENT or request.once


def is_quota(response: Response) -> bool:
    """Whether the answer says that an allowance of hours is used up, so that waiting seconds is of no use."""
    return (
        response.status == 429 and (response.headers.get("ratelimit-remaining") or "").partition(";")[0].strip() == "0"
    )


def retry_after(response: Response) -> float | None:
    """`Retry-After` in seconds from now, given as seconds or as a date; None where it is absent or absurd."""
    value = (response.headers.get("Retry-After") or "").strip()
    if _SECONDS.fullmatch(value):
        return float(value)
    then = _timestamp(value)
    if then is None:
        return None
    now = _timestamp(response.headers.get("Date") or "")  # the server's own clock, so that a skew does not matter
    return max(0.0, then - (now if now is not None else time.time()))


def _timestamp(date: str) -> float | None:
    from datetime import UTC
    from email.utils import parsedate_to_datetime

    try:
        then = parsedate_to_datetime(date)
        return (then if then.tzinfo else then.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
