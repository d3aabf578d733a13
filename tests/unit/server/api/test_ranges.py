"""Which parts of some content a request is for."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.http.message import Headers, Request
from pratique.server.answers import Rejected
from pratique.server.api.ranges import MOST_RANGES, Multipart, Part, requested

WHOLE = 100
ETAG = '"sha256:abc"'


def parts(value: str, *more: tuple[str, str], whole: int = WHOLE, method: str = "GET") -> list[tuple[int, int]]:
    request = Request(method, "http://registry.test/", Headers((("Range", value), *more)))
    return [(part.first, part.last) for part in requested(request, whole, ETAG)]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("bytes=0-9", [(0, 9)]),
        ("bytes=9-", [(9, 99)]),
        ("bytes=-9", [(91, 99)]),
        ("bytes=99-99", [(99, 99)]),
        ("bytes=99-5000", [(99, 99)]),
        ("bytes=-5000", [(0, 99)]),
        ("Bytes=0-0", [(0, 0)]),  # names of units have no case (§14.1)
        ("bytes=0-9, 20-29,-1", [(0, 9), (20, 29), (99, 99)]),
        ("bytes=20-29,0-9", [(20, 29), (0, 9)]),
        ("bytes=, 0-9 ,,", [(0, 9)]),
        ("bytes=0-9,500-", [(0, 9)]),
        ("bytes=0-9,9-0", [(0, 9)]),
    ],
)
def test_what_is_understood(value: str, expected: list[tuple[int, int]]) -> None:
    assert parts(value) == expected


@pytest.mark.parametrize("value", ["bytes=100-", "bytes=100-101", "bytes=9-0", "bytes=-0", "bytes=500-,-0"])
def test_what_is_not_there(value: str) -> None:
    with pytest.raises(Rejected) as caught:
        parts(value)
    response = caught.value.response()
    assert (response.status, response.headers.get("Content-Range")) == (416, "bytes */100")


@pytest.mark.parametrize(
    "value",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=0-9,x",
        "bytes=0",
        "bytes 0-9",
        "bytes=1 -2",
        "bytes=+1-2",
        "bytes=0x1-2",
        "bytes=\u0661-\u0662",
        "bytes=" + "9" * 30 + "-",
        "lines=0-9",
        "0-9",
        "bytes=0-99,0-99",
        "bytes=" + ",".join(["0-0"] * (MOST_RANGES + 1)),
    ],
)
def test_what_is_answered_with_all_of_it(value: str) -> None:
    assert parts(value) == []


def test_the_most_ranges() -> None:
    assert len(parts("bytes=" + ",".join(f"{n}-{n}" for n in range(MOST_RANGES)), whole=MOST_RANGES)) == MOST_RANGES


def test_only_get_has_ranges() -> None:
    assert parts("bytes=0-9", method="HEAD") == []


def test_two_fields_are_no_field() -> None:
    assert parts("bytes=0-9", ("Range", "bytes=20-29")) == []


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (ETAG, [(0, 9)]),
        (f" {ETAG} ", [(0, 9)]),
        (f"W/{ETAG}", []),
        ('"other"', []),
        ("Sat, 21 Nov 2026 00:00:00 GMT", []),
        ("", []),
    ],
)
def test_a_range_of_what_the_reader_began_with(condition: str, expected: list[tuple[int, int]]) -> None:
    assert parts("bytes=0-9", ("If-Range", condition)) == expected


def test_the_last_bytes_of_nothing() -> None:
    assert parts("bytes=-9", whole=0) == []
    with pytest.raises(Rejected):
        parts("bytes=0-", whole=0)


@given(st.text(), st.integers(0, 1 << 40))
def test_any_text_is_a_range_or_is_none(value: str, whole: int) -> None:
    try:
        found = parts(f"bytes={value}", whole=whole)
    except Rejected:
        return
    assert all(0 <= first <= last < whole for first, last in found)


@given(
    st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)).map(sorted), min_size=1, max_size=9), st.integers(1, 40)
)
def test_parts_are_read_as_they_come(
    tmp_path_factory: pytest.TempPathFactory, spans: list[list[int]], step: int
) -> None:
    path = _content(tmp_path_factory)
    made = [Part(first, last) for first, last in spans]
    stream = Multipart(path.open("rb", buffering=0), made, WHOLE, "application/x")
    read = b"".join(iter(lambda: stream.read(step), b""))
    stream.close()
    assert len(read) == stream.size
    boundary = stream.media_type.partition("boundary=")[2].encode()
    *pieces, end = read.split(b"\r\n--" + boundary)[1:]
    assert end == b"--\r\n"
    content = path.read_bytes()
    assert [piece.partition(b"\r\n\r\n")[2] for piece in pieces] == [
        content[part.first : part.last + 1] for part in made
    ]


def _content(factory: pytest.TempPathFactory) -> Path:
    path = factory.getbasetemp() / "parts"
    path.write_bytes(bytes(range(WHOLE)))
    return path
