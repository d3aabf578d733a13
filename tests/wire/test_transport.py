"""The transport over real sockets, against servers whose every byte is written here."""

from __future__ import annotations

import gc
import io
import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

import pratique.testing
from pratique.errors import InvalidInput, Misbehaved, Unreachable
from pratique.http.connection import MOST_DRAINED_BYTES
from pratique.http.message import Body, Request, Response, Unanswered
from pratique.http.origin import Origin
from pratique.http.reach import everywhere
from pratique.http.transport import IDLE_SECONDS, HttpTransport, Timeouts
from pratique.http.trust import Trust

from .scripted import PATIENCE_SECONDS, Running, Script, Server, Wire, politely

BRIEF = Timeouts(connect=0.2, read=0.2)  # where running out of time is the point
LARGE = 64 << 20  # more than any buffer between two sockets holds


@pytest.fixture
def transport() -> Iterator[HttpTransport]:
    transport = HttpTransport()
    yield transport
    transport.close()


def get(transport: HttpTransport, url: str, method: str = "GET", body: Body | None = None) -> tuple[int, bytes]:
    with transport(Request(method, url, body=body)) as response:
        return response.status, response.excerpt(1 << 20)


def saying(*data: str | bytes) -> Script:
    """A script: take one request, say this, close."""

    def script(wire: Wire) -> None:
        wire.head()
        wire.say(*data)

    return script


def said(transport: HttpTransport, *data: str | bytes) -> tuple[Response, bytes]:
    """An answer of these bytes and its content."""
    with Server(saying(*data)) as server, transport(Request("GET", server.url())) as response:
        return response, response.excerpt(1 << 20)


