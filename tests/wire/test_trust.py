"""Whom TLS trusts and who it says that it is, over real sockets: `certs-d-lookup` (containers-certs.d(5))."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from pratique.config.hosts import Hosts
from pratique.errors import InvalidInput
from pratique.http.message import Request, Unanswered
from pratique.http.reach import Reaches, everywhere, usual
from pratique.http.transport import HttpTransport
from pratique.http.trust import Trust, folder_of_authorities

from .scripted import Server, Wire


@pytest.fixture
def mutual_tls(authority: trustme.CA) -> ssl.SSLContext:
    """The TLS of a server that wants to know who is there."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_OPTIONAL
    return context


@pytest.fixture
def other_file(tmp_path: Path) -> str:
    """An authority that no server here is known by."""
    path = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(path))
    return str(path)


def naming(wire: Wire) -> None:
    """Answer every request with the name in the client's certificate."""
    assert isinstance(wire.socket, ssl.SSLSocket)
    while wire.head():
        wire.answer(str((wire.socket.getpeercert() or {}).get("subjectAltName", "nobody")).encode())


def asked(reaches: Reaches, server: Server) -> str:
    """What a server answers to whoever reaches it so."""
    with closing(HttpTransport(reaches)) as transport, transport(Request("GET", server.url())) as response:
        return response.excerpt(1000).decode()


@contextmanager
def untrusted() -> Iterator[None]:
    with pytest.raises(Unanswered, match=r"the certificate of 127\.0\.0\.1:\d+ is not trusted") as caught:
        yield
    assert "--ca-file" in str(caught.value.advice())


def fill(folder: Path, **files: str) -> Path:
    """A folder of certs.d with these files in it; `ca_crt` is `ca.crt`."""
    folder.mkdir(parents=True)
    for name, source in files.items():
        (folder / name.replace("_", ".")).write_bytes(Path(source).read_bytes())
    return folder


def hashed(ca_file: str) -> str:
    """The name by which OpenSSL finds an authority in a folder: the hash of its subject, which only the program tells."""
    program = shutil.which("openssl") or pytest.skip("there is no openssl to ask")
    asking = [program, "x509", "-noout", "-subject_hash", "-in", ca_file]
    return subprocess.run(asking, capture_output=True, text=True, check=True).stdout.strip() + ".0"


class System:
    """A system whose authorities are in a file and, by their hashes, in a folder, as far as `ssl` is asked for these."""

    def __init__(self, folder: Path, *authorities: str) -> None:
        self.file, self.folder = folder / "all.crt", folder / "certs"
        self.folder.mkdir()
        (self.folder / "README").touch()
        self.file.write_bytes(b"".join(Path(each).read_bytes() for each in authorities))
        for each in authorities:
            (self.folder / hashed(each)).write_bytes(Path(each).read_bytes())

        self._paths = ssl.get_default_verify_paths()._replace(cafile=str(self.file), capath=str(self.folder))

    def paths(self) -> ssl.DefaultVerifyPaths:
        return self._paths


# Authorities


