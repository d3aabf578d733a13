"""Many clients at once: slow ones, greedy ones, ones that never end, and quick ones beside them."""

from __future__ import annotations

import contextlib
import re
import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from pratique.http.message import Headers, Request, Response
from pratique.server.app import RegistryApp
from pratique.server.content import FilePart
from pratique.server.listen.journal import Entry
from pratique.server.listen.limits import Limits
from pratique.server.listen.listener import Listener
from pratique.server.storage.repositories import Storage
from pratique.spec.digest import Digest

from .asking import PATIENCE

GET = b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET /v2/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
HUGE = 64 << 20  # bytes: more than all buffers between two sockets
SLOW_CLIENTS = 50


@pytest.fixture
def app(tmp_path: Path) -> RegistryApp:
    return RegistryApp(Storage(tmp_path))


@pytest.fixture
def listener(app: RegistryApp) -> Iterator[Listener]:
    with Listener(app.handle, is_quick=app.is_quick) as listening:
        yield listening


def connect(listener: Listener) -> socket.socket:
    host, _, port = listener.address.rpartition(":")
    return socket.create_connection((host, int(port)), PATIENCE)


def rest(client: socket.socket) -> bytes:
    """Everything until the server closes the connection."""
    received = bytearray()
    with contextlib.suppress(ConnectionResetError):
        while data := client.recv(1 << 20):
            received += data
    return bytes(received)


