"""Our own file as commands follow it, and `config show`."""

from __future__ import annotations

import base64
import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pratique.http.message import Request, Response
from pratique.server.listen.listener import Listener
from tests.commands import Run
from tests.standins import StandIns
from tests.wire.forwarding import Forwarding

from .conftest import CREDS

NOBODY = "192.0.2.1:5000"  # an address that is nobody's (RFC 5737): only the proxy knows it
SECRET = "S3CRET-of-the-proxy"


@pytest.fixture
def write(clean_environment: Path) -> Callable[[str], Path]:
    """Writes our own file."""

    def write(text: str) -> Path:
        path = clean_environment / ".config" / "pratique" / "config.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write


def logins(folder: Path, registry: str, creds: str = CREDS) -> Path:
    path = folder / "auth.json"
    path.write_text(json.dumps({"auths": {registry: {"auth": base64.b64encode(creds.encode()).decode()}}}))
    path.chmod(0o600)
    return path


def shown(run: Run, *words: str) -> dict[str, tuple[Any, str]]:
    """The settings by name: value and source."""
    return {
        each["name"]: (each["value"], each["source"])
        for each in run("config", "show", "--json", *words).json["settings"]
    }


# What it does


def test_a_hosts_own_proxy_and_plain_http(run: Run, served: Callable[..., str], write: Callable[[str], Path]) -> None:
    port = int(served().rpartition(":")[2])
    with Forwarding({NOBODY: port}, f"foo:{SECRET}") as proxy:
        url = proxy.url("").replace("://", f"://foo:{SECRET}@")
        write(f'[hosts."{NOBODY}"]\nproxy = "{url}"\nplain-http = true\n')
        assert run("tags", f"{NOBODY}/bar").out.split() == ["0.9", "1.0", "latest"]
        assert len(proxy.seen) == 1


@pytest.mark.parametrize(
    ("user", "mode", "warned"), [("u:S3CRET-word@", 0o644, 1), ("u:S3CRET-word@", 0o600, 0), ("", 0o644, 0)]
)
def test_a_proxys_password_that_everybody_can_read_is_warned_of(
    run: Run, write: Callable[[str], Path], user: str, mode: int, warned: int
) -> None:
    path = write(f'[default]\nretries = 0\nproxy = "http://{user}127.0.0.1:1"\n')
    path.chmod(mode)
    ran = run("tags", "r.test/a", "r.test/b")
    assert ran.err.count(f"{path} has the password of a proxy and can be read by everybody") == warned


