"""login and logout: what is verified, what is stored, and what is forgotten."""

from __future__ import annotations

import base64
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.commands import Run

CLOSED_BASIC = '[users]\nu = "secret-word"\n'
CLOSED_BEARER = 'scheme = "bearer"\n[users]\nu = "secret-word"\n'


@pytest.fixture
def file() -> Path:
    return Path(os.environ["HOME"]) / ".docker" / "config.json"


def entry(file: Path, key: str) -> str:
    return base64.b64decode(json.loads(file.read_text())["auths"][key]["auth"]).decode()


@pytest.mark.parametrize("access", [CLOSED_BASIC, CLOSED_BEARER])
def test_a_good_password_is_verified_and_stored(run: Run, served: Callable[..., str], file: Path, access: str) -> None:
    address = served(access, creds="u:secret-word", repositories=("app",))
    done = run("login", "-u", "u", "--password-stdin", "--json", address, stdin="secret-word\n")
    assert (done.code, done.json["verified"]) == (0, True)
    assert entry(file, address) == "u:secret-word"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "secret-word" not in done.out + done.err
    assert run("tags", f"{address}/app").code == 0


@pytest.mark.parametrize("access", [CLOSED_BASIC, CLOSED_BEARER])
def test_a_wrong_password_is_refused_and_nothing_is_stored(
    run: Run, served: Callable[..., str], file: Path, access: str
) -> None:
    address = served(access, creds="u:secret-word", repositories=())
    done = run("login", "-u", "u", "--password-stdin", address, stdin="wrong-word")
    assert done.code == 4
    assert "wrong-word" not in done.err
    assert not file.exists()


def test_a_registry_that_asks_for_nothing_verifies_nothing(run: Run, served: Callable[..., str], file: Path) -> None:
    address = served("", creds=None, repositories=())
    done = run("login", "-u", "u", "--password-stdin", "--json", address, stdin="whatever")
    assert (done.code, done.json["verified"]) == (0, False)
    assert "open to everybody" in done.json["explanation"]
    assert entry(file, address) == "u:whatever"


def test_an_open_ping_is_verified_by_a_repository(run: Run, registry: str) -> None:
    words = ("login", "-u", "captain", "--password-stdin", "--verify-repo", "foo")
    assert run(*words, registry, stdin="wrong").code == 4
    done = run(*words, "--json", registry, stdin="secret-of-captain")
    assert done.json["verified"] is True


def test_an_open_ping_that_looks_at_unasked_credentials_refuses_wrong_ones(run: Run, registry: str, file: Path) -> None:
    done = run("login", "-u", "captain", "--password-stdin", "--json", registry, stdin="wrong")
    assert done.code == 4
    assert not file.exists()


def test_what_else_is_in_the_file_stays(run: Run, registry: str, file: Path) -> None:
    file.parent.mkdir()
    others = {"auths": {"other.test": {"auth": "eDp5"}}, "credHelpers": {"x.test": "y"}, "psFormat": "…"}
    file.write_text(json.dumps(others))
    assert run("login", "-u", "captain", "--password-stdin", registry, stdin="secret-of-captain").code == 0
    kept = json.loads(file.read_text())
    assert {key: kept[key] for key in ("credHelpers", "psFormat")} == {
        key: others[key] for key in ("credHelpers", "psFormat")
    }
    assert set(kept["auths"]) == {"other.test", registry}
    assert run("logout", registry).code == 0
    assert set(json.loads(file.read_text())["auths"]) == {"other.test"}
    assert run("logout", registry).code == 3


def test_a_namespace_has_a_login_of_its_own(run: Run, registry: str, file: Path) -> None:
    words = ("login", "--password-stdin", "--verify-repo", "foo")
    assert run(*words, "-u", "mate", f"{registry}/foo", stdin="secret-of-mate").code == 0
    assert entry(file, f"{registry}/foo") == "mate:secret-of-mate"
    assert run("tags", f"{registry}/foo").code == 0
    refused = run("delete", f"{registry}/foo:1.0")
    assert refused.code == 4
    assert "'mate'" in refused.err