class Source(io.RawIOBase):
    """So many bytes, and how many of them were taken."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object, /) -> int:
        count = min(memoryview(buffer).nbytes, self.left)  # type: ignore[arg-type]
        self.left -= count
        return count


# Connections


def test_a_connection_is_used_again(transport: HttpTransport) -> None:
    with Server() as server:
        assert get(transport, server.url("/a")) == (200, b"GET /a HTTP/1.1")
        assert get(transport, server.url("/b?c=d")) == (200, b"GET /b?c=d HTTP/1.1")
        assert server.connections == 1


def test_a_connection_over_tls_is_used_again(ca_file: str, server_tls: ssl.SSLContext) -> None:
    with (
        closing(HttpTransport(everywhere(trust=Trust(ca_file=ca_file)))) as transport,
        Server(tls=server_tls) as server,
    ):
        assert get(transport, server.url("/a")) == (200, b"GET /a HTTP/1.1")
        assert get(transport, server.url("/b")) == (200, b"GET /b HTTP/1.1")
        assert server.connections == 1


def named(name: bytes) -> Script:
    def script(wire: Wire) -> None:
        while wire.head():
            wire.answer(name)

    return script


def test_the_newest_idle_connection_is_used_first(transport: HttpTransport) -> None:
    with Server(named(b"first"), named(b"second")) as server:
        first, second = (transport(Request("GET", server.url())) for _ in range(2))
        assert [first.read(100, "it"), second.read(100, "it")] == [b"first", b"second"]
        assert get(transport, server.url()) == (200, b"second")
        assert server.connections == 2


@pytest.mark.parametrize(("seconds", "connections"), [(IDLE_SECONDS - 1, 1), (IDLE_SECONDS, 2)])
def test_an_idle_connection_is_used_for_a_while_only(seconds: float, connections: int) -> None:
    now = 0.0
    with closing(HttpTransport(clock=lambda: now)) as transport, Server() as server:
        get(transport, server.url())
        now += seconds
        get(transport, server.url())
        assert server.connections == connections


def test_a_connection_that_was_closed_while_idle_is_not_used(transport: HttpTransport) -> None:
    closed = threading.Event()

    def once(wire: Wire) -> None:
        wire.head()
        wire.answer()
        wire.close()
        closed.set()

    with Server(once, politely) as server:
        get(transport, server.url())
        assert closed.wait(PATIENCE_SECONDS)
        assert get(transport, server.url("/again"))[1] == b"GET /again HTTP/1.1"
        assert server.connections == 2


def test_a_stale_connection_is_replaced_by_a_fresh_one_once(transport: HttpTransport) -> None:
    """Two idle connections are about to be closed: the second request meets one of them, then a fresh one."""
    heads: list[str] = []

    def closing_on_the_second(wire: Wire) -> None:
        wire.head()
        wire.answer()
        heads.append(wire.head())

    with Server(closing_on_the_second, closing_on_the_second, politely) as server:
        for response in [transport(Request("GET", server.url())) for _ in range(2)]:
            response.read(100, "it")
        assert get(transport, server.url("/it"), "POST", Body.of(b"body"))[1] == b"POST /it HTTP/1.1"
        assert [head.splitlines()[0] for head in heads] == ["POST /it HTTP/1.1"]
        assert server.connections == 3


def test_a_request_that_goes_once_is_not_sent_over_another_connection(transport: HttpTransport) -> None:
    def closing_on_the_second(wire: Wire) -> None:
        wire.head()
        wire.answer()
        wire.head()

    with Server(closing_on_the_second, politely) as server:
        get(transport, server.url())
        with pytest.raises(Unanswered, match="closed the connection") as caught:
            transport(Request("PUT", server.url(), body=Body.of(b"body"), once=True))
        assert caught.value.transient
        assert server.connections == 1


def test_a_fresh_connection_without_an_answer_is_not_replaced(transport: HttpTransport) -> None:
    with Server(saying()) as server:
        with pytest.raises(Unanswered, match="closed the connection") as caught:
            get(transport, server.url())
        assert caught.value.transient
        assert server.connections == 1


def test_a_used_connection_that_answered_something_is_not_replaced(transport: HttpTransport) -> None:
    def cut_on_the_second(wire: Wire) -> None:
        wire.head()
        wire.answer()
        wire.head()
        wire.say("HTTP/1.1 200 OK\r\nContent-")

    with Server(cut_on_the_second) as server:
        get(transport, server.url())
        with pytest.raises(Unanswered, match="closed the connection"):
            get(transport, server.url())
        assert server.connections == 1


def test_a_reset_is_a_transient_failure(transport: HttpTransport) -> None:
    def reset(wire: Wire) -> None:
        wire.head()
        wire.reset()

    with Server(reset) as server, pytest.raises(Unanswered) as caught:
        get(transport, server.url())
    assert caught.value.transient


def test_nobody_listening_is_a_lasting_failure(transport: HttpTransport) -> None:
    with Server() as server:
        pass
    with pytest.raises(Unanswered, match="no connection") as caught:
        get(transport, server.url())
    assert not caught.value.transient


def test_many_threads_share_a_transport(transport: HttpTransport) -> None:
    def work(number: int) -> list[bytes]:
        return [get(transport, server.url(f"/{number}/{turn}"))[1] for turn in range(20)]

    with Server() as server:
        threads = [Running(lambda number=number: work(number)) for number in range(12)]  # type: ignore[misc]
        for number, thread in enumerate(threads):
            assert thread.outcome() == [f"GET /{number}/{turn} HTTP/1.1".encode() for turn in range(20)]
        assert server.connections <= len(threads)


# Requests


def test_a_request_says_its_host_its_fields_and_nothing_of_compression(transport: HttpTransport) -> None:
    heads: list[str] = []

    def script(wire: Wire) -> None:
        heads.append(wire.head())
        wire.answer()

    with Server(script) as server:
        transport(Request("GET", server.url("/v2/")).having("Accept", "a, b")).close()
    assert heads[0].splitlines() == [
        "GET /v2/ HTTP/1.1",
        f"Host: 127.0.0.1:{server.port}",
        "Accept: a, b",
        "Accept-Encoding: identity",
    ]


def test_a_body_of_known_size_is_sent_with_its_length(transport: HttpTransport) -> None:
    def script(wire: Wire) -> None:
        assert "\nContent-Length: 11" in wire.head()
        wire.answer(wire.read(11))

    with Server(script) as server:
        assert get(transport, server.url(), "PUT", Body.of(b"hello world")) == (200, b"hello world")


def test_a_body_of_unknown_size_is_sent_in_chunks(transport: HttpTransport) -> None:
    def script(wire: Wire) -> None:
        head = wire.head()
        assert "\nTransfer-Encoding: chunked" in head
        assert "Content-Length" not in head
        content = b""
        while size := int(wire.line(), 16):
            content += wire.read(size)
            wire.read(2)
        wire.read(2)
        wire.answer(content)
        politely(wire)

    with Server(script) as server:
        body = Body(lambda: closing(io.BytesIO(b"hello world")), None)
        assert get(transport, server.url(), "PUT", body) == (200, b"hello world")
        assert get(transport, server.url())[0] == 200
        assert server.connections == 1


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_a_request_without_a_body_says_so(transport: HttpTransport, method: str) -> None:
    def script(wire: Wire) -> None:
        assert wire.head().endswith("\nContent-Length: 0")
        wire.answer()

    with Server(script) as server:
        assert get(transport, server.url(), method)[0] == 200


def test_a_body_longer_than_announced_never_becomes_another_request(transport: HttpTransport) -> None:
    received: list[bytes] = []
    gone = threading.Event()

    def script(wire: Wire) -> None:
        wire.head()
        received.append(wire.read())
        gone.set()

    with Server(script) as server:
        body = Body(lambda: closing(io.BytesIO(b"12345GET /secret HTTP/1.1\r\n\r\n")), 5)
        with pytest.raises(Misbehaved, match="5 were announced"):
            get(transport, server.url(), "PUT", body)
        assert gone.wait(PATIENCE_SECONDS)
    assert received == [b"12345"]


def test_a_body_shorter_than_announced_is_an_error(transport: HttpTransport) -> None:
    with Server(lambda wire: wire.head() and wire.read()) as server:
        body = Body(lambda: closing(io.BytesIO(b"123")), 5)
        with pytest.raises(Misbehaved, match="the content has 3 bytes, 5 were announced"):
            get(transport, server.url(), "PUT", body)


# An answer that comes before the body is sent


def refusing_and_closing(wire: Wire) -> None:
    wire.head()
    wire.answer(b"too much", "Connection: close", status="413 Content Too Large")


def refusing_and_reading_on(wire: Wire) -> None:
    wire.head()
    wire.answer(b"who are you?", "WWW-Authenticate: Basic", status="401 Unauthorized")
    wire.read()


@pytest.mark.parametrize("size", [LARGE, None])
@pytest.mark.parametrize(("script", "status"), [(refusing_and_closing, 413), (refusing_and_reading_on, 401)])
def test_an_early_answer_is_read_and_the_rest_of_the_body_kept(
    transport: HttpTransport, script: Script, status: int, size: int | None
) -> None:
    source = Source(LARGE)
    with Server(script, politely) as server:
        with transport(Request("PUT", server.url(), body=Body(lambda: closing(source), size))) as response:
            assert response.status == status
            assert response.excerpt(100) in (b"too much", b"who are you?")
        assert source.left > 0
        assert get(transport, server.url())[0] == 200
        assert server.connections == 2, "a connection with half a request on it must not be used again"


def test_an_early_answer_over_tls_is_not_lost_to_the_broken_pipe(ca_file: str, server_tls: ssl.SSLContext) -> None:
    source = Source(LARGE)
    with (
        closing(HttpTransport(everywhere(trust=Trust(ca_file=ca_file)))) as transport,
        Server(refusing_and_closing, politely, tls=server_tls) as server,
    ):
        assert get(transport, server.url(), "PUT", Body(lambda: closing(source), LARGE)) == (413, b"too much")
        assert get(transport, server.url())[0] == 200


def test_an_interim_answer_does_not_stop_the_body(transport: HttpTransport) -> None:
    spoken = threading.Event()

    class Waiting(Source):
        def readinto(self, buffer: object, /) -> int:
            assert spoken.wait(PATIENCE_SECONDS)
            return super().readinto(buffer)

    def script(wire: Wire) -> None:
        wire.head()
        wire.say("HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 102 Processing\r\n\r\n")
        spoken.set()
        wire.answer(b"%d" % len(wire.read(3 << 20)))

    with Server(script) as server:
        body = Body(lambda: closing(Waiting(3 << 20)), 3 << 20)
        assert get(transport, server.url(), "PUT", body) == (200, b"%d" % (3 << 20))


# Heads of answers


def test_interim_answers_are_skipped(transport: HttpTransport) -> None:
    response, content = said(
        transport,
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 102 Processing\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    )
    assert (response.status, content) == (200, b"ok")
    assert "Link" not in response.headers


@pytest.mark.parametrize("interim", ["100 Continue", "102 Processing"])
def test_interim_answers_without_end_are_an_error(transport: HttpTransport, interim: str) -> None:
    with pytest.raises(Misbehaved, match="interim"):
        said(transport, f"HTTP/1.1 {interim}\r\n\r\n" * 1000)


def test_every_line_of_a_head_is_kept(transport: HttpTransport) -> None:
    response, _ = said(
        transport,
        "HTTP/1.1 401 Unauthorized\r\n",
        "WWW-Authenticate: Negotiate\r\n",
        "Content-Length: 0\r\n",
        'www-authenticate: Basic realm="r"\r\n',
        "WWW-AUTHENTICATE: Bearer\r\n\r\n",
    )
    assert response.headers.all("WWW-Authenticate") == ("Negotiate", 'Basic realm="r"', "Bearer")


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_a_folded_line_and_bare_line_feeds_are_understood(transport: HttpTransport, end: str) -> None:
    lines = [
        "HTTP/1.1 429 Slow",
        "Link: </a>;",
        ' \trel="next"',
        "Retry-After: 880.092\xb5s",
        "Content-Length: 0",
        "",
        "",
    ]
    response, _ = said(transport, end.join(lines))
    assert response.headers.get("Link") == '</a>; rel="next"'
    assert response.headers.get("Retry-After") == "880.092\xb5s"


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x15\x03\x01\x00\x02\x02\x46\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/3.7 200 OK\r\n\r\n",
        b"<html>\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * (1 << 20) + b"\r\n\r\n",
        b"HTTP/1.1 200 " + b"y" * (1 << 20) + b"\r\n\r\n",
    ],
    ids=["tls", "ssh", "no status", "version", "html", "many lines", "long line", "long status"],
)
def test_what_is_not_http_is_the_servers_mistake(transport: HttpTransport, garbage: bytes) -> None:
    with pytest.raises(Misbehaved, match="did not answer in HTTP"):
        said(transport, garbage)


@pytest.mark.parametrize("head", ["HTTP/1.1 20", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Type: a\r\nCont"])
def test_a_cut_head_is_not_taken_for_a_whole_one(transport: HttpTransport, head: str) -> None:
    with pytest.raises(Unanswered, match="closed the connection") as caught:
        said(transport, head)
    assert caught.value.transient


# Content of answers


@pytest.mark.parametrize("method", ["HEAD", "DELETE", "GET"])
def test_answers_without_content_leave_the_connection_usable(transport: HttpTransport, method: str) -> None:
    status = {"HEAD": "200 OK", "DELETE": "204 No Content", "GET": "304 Not Modified"}[method]

    def script(wire: Wire) -> None:
        wire.head()
        wire.say(f"HTTP/1.1 {status}\r\n", "Content-Length: 1000\r\n" if method != "DELETE" else "", "\r\n")
        politely(wire)

    with Server(script) as server:
        with transport(Request(method, server.url())) as response:
            assert response.length == (None if method == "DELETE" else 1000)
            assert response.excerpt(10) == b""
        assert get(transport, server.url())[0] == 200
        assert server.connections == 1


def test_content_of_an_answer_that_has_none_is_not_taken_for_the_next(transport: HttpTransport) -> None:
    def script(wire: Wire) -> None:
        wire.head()
        wire.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        wire.read()

    with Server(script, politely) as server:
        assert get(transport, server.url(), "HEAD") == (200, b"")
        assert get(transport, server.url()) == (200, b"GET / HTTP/1.1")
        assert server.connections == 2


def test_chunks_are_put_together(transport: HttpTransport) -> None:
    def script(wire: Wire) -> None:
        wire.head()
        wire.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        wire.say("5;name=value\r\nhello\r\n", "6\r\n world\r\n", "0\r\nTrailer: x\r\n\r\n")
        politely(wire)

    with Server(script) as server:
        assert get(transport, server.url()) == (200, b"hello world")
        assert get(transport, server.url())[0] == 200
        assert server.connections == 1


def test_content_may_end_with_the_connection(transport: HttpTransport) -> None:
    response, content = said(transport, "HTTP/1.1 200 OK\r\n\r\nhello ", "world")
    assert (response.length, content) == (None, b"hello world")


@pytest.mark.parametrize(
    "data",
    [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n12345",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\nzz\r\n",
    ],
    ids=["length", "chunk", "no last chunk", "no size"],
)
def test_cut_content_is_a_transient_failure(transport: HttpTransport, data: str) -> None:
    with pytest.raises(Unanswered, match="the answer was cut") as caught:
        said(transport, data)
    assert caught.value.transient


def test_a_reset_in_the_middle_is_a_transient_failure(transport: HttpTransport) -> None:
    def script(wire: Wire) -> None:
        wire.head()
        wire.say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345")
        wire.reset()

    with Server(script) as server, pytest.raises(Unanswered) as caught:
        get(transport, server.url())
    assert caught.value.transient


def never_coming(wire: Wire) -> None:
    wire.head()
    wire.say("HTTP/1.1 200 OK\r\nContent-Length: 2000000000\r\n\r\n{")
    wire.read()


def test_an_announced_length_over_the_limit_is_refused_before_it_is_read(transport: HttpTransport) -> None:
    with Server(never_coming) as server, pytest.raises(Misbehaved, match="2000000000 bytes"):
        transport(Request("GET", server.url())).read(4 << 20, "the manifest")


def test_content_that_never_comes_runs_out_of_time() -> None:
    with (
        closing(HttpTransport(timeouts=BRIEF)) as transport,
        Server(never_coming) as server,
        pytest.raises(Unanswered, match="the answer was cut") as caught,
    ):
        get(transport, server.url())
    assert caught.value.transient


def test_a_small_rest_that_was_not_read_is_drained(transport: HttpTransport) -> None:
    with Server(named(b"x" * MOST_DRAINED_BYTES)) as server:
        for _ in range(2):
            with transport(Request("GET", server.url())) as response:
                while len(response.stream.read(1)) < 1:
                    pass
                response.stream.read(MOST_DRAINED_BYTES - 2)
        assert server.connections == 1


def test_a_rest_before_the_end_of_the_connection_is_left(transport: HttpTransport) -> None:
    script = saying("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello")
    with Server(script) as server, transport(Request("GET", server.url())) as response:
        assert response.stream.read(1) == b"h"


def test_a_large_rest_is_not_read(transport: HttpTransport) -> None:
    with Server(named(b"x" * (MOST_DRAINED_BYTES + 2))) as server:
        for _ in range(2):
            with transport(Request("GET", server.url())) as response:
                response.stream.read(1)
        assert server.connections == 2


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_a_small_rest_that_has_not_arrived_is_not_waited_for(
    ca_file: str, server_tls: ssl.SSLContext, tls: bool
) -> None:
    def slow(wire: Wire) -> None:
        wire.head()
        wire.say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n1234")
        wire.read()

    with (
        closing(HttpTransport(everywhere(trust=Trust(ca_file=ca_file)))) as transport,
        Server(slow, politely, tls=server_tls if tls else None) as server,
    ):
        with transport(Request("GET", server.url())) as response:
            taken = b""
            while len(taken) < 4:
                taken += response.stream.read(4 - len(taken))
        assert get(transport, server.url())[0] == 200
        assert server.connections == 2


# Time


def test_a_server_that_does_not_answer_runs_out_of_time() -> None:
    with (
        closing(HttpTransport(timeouts=BRIEF)) as transport,
        Server(lambda wire: wire.read()) as server,
        pytest.raises(Unanswered, match=r"no answer from .* in 0\.2 s") as caught,
    ):
        get(transport, server.url())
    assert caught.value.transient


@pytest.fixture
def full() -> Iterator[int]:
    """The port of a listener that takes no more connections, and never answers those that it has."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_connection_that_is_not_taken_runs_out_of_time(full: int, scheme: str) -> None:
    with closing(HttpTransport(timeouts=BRIEF)) as transport, pytest.raises(Unanswered, match="in time") as caught:
        get(transport, f"{scheme}://127.0.0.1:{full}/")
    assert caught.value.transient


