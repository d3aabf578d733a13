"""Logging in and out through the library."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import pratique
from pratique import Credential, InvalidInput, Machine, NotFound, Registries, Unauthorized
from pratique.client.logins import logged_in, logout_all, split
from pratique.testing import Embedded, registry

from .conftest import CREDS, Connects


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine({"HOME": str(tmp_path)})


@pytest.fixture
def nobody(connect: Connects, machine: Machine) -> Registries:
    return connect(credentials=None, machine=machine)


def test_a_login_is_verified_stored_and_used(
    harbour: Embedded, nobody: Registries, connect: Connects, machine: Machine, tmp_path: Path
) -> None:
    done = pratique.login(harbour.address, CREDS, registries=nobody, repository="app")
    assert (done.registry, done.username, done.verified) == (harbour.address, "captain", True)
    assert done.stored == str(tmp_path / ".docker" / "config.json")
    assert "aye" not in repr(done)
    later = connect(credentials=None, machine=machine)
    assert [*later.repository(f"{harbour.address}/app").tags()] == ["1.0"]
    assert logged_in(harbour.address, machine=machine).username == "captain"
    assert pratique.logout(harbour.address, machine=machine) == (done.stored,)
    with pytest.raises(NotFound, match="has no credential for"):
        pratique.logout(harbour.address, machine=machine)
    with pytest.raises(NotFound, match="nobody is logged in"):
        logged_in(harbour.address, machine=machine)


def test_one_that_is_refused_is_not_stored(harbour: Embedded, nobody: Registries, tmp_path: Path) -> None:
    with pytest.raises(Unauthorized):
        pratique.login(harbour.address, "captain:no", registries=nobody, repository="app")
    with pytest.raises(InvalidInput, match="has no colon"):
        pratique.login(harbour.address, "captain", registries=nobody, repository="app")
    assert [*tmp_path.iterdir()] == []


def test_only_this_credential_is_tried(harbour: Embedded, connect: Connects, machine: Machine) -> None:
    """The registries that it is reached by have a good one, which does not count."""
    with pytest.raises(Unauthorized):
        pratique.login(harbour.address, "captain:no", registries=connect(machine=machine), repository="app")


def test_a_file_of_ones_own(harbour: Embedded, nobody: Registries, machine: Machine, tmp_path: Path) -> None:
    file = tmp_path / "auth.json"
    credential = Credential.parse(CREDS, "a test")
    done = pratique.login(f"{harbour.address}/team", credential, registries=nobody, authfile=file)
    assert done.key == f"{harbour.address}/team"
    assert [*json.loads(file.read_text())["auths"]] == [done.key]
    cleared = logout_all(machine=machine, authfile=file)
    assert (cleared.path, cleared.removed, cleared.others) == (file, (done.key,), ())


def test_a_place_that_comes_first_is_told(harbour: Embedded, connect: Connects, tmp_path: Path) -> None:
    document = json.dumps({"auths": {harbour.address: {"auth": "YTpi"}}})
    machine = Machine({"HOME": str(tmp_path), "DOCKER_AUTH_CONFIG": document})
    nobody = connect(credentials=None, machine=machine)
    kept = pratique.login(harbour.address, CREDS, registries=nobody, repository="app")
    assert kept.shadowed == ("DOCKER_AUTH_CONFIG",)


def test_a_token_service_that_took_it_is_noted(connect: Connects, machine: Machine, tmp_path: Path) -> None:
    with registry(sockets=False, users={"captain": "aye"}, scheme="bearer") as found:
        nobody = connect(credentials=None, machine=machine, transport=found.transport)
        done = pratique.login(found.address, CREDS, registries=nobody)
        assert done.token_service == found.url
    pins = tmp_path / ".local" / "state" / "pratique" / "token-services.json"
    assert json.loads(pins.read_text()) == {found.address: found.url}


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("r.test", ("r.test", "")),
        ("https://r.test/v2/", ("r.test", "")),
        ("r.test:5000/team/app", ("r.test:5000", "team/app")),
        ("https://index.docker.io/v1/", ("docker.io", "")),
    ],
)
def test_a_registry_or_a_namespace(text: str, parts: tuple[str, str]) -> None:
    assert split(text) == parts


def test_what_is_neither() -> None:
    with pytest.raises(InvalidInput, match="is not a namespace"):
        split("r.test/UPPER")
