"""What our own helper keeps and gives."""

from __future__ import annotations

import base64
import json
import stat
from pathlib import Path

import pytest

from pratique.auth.credentials import DOCKER_HUB_KEY
from pratique.config.keychain import NO_SERVER, NO_USERNAME, Keychain
from pratique.config.sources import own_path
from pratique.errors import InvalidInput, NotFound
from tests.standins import NOT_FOUND, StandIns


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path / "run")}


@pytest.fixture
def keychain(environment: dict[str, str]) -> Keychain:
    return Keychain(environment)


def test_what_is_kept_is_given_until_it_is_erased(keychain: Keychain, environment: dict[str, str]) -> None:
    keychain.store("r.test", "ada", "p:q")
    keychain.store("q.test", "<token>", "R")
    assert keychain.get("r.test") == ("ada", "p:q")
    assert keychain.get("q.test") == ("<token>", "R")
    assert keychain.list() == {"r.test": "ada", "q.test": "<token>"}
    assert stat.S_IMODE(own_path(environment).stat().st_mode) == 0o600
    keychain.erase("r.test")
    for verb in (keychain.get, keychain.erase):
        with pytest.raises(NotFound, match=NOT_FOUND):
            verb("r.test")
    assert keychain.list() == {"q.test": "<token>"}


@pytest.mark.parametrize("kept", [DOCKER_HUB_KEY, "docker.io", "index.docker.io"])
@pytest.mark.parametrize("asked", [DOCKER_HUB_KEY, "docker.io", "https://index.docker.io", "registry-1.docker.io"])
def test_docker_hub_under_each_name(keychain: Keychain, kept: str, asked: str) -> None:
    keychain.store(kept, "ada", "p")
    assert keychain.get(asked) == ("ada", "p")
    keychain.store(asked, "bob", "q")
    assert keychain.list() == {kept: "bob"}


def test_the_tokens_of_docker_s_web_login_are_apart(keychain: Keychain) -> None:
    keychain.store(DOCKER_HUB_KEY, "ada", "p")
    for name in ("access-token", "refresh-token"):
        with pytest.raises(NotFound):
            keychain.get(f"{DOCKER_HUB_KEY}{name}")
        keychain.store(f"{DOCKER_HUB_KEY}{name}", "ada", "web")
        assert keychain.get(f"{DOCKER_HUB_KEY}{name}") == ("ada", "web")
    assert keychain.get(DOCKER_HUB_KEY) == ("ada", "p")


@pytest.mark.parametrize("asked", ["r.test", "https://r.test", "r.test/foo", "r.test/foo/bar"])
def test_the_other_sources_of_the_machine_are_given_too(keychain: Keychain, tmp_path: Path, asked: str) -> None:
    path = tmp_path / "run" / "containers" / "auth.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"auths": {"r.test": {"auth": "dTpw"}, "r.test/foo": {"auth": "Zjpw"}}}))
    assert keychain.get(asked) == ("f" if "foo" in asked else "u", "p")
    assert keychain.list() == {}


def test_a_helper_that_names_us_is_no_circle(
    keychain: Keychain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    standins = StandIns(tmp_path, monkeypatch)
    standins.giving("x", {"q.test": ("u", "p")})
    standins.script("pratique", "exit 1")
    path = tmp_path / ".docker" / "config.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"credsStore": "pratique", "credHelpers": {"q.test": "x"}}))
    with pytest.raises(NotFound):
        keychain.get("r.test")
    assert keychain.get("q.test") == ("u", "p")
    assert standins.asked("pratique") == []


def test_what_the_protocol_cannot_say_is_not_found(keychain: Keychain, tmp_path: Path) -> None:
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker" / "config.json").write_text('{"auths": {"r.test": {"registrytoken": "T"}}}')
    with pytest.raises(NotFound):
        keychain.get("r.test")


def test_what_is_missing(keychain: Keychain, environment: dict[str, str]) -> None:
    with pytest.raises(InvalidInput, match=NO_SERVER):
        keychain.get("")
    with pytest.raises(InvalidInput, match=NO_SERVER):
        keychain.erase("")
    with pytest.raises(InvalidInput, match=NO_SERVER):
        keychain.store("", "u", "p")
    with pytest.raises(InvalidInput, match=NO_USERNAME):
        keychain.store("r.test", "", "p")
    with pytest.raises(InvalidInput, match="control character"):
        keychain.store("r.test", "u", "p\n")
    with pytest.raises(InvalidInput, match="the server URL"):
        keychain.store("r.test\ud800", "u", "p")
    assert not own_path(environment).exists()


@pytest.mark.parametrize("content", ["{", '{"auths": []}', '{"auths": {"r.test": 1}}'])
def test_a_damaged_file_is_named(keychain: Keychain, environment: dict[str, str], content: str) -> None:
    own_path(environment).parent.mkdir(parents=True)
    own_path(environment).write_text(content)
    with pytest.raises(InvalidInput, match=r"credentials\.json"):
        keychain.get("r.test")


def test_our_own_file_says_where_a_host_s_credential_is(keychain: Keychain, tmp_path: Path) -> None:
    docker, chosen = tmp_path / ".docker" / "config.json", tmp_path / "chosen.json"
    docker.parent.mkdir()
    docker.write_text(json.dumps({"auths": {"r.test": {"auth": base64.b64encode(b"other:p").decode()}}}))
    chosen.write_text(json.dumps({"auths": {"r.test": {"auth": base64.b64encode(b"captain:p").decode()}}}))
    settings = tmp_path / ".config" / "pratique" / "config.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text(f'[hosts."r.test"]\ncredentials = "file:{chosen}"\n')
    assert keychain.get("r.test") == ("captain", "p")