def test_a_handshake_that_is_not_answered_runs_out_of_time() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        closing(HttpTransport(timeouts=BRIEF)) as transport,
        pytest.raises(Unanswered, match="in time"),
    ):
        get(transport, f"https://127.0.0.1:{listener.getsockname()[1]}/")


# Being cancelled


def silent(wire: Wire) -> None:
    wire.read()


def stopping_after(content: str, length: str) -> Callable[[threading.Event], Script]:
    def make(reached: threading.Event) -> Script:
        def script(wire: Wire) -> None:
            wire.head()
            if content:
                wire.say(f"HTTP/1.1 200 OK\r\n{length}\r\n\r\n{content}")
            reached.set()
            wire.read()

        return script

    return make


BLOCKED = {
    "waiting for the answer": stopping_after("", ""),
    "reading a known length": stopping_after("1234", "Content-Length: 10"),
    "reading chunks": stopping_after("4\r\n1234\r\n", "Transfer-Encoding: chunked"),
    "reading to the end": stopping_after("1234", "Connection: close"),
}


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("where", BLOCKED)
def test_cancel_frees_whoever_is_blocked(where: str, tls: bool, ca_file: str, server_tls: ssl.SSLContext) -> None:
    reached = threading.Event()
    with (
        closing(HttpTransport(everywhere(trust=Trust(ca_file=ca_file)))) as transport,
        Server(BLOCKED[where](reached), tls=server_tls if tls else None) as server,
    ):
        reader = Running(lambda: get(transport, server.url()))
        assert reached.wait(PATIENCE_SECONDS)
        transport.cancel("interrupted by the user")
        with pytest.raises(Unanswered, match="interrupted by the user") as caught:
            reader.outcome()
        assert not caught.value.transient
        with pytest.raises(Unanswered, match="interrupted by the user"):
            get(transport, server.url())
        assert server.connections == 1


