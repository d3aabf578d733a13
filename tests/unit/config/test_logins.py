"""Storing and forgetting: what is written, what stays, and who is asked to keep it."""

from __future__ import annotations

import base64
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from pratique.auth.credentials import DOCKER_HUB_KEY, Credential, Kind, password_credential
from pratique.auth.secret import Secret
from pratique.config.docker import DockerConfig
from pratique.config.files import replace_json
from pratique.config.helper import HelperFailed
from pratique.config.logins import Logins
from pratique.errors import InvalidInput
from tests.standins import StandIns

ADA = password_credential("ada", "p", "a login")


@pytest.fixture
def standins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIns:
    return StandIns(tmp_path, monkeypatch)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.json"


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def pair(text: str) -> dict[str, str]:
    return {"auth": base64.b64encode(text.encode()).decode()}


def test_a_first_login_makes_the_file_and_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "config.json"
    assert Logins(path).store("r.test", ADA) == str(path)
    assert path.read_text() == '{\n\t"auths": {\n\t\t"r.test": {\n\t\t\t"auth": "YWRhOnA="\n\t\t}\n\t}\n}\n'
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            '{\n  "psFormat": "é",\n  "auths": {\n    "q.test": {}\n  },\n  "z": [1.0, null]\n}',
            '{\n  "psFormat": "é",\n  "auths": {\n    "q.test": {},\n    "r.test": {\n      "auth": "YWRhOnA="\n    }\n  },\n'
            '  "z": [\n    1.0,\n    null\n  ]\n}',
        ),
        ('{"a": {"b": 1}}\n', '{"a": {"b": 1}, "auths": {"r.test": {"auth": "YWRhOnA="}}}\n'),
        ('{"a":1}', '{"a":1,"auths":{"r.test":{"auth":"YWRhOnA="}}}'),
        ('{"x":"\\ud800"}', '{"x":"\\ud800","auths":{"r.test":{"auth":"YWRhOnA="}}}'),
        ('{\n\t"auths": null\n}', '{\n\t"auths": {\n\t\t"r.test": {\n\t\t\t"auth": "YWRhOnA="\n\t\t}\n\t}\n}'),
    ],
    ids=["two spaces", "one line", "no space at all", "half a letter", "tabs"],
)
def test_what_else_is_there_stays_in_its_manner(path: Path, before: str, after: str) -> None:
    path.write_text(before)
    Logins(path).store("r.test", ADA)
    assert path.read_text() == after


def test_a_link_stays_a_link(tmp_path: Path, path: Path) -> None:
    (tmp_path / "real").mkdir()
    path.symlink_to(tmp_path / "real" / "config.json")
    Logins(path).store("r.test", ADA)
    assert path.is_symlink()
    assert "r.test" in read(tmp_path / "real" / "config.json")["auths"]


def test_the_mode_becomes_the_owner_s_alone(path: Path) -> None:
    path.write_text("{}")
    path.chmod(0o644)
    Logins(path).store("r.test", ADA)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_replacement_that_fails_leaves_the_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_text("{}")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(InvalidInput, match="cannot be written: No space left"):
        replace_json(path, {"a": 1})
    assert path.read_text() == "{}"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    ("name", "key", "written"),
    [
        ("config.json", "docker.io", DOCKER_HUB_KEY),
        ("auth.json", "docker.io", "docker.io"),
        ("config.json", "docker.io/library", "docker.io/library"),
        ("config.json", "r.test:5000", "r.test:5000"),
    ],
)
def test_the_key_of_a_first_login(tmp_path: Path, name: str, key: str, written: str) -> None:
    Logins(tmp_path / name).store(key, ADA)
    assert read(tmp_path / name)["auths"] == {written: pair("ada:p")}


@pytest.mark.parametrize(
    "key", ["https://index.docker.io/v1/", "docker.io", "index.docker.io", "https://index.docker.io"]
)
def test_a_further_login_takes_the_place_of_the_first(path: Path, key: str) -> None:
    others = {"docker.io/library": pair("x:y"), f"{DOCKER_HUB_KEY}access-token": pair("x:y")}
    path.write_text(json.dumps({"auths": {key: pair("old:old"), **others}}))
    Logins(path).store("docker.io", ADA)
    assert read(path)["auths"] == {key: pair("ada:p"), **others}
    assert Logins(path).erase("docker.io") == (str(path),)
    assert read(path)["auths"] == others
    assert Logins(path).erase("docker.io") == ()


def test_several_spellings_become_one(path: Path) -> None:
    path.write_text(json.dumps({"auths": {"https://r.test/v1/": pair("a:b"), "r.test": pair("c:d"), "r.test/x": {}}}))
    Logins(path).store("r.test", ADA)
    assert read(path)["auths"] == {"https://r.test/v1/": pair("ada:p"), "r.test/x": {}}