def test_a_token_service_that_moved_since_login_is_not_trusted(run: Run, served: Callable[..., str]) -> None:
    address = served(CLOSED_BEARER, creds="u:secret-word", repositories=("app",))
    assert run("login", "-u", "u", "--password-stdin", address, stdin="secret-word").code == 0
    pins = Path(os.environ["HOME"]) / ".local" / "state" / "pratique" / "token-services.json"
    assert json.loads(pins.read_text()) == {address: f"http://{address}"}
    pins.write_text(json.dumps({address: "https://elsewhere.test"}))
    refused = run("tags", f"{address}/app")
    assert refused.code == 4
    assert "was https://elsewhere.test at login" in refused.err
    assert run("login", "-u", "u", "--password-stdin", address, stdin="secret-word").code == 0
    assert run("tags", f"{address}/app").code == 0


def test_an_authfile_is_used_instead_of_dockers(run: Run, registry: str, file: Path, tmp_path: Path) -> None:
    other = tmp_path / "auth.json"
    words = ("--authfile", str(other), "--password-stdin", "-u", "captain", registry)
    assert run("login", *words, stdin="secret-of-captain").code == 0
    assert not file.exists()
    assert run("tags", "--authfile", str(other), f"{registry}/foo").code == 0
    assert run("tags", f"{registry}/foo").code == 4
    assert run("logout", "--authfile", str(other), registry).code == 0
    assert run("tags", "--authfile", str(tmp_path / "none.json"), f"{registry}/foo").code == 2


@pytest.mark.parametrize(
    ("words", "stdin"),
    [
        (("-u", "u", "-p", "p", "--password-stdin"), "p"),
        (("-u", "u", "--password-stdin"), ""),
        (("--password-stdin",), "p"),
        (("-u", "u"), ""),
        (("--creds", "u:p"), ""),
        (("-u", "", "--password-stdin"), "p"),
        (("--identity-token-stdin",), " \n"),
        (("--identity-token-stdin",), "a\tb"),
        (("--identity-token-stdin", "--password-stdin", "-u", "u"), "R"),
    ],
)
def test_a_login_that_lacks_something_or_says_it_twice(
    run: Run, registry: str, words: tuple[str, ...], stdin: str
) -> None:
    assert run("login", *words, registry, stdin=stdin).code == 2


def test_a_password_on_the_command_line_is_warned_of(run: Run, served: Callable[..., str]) -> None:
    address = served(CLOSED_BASIC, creds="u:secret-word", repositories=())
    done = run("login", "-u", "u", "-p", "secret-word", address)
    assert done.code == 0
    assert "--password-stdin" in done.err


def test_a_stored_login_that_is_refused_does_not_hide_what_is_public(run: Run, registry: str, file: Path) -> None:
    file.parent.mkdir()
    file.write_text(json.dumps({"auths": {registry: {"auth": base64.b64encode(b"captain:stale").decode()}}}))
    assert run("tags", f"{registry}/bar").code == 0  # nobody asked for it
    refused = run("tags", f"{registry}/foo")
    assert refused.code == 4
    assert str(file) in refused.err


@pytest.mark.parametrize("content", ["{", "[]", '{"auths": []}', '{"auths": {"R": {"auth": "?"}}}', "\xff"])
def test_a_broken_file_is_named_and_public_work_goes_on(run: Run, registry: str, file: Path, content: str) -> None:
    file.parent.mkdir()
    file.write_bytes(content.replace("R", registry).encode("latin-1"))
    assert run("tags", f"{registry}/bar").code == 0
    refused = run("tags", f"{registry}/foo")
    assert refused.code == 4
    assert str(file) in refused.err
    explicit = run("tags", "--authfile", str(file), f"{registry}/foo")
    assert explicit.code == 2
    assert str(file) in explicit.err