def test_cancel_frees_whoever_is_sending(transport: HttpTransport) -> None:
    reached = threading.Event()
    hold = threading.Event()

    def not_reading(wire: Wire) -> None:
        wire.head()
        reached.set()
        hold.wait(PATIENCE_SECONDS)

    with Server(not_reading) as server:
        sender = Running(lambda: get(transport, server.url(), "PUT", Body(lambda: closing(Source(LARGE)), LARGE)))
        assert reached.wait(PATIENCE_SECONDS)
        transport.cancel("interrupted")
        with pytest.raises(Unanswered, match="interrupted"):
            sender.outcome()
        hold.set()


class Telling(HttpTransport):
    """Tells when a connection is about to be opened."""

    def __init__(self) -> None:
        super().__init__(timeouts=Timeouts(connect=2 * PATIENCE_SECONDS))
        self.opening = threading.Event()

    def _opening(self, origin: Origin):  # type: ignore[no-untyped-def]
        connection = super()._opening(origin)
        hold = connection._hold

        def told(connected: socket.socket) -> None:
            hold(connected)
            self.opening.set()

        connection._hold = told  # type: ignore[method-assign]
        return connection


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_cancel_frees_whoever_is_connecting(full: int, scheme: str) -> None:
    with closing(Telling()) as transport:
        waiting = Running(lambda: get(transport, f"{scheme}://127.0.0.1:{full}/"))
        assert transport.opening.wait(PATIENCE_SECONDS)
        transport.cancel("interrupted")
        with pytest.raises(Unanswered, match="interrupted"):
            waiting.outcome()


