"""What a server says went wrong, whatever it sends."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.errors import Denied, Error, Misbehaved, NotFound, RateLimited, Unauthorized, Unreachable, Unsupported
from pratique.http.message import Headers, Request, Response, Unanswered
from pratique.http.problem import _TAGS, MOST_BYTES, MOST_SHOWN_CHARACTERS, Problem, failure, status_text

REQUEST = Request("GET", "https://r.test/v2/foo/tags/list")


def problem(raw: bytes | object) -> Problem:
    return Problem.of(Response.of(400, raw if isinstance(raw, bytes) else json.dumps(raw).encode()))


@pytest.mark.parametrize(
    ("said", "codes", "text"),
    [
        ({"errors": [{"code": "DENIED", "message": "no", "detail": "none"}]}, ("DENIED",), "DENIED: no: none"),
        ({"errors": [{"code": "A", "message": "a"}, {"code": "B"}]}, ("A", "B"), "A: a; B"),
        ({"errors": [{"code": "A", "detail": {"Tag": "x"}}]}, ("A",), "A"),
        ({"errors": [{"code": 5, "message": ["x"]}, None, 7, "plain"]}, (), "plain"),
        ({"errors": None}, (), ""),
        ({"errors": []}, (), ""),
        ({"errors": {}}, (), ""),
        ({"detail": "quota"}, (), "quota"),
        ({"error": "invalid_grant", "error_description": "expired"}, (), "invalid_grant: expired"),
        ({"code": "X", "message": "y", "errors": []}, ("X",), "X: y"),
        ({"details": "incorrect username or password"}, (), "incorrect username or password"),
        ("just words", (), "just words"),
        ([], (), ""),
        (None, (), ""),
        (7, (), ""),
        ({"message": "two\r\nlines\x1b[2J"}, (), "two lines [2J"),
    ],
)
def test_the_words_of_an_answer_are_found(said: object, codes: tuple[str, ...], text: str) -> None:
    found = problem({"message": said} if isinstance(said, str) else said)
    assert (found.codes, found.text) == (codes, text)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"", ""),
        (b"plain < words > 1", "plain 1"),
        (b"limit < 5 here", "limit < 5 here"),
        (b"<html><head><title>502 Bad Gateway</title></head>\n<body>nginx</body></html>", "502 Bad Gateway nginx"),
        (b"<style>p {}</style><script>evil()</script><p>sorry", "sorry"),
        (b"sorry <script>evil()", "sorry"),
        (b"\xff\xfe\xfd", "���"),
        ("größer".encode("latin-1"), "gr��er"),
        (b'{"errors": [', '{"errors": ['),
        (b"[" * 60_000, "[" * MOST_SHOWN_CHARACTERS + "…"),
        (b'{"a":' * 10_000, '{"a":' * (MOST_SHOWN_CHARACTERS // 5) + "…"),
        (b"9" * 10_000, "9" * MOST_SHOWN_CHARACTERS + "…"),
        (b"<" * MOST_BYTES, "<" * MOST_SHOWN_CHARACTERS + "…"),
        (b"<script" * (MOST_BYTES // 7), ""),
        (b"<style><" * (MOST_BYTES // 8), ""),
    ],
    ids=lambda value: repr(value[:12]),
)  # fmt: skip
def test_what_is_not_json_is_shown_as_text(raw: bytes, text: str) -> None:
    assert problem(raw) == Problem((), text)


@pytest.mark.parametrize("piece", ["<", "<script", "<style><", "<a", "</"])
def test_no_text_takes_long(piece: str) -> None:
    """So much longer than what is read that the square of its length would take hours, and run out of time."""
    _TAGS.sub(" ", piece * 500_000)


def test_only_the_beginning_of_a_huge_answer_is_read() -> None:
    class Endless(io.RawIOBase):
        taken = 0

        def read(self, size: int = -1, /) -> bytes:
            assert size > 0
            self.taken += size
            return b"x" * size

    stream = Endless()
    assert len(Problem.of(Response(500, stream=stream)).text) == MOST_SHOWN_CHARACTERS + 1
    assert stream.taken == MOST_BYTES
    assert stream.closed


def test_many_codes_are_cut() -> None:
    found = problem({"errors": [{"code": f"C{number}"} for number in range(1000)]})
    assert len(found.codes) == 10
    assert len(found.text) <= MOST_SHOWN_CHARACTERS + 1


json_like = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["errors", "code", "message", "detail"]), inner),
)


@given(st.binary() | json_like.map(lambda value: json.dumps(value).encode()))
def test_any_answer_can_be_read(raw: bytes) -> None:
    found = problem(raw)
    assert found.text.isprintable()
    assert all(code.isprintable() for code in found.codes)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Misbehaved), (401, Unauthorized), (403, Denied), (404, NotFound), (405, Unsupported), (501, Unsupported),
        (408, Unreachable), (429, RateLimited), (500, Unreachable), (502, Unreachable), (503, Unreachable),
        (599, Unreachable), (200, Misbehaved), (204, Misbehaved), (302, Misbehaved), (416, Misbehaved), (999, Unreachable),
    ],
)  # fmt: skip
def test_every_status_has_its_error(status: int, kind: type[Error]) -> None:
    stream = io.BytesIO(b'{"errors":[{"code":"SOME_CODE","message":"some words"}]}')
    error = failure(REQUEST, Response(status, stream=stream))
    assert type(error) is kind
    assert stream.closed
    assert str(error) == f"{REQUEST} was answered {status_text(status)}: SOME_CODE: some words"


def test_a_status_has_its_name() -> None:
    assert (status_text(404), status_text(799)) == ("404 Not Found", "799")


def test_rate_limits_are_told() -> None:
    headers = [("RateLimit-Limit", "100;w=21600"), ("ratelimit-remaining", "0\x1b[2J"), ("Retry-After", "7200")]
    error = failure(REQUEST, Response(429, Headers(headers)))
    assert isinstance(error, RateLimited)
    assert error.retry_after == 7200
    assert error.advice() == "try again in 7200 s"
    assert "(ratelimit-limit: 100;w=21600, ratelimit-remaining: 0 [2J)" in str(error)
    later = failure(REQUEST, Response(429))
    assert "try again later" in str(later.advice())


def test_an_answer_that_breaks_off_is_unreachable() -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise Unanswered("cut", transient=True)

    stream = Broken()
    with pytest.raises(Unreachable):
        failure(REQUEST, Response(500, stream=stream))
    assert stream.closed