def test_each_kind_is_stored_and_found(path: Path) -> None:
    for credential in (
        ADA,
        Credential("", Secret("R"), Kind.IDENTITY, "a login"),
        Credential("", Secret("T"), Kind.BEARER, "a login"),
    ):
        Logins(path).store("r.test", credential)
        found = DockerConfig.at(path).find("r.test", "foo")
        assert found is not None
        assert (found.kind, found.secret) == (credential.kind, credential.secret)


@pytest.mark.parametrize("content", ['{"r.test": {"auth": "dTpw"}}', '{"kind": "Secret"}', "{", '{"auths": 1}'])
def test_a_file_that_is_not_written(path: Path, content: str) -> None:
    path.write_text(content)
    with pytest.raises(InvalidInput, match=str(path)):
        Logins(path).store("r.test", ADA)
    assert path.read_text() == content


def test_forgetting_looks_into_old_files_without_writing(path: Path) -> None:
    path.write_text('{"r.test": {"auth": "dTpw"}}')
    assert Logins(path).erase("q.test") == ()
    with pytest.raises(InvalidInput, match="only read"):
        Logins(path).erase("r.test")


# Helpers


@pytest.mark.parametrize(
    "settings", [{"credsStore": "ring"}, {"credHelpers": {"r.test": "ring"}, "credsStore": "none"}]
)
def test_a_helper_keeps_what_the_file_gives_it(path: Path, standins: StandIns, settings: dict[str, Any]) -> None:
    standins.key_ring("ring")
    path.write_text(json.dumps({"auths": {"r.test": pair("old:old")}, **settings}))
    assert Logins(path).store("r.test", ADA) == f"docker-credential-ring, named by {path}"
    assert read(path) == {"auths": {"r.test": {}}, **settings}
    found = DockerConfig.at(path).find("r.test", None)
    assert found is not None
    assert (found.username, found.secret) == ("ada", Secret("p"))
    assert Logins(path).erase("r.test") == (f"docker-credential-ring, named by {path}",)
    assert read(path) == {"auths": {}, **settings}
    assert DockerConfig.at(path, helpers=lambda name, by: None).find("r.test", None) is None
    assert Logins(path).erase("r.test") == ()
    assert standins.asked("ring") == ["store r.test|", "get r.test|", "get r.test|", "erase r.test|", "get r.test|"]


def test_a_login_for_a_path_stays_in_the_file(path: Path, standins: StandIns) -> None:
    standins.key_ring("ring")
    path.write_text('{"credsStore": "ring"}')
    assert Logins(path).store("r.test/foo", ADA) == str(path)
    assert read(path)["auths"] == {"r.test/foo": pair("ada:p")}
    assert standins.asked("ring") == []


def test_docker_hub_is_kept_under_docker_s_name(path: Path, standins: StandIns) -> None:
    standins.key_ring("ring")
    path.write_text('{"credsStore": "ring"}')
    Logins(path).store("docker.io", ADA)
    assert standins.asked("ring") == [f"store {DOCKER_HUB_KEY}|"]
    assert Logins(path).erase("docker.io")
    assert DockerConfig.at(path).find("docker.io", None) is None


def test_where_the_helper_fails_nothing_is_stored_in_plain(path: Path, standins: StandIns) -> None:
    standins.script("x", "echo locked >&2; exit 1")
    for name in ("x", "none"):
        path.write_text(json.dumps({"credsStore": name}))
        with pytest.raises(HelperFailed):
            Logins(path).store("r.test", ADA)
        assert read(path) == {"credsStore": name}


def test_an_entry_is_forgotten_though_the_helper_fails(path: Path) -> None:
    path.write_text(json.dumps({"auths": {"r.test": pair("a:b"), "https://r.test": pair("a:b")}, "credsStore": "none"}))
    warnings: list[str] = []
    assert Logins(path).erase("r.test", warnings.append) == (str(path),)
    assert read(path)["auths"] == {}
    assert len(warnings) == 1
    with pytest.raises(HelperFailed):
        Logins(path).erase("r.test")


def test_forgetting_everything(path: Path, standins: StandIns) -> None:
    standins.key_ring("ring")
    standins.giving("cloud", {"c.test": ("AWS", "P")})  # it gives, and knows nothing of erasing
    settings = {"credHelpers": {"c.test": "cloud", "d.test": "none"}, "credsStore": "ring", "detachKeys": "x"}
    path.write_text(json.dumps({"auths": {"r.test/foo": pair("a:b"), "e.test": {}}, **settings}))
    Logins(path).store("r.test", ADA)
    warnings: list[str] = []
    assert Logins(path).clear(warnings.append) == ("r.test/foo", "r.test")
    assert read(path) == {"auths": {}, **settings}
    assert [warning.split(",")[0] for warning in warnings] == [
        "docker-credential-cloud erase for c.test",
        "docker-credential-none get for d.test",
    ]
    assert Logins(path).clear(lambda _: None) == ()