def test_a_cancelled_transport_keeps_no_connection(transport: HttpTransport) -> None:
    with Server() as server:
        response = transport(Request("GET", server.url()))
        get(transport, server.url())
        transport.cancel("interrupted")
        response.close()
        with pytest.raises(Unanswered, match="interrupted"):
            get(transport, server.url())
        assert server.connections == 2


# TLS


def test_a_certificate_of_an_unknown_authority_is_an_error(
    transport: HttpTransport, server_tls: ssl.SSLContext
) -> None:
    with Server(tls=server_tls) as server, pytest.raises(Unanswered, match="is not trusted") as caught:
        get(transport, server.url())
    assert not caught.value.transient
    assert "--ca-file" in str(caught.value.advice())


def test_a_certificate_of_another_name_is_an_error(authority: trustme.CA, ca_file: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("elsewhere.test").configure_cert(context)
    with (
        closing(HttpTransport(everywhere(trust=Trust(ca_file=ca_file)))) as transport,
        Server(tls=context) as server,
        pytest.raises(Unanswered, match="is not trusted") as caught,
    ):
        get(transport, server.url())
    assert not caught.value.transient


def test_trust_can_be_waived(server_tls: ssl.SSLContext) -> None:
    with closing(HttpTransport(everywhere(trust=Trust(verify=False)))) as transport, Server(tls=server_tls) as server:
        assert get(transport, server.url())[0] == 200


@pytest.fixture(params=[ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["TLS 1.2", "TLS 1.3"])
def mutual_tls(authority: trustme.CA, request: pytest.FixtureRequest) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = context.maximum_version = request.param
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def test_a_client_certificate_is_shown(
    mutual_tls: ssl.SSLContext, ca_file: str, client_certificate: tuple[str, str], tmp_path: Path
) -> None:
    cert, key = client_certificate
    both = tmp_path / "both.pem"
    both.write_bytes(Path(cert).read_bytes() + Path(key).read_bytes())
    for trust in (Trust(ca_file=ca_file, cert=cert, key=key), Trust(ca_file=ca_file, cert=str(both))):
        with closing(HttpTransport(everywhere(trust=trust))) as transport, Server(tls=mutual_tls) as server:
            assert get(transport, server.url())[0] == 200


def test_a_missing_client_certificate_is_an_error(mutual_tls: ssl.SSLContext, ca_file: str) -> None:
    with (
        closing(HttpTransport(everywhere(trust=Trust(ca_file=ca_file)))) as transport,
        Server(tls=mutual_tls) as server,
        pytest.raises(Unanswered),
    ):
        get(transport, server.url())


@pytest.fixture
def locked(client_certificate: tuple[str, str], tmp_path: Path) -> tuple[str, str]:
    """A certificate, and its key behind a password."""
    cert, key = client_certificate
    private = load_pem_private_key(Path(key).read_bytes(), None)
    secured = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"password"))
    (tmp_path / "locked").write_bytes(secured)
    return cert, str(tmp_path / "locked")


