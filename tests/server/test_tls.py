"""TLS: certificates that change while the registry runs, clients that show theirs, and clients that never speak."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import ssl
from pathlib import Path

import pytest
import trustme

from pratique.errors import InvalidInput
from pratique.http.message import Body, Request, Response
from pratique.server.access import watch
from pratique.server.listen.certificates import Certificates
from pratique.server.listen.limits import Limits
from pratique.server.listen.listener import Listener

from .asking import PATIENCE

LARGE = bytes(range(256)) * 20_000


def respond(request: Request) -> Response:
    return Response.of(200, LARGE if request.url.endswith("/large") else b"done")


def write(ca: trustme.CA, folder: Path) -> tuple[Path, Path]:
    """A new certificate and its key, each in the place of the old one at once."""
    issued = ca.issue_cert("127.0.0.1")
    files = folder / "certificate.pem", folder / "key.pem"
    for file, blob in zip(files, (issued.cert_chain_pems[0], issued.private_key_pem), strict=True):
        blob.write_to_path(file.with_suffix(".new"))
        file.with_suffix(".new").replace(file)
    return files


def shown(listener: Listener, ca: trustme.CA, *, identity: trustme.LeafCert | None = None) -> int:
    """The serial number of the certificate that a client is shown, after an answer."""
    context = ssl.create_default_context()
    ca.configure_trust(context)
    if identity:
        identity.configure_cert(context)
    connection = http.client.HTTPSConnection(listener.address, context=context, timeout=PATIENCE)
    with contextlib.closing(connection):
        connection.request("GET", "/large")
        assert connection.getresponse().read() == LARGE
        assert isinstance(connection.sock, ssl.SSLSocket)
        certificate = connection.sock.getpeercert()
    assert certificate
    return int(str(certificate["serialNumber"]), 16)


@pytest.fixture
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are looked at each time."""
    monkeypatch.setattr(watch, "LOOK_SECONDS", 0)


@pytest.mark.usefixtures("at_once")
def test_a_new_certificate_is_shown_and_a_broken_one_is_not(
    ca: trustme.CA, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    certificate, key = write(ca, tmp_path)
    with Listener(respond, certificate=certificate, key=key) as listener:
        first = shown(listener, ca)
        assert shown(listener, ca) == first
        write(ca, tmp_path)
        shown(listener, ca)  # the change is seen, and again
        second = shown(listener, ca)
        assert second != first
        for broken in (
            b"",
            b"-----BEGIN CERTIFICATE-----\nx\n",
            trustme.CA().issue_cert("x").cert_chain_pems[0].bytes(),
        ):
            certificate.write_bytes(broken)
            os.utime(certificate, ns=(1, len(broken)))
            assert [shown(listener, ca) for _ in range(3)] == [second] * 3
        assert [record.levelname for record in caplog.records] == ["WARNING"] * 3
        assert "certificate.pem" in caplog.text
        write(ca, tmp_path)
        shown(listener, ca)
        assert shown(listener, ca) not in (first, second)


def test_requests_that_come_in_one_record_are_all_answered(ca: trustme.CA, tmp_path: Path) -> None:
    """What TLS has unpacked already is not in the socket any more, and nothing would wake the listener for it."""
    certificate, key = write(ca, tmp_path)
    context = ssl.create_default_context()
    ca.configure_trust(context)

    def read(request: Request) -> Response:
        with (request.body or Body.of(b"")).open() as content:
            return Response.of(200, content.read())

    with Listener(read, certificate=certificate, key=key) as listener:
        host, _, port = listener.address.rpartition(":")
        with (
            socket.create_connection((host, int(port)), PATIENCE) as client,
            context.wrap_socket(client, server_hostname=host) as secure,
        ):
            put = b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
            secure.sendall(put % 5)  # the content comes when a thread waits for it
            secure.sendall(b"hello" + put % 5 + b"world" + b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            answers = b"".join(iter(lambda: secure.recv(1 << 16), b""))
    assert (answers.count(b" 200 OK\r\n"), b"hello" in answers, b"world" in answers) == (3, True, True)


def test_files_that_cannot_be_used_at_the_start(ca: trustme.CA, tmp_path: Path) -> None:
    certificate, key = write(ca, tmp_path)
    for wrong in (tmp_path / "missing.pem", key):
        with pytest.raises(InvalidInput, match="certificates cannot be loaded from"):
            Certificates(wrong, key)
    with pytest.raises(InvalidInput):
        Certificates(certificate, key, tmp_path / "missing.pem")


def test_clients_show_who_they_are(ca: trustme.CA, tmp_path: Path) -> None:
    certificate, key = write(ca, tmp_path)
    clients = trustme.CA()
    clients.cert_pem.write_to_path(tmp_path / "clients.pem")
    certificates = Certificates(certificate, key, tmp_path / "clients.pem")
    with Listener(respond, certificates=certificates) as listener:
        assert shown(listener, ca, identity=clients.issue_cert("client.example"))
        for identity in (None, ca.issue_cert("client.example")):
            with pytest.raises((ssl.SSLError, ConnectionError)):
                shown(listener, ca, identity=identity)


def test_a_handshake_that_never_comes_holds_nobody_up(ca: trustme.CA, tmp_path: Path) -> None:
    certificate, key = write(ca, tmp_path)
    host, port = "127.0.0.1", 0
    limits = Limits(connections=30, spare=0)  # those that never come make room where it is needed
    certificates = Certificates(certificate, key)
    with (
        Listener(respond, host, port, certificates=certificates, limits=limits) as listener,
        contextlib.ExitStack() as stack,
    ):
        port = int(listener.address.rpartition(":")[2])
        for number in range(30):
            silent = stack.enter_context(socket.create_connection((host, port), PATIENCE))
            silent.sendall((b"", b"\x16\x03\x01", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")[number % 3])
        assert shown(listener, ca)
