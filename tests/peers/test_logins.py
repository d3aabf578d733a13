"""Logins on the same files: what skopeo, buildah and Docker's client wrote is read here, and they read what is written here."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pratique.auth.credentials import DOCKER_HUB_KEY, Credential, Kind, password_credential
from pratique.auth.secret import Secret
from pratique.config.logins import Logins
from tests.commands import Run
from tests.registries import push, repository, sample, serving
from tests.standins import StandIns

from .conftest import RunsPeer, RunsSkopeo, Serves, find_program

USER = "ada"
PASSWORD = "love:lace ü"
CLOSED = f"""
[users]
{USER} = "{PASSWORD}"
[[repositories]]
pattern = "team/*"
allow = {{ {USER} = ["pull", "push"] }}
"""

RunsDocker = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    """A registry that asks everybody who they are, with a repository."""
    with serving(tmp_path / "registry", CLOSED) as listener:
        with repository(listener.address, "team/app", f"{USER}:{PASSWORD}") as target:
            push(target, sample(), "1.0")
        yield listener.address


@pytest.fixture
def docker(tmp_path: Path) -> RunsDocker:
    """Run Docker's client, with its settings in a folder; it needs no engine for this."""
    program = find_program("docker")

    def run(*words: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "DOCKER_HOST": "unix:///none/such.sock"}
        command = [str(program), "--config", str(tmp_path), *map(str, words)]
        ran = subprocess.run(command, input=stdin, capture_output=True, text=True, env=environment, check=False)
        if words[:2] == ("login", "-u") and "Cannot connect to the Docker daemon" in ran.stderr:
            pytest.skip("this client of Docker cannot log in without an engine")
        return ran

    return run


@pytest.fixture(autouse=True)
def helpers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIns:
    """A key ring, and our own helper, on the PATH of everybody."""
    standins = StandIns(tmp_path, monkeypatch)
    standins.key_ring("ring")
    standins.ours()
    return standins


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def finds(docker: RunsDocker, registry: str) -> bool:
    """Whether Docker's client has a login to try, where none is given."""
    tried = docker("login", registry)
    return "existing credentials" in tried.stdout + tried.stderr


def login(run: Run, path: Path, key: str) -> None:
    words = ("login", "-u", USER, "--password-stdin", "--authfile", str(path), "--verify-repo", "team/app", key)
    done = run(*words, stdin=PASSWORD)
    assert done.code == 0, done.err


def reads(run: Run, path: Path, registry: str) -> bool:
    return run("tags", "--authfile", str(path), f"{registry}/team/app").code == 0


# skopeo


def test_skopeo_writes_and_we_read(run: Run, registry: str, skopeo: RunsSkopeo, tmp_path: Path) -> None:
    path = tmp_path / "auth.json"
    words = ("--authfile", path, "--tls-verify=false", "-u", USER, "--password-stdin", registry)
    wrote = skopeo("login", *words, stdin=PASSWORD)
    assert wrote.returncode == 0, wrote.stderr
    assert reads(run, path, registry)
    assert run("login", "--get-login", "--authfile", str(path), registry).out == f"{USER}\n"
    assert run("logout", "--authfile", str(path), registry).code == 0
    assert skopeo("login", "--get-login", "--authfile", path, registry).returncode != 0
    assert read(path) == {"auths": {}}


@pytest.mark.parametrize("name", ["auth.json", "config.json"])
def test_we_write_and_skopeo_reads(run: Run, registry: str, skopeo: RunsSkopeo, tmp_path: Path, name: str) -> None:
    path = tmp_path / "made" / name
    login(run, path, registry)
    inspected = skopeo(
        "inspect", "--authfile", path, "--tls-verify=false", "--raw", f"docker://{registry}/team/app:1.0"
    )
    assert inspected.returncode == 0, inspected.stderr
    assert skopeo("login", "--get-login", "--authfile", path, registry).stdout == f"{USER}\n"
    assert skopeo("logout", "--authfile", path, registry).returncode == 0
    assert not reads(run, path, registry)


