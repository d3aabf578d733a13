"""Faults over real sockets: what a client of `serve --faults` and of a registry for tests gets to see."""

from __future__ import annotations

import http.client
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

import pratique.testing
from pratique.errors import ContentMismatch
from pratique.http.message import Stream
from pratique.stores.reading import opened
from pratique.testing import Embedded
from tests.commands import Run
from tests.unit.server.asking import Answer

from .asking import asking

CONTENT = {"file": bytes(range(256)) * 4000}


def asked(address: str, method: str, target: str, content: bytes | None = None) -> Answer:
    """The answer to a request over plain http, on a connection of its own."""
    with asking(address) as ask:
        return ask(method, target, content)


def read_cut(connection: http.client.HTTPConnection, path: str) -> int:
    """How much of a large answer came until it broke off."""
    with closing(connection):
        connection.request("GET", path)
        with connection.getresponse() as response:
            assert response.status == 200
            count = 0
            try:
                while data := response.read(1 << 12):
                    count += len(data)
            except (http.client.IncompleteRead, ConnectionResetError, ssl.SSLError):
                return count
            return count if response.length else -1


def blob(registry: Embedded) -> str:
    """The path of a large blob."""
    registry.push_image("app:1", CONTENT, platforms=["linux/amd64"])
    with registry.repository("app") as repository:
        layer = repository.manifest("1").layers[0]
    return f"/v2/app/blobs/{layer.digest}"


def test_a_status_that_is_wanted_is_answered() -> None:
    faults = [{"answer": {"status": 429, "retry-after": 5, "code": "TOOMANYREQUESTS"}, "count": 1}]
    with pratique.testing.registry(faults=faults) as registry:
        first, second = (asked(registry.address, "GET", "/v2/") for _ in range(2))
        assert (first.status, first.field("Retry-After"), second.status) == (429, "5", 200)
        assert registry.lines == ["GET /v2/ 429", "GET /v2/ 200"]


@pytest.mark.parametrize("at", ["before", "after"])
def test_a_connection_is_closed_without_an_answer(at: str) -> None:
    with pratique.testing.registry(faults=[{"cut": {"at": at}, "count": 1}]) as registry:
        with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
            asked(registry.address, "GET", "/v2/")
        assert asked(registry.address, "GET", "/v2/").status == 200
        assert [seen.status for seen in registry.requests] == [None, 200]


@pytest.mark.parametrize("tls", [False, True])
def test_an_answer_is_cut_after_some_bytes(tls: bool) -> None:
    with pratique.testing.registry(
        tls=tls, faults=[{"cut": {"at": "answer", "bytes": 70_000}, "endpoint": "blob"}]
    ) as r:
        path = blob(r)
        if tls:
            context = ssl.create_default_context(cafile=str(r.ca_file))
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(r.address, context=context, timeout=20)
        else:
            connection = http.client.HTTPConnection(r.address, timeout=20)
        assert 0 < read_cut(connection, path) <= 70_000


def test_our_client_reads_on_where_an_answer_was_cut() -> None:
    with pratique.testing.registry(faults=[{"cut": {"at": "answer", "bytes": 70_000}, "endpoint": "blob"}]) as registry:
        blob(registry)
        with registry.repository("app", sleep=lambda _: None) as repository:
            layer = repository.manifest("1").layers[0]
            with opened(repository, layer) as stream:
                assert len(b"".join(iter(lambda: stream.read(1 << 16), b""))) == layer.size
        assert registry.faults.count("cut") > 10


def test_a_request_is_read_for_some_bytes_and_then_the_connection_is_closed() -> None:
    with pratique.testing.registry(
        faults=[{"cut": {"at": "request", "bytes": 1000}, "method": "PATCH", "count": 1}]
    ) as r:
        location = asked(r.address, "POST", "/v2/app/blobs/uploads/").field("Location")
        path = location.partition(r.address)[2]
        with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
            asked(r.address, "PATCH", path, bytes(100_000))
        assert asked(r.address, "GET", path).field("Range") == "0-999"


def test_a_slow_answer_does_not_hold_up_others() -> None:
    faults = [{"slow": {"delay": 30}, "repository": "slow"}]
    with (
        pratique.testing.registry(faults=faults) as registry,
        socket.create_connection(("127.0.0.1", int(registry.url.rpartition(":")[2])), timeout=20) as waiting,
    ):
        waiting.sendall(b"GET /v2/slow/tags/list HTTP/1.1\r\nHost: r.test\r\n\r\n")
        while not registry.faults.seen:
            assert asked(registry.address, "GET", "/v2/").status == 200
        assert asked(registry.address, "GET", "/v2/").status == 200
        waiting.setblocking(False)
        with pytest.raises(BlockingIOError):
            waiting.recv(1)


def drain(stream: Stream) -> None:
    while stream.read(1 << 16):
        pass


def test_a_byte_that_is_another_is_noticed() -> None:
    with pratique.testing.registry(faults=[{"corrupt": {"offset": 500}, "endpoint": "blob"}]) as registry:
        blob(registry)
        with registry.repository("app", sleep=lambda _: None) as repository:
            layer = repository.manifest("1").layers[0]
            with pytest.raises(ContentMismatch), opened(repository, layer) as stream:
                drain(stream)


@pytest.mark.parametrize("tls", [False, True])
def test_blobs_come_from_the_other_name_of_this_machine(tls: bool) -> None:
    with pratique.testing.registry(tls=tls, faults=[{"redirect": {}}], users={"alice": "secret"}) as registry:
        registry.push_image("app:1", CONTENT, platforms=["linux/amd64"])
        with registry.repository("app", "alice:secret") as repository:
            layer = repository.manifest("1").layers[0]
            with opened(repository, layer) as stream:
                assert len(b"".join(iter(lambda: stream.read(1 << 16), b""))) == layer.size
        there = [seen for seen in registry.requests if seen.host.startswith("localhost:")]
        assert [(seen.status, seen.authorization) for seen in there] == [(200, None)]


# --- The command


@contextmanager
def serving(folder: Path, text: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """`pratique serve` with a file of faults: its address, and the process."""
    (folder / "faults.toml").write_text(text)
    words = ["serve", "--address", "127.0.0.1:0", "--faults", str(folder / "faults.toml")]
    with subprocess.Popen(
        [sys.executable, "-m", "pratique", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        yield server.stdout.readline().partition("http://")[2].partition(",")[0], server
        server.terminate()


def test_serve_has_faults_and_tells_each(tmp_path: Path) -> None:
    text = (
        '[[faults]]\nname = "busy"\ncount = 1\nanswer = { status = 503 }\n[[faults]]\nmanner = "ping-404-or-redirect"\n'
    )
    with serving(tmp_path, text) as (address, server):
        statuses = [asked(address, "GET", target).status for target in ("/v2/_catalog", "/v2/_catalog", "/v2/")]
        server.terminate()
        assert server.stderr is not None
        told = server.stderr.read()
    assert statuses == [503, 200, 404]
    assert f"fault busy: GET http://{address}/v2/_catalog" in told
    assert f"fault ping-404-or-redirect: GET http://{address}/v2/" in told


def test_a_file_that_makes_no_sense_ends_serve_at_once(run: Run, tmp_path: Path) -> None:
    (tmp_path / "faults.toml").write_text("[[faults]]\nansver = 1\n")
    ran = run("serve", "--address", "127.0.0.1:0", "--faults", str(tmp_path / "faults.toml"))
    assert ran.code == 2
    assert "faults.toml: faults[0].ansver is not known" in ran.err