def test_the_systems_authorities_are_those_that_openssl_is_told(
    server_tls: ssl.SSLContext, ca_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Server(tls=server_tls) as server:
        with untrusted():
            asked(usual, server)
        monkeypatch.setenv("SSL_CERT_FILE", ca_file)
        assert asked(usual, server).startswith("GET /")


def test_a_folder_of_authorities_is_looked_into(
    server_tls: ssl.SSLContext, ca_file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / hashed(ca_file)).write_bytes(Path(ca_file).read_bytes())
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    with Server(tls=server_tls) as server:
        assert asked(usual, server).startswith("GET /")


def test_a_folder_with_all_of_the_systems_authorities_is_used_in_place_of_their_file(
    server_tls: ssl.SSLContext, ca_file: str, other_file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = System(tmp_path, ca_file, other_file)
    monkeypatch.setattr(ssl, "get_default_verify_paths", system.paths)
    assert Trust().context().cert_store_stats()["x509"] == 0  # nothing is read before it is wanted
    with Server(tls=server_tls) as server:
        assert asked(usual, server).startswith("GET /")
    assert Trust(ca_file=other_file).context().cert_store_stats()["x509"] == 1


def test_who_is_not_in_the_folder_is_not_trusted(
    server_tls: ssl.SSLContext, other_file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssl, "get_default_verify_paths", System(tmp_path, other_file).paths)
    with Server(tls=server_tls) as server, untrusted():
        asked(usual, server)


def test_a_folder_that_lacks_some_is_not_used(ca_file: str, other_file: str, tmp_path: Path) -> None:
    system = System(tmp_path, ca_file)
    assert folder_of_authorities(system.paths(), {}) == str(system.folder)
    with system.file.open("ab") as file:  # as those do who know no better way
        file.write(Path(other_file).read_bytes())
    assert folder_of_authorities(system.paths(), {}) is None


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_what_openssl_is_told_comes_before_the_system_s(ca_file: str, tmp_path: Path, name: str) -> None:
    assert folder_of_authorities(System(tmp_path, ca_file).paths(), {name: ca_file}) is None


@pytest.mark.parametrize("name", ["cafile", "capath"])
def test_a_system_with_one_of_both(ca_file: str, tmp_path: Path, name: str) -> None:
    paths = System(tmp_path, ca_file).paths()
    for missing in (None, str(tmp_path / "nothing")):
        changed: dict[str, Any] = {name: missing}
        assert folder_of_authorities(paths._replace(**changed), {}) is None


def test_the_authorities_of_a_file_stand_in_place_of_the_systems(
    server_tls: ssl.SSLContext, ca_file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    monkeypatch.setenv("SSL_CERT_FILE", ca_file)
    with Server(tls=server_tls) as server:
        assert asked(Hosts(trust=Trust(ca_file=ca_file)), server).startswith("GET /")
        with untrusted():
            asked(Hosts(trust=Trust(ca_file=str(other))), server)


def test_authorities_of_certs_d_are_trusted_beside_the_systems(
    server_tls: ssl.SSLContext, ca_file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    with Server(tls=server_tls) as server:
        folder = fill(tmp_path / f"127.0.0.1:{server.port}", ca_crt=ca_file)
        assert asked(Hosts(folders=[tmp_path]), server).startswith("GET /")
        (folder / "ca.crt").write_bytes(other.read_bytes())
        with untrusted():
            asked(Hosts(folders=[tmp_path]), server)
        monkeypatch.setenv("SSL_CERT_FILE", ca_file)
        assert asked(Hosts(folders=[tmp_path]), server).startswith("GET /")


def test_certs_d_is_for_the_port_in_its_name(server_tls: ssl.SSLContext, ca_file: str, tmp_path: Path) -> None:
    with Server(tls=server_tls) as server:
        fill(tmp_path / f"127.0.0.1:{server.port + 1}", ca_crt=ca_file)
        fill(tmp_path / "127.0.0.1", ca_crt=ca_file)
        with untrusted():
            asked(Hosts(folders=[tmp_path]), server)


# Who we are


def test_a_client_certificate_of_certs_d_is_shown_to_its_host_alone(
    mutual_tls: ssl.SSLContext, ca_file: str, client_certificate: tuple[str, str], tmp_path: Path
) -> None:
    cert, key = client_certificate
    with Server(naming, tls=mutual_tls) as server, Server(naming, tls=mutual_tls) as other:
        fill(tmp_path / f"127.0.0.1:{server.port}", ca_crt=ca_file, client_cert=cert, client_key=key)
        fill(tmp_path / f"127.0.0.1:{other.port}", ca_crt=ca_file)
        hosts = Hosts(folders=[tmp_path])
        assert "client@r.test" in asked(hosts, server)
        assert asked(hosts, other) == "nobody"


def test_a_given_client_certificate_is_shown_to_the_named_registry_alone(
    mutual_tls: ssl.SSLContext, ca_file: str, client_certificate: tuple[str, str]
) -> None:
    cert, key = client_certificate
    with Server(naming, tls=mutual_tls) as server, Server(naming, tls=mutual_tls) as other:
        hosts = Hosts(frozenset({f"127.0.0.1:{server.port}"}), Trust(ca_file=ca_file, cert=cert, key=key))
        assert "client@r.test" in asked(hosts, server)
        assert asked(hosts, other) == "nobody"


def test_an_encrypted_key_is_called_that(
    server_tls: ssl.SSLContext, client_certificate: tuple[str, str], tmp_path: Path
) -> None:
    cert, key = client_certificate
    private = load_pem_private_key(Path(key).read_bytes(), None)
    for form, name in ((PrivateFormat.PKCS8, "new"), (PrivateFormat.TraditionalOpenSSL, "old")):
        locked = tmp_path / name
        locked.write_bytes(private.private_bytes(Encoding.PEM, form, BestAvailableEncryption(b"password")))
        with Server(tls=server_tls) as server, pytest.raises(InvalidInput, match="is encrypted") as caught:
            asked(everywhere(trust=Trust(cert=cert, key=str(locked))), server)
        assert str(locked) in str(caught.value)
        assert f"openssl pkey -in {locked}" in str(caught.value.advice())


def test_half_a_pair_in_certs_d_is_an_error_before_anything_is_sent(
    server_tls: ssl.SSLContext, client_certificate: tuple[str, str], tmp_path: Path
) -> None:
    with Server(tls=server_tls) as server:
        fill(tmp_path / f"127.0.0.1:{server.port}", client_cert=client_certificate[0])
        with pytest.raises(InvalidInput, match=r"client\.cert and no client\.key"):
            asked(Hosts(folders=[tmp_path]), server)
        assert server.connections == 0


def test_what_is_no_certificate_in_certs_d_is_named(server_tls: ssl.SSLContext, tmp_path: Path) -> None:
    (tmp_path / "garbage").write_text("garbage")
    with Server(tls=server_tls) as server:
        folder = fill(tmp_path / f"127.0.0.1:{server.port}", ca_crt=str(tmp_path / "garbage"))
        with pytest.raises(InvalidInput, match=f"cannot be loaded from {folder}/ca.crt"):
            asked(Hosts(folders=[tmp_path]), server)


# A host that the user marked as insecure


def test_a_marked_host_is_not_verified_and_no_other(server_tls: ssl.SSLContext) -> None:
    with Server(tls=server_tls) as server, Server(tls=server_tls) as other:
        hosts = Hosts(insecure=lambda origin: origin.port == server.port)
        assert asked(hosts, server).startswith("GET /")
        with untrusted():
            asked(hosts, other)