@pytest.mark.parametrize("name", ["auth.json", "config.json"])
def test_docker_hub_s_key_is_one_that_skopeo_knows(run: Run, skopeo: RunsSkopeo, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    Logins(path).store("docker.io", password_credential(USER, PASSWORD, "a login"))
    assert list(read(path)["auths"]) == [DOCKER_HUB_KEY if name == "config.json" else "docker.io"]
    assert skopeo("login", "--get-login", "--authfile", path, "docker.io").stdout == f"{USER}\n"


def test_a_namespace_is_one_to_both(run: Run, registry: str, skopeo: RunsSkopeo, tmp_path: Path) -> None:
    path = tmp_path / "auth.json"
    login(run, path, f"{registry}/team")
    words = ("--authfile", path, "--tls-verify=false")
    assert skopeo("inspect", *words, "--raw", f"docker://{registry}/team/app:1.0").returncode == 0
    assert skopeo("login", *words, "-u", USER, "--password-stdin", f"{registry}/else", stdin=PASSWORD).returncode == 0
    assert set(read(path)["auths"]) == {f"{registry}/team", f"{registry}/else"}
    assert run("logout", "--authfile", str(path), f"{registry}/else").code == 0
    assert reads(run, path, registry)


def test_an_identity_token_spoils_the_file_for_nobody(
    run: Run, registry: str, skopeo: RunsSkopeo, docker: RunsDocker
) -> None:
    path = Path(docker("version").args[2]) / "config.json"
    login(run, path, registry)
    Logins(path).store("other.test", Credential("", Secret("R1"), Kind.IDENTITY, "a login"))
    assert skopeo("login", "--get-login", "--authfile", path, registry).stdout == f"{USER}\n"
    assert "WARNING: Error loading config file" not in docker("logout", "none.test").stderr
    assert docker("logout", registry).returncode == 0
    assert list(read(path)["auths"]) == ["other.test"]


def test_skopeo_and_we_share_a_helper(run: Run, registry: str, skopeo: RunsSkopeo, tmp_path: Path) -> None:
    """Both find in a helper what the other had it keep."""
    path = tmp_path / "auth.json"
    path.write_text(json.dumps({"auths": {}, "credHelpers": {registry: "ring"}}))
    words = ("--authfile", path, "--tls-verify=false", "-u", USER, "--password-stdin", registry)
    wrote = skopeo("login", *words, stdin=PASSWORD)
    assert wrote.returncode == 0, wrote.stderr
    assert reads(run, path, registry)
    assert run("logout", "--authfile", str(path), registry).code == 0
    assert not reads(run, path, registry)
    login(run, path, registry)
    assert skopeo("login", "--get-login", "--authfile", path, registry).stdout == f"{USER}\n"


def test_skopeo_asks_docker_credential_pratique(run: Run, registry: str, skopeo: RunsSkopeo, tmp_path: Path) -> None:
    path = tmp_path / "auth.json"
    path.write_text(json.dumps({"auths": {}, "credHelpers": {registry: "pratique"}}))
    words = ("--authfile", path, "--tls-verify=false")
    wrote = skopeo("login", *words, "-u", USER, "--password-stdin", registry, stdin=PASSWORD)
    assert wrote.returncode == 0, wrote.stderr
    assert read(path) == {"auths": {}, "credHelpers": {registry: "pratique"}}
    inspected = skopeo("inspect", *words, "--raw", f"docker://{registry}/team/app:1.0")
    assert inspected.returncode == 0, inspected.stderr
    assert skopeo("logout", "--authfile", path, registry).returncode == 0
    assert skopeo("inspect", *words, "--raw", f"docker://{registry}/team/app:1.0").returncode != 0


# buildah


def test_buildah_and_we_share_a_file(run: Run, registry: str, buildah: RunsPeer, tmp_path: Path) -> None:
    path = tmp_path / "auth.json"
    buildah("login", "--authfile", path, "--tls-verify=false", "-u", USER, "-p", PASSWORD, registry)
    assert reads(run, path, registry)
    assert run("logout", "--authfile", str(path), registry).code == 0
    login(run, path, registry)
    assert buildah("login", "--authfile", path, "--get-login", registry) == f"{USER}\n"
    buildah("logout", "--authfile", path, "--all")
    assert not reads(run, path, registry)


# Docker's client


def test_docker_writes_and_we_read(run: Run, registry: str, docker: RunsDocker, tmp_path: Path) -> None:
    wrote = docker("login", "-u", USER, "--password-stdin", registry, stdin=PASSWORD)
    assert wrote.returncode == 0, wrote.stderr
    path = tmp_path / "config.json"
    before = path.read_text()
    assert reads(run, path, registry)
    login(run, path, registry)
    assert path.read_text() == before  # not a byte differs from what Docker wrote
    assert run("logout", "--authfile", str(path), registry).code == 0
    assert path.read_text() == before.replace(before[before.index("{", 2) : -2], "{}")


def test_we_write_and_docker_reads(run: Run, registry: str, docker: RunsDocker, tmp_path: Path) -> None:
    """Docker's client tries what it finds, where no user is given; only an engine could go on from there."""
    path = tmp_path / "config.json"
    path.write_text('{"psFormat": "x"}')
    login(run, path, registry)
    assert finds(docker, registry)
    assert docker("logout", registry).returncode == 0
    assert read(path)["psFormat"] == "x"
    assert not reads(run, path, registry)


@pytest.mark.parametrize("helper", ["ring", "pratique"])
def test_docker_and_we_share_a_helper(
    run: Run, registry: str, docker: RunsDocker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, helper: str
) -> None:
    path = tmp_path / "config.json"
    monkeypatch.setenv("HOME", str(tmp_path))  # as Docker has it: our helper keeps its file there
    path.write_text(json.dumps({"credsStore": helper}))
    wrote = docker("login", "-u", USER, "--password-stdin", registry, stdin=PASSWORD)
    assert wrote.returncode == 0, wrote.stderr
    assert read(path) == {"auths": {registry: {}}, "credsStore": helper}
    assert reads(run, path, registry)
    assert run("logout", "--authfile", str(path), registry).code == 0
    assert not finds(docker, registry)
    login(run, path, registry)
    assert finds(docker, registry)
    assert docker("logout", registry).returncode == 0
    assert not reads(run, path, registry)


# curl


@pytest.mark.tells_secrets("it prints a token, and curl is given it")
@pytest.mark.parametrize("kind", ["htpasswd", "tokens", "ours"])
def test_curl_pushes_with_a_header_of_ours(run: Run, serve: Serves, kind: str) -> None:
    place = serve(kind)
    address, _, repository = place.where.removeprefix("docker://").partition("/")
    url = f"http://{address}/v2/{repository}/blobs/uploads/"

    def begin(*words: str) -> str:
        command = [str(find_program("curl")), "--silent", "--write-out", "%{http_code}", "--output", os.devnull]
        ran = subprocess.run([*command, "--request", "POST", *words, url], capture_output=True, text=True, check=True)
        return ran.stdout

    words = ("--header", "--for", "pull,push", f"--creds={place.creds}", place.where)
    header = run("auth", "token", *words).out.removesuffix("\n")
    assert header.startswith("Authorization: Basic " if kind == "htpasswd" else "Authorization: Bearer ")
    assert begin() == "401"
    assert begin("--header", header) == "202"
