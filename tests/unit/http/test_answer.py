"""Answers as a client reads them: bytes from strangers, in pieces of any size."""

from __future__ import annotations

import io
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.http.answer import (
    BLOCK,
    MOST_HEAD_BYTES,
    MOST_INTERIM_ANSWERS,
    MOST_LINE_BYTES,
    MOST_LINES,
    Content,
    Cut,
    Head,
    Incoming,
    Malformed,
    content_of,
    parse_head,
    read_head,
)
from pratique.http.message import Headers, Response
from pratique.server.listen.wire import format_head

PIECES = st.sampled_from(
    [b"HTTP/1.1", b"HTTP/1.0", b" ", b"200", b"204", b"100", b"OK", b"\r\n", b"\n", b"\r", b":", b"Content-Length",
     b"Transfer-Encoding", b"chunked", b"Connection", b"close", b"5", b"0", b"hello", b";", b"\x00", b"\xff", b"\t",
     b"HTTP/1.1 200 OK\r\n", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"\r\n\r\n"]
)  # fmt: skip
BYTES = st.one_of(st.binary(), st.lists(PIECES).map(b"".join))
NAMES = st.text("!#$%&'*+-.^_`|~abcXYZ019", min_size=1, max_size=20).filter(
    lambda name: name.lower() not in {"content-length", "transfer-encoding", "date", "connection"}
)
VALUES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_categories=["Cc"])).map(
    lambda text: "".join(sign for sign in text if sign.isprintable()).strip(" \t")
)


class Line:
    """A connection that brings these bytes, at most `step` at a time, and then ends."""

    def __init__(self, data: bytes, step: int = 1 << 20) -> None:
        self._data = io.BytesIO(data)
        self._step = step
        self.taken = 0

    def sendall(self, data: bytes | memoryview, /) -> None:
        raise AssertionError("nothing is sent")

    def recv(self, size: int, /) -> bytes:
        data = self._data.read(min(size, self._step))
        self.taken += len(data)
        return data

    def recv_into(self, buffer: memoryview, /) -> int:
        count = self._data.readinto(buffer[: self._step])
        self.taken += count
        return count


def answer(line: Line, method: str = "GET") -> tuple[Content, bool]:
    incoming = Incoming(line)
    return content_of(read_head(incoming), method, incoming)


def read(content: Content, step: int = 7) -> bytes:
    buffer, found = memoryview(bytearray(step)), b""
    while count := content.readinto(buffer):
        found += buffer[:count]
    return found


def answered(data: bytes, step: int = 1 << 20, method: str = "GET") -> tuple[Head, bytes, bool, int]:
    """The head, the content, whether the connection may be used again, and how much of what came is left."""
    incoming = Incoming(Line(data, step))
    head = read_head(incoming)
    content, persistent = content_of(head, method, incoming)
    return head, read(content), persistent, incoming.waiting


@given(BYTES, st.integers(1, 40))
def test_nothing_but_the_two_errors_comes_out(data: bytes, step: int) -> None:
    with suppress(Malformed, Cut):
        answered(data, step)


@given(BYTES, st.integers(1, 40))
def test_it_does_not_matter_in_which_pieces_an_answer_comes(data: bytes, step: int) -> None:
    def outcome(step: int) -> object:
        try:
            head, content, persistent, _ = answered(data, step)
        except (Malformed, Cut) as error:
            return type(error)
        return head.status, list(head.headers), content, persistent

    assert outcome(step) == outcome(1 << 20)


@given(st.integers(200, 599), st.lists(st.tuples(NAMES, VALUES), max_size=20), st.binary(), st.booleans())
def test_what_our_server_writes_is_read(
    status: int, fields: list[tuple[str, str]], content: bytes, close: bool
) -> None:
    response = Response(status, Headers(fields))
    sent = format_head(response, ("Content-Length", str(len(content))), chunked=False, close=close)
    head, received, persistent, _ = answered(sent + content, method="HEAD" if status in (204, 304) else "GET")
    assert (head.status, head.minor, persistent) == (status, 1, not close)
    assert list(head.headers)[: len(fields)] == fields
    assert received == (b"" if status in (204, 304) else content)