def test_files_that_cannot_be_used_are_the_callers_mistake(
    ca_file: str,
    client_certificate: tuple[str, str],
    locked: tuple[str, str],
    tmp_path: Path,
    server_tls: ssl.SSLContext,
) -> None:
    cert, key = client_certificate
    missing, empty = (str(tmp_path / name) for name in ("missing", "empty"))
    Path(empty).touch()
    for trust in (
        Trust(ca_file=missing),
        Trust(ca_file=empty),
        Trust(cert=missing),
        Trust(cert=cert),
        Trust(key=key),
        Trust(cert=cert, key=missing),
        Trust(cert=ca_file, key=key),
        Trust(cert=locked[0], key=locked[1]),
    ):
        with (
            closing(HttpTransport(everywhere(trust=trust))) as transport,
            Server(tls=server_tls) as server,
            pytest.raises(InvalidInput, match="cannot be loaded from"),
        ):
            get(transport, server.url())


LOADING = """
import os, sys
from pratique.errors import InvalidInput
from pratique.http.trust import Trust
os.open(sys.argv[1], os.O_RDWR)  # the terminal of this session from now on
try:
    Trust(cert=sys.argv[2], key=sys.argv[3]).context()
except InvalidInput:
    print("refused")
"""


def test_a_password_is_not_asked_for_on_the_terminal(locked: tuple[str, str]) -> None:
    try:
        ours, terminal = os.openpty()
    except OSError as error:
        pytest.skip(f"this machine makes no terminals: {error}")
    try:
        command = [sys.executable, "-c", LOADING, os.ttyname(terminal), *locked]
        done = subprocess.run(command, stdout=subprocess.PIPE, start_new_session=True, timeout=PATIENCE_SECONDS)
    finally:
        os.close(ours)
        os.close(terminal)
    assert done.stdout == b"refused\n"


