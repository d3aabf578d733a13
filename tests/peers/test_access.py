"""Other people's clients log in to our registry, whose users stand in a file of htpasswd."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import bcrypt
import dxf
import oras.client  # type: ignore[import-untyped]
import pytest
import requests
import trustme

from pratique.http.trust import Trust
from pratique.server.access.admission import watched
from pratique.server.access.file import load as load_access
from pratique.server.app import RegistryApp
from pratique.server.listen.listener import Listener
from pratique.server.storage.repositories import Storage
from tests.commands import Run
from tests.registries import push, repository, sample

from .cargo import PASSWORD, USER
from .conftest import Docker, RunsPeer, RunsSkopeo, write_certificate

WRONG: Final = "wrong"
ACCESS: Final = """
scheme = "%s"
htpasswd = "users"
[[repositories]]
pattern = "team/*"
allow = { %s = ["pull", "push", "delete"] }
"""


def write_users(path: Path, password: str = PASSWORD) -> None:
    """A file with one user, by Apache's program where it is installed."""
    program = shutil.which("htpasswd")
    if program is None:
        path.write_text(f"{USER}:{bcrypt.hashpw(password.encode(), bcrypt.gensalt(5)).decode()}\n")
        return
    ran = subprocess.run([program, "-niB", USER], input=password, capture_output=True, text=True, check=True)
    path.write_text(ran.stdout)


@dataclass
class Harbour:
    """A registry whose repository `team/app` has an image."""

    address: str
    scheme: str
    users: Path
    authority: Path | None

    @property
    def app(self) -> str:
        """The repository, as it stands in a reference."""
        return f"{self.address}/team/app"


@pytest.fixture(params=["basic", "bearer"])
def harbour(request: pytest.FixtureRequest, tmp_path: Path, ca: trustme.CA) -> Iterator[Harbour]:
    """Our registry with a file of htpasswd, at which it looks for each request; the scheme is the parameter, `tls` may follow."""
    scheme, _, tls = str(request.param).partition(" ")
    authority: Path | None = None
    certificate = key = None
    if tls:
        authority = tmp_path / "ca.pem"
        ca.cert_pem.write_to_path(authority)
        written = write_certificate(tmp_path, ca)
        certificate, key = Path(written["certificate"]), Path(written["key"])
    write_users(tmp_path / "users")
    file = tmp_path / "access.toml"
    file.write_text(ACCESS % (scheme, USER))
    app = RegistryApp(Storage(tmp_path / "storage"), watched(load_access, file, clock=itertools.count().__next__))
    with Listener(app.handle, certificate=certificate, key=key) as listener:
        trust = Trust(ca_file=str(authority)) if authority else None
        with repository(listener.address, "team/app", f"{USER}:{PASSWORD}", trust) as target:
            push(target, sample(), "v1")
        yield Harbour(listener.address, scheme, tmp_path / "users", authority)


def test_skopeo_logs_in(harbour: Harbour, skopeo: RunsSkopeo, tmp_path: Path) -> None:
    login: list[str | Path] = [
        "login",
        "--tls-verify=false",
        "--authfile",
        tmp_path / "auth.json",
        "-u",
        USER,
        "--password-stdin",
    ]
    assert skopeo(*login, harbour.address, stdin=WRONG).returncode != 0
    ran = skopeo(*login, harbour.address, stdin=PASSWORD)
    assert ran.returncode == 0, ran.stderr
    inspect: list[str | Path] = ["inspect", "--tls-verify=false", "--raw", f"docker://{harbour.app}:v1"]
    ran = skopeo(*inspect, "--authfile", tmp_path / "auth.json")
    assert ran.stdout.encode() == sample().root.raw
    assert skopeo(*inspect).returncode != 0


def test_buildah_logs_in(harbour: Harbour, buildah: RunsPeer, tmp_path: Path) -> None:
    authfile: list[str | Path] = ["--tls-verify=false", "--authfile", tmp_path / "auth.json"]
    buildah("login", *authfile, "-u", USER, "-p", PASSWORD, harbour.address)
    assert harbour.address in json.loads((tmp_path / "auth.json").read_text())["auths"]
    assert buildah("pull", "-q", *authfile, f"docker://{harbour.app}:v1").strip()


def test_docker_logs_in_and_looks_at_a_manifest(harbour: Harbour, docker: Docker, run: Run) -> None:
    login = ["login", "-u", USER, "--password-stdin", harbour.address]
    refused = docker(*login, stdin=WRONG)
    assert refused.returncode != 0
    assert "unauthorized" in refused.stderr.lower()
    ran = docker(*login, stdin=PASSWORD)
    assert ran.returncode == 0, ran.stderr
    of_docker = f"{harbour.app}:docker"  # its client of Debian knows no other types
    assert run("copy", "--creds", f"{USER}:{PASSWORD}", "--format", "docker", f"{harbour.app}:v1", of_docker).code == 0
    ran = docker("manifest", "inspect", "--insecure", of_docker)
    assert ran.returncode == 0, ran.stderr
    assert len(json.loads(ran.stdout)["manifests"]) == 2


@pytest.mark.parametrize("harbour", ["bearer"], indirect=True)
def test_the_identity_token_of_docker_login_is_good_until_the_password_changes(
    harbour: Harbour, docker: Docker, run: Run
) -> None:
    """Docker stores the refresh token in place of the password, and our client goes on with it."""
    docker("login", "-u", USER, "--password-stdin", harbour.address, stdin=PASSWORD)
    stored = docker.home / "config.json"
    assert json.loads(stored.read_text())["auths"][harbour.address]["identitytoken"]
    tags = ("tags", "--authfile", str(stored), harbour.app)
    assert run(*tags).out == "v1\n"
    write_users(harbour.users, "changed")
    for _ in range(3):  # looks, until the file stood still
        run("tags", harbour.app)
    refused = run(*tags)
    assert refused.code == 4
    assert f"check the identity token of '{USER}'" in refused.err


def test_oras_reads(harbour: Harbour) -> None:
    found = oras.client.OrasClient(insecure=True, auth_backend="basic" if harbour.scheme == "basic" else "token")
    found.auth.set_basic_auth(USER, PASSWORD)
    with found.session:
        assert found.get_tags(harbour.app) == ["v1"]


@pytest.mark.parametrize("harbour", ["basic tls", "bearer tls"], indirect=True)
@pytest.mark.parametrize("password", [PASSWORD, WRONG])
def test_dxf_reads(harbour: Harbour, password: str) -> None:
    def prove(found: dxf.DXFBase, response: Any) -> None:
        found.authenticate(USER, password, response=response)

    with dxf.DXF(harbour.address, "team/app", prove, tlsverify=str(harbour.authority)) as found:
        if password == WRONG:
            with pytest.raises((requests.HTTPError, dxf.exceptions.DXFUnauthorizedError)):
                found.list_aliases()
        else:
            assert found.list_aliases() == ["v1"]