@given(st.lists(st.binary(min_size=1), max_size=9), st.integers(1, 40), st.integers(1, 40))
def test_chunks_are_put_together(pieces: list[bytes], step: int, at_once: int) -> None:
    sent = b"".join(b"%X ; a=b\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    data = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n" + sent + b"000\r\nTrailer: x\r\n\r\nHTTP"
    content, persistent = answer(Line(data, step))
    assert read(content, at_once) == b"".join(pieces)
    assert (persistent, content.ended) == (True, True)


@pytest.mark.parametrize(
    "first", [b"HTTP/1.1 200 OK", b"HTTP/1.1 200", b"HTTP/1.1 200 ", b"HTTP/1.0  200  Fine", b"HTTP/1.1 200 \xe9t\xe9"]
)
@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_first_lines_that_are_read(first: bytes, end: bytes) -> None:
    head, content, _, _ = answered(first + end + b"Content-Length: 2" + end + end + b"ok")
    assert (head.status, content) == (200, b"ok")


@pytest.mark.parametrize(
    "first",
    [b"HTTP/2 200", b"HTTP/1.1 20", b"HTTP/1.1 2000", b"HTTP/1.1 099 No", b"HTTP/1.1 \xb2\xb2\xb2", b"HTTP/1.x 200 OK",
     b"\tHTTP/1.0 200", b"http/1.1 200 OK", b"HTTP/1.1", b"", b"ICY 200 OK", b"HTTP/1.10 200 OK", b"HTTP/1.1 -10 OK"],
)  # fmt: skip
def test_first_lines_that_are_none(first: bytes) -> None:
    with pytest.raises(Malformed):
        parse_head(first + b"\r\n\r\n")


def test_fields_are_kept_as_they_are_said() -> None:
    lines = b'a: 1\r\nB :\t2 \r\nA: "x\xb5"\r\nlong: one\r\n  two\r\n\tthree\r\nempty:\r\n\r\n'
    assert list(parse_head(b"HTTP/1.1 200 OK\r\n" + lines).headers) == [
        ("a", "1"),
        ("B", "2"),
        ("A", '"x\xb5"'),
        ("long", "one two three"),
        ("empty", ""),
    ]


@pytest.mark.parametrize(
    "line", [b"no colon", b": no name", b"a b: c", b" folded: first", b"a: b\rc", b"a: \0", b"\xe9: x"]
)
def test_lines_that_are_no_fields(line: bytes) -> None:
    with pytest.raises(Malformed):
        parse_head(b"HTTP/1.1 200 OK\r\n" + line + b"\r\n\r\n")


def test_another_protocol_is_seen_at_its_first_line() -> None:
    """Who waits for us to speak does not close the connection."""

    class Waiting(Line):
        def recv(self, size: int, /) -> bytes:
            return super().recv(size) or pytest.fail("more was waited for")

    for said in (b"220 smtp.test ready\r\n", b"SSH-2.0", b"\x15\x03\x01\x00\x02\x02\x46", b"HTTP/1.1 abc\r\nX:"):
        with pytest.raises(Malformed):
            read_head(Incoming(Waiting(said)))


# Limits


@pytest.mark.parametrize(
    ("beginning", "more"),
    [
        (b"HTTP/1.1 200 ", b"y"),
        (b"HTTP/1.1 200 OK\r\nX: ", b"y"),
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        (b"HTTP/1.1 200 OK\r\nX: y", b"\r\n y"),
        (b"", b"HTTP/1.1 100\n\n"),
    ],
    ids=["reason", "field", "fields", "folded", "interim"],
)
def test_no_head_is_read_for_ever(beginning: bytes, more: bytes) -> None:
    line = Line(beginning + more * (4 * MOST_HEAD_BYTES))
    with pytest.raises(Malformed):
        answer(line)
    assert line.taken <= MOST_HEAD_BYTES + BLOCK


@pytest.mark.parametrize("more", [0, 1])
@pytest.mark.parametrize("step", [1000, 1 << 20])
def test_a_head_has_so_many_bytes(more: int, step: int) -> None:
    line = b"X: " + b"y" * (MOST_HEAD_BYTES - len(b"HTTP/1.1 204 No\r\nX: \r\n\r\n") + more)
    data = b"HTTP/1.1 204 No\r\n" + line + b"\r\n\r\n"
    if not more:
        assert answered(data, step)[0].status == 204
        return
    with pytest.raises(Malformed, match="more than 65536 bytes"):
        answered(data, step)


@pytest.mark.parametrize(("lines", "is_read"), [(MOST_LINES, True), (MOST_LINES + 1, False)])
@pytest.mark.parametrize("step", [100, 1 << 20])
def test_a_head_has_so_many_lines(lines: int, step: int, is_read: bool) -> None:
    data = b"HTTP/1.1 204 No Content\r\n" + b"X: y\r\n" * lines + b"\r\n"
    if is_read:
        assert len(list(answered(data, step)[0].headers)) == lines
        return
    with pytest.raises(Malformed, match="more than 100 lines"):
        answered(data, step)


@pytest.mark.parametrize("count", [MOST_INTERIM_ANSWERS, MOST_INTERIM_ANSWERS + 1])
def test_so_many_interim_answers_are_skipped(count: int) -> None:
    data = b"HTTP/1.1 103 Hints\r\nLink: x\r\n\r\n" * count + b"HTTP/1.1 204 No\r\n\r\n"
    if count == MOST_INTERIM_ANSWERS:
        assert answered(data)[0].status == 204
        return
    with pytest.raises(Malformed, match="interim"):
        answered(data)


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "chunks",
    [
        b"1" + b"0" * 15 + b"\r\n",
        b"5;" + b"x" * MOST_LINE_BYTES + b"\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhello!!!\r\n0\r\n\r\n",
        b"1;x=%b\r\na\r\n" % (b"y" * 4000) * 20 + b"0\r\n\r\n",
        b"0\r\n" + b"Trailer: x\r\n" * 20_000 + b"\r\n",
        b"5",
    ],
    ids=["size", "extension", "no end", "extensions", "trailers", "digits"],
)
def test_chunks_that_are_absurd(chunks: bytes) -> None:
    chunks = chunks if chunks != b"5" else b"5" * (2 * MOST_LINE_BYTES)
    line = Line(CHUNKED + chunks + b"\r\n")
    content, _ = answer(line)
    with pytest.raises(Malformed):
        read(content)
    assert line.taken <= MOST_HEAD_BYTES + 3 * BLOCK


