"""Registries that want a client's certificate: Debian's nginx before Debian's docker-registry."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from tests.commands import Run

from .cargo import INDEX, NAME, digest, write_layout
from .conftest import RunsSkopeo, StartsRegistry
from .servers import behind_nginx


@dataclass(frozen=True)
class Client:
    """The files of a client's certificate, its key, and of the authority of both sides."""

    cert: Path
    key: Path
    ca: Path

    def fill(self, folder: Path) -> Path:
        """Make this a folder of certs.d."""
        folder.mkdir(parents=True)
        for file, name in ((self.cert, "client.cert"), (self.key, "client.key"), (self.ca, "ca.crt")):
            (folder / name).write_bytes(file.read_bytes())
        return folder


@pytest.fixture
def client(ca: trustme.CA, tmp_path: Path) -> Client:
    issued = ca.issue_cert("client@r.test")
    files = Client(tmp_path / "my.pem", tmp_path / "my-key.pem", tmp_path / "authority.pem")
    issued.cert_chain_pems[0].write_to_path(str(files.cert))
    issued.private_key_pem.write_to_path(str(files.key))
    ca.cert_pem.write_to_path(str(files.ca))
    return files


@pytest.fixture
def guarded(docker_registry: StartsRegistry, ca: trustme.CA, tmp_path: Path) -> Iterator[str]:
    """The address of an empty registry behind nginx."""
    folder = tmp_path / "nginx"
    folder.mkdir()
    ca.cert_pem.write_to_path(str(folder / "authority.pem"))
    wants = (f"ssl_client_certificate {folder}/authority.pem", "ssl_verify_client on")
    with behind_nginx(folder, ca, docker_registry().address, *wants) as address:
        yield address


def test_options_name_the_certificate(run: Run, guarded: str, client: Client, tmp_path: Path) -> None:
    options = ("--ca-file", str(client.ca), "--cert", str(client.cert), "--key", str(client.key))
    layout = write_layout(tmp_path / "layout", INDEX)
    pushed = run("copy", *options, layout, f"{guarded}/app:{NAME}")
    assert pushed.code == 0, pushed.err
    assert run("digest", *options, f"{guarded}/app:{NAME}").out.strip() == digest(INDEX)


def test_one_folder_of_certs_d_serves_us_and_skopeo(
    run: Run, guarded: str, client: Client, skopeo: RunsSkopeo, clean_environment: Path, tmp_path: Path
) -> None:
    folder = client.fill(clean_environment / ".config" / "containers" / "certs.d" / guarded)
    layout = write_layout(tmp_path / "layout", INDEX)
    pushed = run("copy", layout, f"{guarded}/app:{NAME}")
    assert pushed.code == 0, pushed.err
    told = skopeo("inspect", "--cert-dir", folder, "--format", "{{.Digest}}", f"docker://{guarded}/app:{NAME}")
    assert told.stdout.strip() == digest(INDEX), told.stderr


def test_without_a_certificate_the_servers_words_are_shown(run: Run, guarded: str, client: Client) -> None:
    ran = run("repos", "--ca-file", str(client.ca), guarded)
    assert ran.code == 7
    assert "No required SSL certificate was sent" in ran.err
    assert "Traceback" not in ran.err