def exchange(listener: Listener, sent: bytes) -> bytes:
    with connect(listener) as client:
        client.sendall(sent)
        return rest(client)


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that is bound to come."""
    waiting = threading.Event()
    for _ in range(PATIENCE * 100):
        if condition():
            return
        waiting.wait(0.01)
    pytest.fail("it never came")


# --- Side by side


def test_slow_writers_and_readers_hold_nobody_up(app: RegistryApp, tmp_path: Path) -> None:
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(HUGE)

    def handle(request: Request) -> Response:
        if request.url.endswith("/large"):
            fields = Headers([("Content-Length", str(HUGE))])
            return Response(200, fields, FilePart(large.open("rb", buffering=0)))
        return app.handle(request)

    upload = f"POST /v2/foo/blobs/uploads/?digest={Digest.of(b'x' * 100)} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nx"
    with Listener(handle, is_quick=app.is_quick) as listener, ExitStack() as stack:
        for number in range(SLOW_CLIENTS):
            client = stack.enter_context(connect(listener))
            slow = (upload.encode(), b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n", GET[:-2])[number % 3]
            client.sendall(slow)
        until(lambda: listener.connections == SLOW_CLIENTS)
        for _ in range(20):
            assert exchange(listener, LAST).startswith(b"HTTP/1.1 200 OK\r\n")
        assert listener.connections >= SLOW_CLIENTS


def test_a_quick_answer_that_nobody_reads_holds_nobody_up() -> None:
    content = bytes(HUGE)

    def handle(request: Request) -> Response:
        return Response.of(200, content if request.url.endswith("/large") else b"small")

    with Listener(handle, is_quick=lambda _: True) as listener, connect(listener) as greedy:
        greedy.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        assert exchange(listener, LAST).endswith(b"small")
        greedy.sendall(LAST)  # it still gets all of it
        assert len(rest(greedy)) > len(content)


def test_quick_answers_to_who_reads_late_are_whole() -> None:
    content, count = bytes(range(250)) * 200, 400  # more than the buffers of the system, an answer at a time

    with Listener(lambda _: Response.of(200, content), is_quick=lambda _: True) as listener, connect(listener) as late:
        late.sendall(GET * count + LAST)
        assert exchange(listener, LAST).endswith(content)
        answers = rest(late)
    assert answers.count(b"HTTP/1.1 200 OK\r\n") == count + 1
    assert answers.count(content) == count + 1


def test_who_sends_without_reading_holds_nobody_up(listener: Listener) -> None:
    with connect(listener) as greedy:
        greedy.setblocking(False)
        left = memoryview(GET * 1_000_000)
        with contextlib.suppress(BlockingIOError):
            while left:
                left = left[greedy.send(left) :]
        assert exchange(listener, LAST).startswith(b"HTTP/1.1 200 OK\r\n")


def test_many_requests_in_one_piece_are_answered_in_their_order(listener: Listener) -> None:
    numbered = b"".join(GET.replace(b"\r\n\r\n", b"\r\nX-Request-Id: %d\r\n\r\n" % number) for number in range(300))
    answers = exchange(listener, numbered + LAST)
    assert [int(found) for found in re.findall(rb"X-Request-Id: (\d+)\r\n", answers)] == list(range(300))


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_request_in_pieces(listener: Listener, size: int) -> None:
    digest = Digest.of(b"hello")
    sent = f"POST /v2/foo/blobs/uploads/?digest={digest} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello".encode()
    sent += f"GET /v2/foo/blobs/{digest} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    with connect(listener) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(sent), size):
            client.sendall(sent[start : start + size])
        answer = rest(client)
    assert answer.count(b"HTTP/1.1 201 Created") == 1
    assert answer.endswith(b"\r\n\r\nhello")


# --- Limits


def test_who_is_idle_makes_room(app: RegistryApp) -> None:
    with Listener(app.handle, limits=Limits(connections=3, spare=0)) as listener, ExitStack() as stack:
        clients = [stack.enter_context(connect(listener)) for _ in range(3)]
        for client in clients:
            client.sendall(GET)
            assert client.recv(1 << 16).startswith(b"HTTP/1.1 200 OK\r\n")
        for _ in range(5):
            assert exchange(listener, LAST).startswith(b"HTTP/1.1 200 OK\r\n")
        assert listener.connections <= 3
        ended, _, _ = select.select(clients, [], [], PATIENCE)
        assert [client.recv(1) for client in ended] == [b""] * len(ended)
        assert 1 <= len(ended) < 3


def test_who_connects_and_says_nothing_makes_room(app: RegistryApp) -> None:
    with Listener(app.handle, limits=Limits(connections=3, spare=0)) as listener, ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(connect(listener))
        until(lambda: listener.connections == 3)
        assert exchange(listener, LAST).startswith(b"HTTP/1.1 200 OK\r\n")


def test_where_nobody_is_idle_others_wait() -> None:
    begun, go_on = threading.Semaphore(0), threading.Event()

    def handle(request: Request) -> Response:
        begun.release()
        go_on.wait(PATIENCE)
        return Response.of(200, b"done")

    with Listener(handle, limits=Limits(connections=2, spare=0)) as listener, ExitStack() as stack:
        clients = [stack.enter_context(connect(listener)) for _ in range(3)]
        for client in clients:
            client.sendall(LAST)
        assert begun.acquire(timeout=PATIENCE)
        assert begun.acquire(timeout=PATIENCE)
        assert not begun.acquire(timeout=0.05)
        go_on.set()
        assert [rest(client)[-4:] for client in clients] == [b"done"] * 3


def test_a_connection_serves_so_many_requests(app: RegistryApp) -> None:
    with Listener(app.handle, is_quick=app.is_quick, limits=Limits(requests=3)) as listener:
        answers = exchange(listener, GET * 10)
    assert answers.count(b"HTTP/1.1 200 OK\r\n") == 3
    assert answers.count(b"Connection: close\r\n") == 1


@pytest.mark.parametrize("before", [b"", GET])
def test_a_head_that_never_ends(app: RegistryApp, before: bytes) -> None:
    with Listener(app.handle, limits=Limits(head=0.5)) as listener, connect(listener) as client:
        if before:
            client.sendall(before)
            assert client.recv(1 << 16).startswith(b"HTTP/1.1 200 OK\r\n")
        client.sendall(b"GET /v2/ HTTP/1.1\r\n")
        ended = threading.Event()

        def trickle() -> None:
            with contextlib.suppress(OSError):
                while not ended.wait(0.01):
                    client.sendall(b"A: b\r\n")

        sending = threading.Thread(target=trickle)
        sending.start()
        assert rest(client) == b""
        ended.set()
        sending.join()


def test_a_request_may_only_bring_so_much(app: RegistryApp) -> None:
    with Listener(app.handle, limits=Limits(content=10)) as listener:
        head = b"PUT /v2/foo/manifests/x HTTP/1.1\r\nHost: x\r\n"
        assert exchange(listener, head + b"Content-Length: 11\r\n\r\n" + b"x" * 11).startswith(b"HTTP/1.1 413 ")
        chunks = b"Transfer-Encoding: chunked\r\n\r\n8\r\n12345678\r\n8\r\n12345678\r\n0\r\n\r\n"
        assert exchange(listener, head + chunks).startswith(b"HTTP/1.1 413 ")


# --- What is no HTTP/1.1


@pytest.mark.parametrize(
    ("sent", "begins"),
    [
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"HTTP/1.1 400 "),
        (b"GET /v2/\r\n", b"HTTP/1.1 400 "),
        (b"GET /v2/ HTTP/1.1\nHost: x\n\n", b"HTTP/1.1 400 "),
        (b"\x16\x03\x01\x02\x00\x01\x00", b"HTTP/1.1 400 "),
        (b"\x00" * 100_000, b"HTTP/1.1 414 "),
        (b"SSH-2.0-OpenSSH_9.6\r\n", b"HTTP/1.1 400 "),
        (b"GET /v2/foo/../bar/tags/list HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"HTTP/1.1 400 "),
        (b"GET /v2/foo%2Fbar/tags/list HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"HTTP/1.1 400 "),
        (b"GET /v2/" + b"a/" * 2000 + b"tags/list HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"HTTP/1.1 400 "),
        (b"PUT /v2/foo/manifests/x HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n[[[[", b"HTTP/1.1 400 "),
    ],
)
def test_other_protocols_and_paths(
    listener: Listener, sent: bytes, begins: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with connect(listener) as client:
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        answer = rest(client)
    assert answer.startswith(begins)
    assert bool(begins) == bool(answer)
    assert caplog.records == []


def test_smuggled_requests_are_never_answered(listener: Listener) -> None:
    """Whoever is before the registry may have read the first request in another way: nothing after it is looked at."""
    inner = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
    head = b"PUT /v2/foo/manifests/x HTTP/1.1\r\nHost: x\r\n"
    for fields in (
        b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
        b"Content-Length: 0\r\nContent-Length: 44\r\n\r\n",
        b"Content-Length : 0\r\n\r\n",
        b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n0;\n\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n0 0\r\n\r\n",
        b" Content-Length: 0\r\n\r\n",
        b"X: y\rContent-Length: 44\r\n\r\n",
    ):
        answers = exchange(listener, head + fields + inner)
        assert answers.count(b"HTTP/1.1 ") == 1, fields
        assert re.match(rb"HTTP/1\.1 (400|501) ", answers), fields


def test_hostile_clients_leave_nothing_behind(listener: Listener) -> None:
    """No thread and no connection is left of them."""
    threads = threading.active_count()
    with ExitStack() as stack:
        for number in range(60):
            client = stack.enter_context(connect(listener))
            client.sendall(
                (b"GET /v2/ HTT", b"nonsense\r\n\r\n", GET, b"", b"PUT /v2/ HTTP/1.1\r\nHost: x\r\n")[number % 5]
            )
    until(lambda: listener.connections == 0)
    exchange(listener, LAST)
    listener.close()
    until(lambda: threading.active_count() <= threads)


# --- What is told


def test_what_is_told_of_each_request(app: RegistryApp) -> None:
    entries: list[Entry] = []
    digest = Digest.of(b"hello")
    with Listener(app.handle, is_quick=app.is_quick, tell=entries.append) as listener:
        host = b"HTTP/1.1\r\nHost: x\r\n"
        post = f"POST /v2/foo/blobs/uploads/?digest={digest} ".encode() + host + b"Content-Length: 5\r\n\r\nhello"
        get = f"GET /v2/foo/blobs/{digest} ".encode() + host + b"X-Request-Id: mine\r\n\r\n"
        bad = b"GET /v2/ " + host + b"X-Request-Id: not mine\r\nConnection: close\r\n\r\n"
        answers = exchange(listener, post + get + bad)
        exchange(listener, b"nonsense\r\n\r\n")
    told = [(each.method, each.status, each.received, each.sent, each.notes.get("endpoint")) for each in entries]
    assert told == [
        ("POST", 201, 5, 0, "end-4"),
        ("GET", 200, 0, 5, "end-2"),
        ("GET", 200, 0, 3, "end-1"),
        ("-", 400, 0, entries[3].sent, None),
    ]
    assert {each.peer for each in entries} == {"127.0.0.1"}
    assert entries[1].id == "mine"
    assert " " not in entries[2].id
    ids = re.findall(rb"X-Request-Id: (.*)\r\n", answers)
    assert [each.decode() for each in ids] == [each.id for each in entries[:3]]
    assert len({each.id for each in entries}) == 4


def test_a_log_that_fails_costs_nobody_an_answer(app: RegistryApp, caplog: pytest.LogCaptureFixture) -> None:
    def fail(_: Entry) -> None:
        raise OSError("no room for the log")

    with Listener(app.handle, is_quick=app.is_quick, tell=fail) as listener:
        assert exchange(listener, GET + LAST).count(b"HTTP/1.1 200 OK\r\n") == 2
    assert "no room for the log" in caplog.text


def test_a_request_without_an_answer_is_told_as_well(app: RegistryApp) -> None:
    entries: list[Entry] = []
    with Listener(app.handle, tell=entries.append) as listener:
        with connect(listener) as client:
            client.sendall(b"PUT /v2/foo/manifests/x HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc")
        until(lambda: bool(entries))
    assert [(each.method, each.status, each.received) for each in entries] == [("PUT", 0, 3)]


# --- The end


def test_what_runs_when_it_ends_is_finished(app: RegistryApp) -> None:
    digest = Digest.of(b"hello")
    listener = Listener(app.handle, limits=Limits(grace=PATIENCE))
    with listener, connect(listener) as client:
        head = f"POST /v2/foo/blobs/uploads/?digest={digest} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
        client.sendall(head.encode() + b"Expect: 100-continue\r\n\r\n")
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 100 Continue\r\n")
        client.sendall(b"he")
        closing = threading.Thread(target=listener.close)
        closing.start()
        until(lambda: not _accepts(listener))
        client.sendall(b"llo")
        answer = rest(client)
        closing.join()
    assert answer.startswith(b"HTTP/1.1 201 Created\r\n")
    assert b"Connection: close\r\n" in answer


def _accepts(listener: Listener) -> bool:
    try:
        connect(listener).close()
    except OSError:
        return False
    return True
