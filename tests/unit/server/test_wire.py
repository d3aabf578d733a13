"""HTTP/1.1 as the listener reads and writes it: bytes from strangers."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.http.message import Headers, Response
from pratique.server.wire import BadMessage, Disconnected, content_of, format_head, has_content, read_head

PIECES = st.sampled_from(
    [b"GET", b"PUT", b" ", b"/v2/", b"HTTP/1.1", b"HTTP/1.0", b"\r\n", b"\n", b"\r", b":", b"Host", b"Content-Length",
     b"Transfer-Encoding", b"chunked", b"5", b"0", b"hello", b"\x00", b"\xff", b"\t"]
)  # fmt: skip


def reader(content: bytes) -> io.BufferedReader:
    return io.BufferedReader(io.BytesIO(content))


@given(st.one_of(st.binary(), st.lists(PIECES).map(b"".join)))
def test_nothing_but_the_two_errors_comes_out(content: bytes) -> None:
    source = reader(content)
    try:
        head = read_head(source)
        body = content_of(head, source, None) if head else None
        if body is not None:
            body.read()
    except (BadMessage, Disconnected):
        pass


@given(st.binary(), st.lists(st.integers(1, 40)))
def test_chunks_come_out_as_they_went_in(content: bytes, sizes: list[int]) -> None:
    sent, rest = b"", content
    for size in sizes:
        if rest:
            piece, rest = rest[:size], rest[size:]
            sent += b"%x\r\n%b\r\n" % (len(piece), piece)
    sent += (b"%x\r\n%b\r\n" % (len(rest), rest) if rest else b"") + b"0\r\n\r\nnext"
    source = reader(b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + sent)
    head = read_head(source)
    assert head is not None
    body = content_of(head, source, None)
    assert body is not None
    assert body.read() == content
    assert body.unread == 0
    assert source.read() == b"next"


def test_a_head() -> None:
    head = read_head(reader(b"GET /v2/?n=1 HTTP/1.1\r\nHost: a\r\nX:  b c \t\r\nx:d\r\n\r\n"))
    assert head is not None
    assert (head.method, head.target, head.minor, head.persistent) == ("GET", "/v2/?n=1", 1, True)
    assert list(head.headers) == [("Host", "a"), ("X", "b c"), ("x", "d")]


@pytest.mark.parametrize(
    ("line", "persistent"),
    [
        (b"HTTP/1.1\r\n", True),
        (b"HTTP/1.1\r\nConnection: Close\r\n", False),
        (b"HTTP/1.0\r\n", False),
        (b"HTTP/1.0\r\nConnection: Keep-Alive\r\n", True),
    ],
)
def test_who_would_send_more(line: bytes, persistent: bool) -> None:
    head = read_head(reader(b"GET / " + line + b"\r\n"))
    assert head is not None
    assert head.persistent is persistent


@pytest.mark.parametrize("sent", [b"", b"\x16\x03\x01\x02\x00\x01"])
def test_no_request_comes(sent: bytes) -> None:
    assert read_head(reader(sent)) is None


def test_the_client_is_asked_once_and_only_when_its_content_is_wanted() -> None:
    asked: list[None] = []
    source = reader(b"PUT / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello")
    head = read_head(source)
    assert head is not None
    body = content_of(head, source, lambda: asked.append(None))
    assert body is not None
    assert body.is_awaited
    assert asked == []
    assert (body.read(2), body.read(9), body.read(9)) == (b"he", b"llo", b"")
    assert (len(asked), body.is_awaited) == (1, False)


def test_an_answers_head() -> None:
    response = Response(404, Headers([("A", "b\r\nc"), ("Date", "now")]))
    assert format_head(response, chunked=True, close=True) == (
        b"HTTP/1.1 404 Not Found\r\nA: bc\r\nDate: now\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    )


def test_which_answers_have_content() -> None:
    assert has_content("GET", 200)
    assert has_content("DELETE", 404)
    assert not has_content("HEAD", 200)
    assert not has_content("GET", 204)