def test_a_host_may_have_no_proxy(
    run: Run, registry: str, write: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    write('[hosts."r.test"]\nproxy = "none"\n')
    assert shown(run, "r.test")["proxy"][0] is None
    assert shown(run, "other.test")["proxy"] == ("http://127.0.0.1:1", "HTTPS_PROXY")


def test_the_retries_of_a_host(run: Run, write: Callable[[str], Path]) -> None:
    seen: list[Request] = []

    def refuse(request: Request) -> Response:
        seen.append(request)
        return Response.of(503, b"", ("Retry-After", "0"))

    def tries(*words: str) -> int:
        seen.clear()
        assert run("tags", *words).code == 6
        return len(seen)

    with Listener(refuse) as one, Listener(refuse) as other:
        write(f'[default]\nretries = 0\n[hosts."{one.address}"]\nretries = 1\n')
        assert tries(f"{one.address}/foo") == 2
        assert tries(f"{other.address}/foo") == 1
        assert tries("--retries", "2", f"{one.address}/foo") == 3


def test_the_chunks_of_a_host(
    run: Run, registry: str, served: Callable[..., str], write: Callable[[str], Path]
) -> None:
    target = served("", None, ())
    write(f'[hosts."{target}"]\nchunk-size = 1024\n')
    ran = run("copy", "--debug", "--platform", "linux/amd64", f"{registry}/bar:1.0", f"{target}/bar:1.0")
    assert ran.code == 0
    assert ran.err.count("request: PATCH ") > 2
    write("")
    ran = run("copy", "--debug", "--platform", "linux/arm64", f"{registry}/bar:1.0", f"{target}/bar:1.0")
    assert "request: PATCH " not in ran.err


def test_the_credentials_of_a_host_are_in_one_file(
    run: Run, registry: str, write: Callable[[str], Path], clean_environment: Path
) -> None:
    path = logins(clean_environment, registry)
    write(f'[hosts."{registry}"]\ncredentials = "file:{path}"\n')
    assert run("tags", f"{registry}/foo").code == 0
    assert shown(run, registry)["credentials"] == ([registry], str(path))


def test_and_nowhere_else(run: Run, registry: str, write: Callable[[str], Path], clean_environment: Path) -> None:
    docker = clean_environment / ".docker"
    docker.mkdir()
    logins(docker, registry).rename(docker / "config.json")
    assert run("tags", f"{registry}/foo").code == 0
    write(f'[hosts."{registry}"]\ncredentials = "none"\n')
    assert run("tags", f"{registry}/foo").code == 4
    assert shown(run, registry)["credentials"][0] is None


def test_the_credentials_of_a_host_are_with_a_helper(
    run: Run, registry: str, write: Callable[[str], Path], clean_environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, _, password = CREDS.partition(":")
    StandIns(clean_environment, monkeypatch).giving("harbour", {registry: (user, password)})
    path = write(f'[hosts."{registry}"]\ncredentials = "helper:harbour"\n')
    assert run("tags", f"{registry}/foo").code == 0
    [matches, source] = shown(run, registry)["credentials"]
    assert source == f'{path} [hosts."{registry}"]'
    assert "docker-credential-harbour" in matches[0]


def test_a_login_is_stored_where_our_own_file_says(
    run: Run, registry: str, write: Callable[[str], Path], clean_environment: Path
) -> None:
    path = clean_environment / "logins.json"
    write(f'[hosts."{registry}"]\ncredentials = "file:{path}"\n')
    assert run("login", "-u", "captain", "--password-stdin", registry, stdin="secret-of-captain").code == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert run("tags", f"{registry}/foo").code == 0
    assert run("login", "--get-login", registry).out == "captain\n"
    assert run("logout", registry).out == f"removed from {path}\n"
    assert run("tags", f"{registry}/foo").code == 4


def test_there_is_no_login_where_a_helper_makes_them(run: Run, registry: str, write: Callable[[str], Path]) -> None:
    write(f'[hosts."{registry}"]\ncredentials = "helper:harbour"\n')
    ran = run("login", "-u", "captain", "--password-stdin", registry, stdin="secret-of-captain")
    assert ran.code == 8
    assert "helper:harbour" in ran.err


def test_what_is_wrong_with_the_file_ends_the_command(run: Run, registry: str, write: Callable[[str], Path]) -> None:
    path = write("[default]\nretry = 3\n")
    ran = run("tags", f"{registry}/bar")
    assert ran.code == 2
    assert ran.err == (
        f"pratique: {path}: default.retry is not known; hint: known are proxy, plain-http, ca-file, retries, "
        "requests-at-once, requests-a-second, chunk-size, credentials\n"
    )


# config show


def test_what_holds_without_a_word(run: Run) -> None:
    assert shown(run, "r.test") == {
        "scheme": ("https", "default"),
        "verify": (True, "default"),
        "authorities": (["the system's"], "default"),
        "cert": (None, "default"),
        "proxy": (None, "default"),
        "retries": (3, "default"),
        "requests-at-once": (16, "default"),
        "requests-a-second": (None, "default"),
        "chunk-size": (None, "default"),
        "credentials": (None, "no file"),
    }


def test_what_the_command_says(run: Run, write: Callable[[str], Path], tmp_path: Path) -> None:
    write('[hosts."r.test"]\nretries = 7\nplain-http = false\nca-file = "own.pem"\n')
    found = shown(run, "--retries", "0", "--plain-http", "--ca-file", "given.pem", "--no-tls-verify", "r.test")
    assert found["retries"] == (0, "--retries")
    assert found["scheme"] == ("http", "--plain-http")
    assert found["ca-file"] == ("given.pem", "--ca-file")
    assert found["verify"] == (False, "--no-tls-verify")


def test_what_our_own_file_says(run: Run, write: Callable[[str], Path]) -> None:
    path = write('[default]\nrequests-at-once = 2\n[hosts."r.test"]\nproxy = "http://u:S3CRET-word@p.test:3128"\n')
    found = shown(run, "r.test")
    assert found["requests-at-once"] == (2, f"{path} [default]")
    assert found["proxy"] == ("http://p.test:3128", f'{path} [hosts."r.test"]')


def test_what_the_machine_says(run: Run, clean_environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificates = clean_environment / ".config" / "containers" / "certs.d" / "r.test"
    certificates.mkdir(parents=True)
    (certificates / "ca.crt").touch()
    monkeypatch.setenv("SSL_CERT_FILE", "/authorities.pem")
    found = shown(run, "r.test")
    assert found["authorities"] == (["/authorities.pem", str(certificates / "ca.crt")], "certs.d")
    assert shown(run, "other.test")["authorities"] == (["/authorities.pem"], "SSL_CERT_FILE")


def test_who_exempts_a_host_from_the_proxy(run: Run, clean_environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(run, "r.test")["proxy"] == (None, "default")
    docker = clean_environment / ".docker" / "config.json"
    docker.parent.mkdir()
    docker.write_text(json.dumps({"proxies": {"default": {"httpsProxy": "http://p.test:3128", "noProxy": "q.test"}}}))
    assert shown(run, "r.test")["proxy"] == ("http://p.test:3128", f"{docker} (proxies, httpsProxy)")
    assert shown(run, "q.test")["proxy"] == (None, f"{docker} (proxies, noProxy)")
    monkeypatch.setenv("NO_PROXY", ".test")
    assert shown(run, "r.test")["proxy"] == (None, "NO_PROXY")
    assert shown(run, "localhost:5000")["proxy"] == (None, "a host on this machine")
    assert shown(run, "--proxy", "none", "r.test")["proxy"] == (None, "--proxy")


def test_what_rules_say(run: Run, tmp_path: Path) -> None:
    rules = tmp_path / "registries.conf"
    rules.write_text(
        '[[registry]]\nprefix = "r.test/team"\nlocation = "s.test/crew"\ninsecure = true\n'
        '[[registry.mirror]]\nlocation = "m.test/crew"\n'
        '[[registry]]\nlocation = "evil.test"\nblocked = true\n'
    )
    found = shown(run, "--registries-conf", str(rules), "r.test/team/app")
    rule = f"the rule 'r.test/team' of {rules}"
    assert found["mirrors"] == (["m.test/crew"], rule)
    assert found["location"] == ("s.test/crew", rule)
    assert found["verify"] == (False, rule)
    assert shown(run, "--registries-conf", str(rules), "evil.test")["blocked"] == (
        True,
        f"the rule 'evil.test' of {rules}",
    )


def test_which_files_there_are(run: Run, write: Callable[[str], Path], clean_environment: Path) -> None:
    path = write("")
    listed = run("config", "show", "--json").json
    assert {"what": "settings", "path": str(path), "there": True} in listed
    assert {"what": "credentials", "path": str(clean_environment / ".docker/config.json"), "there": False} in listed
    assert f"settings      {path}" in run("config", "show").out


def test_a_table_for_people(run: Run) -> None:
    lines = run("config", "show", "r.test").out.splitlines()
    assert lines[0].split() == ["SETTING", "VALUE", "SOURCE"]
    assert lines[2].split() == ["verify", "yes", "default"]
