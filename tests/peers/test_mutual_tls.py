"""Registries that want a client's certificate: Debian's nginx before Debian's docker-registry."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from tests.commands import Run

from .cargo import INDEX, NAME, digest, write_layout
from .conftest import RunsSkopeo, StartsRegistry, find_program, write_certificate
from .servers import listening

CONFIGURATION = """
daemon off;
master_process off;
error_log stderr;
pid {folder}/nginx.pid;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_max_body_size 0;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {certificate};
        ssl_certificate_key {key};
        ssl_client_certificate {folder}/authority.pem;
        ssl_verify_client on;
        location / {{
            proxy_pass http://{registry};
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-Proto https;
            proxy_request_buffering off;
        }}
    }}
}}
"""


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
    program = find_program("nginx")
    folder = tmp_path / "nginx"
    folder.mkdir()
    ca.cert_pem.write_to_path(str(folder / "authority.pem"))
    files = write_certificate(folder, ca)
    behind = docker_registry().address

    def command(port: int) -> list[str]:
        text = CONFIGURATION.format(folder=folder, port=port, registry=behind, **files)
        (folder / "nginx.conf").write_text(text, encoding="utf-8")
        return [program, "-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf")]

    with listening(folder, command) as port:
        yield f"127.0.0.1:{port}"


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