@pytest.mark.parametrize(
    "chunks", [b"", b"5", b"5\r\nhel", b"5\r\nhello", b"5\r\nhello\r\n", b"0\r\n", b"zz\r\n", b"-5\r\n", b"\r\n"]
)
def test_chunks_that_are_cut(chunks: bytes) -> None:
    with pytest.raises(Cut):
        answered(CHUNKED + chunks)


# How long an answer is, and whether another may follow


@pytest.mark.parametrize(
    ("fields", "content", "persistent"),
    [
        (b"Content-Length: 3", b"abc", True),
        (b"Content-Length: 3, 3\r\ncontent-length:3", b"abc", True),
        (b"Content-Length: 0", b"", True),
        (b"Content-Length: 3\r\nConnection: Close", b"abc", False),
        (b"Transfer-Encoding: identity\r\nContent-Length: 3", b"abc", True),
        (b"Transfer-Encoding: chunked\r\nContent-Length: 9", b"a", False),
        (b"Transfer-Encoding: CHUNKED", b"a", True),
        (b"X: y", b"1\r\na\r\n0\r\n\r\n", False),
    ],
)  # fmt: skip
def test_the_length_of_an_answer(fields: bytes, content: bytes, persistent: bool) -> None:
    rest = b"1\r\na\r\n0\r\n\r\n" if content != b"abc" else b"abc"
    _, received, kept, _ = answered(b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n\r\n" + rest)
    assert (received, kept) == (content, persistent)


@pytest.mark.parametrize(
    "fields",
    [b"Content-Length: 3\r\nContent-Length: 4", b"Content-Length: 3, 4", b"Content-Length: -3", b"Content-Length: three",
     b"Content-Length:", b"Content-Length: 0x3", b"Content-Length: " + b"9" * 19, b"Content-Length: \xb2",
     b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding: gzip", b"Transfer-Encoding: "],
)  # fmt: skip
def test_lengths_that_could_be_read_in_two_ways(fields: bytes) -> None:
    with pytest.raises(Malformed):
        answered(b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n\r\nabc")


@pytest.mark.parametrize(
    ("first", "method"), [(b"200 OK", "HEAD"), (b"204 No", "GET"), (b"304 Same", "GET"), (b"101 Switching", "GET")]
)
def test_answers_without_content(first: bytes, method: str) -> None:
    _, content, persistent, left = answered(b"HTTP/1.1 " + first + b"\r\nContent-Length: 3\r\n\r\nabc", method=method)
    assert (content, persistent, left) == (b"", first != b"101 Switching", 3)


@pytest.mark.parametrize(
    ("fields", "persistent"), [(b"", False), (b"Connection: keep-alive\r\n", True), (b"Connection: close\r\n", False)]
)
def test_an_old_server_says_whether_it_stays(fields: bytes, persistent: bool) -> None:
    assert answered(b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n" + fields + b"\r\nx")[2] is persistent


def test_content_that_is_cut_says_how_much_is_missing() -> None:
    with pytest.raises(Cut, match="7 bytes before its end"):
        answered(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")


def test_content_may_end_with_the_connection() -> None:
    assert answered(b"HTTP/1.1 200 OK\r\n\r\nhello", 2)[1:3] == (b"hello", False)


def test_content_of_a_known_length_goes_straight_into_the_callers_buffer() -> None:
    line = Line(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000 + b"HTTP/1.1 ")
    content, _ = answer(line)
    buffer = memoryview(bytearray(1 << 20))
    first = content.readinto(buffer)
    assert first + content.readinto(buffer) == 100_000, "what came with the head, and then all there is"
    assert content.ended
    assert line.taken == len(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n") + 100_000
