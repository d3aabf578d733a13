"""The command `serve` as a process: where it listens, what it says of itself, how it ends."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pratique.spec.digest import Digest

from .asking import PATIENCE
from .conftest import READ_ONLY, mount

PROGRAM = str(Path(sys.executable).with_name("pratique"))


class Served:
    """A registry that runs, and what its first line says."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout
        self.said: dict[str, Any] = json.loads(process.stdout.readline())

    def stop(self) -> tuple[int, str]:
        """The exit code, and everything on standard error."""
        self.process.send_signal(signal.SIGTERM)
        _, errors = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, errors


@contextmanager
def serve(*words: str) -> Iterator[Served]:
    command = [PROGRAM, "serve", "--json", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield Served(process)
        finally:
            process.kill()


def ask(address: str, method: str, target: str, body: bytes | None = None, **fields: str) -> tuple[int, Any, bytes]:
    connection = http.client.HTTPConnection(address, timeout=PATIENCE)
    try:
        connection.request(method, target, body, {name.replace("_", "-"): value for name, value in fields.items()})
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


def accepts(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), PATIENCE).close()
    except OSError:
        return False
    return True


def push_blob(address: str, content: bytes) -> tuple[int, Any, bytes]:
    return ask(address, "POST", f"/v2/foo/blobs/uploads/?digest={Digest.of(content)}", content)


def test_a_log_for_programs_and_figures_for_prometheus() -> None:
    with serve("--address", "127.0.0.1:0", "--access-log", "json", "--metrics", "127.0.0.1:0") as served:
        address = served.said["address"]
        assert push_blob(address, b"hello")[0] == 201
        ask(address, "BREW", "/v2/", Authorization="Basic dTpzM2NyM3Q=", X_Request_Id="tea-1")
        metrics = served.said["metrics"].removeprefix("http://").removesuffix("/metrics")
        status, headers, content = ask(metrics, "GET", "/metrics")
        for _ in range(PATIENCE * 100):  # an answer is out before it is counted
            if b'method="other"' in content and b'method="POST"' in content:
                break
            status, headers, content = ask(metrics, "GET", "/metrics")
        assert (status, ask(metrics, "GET", "/v2/")[0], ask(address, "GET", "/metrics")[0]) == (200, 404, 404)
        code, errors = served.stop()
    assert headers["Content-Type"].startswith("text/plain; version=0.0.4")
    lines = content.decode().splitlines()
    assert 'pratique_requests_total{endpoint="end-4",method="POST",status="201"} 1.0' in lines
    assert 'pratique_requests_total{endpoint="none",method="other",status="405"} 1.0' in lines
    assert "pratique_received_bytes_total 5.0" in lines
    assert "pratique_uploads 0.0" in lines
    assert any(line.startswith("pratique_connections ") for line in lines)
    entries = [json.loads(line) for line in errors.splitlines()]
    told = {each["method"]: each for each in entries}  # a line is written when its answer is out, by whoever sent that
    assert [(told[method]["status"], told[method]["peer"]) for method in ("POST", "BREW")] == [
        (201, "127.0.0.1"),
        (405, "127.0.0.1"),
    ]
    assert told["BREW"]["id"] == "tea-1"
    assert "s3cr3t" not in errors
    assert "dTpzM2NyM3Q" not in errors
    assert code == 0


def test_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "registry.sock"
    with socket.socket(socket.AF_UNIX) as left:  # by a process that is dead
        left.bind(str(path))
    with serve("--address", f"unix:{path}", "--trusted-proxy", "unix") as served:
        assert served.said["address"] == served.said["url"] == f"unix:{path}"
        assert path.stat().st_mode & 0o777 == 0o660
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(PATIENCE)
            client.connect(str(path))
            client.sendall(
                b"POST /v2/foo/blobs/uploads/ HTTP/1.1\r\nHost: inside\r\nContent-Length: 0\r\n"
                b"X-Forwarded-Proto: https\r\nX-Forwarded-Host: registry.example\r\nConnection: close\r\n\r\n"
            )
            answer = b"".join(iter(lambda: client.recv(1 << 16), b""))
        assert b"\r\nLocation: https://registry.example/v2/foo/blobs/uploads/" in answer
        with subprocess.Popen([PROGRAM, "serve", "--address", f"unix:{path}"], stderr=subprocess.PIPE) as second:
            assert second.wait(PATIENCE) == 6
        assert served.stop()[0] == 0
    assert not path.exists()


def test_a_certificate_made_on_the_spot() -> None:
    with serve("--address", "127.0.0.1:0", "--tls-self-signed") as served:
        context = ssl.create_default_context(cafile=served.said["ca_file"])
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        port = int(served.said["address"].rpartition(":")[2])
        for name in ("localhost", "127.0.0.1"):
            with (
                socket.create_connection(("127.0.0.1", port), PATIENCE) as client,
                context.wrap_socket(client, server_hostname=name) as secure,
            ):
                certificate = secure.getpeercert(binary_form=True)
                assert certificate
                assert hashlib.sha256(certificate).hexdigest() == served.said["fingerprint"]
        assert Path(served.said["ca_file"]).parent.stat().st_mode & 0o077 == 0
        served.stop()
        assert not Path(served.said["ca_file"]).exists()


