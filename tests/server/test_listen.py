"""The listener over real sockets: well-behaved clients, slow ones, broken ones and hostile ones."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import logging
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from pratique.errors import Unreachable
from pratique.http.message import Headers, Request, Response
from pratique.server.access.rules import Access
from pratique.server.app import RegistryApp
from pratique.server.content import FilePart
from pratique.server.listen.exchange import MOST_DRAINED
from pratique.server.listen.journal import keep
from pratique.server.listen.limits import Limits
from pratique.server.listen.listener import Listener
from pratique.server.listen.sending import MOST_JOINED
from pratique.server.storage.repositories import Storage
from pratique.spec.digest import Digest

UPLOADS = "/v2/foo/bar/blobs/uploads/"
LARGE = bytes(range(256)) * 20_000  # more than goes out in one send
PATIENCE = 10  # seconds until a test gives up


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    with Listener(RegistryApp(Storage(tmp_path)).handle) as listening:
        yield listening


@contextlib.contextmanager
def connected(listener: Listener) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection(listener.address, timeout=PATIENCE)
    try:
        yield connection
    finally:
        connection.close()


def ask(
    connection: http.client.HTTPConnection, method: str, target: str, body: object = None, **headers: str
) -> tuple[http.client.HTTPResponse, bytes]:
    connection.request(method, target, body, {key.replace("_", "-"): value for key, value in headers.items()})  # type: ignore[arg-type]
    response = connection.getresponse()
    return response, response.read()


def raw(listener: Listener, sent: bytes, *, close: bool = False) -> bytes:
    """Send bytes and read until the server closes the connection."""
    host, _, port = listener.address.rpartition(":")
    with socket.create_connection((host, int(port)), PATIENCE) as client:
        client.sendall(sent)
        if close:
            client.shutdown(socket.SHUT_WR)
        received = b""
        with contextlib.suppress(ConnectionResetError):
            while data := client.recv(1 << 16):
                received += data
        return received


# --- The usual


def test_many_requests_share_a_connection(listener: Listener) -> None:
    with connected(listener) as connection:
        connection.connect()
        first = connection.sock
        for _ in range(20):
            response, content = ask(connection, "GET", "/v2/")
            assert (response.status, content) == (200, b"{}\n")
            assert response.headers["Date"]
        assert connection.sock is first


def test_requests_that_are_sent_at_once(listener: Listener) -> None:
    request = b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n"
    last = b"GET /v2/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert raw(listener, request * 5 + last).count(b"HTTP/1.1 200 OK\r\n") == 6


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("size", [0, 1, MOST_JOINED, MOST_JOINED + 1, len(LARGE)])
def test_a_blob_goes_in_and_comes_out(listener: Listener, method: str, size: int) -> None:
    content = LARGE[:size]
    digest = Digest.of(content)
    with connected(listener) as connection:
        response, _ = ask(connection, "POST", f"{UPLOADS}?digest={digest}", content)
        assert response.status == 201
        assert response.headers["Location"] == f"{listener.url}/v2/foo/bar/blobs/{digest}"
        for _ in range(2):
            response, received = ask(connection, method, f"/v2/foo/bar/blobs/{digest}")
            assert response.headers["Content-Length"] == str(size)
            assert received == (content if method == "GET" else b"")


def test_a_part_of_a_large_blob(listener: Listener) -> None:
    with connected(listener) as connection:
        ask(connection, "POST", f"{UPLOADS}?digest={Digest.of(LARGE)}", LARGE)
        response, received = ask(connection, "GET", f"/v2/foo/bar/blobs/{Digest.of(LARGE)}", Range="bytes=100-3000000")
        assert (response.status, received == LARGE[100:3000001]) == (206, True)


def test_a_chunked_upload(listener: Listener) -> None:
    with connected(listener) as connection:
        response, _ = ask(connection, "POST", UPLOADS)
        location = response.headers["Location"]
        parts = iter([LARGE[:1], LARGE[1:100], LARGE[100:]])
        response, _ = ask(connection, "PATCH", location, parts)
        assert (response.status, response.headers["Range"]) == (202, f"0-{len(LARGE) - 1}")
        response, _ = ask(connection, "PUT", f"{location}?digest={Digest.of(LARGE)}")
        assert response.status == 201


def test_the_address_that_the_client_used(listener: Listener) -> None:
    with connected(listener) as connection:
        response, _ = ask(connection, "POST", UPLOADS, Host="registry.example")
        assert response.headers["Location"].startswith("http://registry.example/v2/foo/bar/blobs/uploads/")


def test_continue_is_said_when_the_content_is_wanted(listener: Listener) -> None:
    head = f"POST {UPLOADS}?digest={Digest.of(b'abc')} HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n"
    host, _, port = listener.address.rpartition(":")
    with socket.create_connection((host, int(port)), PATIENCE) as client:
        client.sendall(f"{head}Expect: 100-continue\r\nConnection: close\r\n\r\n".encode())
        assert client.recv(1 << 16) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"abc")
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 201 Created\r\n")


def test_continue_is_not_said_to_who_is_refused(tmp_path: Path) -> None:
    app = RegistryApp(Storage(tmp_path), Access(rules=(), catalog=(), ping="closed"))
    with Listener(app.handle) as listener:
        head = "PUT /v2/Not-A-Name/manifests/x HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
        answer = raw(listener, head.encode(), close=True)
        assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert b"Connection: close\r\n" in answer


def test_http_1_0(listener: Listener) -> None:
    answer = raw(listener, b"GET /v2/ HTTP/1.0\r\nHost: x\r\n\r\n")
    assert answer.endswith(b"\r\n\r\n{}\n")


def test_content_of_unknown_length() -> None:
    def respond(request: Request) -> Response:
        return Response(200, Headers(), io.BytesIO(LARGE))

    with Listener(respond) as listener, connected(listener) as connection:
        for _ in range(2):
            response, content = ask(connection, "GET", "/")
            assert response.headers["Transfer-Encoding"] == "chunked"
            assert content == LARGE
        assert raw(listener, b"GET / HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n\r\n").endswith(LARGE)


# --- Answers before the content


@pytest.mark.parametrize(("size", "persistent"), [(0, True), (MOST_DRAINED, True), (MOST_DRAINED + 1, False)])
def test_an_early_answer(listener: Listener, size: int, persistent: bool) -> None:
    with connected(listener) as connection:
        response, content = ask(connection, "PUT", "/v2/Not-A-Name/manifests/x", b"x" * size)
        assert (response.status, json.loads(content)["errors"][0]["code"]) == (400, "NAME_INVALID")
        assert (response.headers["Connection"] is None) == persistent
        response, _ = ask(connection, "GET", "/v2/")
        assert response.status == 200


def test_an_early_answer_reaches_who_sends_without_looking(listener: Listener) -> None:
    size = 8 << 20
    head = f"PUT /v2/Not-A-Name/manifests/x HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n"
    assert raw(listener, head.encode() + bytes(size)).startswith(b"HTTP/1.1 400 Bad Request\r\n")


# --- The unusual


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET /v2/ HTTP/2.0\r\nHost: x\r\n\r\n", 400),
        (b"GET  /v2/ HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /v2/\x00 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /v2/ HTTP/1.1\r\n\r\n", 400),
        (b"GET /v2/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET /v2/ HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
        (b"GET /v2/ HTTP/1.1\r\nHost: u:p@a\r\n\r\n", 400),
        (b"GET http://x/v2/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 200),
        (b"GET ftp://x/v2/ HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /v2/ HTTP/1.1\r\nHost: x\r\n folded: y\r\n\r\n", 400),
        (b"GET /v2/ HTTP/1.1\r\nHost : x\r\n\r\n", 400),
        (b"GET /v2/ HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n", 400),
        (b"GET /v2/ HTTP/1.1\r\nHost: x\r\nA: " + b"b" * 70_000 + b"\r\n\r\n", 431),
        (b"GET /v2/" + b"b" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"GET /v2/ HTTP/1.1\r\nHost: x\r\n" + b"a: b\r\n" * 20_000 + b"\r\n", 431),
        (b"PUT /v2/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"PUT /v2/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx", 400),
        (b"PUT /v2/ HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\nx", 400),
        (b"PUT /v2/ HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\nx", 400),
        (b"PUT /v2/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
        (b"\r\nGET /v2/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 200),
    ],
)
def test_what_could_be_read_in_two_ways_is_not_read(listener: Listener, sent: bytes, status: int) -> None:
    answer = raw(listener, sent, close=True)
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("chunks", [b"x\r\n", b"5\r\nabc", b"3\r\nabcX\r\n", b"-1\r\n", b"3 3\r\nabc\r\n", b"g\r\n"])
def test_bad_chunks(listener: Listener, chunks: bytes) -> None:
    head = f"POST {UPLOADS}?digest={Digest.of(b'abc')} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = raw(listener, head.encode() + chunks + b"0\r\n\r\n", close=True)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 400 ")


def test_chunks_with_extensions_and_trailers(listener: Listener) -> None:
    head = f"POST {UPLOADS}?digest={Digest.of(b'abc')} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
    chunks = b"2;a=b\r\nab\r\n1\r\nc\r\n0\r\nTrailer: x\r\n\r\n"
    after = b"GET /v2/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = raw(listener, head.encode() + b"\r\n" + chunks + after)
    assert (answer.count(b" 201 Created\r\n"), answer.count(b" 200 OK\r\n")) == (1, 1)


def test_tls_on_a_plain_port_is_closed_at_once(listener: Listener) -> None:
    context = ssl.create_default_context()
    host, _, port = listener.address.rpartition(":")
    start = time.monotonic()
    with socket.create_connection((host, int(port)), PATIENCE) as client, pytest.raises((ssl.SSLError, OSError)):
        context.wrap_socket(client, server_hostname="localhost")
    assert time.monotonic() - start < PATIENCE / 2


def test_clients_that_go_away(
    listener: Listener, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO)
    for sent in (
        b"",
        b"GET /v2/ HT",
        b"GET /v2/ HTTP/1.1\r\nHost: x\r\n",
        f"POST {UPLOADS}?digest={Digest.of(b'abc')} HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na".encode(),
        b"PUT /v2/foo/manifests/x HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na",
    ):
        raw(listener, sent, close=True)
    listener.close()
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert capfd.readouterr().err == ""


def test_a_client_that_says_nothing_is_let_go(tmp_path: Path) -> None:
    with Listener(RegistryApp(Storage(tmp_path)).handle, idle=0.05) as listener:
        assert raw(listener, b"") == b""
        assert raw(listener, b"GET /v2/ HTTP/1.1\r\n") == b""


def test_an_upload_that_breaks_off_can_go_on(listener: Listener) -> None:
    with connected(listener) as connection:
        response, _ = ask(connection, "POST", UPLOADS)
        location = response.headers["Location"]
        target = location.removeprefix(listener.url)
        raw(listener, f"PATCH {target} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc".encode(), close=True)
        response, _ = ask(connection, "GET", location)
        assert response.headers["Range"] == "0-2"
        response, _ = ask(connection, "PATCH", location, b"def", Content_Range="3-5")
        response, _ = ask(connection, "PUT", f"{location}?digest={Digest.of(b'abcdef')}")
        assert response.status == 201


# --- What is behind it


def test_a_handler_without_an_answer_closes_the_connection(caplog: pytest.LogCaptureFixture) -> None:
    def respond(request: Request) -> Response:
        raise Unreachable("nobody there")

    with Listener(respond) as listener:
        assert raw(listener, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n") == b""
    assert caplog.records == []


def test_a_handler_that_fails_is_logged(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    def respond(request: Request) -> Response:
        raise RuntimeError("a mistake")

    with Listener(respond) as listener:
        assert raw(listener, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n") == b""
    assert "a mistake" in caplog.text
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("size", [100, MOST_JOINED + 100])
def test_content_that_ends_early_ends_the_connection(tmp_path: Path, size: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(size))

    def respond(request: Request) -> Response:
        return Response(200, Headers([("Content-Length", str(size + 1))]), FilePart(path.open("rb", buffering=0)))

    with Listener(respond) as listener, connected(listener) as connection, pytest.raises(http.client.IncompleteRead):
        ask(connection, "GET", "/")


def test_no_header_can_be_split() -> None:
    def respond(request: Request) -> Response:
        return Response.of(200, b"", ("Location", "/x\r\nEvil: yes"))

    with Listener(respond) as listener, connected(listener) as connection:
        response, _ = ask(connection, "GET", "/")
        assert response.headers["Location"] == "/xEvil: yes"
        assert response.headers["Evil"] is None


def test_the_access_log_has_no_secrets(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    lines: list[str] = []
    tell = keep("text", lines.append)
    with Listener(RegistryApp(Storage(tmp_path)).handle, tell=tell) as listener, connected(listener) as connection:
        ask(connection, "GET", "/v2/foo/tags/list?n=1&signature=s3cr3t", Authorization="Bearer s3cr3t")
    [line] = lines
    assert f'"GET {listener.url}/v2/foo/tags/list?n=1&signature=…" 404 ' in line
    assert "s3cr3t" not in caplog.text + line


# --- TLS


@pytest.fixture
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def secure(ca: trustme.CA, tmp_path: Path) -> Iterator[Listener]:
    issued = ca.issue_cert("127.0.0.1")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    issued.cert_chain_pems[0].write_to_path(certificate)
    issued.private_key_pem.write_to_path(key)
    app = RegistryApp(Storage(tmp_path / "storage"))
    with Listener(app.handle, certificate=certificate, key=key) as listening:
        yield listening


def test_tls(secure: Listener, ca: trustme.CA) -> None:
    context = ssl.create_default_context()
    ca.configure_trust(context)
    connection = http.client.HTTPSConnection(secure.address, context=context, timeout=PATIENCE)
    for _ in range(2):
        response, _ = ask(connection, "POST", f"{UPLOADS}?digest={Digest.of(LARGE)}", LARGE)
        assert response.headers["Location"].startswith("https://127.0.0.1:")
        _, received = ask(connection, "GET", f"/v2/foo/bar/blobs/{Digest.of(LARGE)}")
        assert received == LARGE
    connection.close()


def test_plain_text_on_a_port_with_tls(secure: Listener, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever forgot that it is https is told so, by the server that still serves everybody else."""
    for sent in (b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n", b"POST /v2/ HTTP/1.1\r\nHost: x\r\n\r\n" + bytes(300_000)):
        answer = raw(secure, sent)
        assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert b'"detail":"http, where TLS is spoken"' in answer
        assert b"Connection: close\r\n" in answer
    assert b"HTTP" not in raw(secure, b"SSH-2.0-OpenSSH_9.6\r\n")
    assert caplog.records == []


# --- The end


def test_closing_ends_idle_connections_at_once(tmp_path: Path) -> None:
    listener = Listener(RegistryApp(Storage(tmp_path)).handle, limits=Limits(grace=PATIENCE))
    with listener, connected(listener) as connection:
        ask(connection, "GET", "/v2/")
        start = time.monotonic()
        listener.close()
        assert time.monotonic() - start < PATIENCE / 2
        with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
            ask(connection, "GET", "/v2/")


def test_closing_lets_an_answer_end() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def respond(request: Request) -> Response:
        begun.set()
        go_on.wait(PATIENCE)
        return Response.of(200, b"done")

    with Listener(respond) as listener:
        answers: list[bytes] = []
        asking = threading.Thread(target=lambda: answers.append(raw(listener, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")))
        asking.start()
        begun.wait(PATIENCE)
        closing = threading.Thread(target=listener.close)
        closing.start()
        go_on.set()
        closing.join()
        asking.join()
        [answer] = answers
        assert answer.endswith(b"done")


def test_closing_does_not_wait_for_a_silent_client(tmp_path: Path) -> None:
    begun = threading.Event()

    def respond(request: Request) -> Response:
        begun.set()
        return app.handle(request)

    app = RegistryApp(Storage(tmp_path))
    with Listener(respond) as listener:
        host, _, port = listener.address.rpartition(":")
        with socket.create_connection((host, int(port)), PATIENCE) as client:
            client.sendall(b"PUT /v2/foo/manifests/x HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")
            begun.wait(PATIENCE)
            start = time.monotonic()
            listener.close()
            assert time.monotonic() - start < 2
            assert client.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), PATIENCE)


def test_a_taken_port(listener: Listener) -> None:
    with pytest.raises(OSError, match="in use"):
        Listener(listener.handle, port=int(listener.address.rpartition(":")[2]))
