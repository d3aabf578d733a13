"""Reading to the end over connections that break."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from pratique.errors import ContentMismatch, Misbehaved, NotFound, Unreachable
from pratique.http.message import Headers, Request, Response, Unanswered
from pratique.spec.descriptor import Descriptor
from pratique.spec.digest import Digest
from pratique.stores.resuming import MOST_RESUMPTIONS, ResumingStream

CONTENT = bytes(range(256)) * 40
BLOB = Descriptor("application/octet-stream", Digest.of(CONTENT), len(CONTENT))


class Cut(io.BytesIO):
    """Content that breaks off with an error."""

    def readinto(self, buffer: object, /) -> int:
        count = super().readinto(buffer)  # type: ignore[arg-type]
        if not count:
            raise Unanswered("the answer was cut", transient=True)
        return count

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        if not data:
            raise Unanswered("the answer was cut", transient=True)
        return data


class Server:
    """Answers by ranges or not; each answer is cut after so many bytes, the last of `lengths` for ever."""

    def __init__(self, *lengths: int, ranges: bool = True, content: bytes = CONTENT) -> None:
        self._lengths = lengths
        self._ranges = ranges
        self._content = content
        self.ranges: list[str | None] = []
        self.streams: list[io.BytesIO] = []

    def __call__(self, request: Request) -> Response:
        asked = request.headers.get("Range")
        length = self._lengths[min(len(self.ranges), len(self._lengths) - 1)] if self._lengths else len(CONTENT) + 1
        self.ranges.append(asked)
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and self._ranges else 0
        part = self._content[start:]
        if asked and self._ranges and not part:
            return Response.of(416)
        stream = Cut(part[:length]) if length < len(part) else io.BytesIO(part)
        self.streams.append(stream)
        said = f"bytes {start}-{len(self._content) - 1}/{len(self._content)}"
        if start:
            return Response(206, Headers([("Content-Range", said)]), stream)
        return Response(200, stream=stream)


def opened(send: Callable[[Request], Response], offset: int = 0, blob: Descriptor = BLOB) -> ResumingStream:
    return ResumingStream(send, Request("GET", "https://r.test/blob"), blob, offset)


def read_into(stream: ResumingStream) -> bytes:
    content, buffer = bytearray(), bytearray(1000)
    while count := stream.readinto(buffer):
        content += buffer[:count]
    return bytes(content)


@pytest.mark.parametrize("read", [lambda stream: stream.read(), read_into], ids=["read", "readinto"])
@pytest.mark.parametrize("ranges", [True, False], ids=["ranges", "no ranges"])
def test_a_cut_connection_is_taken_up_where_it_was_cut(read: Callable[[ResumingStream], bytes], ranges: bool) -> None:
    server = Server(1000, 2500, len(CONTENT), ranges=ranges)
    stream = opened(server)
    assert read(stream) == CONTENT
    stream.close()
    second = 3500 if ranges else 2500
    assert server.ranges == [None, "bytes=1000-", f"bytes={second}-"]
    assert all(each.closed for each in server.streams)


def test_a_cut_while_catching_up_is_taken_up_as_well() -> None:
    server = Server(1000, 500, len(CONTENT), ranges=False)
    assert opened(server).read() == CONTENT
    assert server.ranges == [None, "bytes=1000-", "bytes=1000-"]


def test_connections_that_bring_nothing_are_not_taken_up_for_ever() -> None:
    server = Server(1000, 0)
    stream = opened(server)
    with pytest.raises(Unreachable, match="cut"):
        stream.read()
    assert len(server.ranges) == 1 + MOST_RESUMPTIONS + 1 - 1
    stream.close()
    assert all(each.closed for each in server.streams)


def test_progress_is_rewarded_with_patience() -> None:
    server = Server(len(CONTENT) // (4 * MOST_RESUMPTIONS))
    assert opened(server).read() == CONTENT
    assert len(server.ranges) > MOST_RESUMPTIONS


@pytest.mark.parametrize(
    "said", [None, "", "bytes 0-9/10", "bytes 999-1000/10240", "items 1000-2000/10240", "bytes */10240", "bytes=1000-"]
)
def test_another_range_than_asked_for_is_the_servers_mistake(said: str | None) -> None:
    stream = io.BytesIO(CONTENT[1000:])

    def send(request: Request) -> Response:
        if request.headers.get("Range") is None:
            return Response(200, stream=Cut(CONTENT[:1000]))
        return Response(206, Headers([("Content-Range", said)] if said is not None else []), stream)

    with pytest.raises(Misbehaved, match="asked from byte 1000 on"):
        opened(send).read()
    assert stream.closed


def test_a_part_that_nobody_asked_for_is_the_servers_mistake() -> None:
    with pytest.raises(Misbehaved, match="206"):
        opened(lambda _: Response(206, Headers([("Content-Range", "bytes 0-1/2")]), io.BytesIO(CONTENT)))


def test_other_bytes_after_the_cut_are_found_out() -> None:
    def send(request: Request) -> Response:
        if request.headers.get("Range") is None:
            return Response(200, stream=Cut(CONTENT[:1000]))
        said = f"bytes 1000-{len(CONTENT) - 1}/{len(CONTENT)}"
        return Response(206, Headers([("Content-Range", said)]), io.BytesIO(bytes(len(CONTENT) - 1000)))

    with pytest.raises(ContentMismatch, match="not what its digest says"):
        opened(send).read()


@pytest.mark.parametrize("offset", [0, 100])
@pytest.mark.parametrize(("change", "said"), [(b"", "ends at"), (CONTENT + b"!", "goes on after")])
def test_content_of_another_length_is_found_out(change: bytes, said: str, offset: int) -> None:
    server = Server(content=change or CONTENT[:-1])
    with pytest.raises(ContentMismatch, match=said) as caught:
        opened(server, offset).read()
    assert caught.value.expected == f"{len(CONTENT)} bytes"
    assert len(server.ranges) == 1


def test_content_that_is_shorter_the_second_time_is_found_out() -> None:
    contents = iter([Cut(CONTENT[:1000]), io.BytesIO(CONTENT[:500])])
    with pytest.raises(ContentMismatch, match="ends at byte 500"):
        opened(lambda _: Response(200, stream=next(contents))).read()


def test_reading_may_begin_in_the_middle() -> None:
    server = Server(1000)
    assert opened(server, 5000).read() == CONTENT[5000:]
    assert server.ranges[:2] == ["bytes=5000-", "bytes=6000-"]
    assert opened(Server(ranges=False), 5000).read() == CONTENT[5000:]


@pytest.mark.parametrize("ranges", [True, False])
def test_reading_may_begin_at_the_end(ranges: bool) -> None:
    assert opened(Server(ranges=ranges), len(CONTENT)).read() == b""


def test_empty_content_has_a_digest_as_well() -> None:
    empty = Descriptor("application/octet-stream", Digest.of(b""), 0)
    assert opened(lambda _: Response.of(200), blob=empty).read() == b""
    with pytest.raises(ContentMismatch):
        opened(lambda _: Response.of(200, b"x"), blob=empty).read()


def test_a_read_of_nothing_reads_nothing() -> None:
    stream = opened(Server())
    assert stream.read(0) == b""
    assert stream.readinto(bytearray()) == 0
    assert stream.read(10) == CONTENT[:10]


def test_an_error_is_the_servers_own() -> None:
    with pytest.raises(NotFound):
        opened(lambda _: Response.of(404))


def test_a_lasting_failure_is_told_as_it_is() -> None:
    def send(request: Request) -> Response:
        if request.headers.get("Range") is None:
            return Response(200, stream=Cut(CONTENT[:1000]))
        raise Unanswered("interrupted", transient=False)

    with pytest.raises(Unanswered, match="interrupted"):
        opened(send).read()


def entrusted(content: bytes, *lengths: int) -> bytes:
    stream = opened(Server(*lengths, content=content))
    stream.entrust()
    assert stream.vouched is None
    return stream.read()


def test_what_is_entrusted_is_resumed_and_not_verified() -> None:
    assert entrusted(CONTENT[::-1], 1000, 3000) == CONTENT[::-1]


@pytest.mark.parametrize("content", [CONTENT[:-1], CONTENT + b"!"])
def test_the_length_of_what_is_entrusted_is_verified_all_the_same(content: bytes) -> None:
    with pytest.raises(ContentMismatch, match="the content"):
        entrusted(content)
