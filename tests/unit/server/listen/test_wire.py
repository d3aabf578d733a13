"""HTTP/1.1 as the listener reads and writes it: bytes from strangers."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.http.message import Headers, Response
from pratique.server.listen.wire import (
    MOST_FIELDS,
    MOST_HEAD_BYTES,
    MOST_LINE_BYTES,
    MOST_TARGET_BYTES,
    BadMessage,
    Content,
    Disconnected,
    Head,
    Source,
    content_of,
    format_head,
    has_content,
    take_head,
)

PIECES = st.sampled_from(
    [b"GET", b"PUT", b" ", b"/v2/", b"HTTP/1.1", b"HTTP/1.0", b"\r\n", b"\n", b"\r", b":", b"Host", b"Content-Length",
     b"Transfer-Encoding", b"chunked", b"5", b"0", b"hello", b"\x00", b"\xff", b"\t", b"\r\n\r\n"]
)  # fmt: skip
BYTES = st.one_of(st.binary(), st.lists(PIECES).map(b"".join))


def source(held: bytes, later: bytes = b"") -> Source:
    return Source(held, io.BytesIO(later).readinto)


def head(sent: bytes) -> Head:
    taken = take_head(sent)
    assert taken is not None
    return taken[0]


def chunked(sent: bytes, later: bytes = b"", most: int | None = None) -> Content:
    content = content_of(head(b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"), source(sent, later), None, most)
    assert content is not None
    return content


@given(BYTES, BYTES)
def test_nothing_but_the_two_errors_comes_out(content: bytes, later: bytes) -> None:
    try:
        taken = take_head(content)
        body = content_of(taken[0], source(taken[1], later), None) if taken else None
        if body is not None:
            body.read()
    except (BadMessage, Disconnected):
        pass


@given(BYTES, st.integers(0, 200))
def test_a_head_that_comes_in_pieces_is_the_same(content: bytes, at: int) -> None:
    """What is refused or not complete in part is never anything else in whole."""
    sent = b"GET / HTTP/1.1\r\n" + content
    try:
        early = take_head(sent[:at])
    except BadMessage:
        with pytest.raises(BadMessage):
            take_head(sent)
        return
    if early is not None:
        whole = take_head(sent)
        assert whole is not None
        assert list(early[0].headers) == list(whole[0].headers)
        assert whole[1] == early[1] + sent[at:]


@given(st.binary(), st.lists(st.integers(1, 40)), st.integers(0, 300))
def test_chunks_come_out_as_they_went_in(content: bytes, sizes: list[int], at: int) -> None:
    sent, rest = b"", content
    for size in sizes:
        if rest:
            piece, rest = rest[:size], rest[size:]
            sent += b"%x\r\n%b\r\n" % (len(piece), piece)
    sent += (b"%x\r\n%b\r\n" % (len(rest), rest) if rest else b"") + b"0\r\n\r\nnext"
    left = source(sent[:at], sent[at:])
    body = content_of(head(b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"), left, None)
    assert body is not None
    assert body.read() == content
    assert body.received == len(content)
    assert body.unread == 0
    assert b"next".startswith(left.held)


def test_a_head() -> None:
    found = take_head(b"GET /v2/?n=1 HTTP/1.1\r\nHost: a\r\nX:  b c \t\r\nx:d\r\n\r\nmore")
    assert found is not None
    taken, rest = found
    assert (taken.method, taken.target, taken.minor, taken.persistent) == ("GET", "/v2/?n=1", 1, True)
    assert list(taken.headers) == [("Host", "a"), ("X", "b c"), ("x", "d")]
    assert rest == b"more"


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
    assert head(b"GET / " + line + b"\r\n").persistent is persistent


@pytest.mark.parametrize("sent", [b"", b"\r\n", b"GET", b"GET / HTTP/1.1\r\nHost: x\r\n", b"GET / HTTP/1.1\r"])
def test_a_head_that_is_not_there_yet(sent: bytes) -> None:
    assert take_head(sent) is None


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /\r\n", 400),  # HTTP/0.9
        (b"PRI * HTTP/2.0\r\n", 400),
        (b"GET / HTTP/1.1\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\n", 400),
        (b"GET / HTTP/1.1\r\nA: b\r\n\tfolded\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nA: b\rC: d\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nA: \x00\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n: b\r\n\r\n", 400),
        (b"\r\n\r\n", 400),
        (b"G" * MOST_HEAD_BYTES, 414),
        (b"GET /" + b"a" * MOST_TARGET_BYTES + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nA: " + b"b" * MOST_HEAD_BYTES, 431),
        (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * (MOST_FIELDS + 1) + b"\r\n", 431),
    ],
)
def test_what_is_no_head_is_refused_as_soon_as_it_is_seen(sent: bytes, status: int) -> None:
    with pytest.raises(BadMessage) as refused:
        take_head(sent)
    assert refused.value.status == status


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        (b"Content-Length: 5\r\nTransfer-Encoding: chunked", 400),
        (b"Content-Length: 5\r\nContent-Length: 5", 400),
        (b"Content-Length: 5, 5", 400),
        (b"Content-Length: 0x5", 400),
        (b"Content-Length: \xb2", 400),
        (b"Content-Length:", 400),
        (b"Content-Length: 9999999999999999999", 400),
        (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", 501),
        (b"Transfer-Encoding: identity", 501),
        (b"Transfer-Encoding: \x0bchunked", 400),
        (b"Content-Length: 11", 413),
    ],
)
def test_a_length_that_could_be_read_in_two_ways(fields: bytes, status: int) -> None:
    with pytest.raises(BadMessage) as refused:
        content_of(head(b"PUT / HTTP/1.1\r\n" + fields + b"\r\n\r\n"), source(b""), None, 10)
    assert refused.value.status == status


def test_chunks_in_http_1_0() -> None:
    with pytest.raises(BadMessage):
        content_of(head(b"PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), source(b""), None)


@pytest.mark.parametrize(
    "sent",
    [
        b"5\nhello\r\n0\r\n\r\n",
        b"5\r\nhello\n0\r\n\r\n",
        b"0x5\r\nhello\r\n0\r\n\r\n",
        b"5;a\rb\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhello\r\n0\r\nnot a field\r\n\r\n",
        b"fffffffffffffffff\r\n",
        b"5;" + b"x" * MOST_LINE_BYTES + b"\r\nhello\r\n0\r\n\r\n",
        (b"1;" + b"x" * 1000 + b"\r\nh\r\n") * 100 + b"0\r\n\r\n",
        b"0\r\n" + b"a: b\r\n" * 20_000 + b"\r\n",
    ],
)
@pytest.mark.parametrize("at", [0, 3, 10_000])
def test_chunks_that_could_be_read_in_two_ways(sent: bytes, at: int) -> None:
    with pytest.raises(BadMessage):
        chunked(sent[:at], sent[at:]).read()


def test_chunks_have_a_longest_length() -> None:
    assert chunked(b"5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n", most=10).read() == b"helloworld"
    with pytest.raises(BadMessage) as refused:
        chunked(b"5\r\nhello\r\n6\r\nworlds\r\n0\r\n\r\n", most=10).read()
    assert refused.value.status == 413


def test_the_client_is_asked_once_and_only_when_its_content_is_wanted() -> None:
    asked: list[None] = []
    body = content_of(
        head(b"PUT / HTTP/1.1\r\nContent-Length: 5\r\n\r\n"), source(b"he", b"llo"), lambda: asked.append(None)
    )
    assert body is not None
    assert body.is_awaited
    assert asked == []
    assert (body.read(2), body.read(9), body.read(9)) == (b"he", b"llo", b"")
    assert (len(asked), body.is_awaited) == (1, False)


def test_content_that_breaks_off() -> None:
    body = content_of(head(b"PUT / HTTP/1.1\r\nContent-Length: 5\r\n\r\n"), source(b"he"), None)
    assert body is not None
    with pytest.raises(Disconnected):
        body.read()
    with pytest.raises(Disconnected):
        chunked(b"5\r\nhe").read()


def test_an_answers_head() -> None:
    response = Response(404, Headers([("A", "b\r\nc"), ("Date", "now")]))
    assert format_head(response, ("X", "y"), chunked=True, close=True) == (
        b"HTTP/1.1 404 Not Found\r\nA: bc\r\nDate: now\r\nX: y\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    )


def test_which_answers_have_content() -> None:
    assert has_content("GET", 200)
    assert has_content("DELETE", 404)
    assert not has_content("HEAD", 200)
    assert not has_content("GET", 204)
