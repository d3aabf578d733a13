"""Requests, responses and what they say of themselves."""

from __future__ import annotations

import io

import pytest

from pratique.errors import Misbehaved
from pratique.http.message import Body, Headers, Request, Response


def test_every_line_of_a_header_is_kept_in_order() -> None:
    headers = Headers([("A", "1"), ("b", "2"), ("a", "3")])
    assert list(headers) == [("A", "1"), ("b", "2"), ("a", "3")]
    assert headers.all("a") == ("1", "3")
    assert headers.get("A") == "1"
    assert headers.get("c") is None
    assert "B" in headers
    assert "c" not in headers
    assert 1 not in headers


def test_setting_and_removing_takes_every_line_of_the_name() -> None:
    headers = Headers([("A", "1"), ("b", "2"), ("a", "3")])
    assert list(headers.having("a", "4")) == [("b", "2"), ("a", "4")]
    assert list(headers.without("A")) == [("b", "2")]
    assert len(list(headers)) == 3, "the first is as it was"


def test_secrets_are_not_shown() -> None:
    request = Request("GET", "https://r.test/?sig=hunter2").having("Authorization", "Basic hunter2")
    response = Response.of(200, b"", ("Set-Cookie", "hunter2"))
    assert "hunter2" not in f"{request} {request.headers} {response!r}"
    assert str(request) == "GET https://r.test/?sig=…"


def test_a_request_knows_the_parts_of_its_url() -> None:
    request = Request("GET", "https://r.test:5000/v2/foo?n=1&last=a%2Fb")
    assert request.origin.netloc == "r.test:5000"
    assert request.path == "/v2/foo"
    assert request.target == "/v2/foo?n=1&last=a%2Fb"
    assert Request("GET", "https://r.test?n=1").target == "/?n=1"


def test_a_body_can_be_opened_again() -> None:
    body = Body.of(b"content")
    for _ in range(2):
        with body.open() as stream:
            assert stream.read() == b"content"
    assert body.size == 7
    assert "content" not in repr(body)


@pytest.mark.parametrize(
    ("value", "length"),
    [
        ("0", 0), ("12", 12), (" 12 ", 12), ("", None), ("-1", None), ("+1", None), ("1.0", None), ("²", None),
        ("9" * 19, int("9" * 19)), ("9" * 5000, None), ("1, 1", None),
    ],
)  # fmt: skip
def test_the_length_is_a_number_or_unknown(value: str, length: int | None) -> None:
    assert Response(200, Headers([("Content-Length", value)])).length == length


class Watched(io.BytesIO):
    """Counts what is read of it."""

    taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.taken += len(data)
        return data


def test_reading_within_the_limit_closes_the_answer() -> None:
    response = Response.of(200, b"12345")
    assert response.read(5, "it") == b"12345"
    assert response.stream.closed  # type: ignore[attr-defined]


def test_an_announced_length_over_the_limit_is_refused_before_it_is_read() -> None:
    stream = Watched(b"123456")
    with pytest.raises(Misbehaved, match="the answer has 6 bytes; at most 5"):
        Response(200, Headers([("Content-Length", "6")]), stream).read(5, "the answer")
    assert (stream.taken, stream.closed) == (0, True)


def test_a_length_that_is_not_announced_is_limited_all_the_same() -> None:
    stream = Watched(b"x" * 1000)
    with pytest.raises(Misbehaved, match="the answer has more; at most 5"):
        Response(200, stream=stream).read(5, "the answer")
    assert (stream.taken, stream.closed) == (6, True)


def test_an_excerpt_takes_no_more_than_it_shows() -> None:
    stream = Watched(b"x" * 1000)
    assert Response(200, stream=stream).excerpt(10) == b"x" * 10
    assert (stream.taken, stream.closed) == (10, True)