def test_plain_http_for_https_is_explained(transport: HttpTransport) -> None:
    with (
        Server(lambda wire: wire.say("HTTP/1.1 400 Bad Request\r\n\r\n")) as server,
        pytest.raises(Unanswered, match="no TLS connection") as caught,
    ):
        get(transport, server.url().replace("http:", "https:"))
    assert "--plain-http" in str(caught.value.advice())


def test_who_speaks_tls(transport: HttpTransport, server_tls: ssl.SSLContext) -> None:
    with Server(tls=server_tls) as server:
        assert transport.speaks_tls(Origin("https", "127.0.0.1", server.port))
        assert transport.speaks_tls(Origin("https", "localhost", server.port))
    with Server(lambda wire: wire.say("HTTP/1.1 400 Bad Request\r\n\r\n")) as plain:
        assert not transport.speaks_tls(Origin("https", "127.0.0.1", plain.port))
    assert not transport.speaks_tls(Origin("https", "127.0.0.1", plain.port)), "nobody listens there"


def test_who_does_not_answer_does_not_speak_tls(full: int) -> None:
    with closing(HttpTransport(timeouts=BRIEF)) as transport, Server(silent) as server:
        assert not transport.speaks_tls(Origin("https", "127.0.0.1", server.port))
        assert not transport.speaks_tls(Origin("https", "127.0.0.1", full))


