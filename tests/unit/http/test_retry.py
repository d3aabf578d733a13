"""When to try again, and after how long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.http.message import Request, Response
from pratique.http.retry import Patience, is_quota, retry_after

NOW = datetime(2026, 1, 31, 23, 59, 30, tzinfo=UTC)
PATIENCE = Patience(jitter=lambda: 1.0)


def answer(status: int, **fields: str) -> Response:
    return Response.of(status, b"", *((name.replace("_", "-"), value) for name, value in fields.items()))


def wait(method: str, status: int, attempt: int = 0, **fields: str) -> float | None:
    return PATIENCE.after_answer(Request(method, "https://r.test/"), answer(status, **fields), attempt)


def date(**delta: float) -> str:
    return format_datetime(NOW + timedelta(**delta), usegmt=True)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_a_request_that_may_be_repeated_is(method: str, status: int) -> None:
    assert wait(method, status) == 0.5


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_a_request_that_must_not_be_repeated_is_only_where_nothing_was_done(method: str) -> None:
    again = {status for status in range(400, 600) if wait(method, status) is not None}
    assert again == {429, 503}


def test_other_answers_stand() -> None:
    again = {status for status in range(100, 600) if wait("GET", status) is not None}
    assert again == {408, 429, 500, 502, 503, 504}


def test_waits_double_up_to_a_limit_and_then_end() -> None:
    patient = Patience(retries=8, jitter=lambda: 1.0)
    request = Request("GET", "https://r.test/")
    waits = [patient.after_answer(request, answer(500), attempt) for attempt in range(9)]
    assert waits == [0.5, 1, 2, 4, 8, 16, 20, 20, None]
    assert waits == [patient.after_failure(request, transient=True, attempt=attempt) for attempt in range(9)]


@given(st.floats(0, 1, exclude_max=True), st.integers(0, 2))
def test_jitter_takes_at_most_half(share: float, attempt: int) -> None:
    waited = Patience(jitter=lambda: share).after_answer(Request("GET", "https://r.test/"), answer(500), attempt)
    assert waited is not None
    assert 0.25 <= waited / 2**attempt <= 0.5


def test_failures_are_repeated_where_they_are_transient_and_the_method_allows() -> None:
    get, post = Request("GET", "https://r.test/"), Request("POST", "https://r.test/")
    assert PATIENCE.after_failure(get, transient=True, attempt=0) == 0.5
    assert PATIENCE.after_failure(get, transient=False, attempt=0) is None
    assert PATIENCE.after_failure(post, transient=True, attempt=0) is None
    assert PATIENCE.after_failure(get, transient=True, attempt=3) is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("60", 60), ("0", 0), (" 2 ", 2), ("1.5", 1.5), (date(seconds=45), 45), (date(seconds=-45), 0),
        (date(days=400), 400 * 86400), ("Sun, 01 Feb 2026 00:00:00 -0000", 30), ("Sun Feb  1 00:00:00 2026", 30),
    ],
)  # fmt: skip
def test_retry_after_is_seconds_or_a_date_by_the_servers_own_clock(value: str, seconds: float) -> None:
    assert retry_after(answer(429, Retry_After=value, Date=date())) == seconds


@pytest.mark.parametrize(
    "value",
    [
        "", "-1", "880.092µs", "soon", "1e3", "nan", "inf", "0x10", "٣", "9" * 5000, "1 2", "Sun, 99 Foo 2026", "60s",
        "Sun, 01 Feb 99999 00:00:00 GMT", "Sun, 01 Feb 2026 25:61:00 GMT",
    ],
)  # fmt: skip
def test_what_cannot_be_understood_is_as_if_it_were_not_there(value: str) -> None:
    assert retry_after(answer(429, Retry_After=value)) is None
    assert wait("GET", 429, Retry_After=value) == 0.5


@given(st.text())
def test_no_text_upsets_it(value: str) -> None:
    seconds = retry_after(answer(429, Retry_After=value, Date=value))
    assert seconds is None or seconds >= 0


def test_a_wait_that_is_too_long_is_not_begun() -> None:
    assert wait("GET", 429, Retry_After="60") == 60
    assert wait("GET", 429, Retry_After="61") is None
    assert (
        Patience(longest_wait=100).after_answer(Request("GET", "https://r.test/"), answer(429, Retry_After="61"), 0)
        == 61
    )


@pytest.mark.parametrize(
    ("status", "remaining", "quota"),
    [(429, "0", True), (429, "0;w=21600", True), (429, "10;w=21600", False), (429, "", False), (503, "0", False)],
)
def test_an_allowance_that_is_used_up_is_not_waited_for(status: int, remaining: str, quota: bool) -> None:
    response = answer(status, RateLimit_Remaining=remaining)
    assert is_quota(response) == quota
    assert (PATIENCE.after_answer(Request("GET", "https://r.test/"), response, 0) is None) == quota