def test_a_registry_that_is_only_read(tmp_path: Path) -> None:
    storage = str(tmp_path / "storage")
    with serve("--address", "127.0.0.1:0", "--storage", storage) as served:
        assert push_blob(served.said["address"], b"hello")[0] == 201
        served.stop()
    with serve("--address", "127.0.0.1:0", "--storage", storage, "--read-only") as served:
        address = served.said["address"]
        status, headers, content = push_blob(address, b"other")
        assert (status, headers["Allow"]) == (405, "GET, HEAD")
        assert json.loads(content)["errors"][0]["code"] == "UNSUPPORTED"
        assert ask(address, "DELETE", f"/v2/foo/blobs/{Digest.of(b'hello')}")[0] == 405
        assert ask(address, "GET", f"/v2/foo/blobs/{Digest.of(b'hello')}")[2] == b"hello"


def test_a_disk_that_can_only_be_read(disk: Path) -> None:
    with serve("--address", "127.0.0.1:0", "--storage", str(disk)) as served:
        assert push_blob(served.said["address"], b"hello")[0] == 201
        served.stop()
    for path in disk.rglob("*"):
        os.utime(path, (0, 0))
    mount(disk, READ_ONLY)
    with serve("--address", "127.0.0.1:0", "--storage", str(disk), "--read-only", "--gc") as served:
        address = served.said["address"]
        assert ask(address, "GET", f"/v2/foo/blobs/{Digest.of(b'hello')}")[2] == b"hello"
        code, errors = served.stop()
    assert code == 0
    [told] = errors.splitlines()  # in one line, and no traceback
    assert told.startswith("pratique: the collection failed: [Errno 30] Read-only file system")


def test_the_largest_blob() -> None:
    with serve("--address", "127.0.0.1:0", "--max-blob", "10") as served:
        address = served.said["address"]
        assert push_blob(address, b"x" * 10)[0] == 201
        assert push_blob(address, b"x" * 11)[0] == 413
        location = ask(address, "POST", "/v2/foo/blobs/uploads/")[1]["Location"].partition(address)[2]
        assert ask(address, "PATCH", location, b"x" * 8)[0] == 202
        assert ask(address, "PATCH", location, b"x" * 8)[0] == 413
        assert ask(address, "GET", location)[0] == 404


def test_what_runs_is_finished_and_a_second_signal_does_not_wait(tmp_path: Path) -> None:
    head = (
        f"POST /v2/foo/blobs/uploads/?digest={Digest.of(b'hello')} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhe"
    )
    with serve("--address", "127.0.0.1:0", "--grace", "60") as served:
        host, _, port = served.said["address"].rpartition(":")
        with socket.create_connection((host, int(port)), PATIENCE) as client:
            client.sendall(head.replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n").encode())
            assert client.recv(1 << 16).startswith(b"HTTP/1.1 100 Continue\r\n")
            served.process.send_signal(signal.SIGTERM)
            client.sendall(b"llo")
            got = client.recv(1 << 16)
            assert got.startswith(b"HTTP/1.1 201 Created\r\n"), served.stop()
            assert client.recv(1) == b""
        assert served.process.wait(PATIENCE) == 0
    with serve("--address", "127.0.0.1:0", "--grace", "60") as served:
        host, _, port = served.said["address"].rpartition(":")
        with socket.create_connection((host, int(port)), PATIENCE) as client:
            client.sendall(head.replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n").encode())
            client.recv(1 << 16)
            served.process.send_signal(signal.SIGTERM)
            while accepts(host, int(port)):
                pass
            served.process.send_signal(signal.SIGTERM)
            assert served.process.wait(PATIENCE) != 0


def test_what_nobody_needs_is_collected(tmp_path: Path) -> None:
    storage = tmp_path / "storage"
    with serve("--address", "127.0.0.1:0", "--storage", str(storage)) as served:
        push_blob(served.said["address"], b"hello")
        served.stop()
    [content] = [path for path in storage.rglob("data") if path.read_bytes() == b"hello"]
    for path in storage.rglob("*"):
        os.utime(path, (0, 0))
    with serve("--address", "127.0.0.1:0", "--storage", str(storage), "--gc", "1h"):
        waiting = threading.Event()
        for _ in range(PATIENCE * 100):
            if not content.exists():
                break
            waiting.wait(0.01)
        assert not content.exists()


def test_an_address_that_is_not_to_be_had(run: Any) -> None:
    ran = run("serve", "--address", "192.0.2.1:0")  # of nobody (RFC 5737)
    assert (ran.code, ran.out) == (6, "")
    assert ran.err == "pratique: cannot listen on 192.0.2.1:0: Cannot assign requested address\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--tls-key", "k"), "--tls-key without --tls-cert"),
        (("--tls-client-ca", "k"), "--tls-client-ca without --tls-cert"),
        (("--tls-self-signed", "--tls-cert", "c"), "--tls-self-signed makes a certificate, and --tls-cert names one"),
        (
            ("--tls-cert", "/nowhere/c.pem"),
            "certificates cannot be loaded from /nowhere/c.pem: No such file or directory",
        ),
        (("--trusted-proxy", "10.0.0.1/8"), "not the address or network of a proxy: 10.0.0.1/8 has host bits set"),
        (("--address", "nonsense"), "'nonsense' is not HOST:PORT; hint: port 0 picks a free one; unix:PATH is a"),
        (("--address", "unix:"), "'unix:' is not HOST:PORT"),
        (("--metrics", "nonsense"), "'nonsense' is not HOST:PORT"),
        (("--read-only", "--storage", "/nowhere/at/all"), "the storage /nowhere/at/all is no folder"),
    ],
)
def test_options_that_make_no_sense(run: Any, words: tuple[str, ...], said: str) -> None:
    ran = run("serve", *words)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"pratique: {said}")