# Addresses that are not public


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_public_only_refuses_this_machine_before_a_byte_is_sent(transport: HttpTransport, tls: bool) -> None:
    received: list[bytes] = []
    gone = threading.Event()

    def script(wire: Wire) -> None:
        received.append(wire.read())
        gone.set()

    with Server(script) as server:
        url = server.url(host="localhost").replace("http:", "https:" if tls else "http:")
        with pytest.raises(Unreachable, match="not public"):
            transport(Request("GET", url, public_only=True))
        assert gone.wait(PATIENCE_SECONDS)
    assert received == [b""]


def test_public_only_does_not_use_an_idle_connection_to_this_machine(transport: HttpTransport) -> None:
    heads: list[str] = []

    def script(wire: Wire) -> None:
        while head := wire.head():
            heads.append(head)
            wire.answer()

    with Server(script) as server:
        get(transport, server.url())
        with pytest.raises(Unreachable, match="not public"):
            transport(Request("GET", server.url(), public_only=True))
        assert len(heads) == 1


def test_what_is_read_when_the_transport_was_closed_is_not_kept() -> None:
    """A socket that nobody closes is a warning, and so a failure, when it is collected."""
    with pratique.testing.registry() as made:
        transport = HttpTransport()
        with transport(Request("GET", f"{made.url}/v2/")) as response:
            transport.close()
            assert response.stream.read() == b"{}\n"
        del transport, response
        gc.collect()
