"""Where credentials are looked for: the order, what is passed over, and what is not."""

from __future__ import annotations

import base64
import itertools
import json
import os
from pathlib import Path

import pytest

from pratique.auth.credentials import Credential
from pratique.config.settings import Settings
from pratique.config.sources import (
    DOCKER_AUTH_CONFIG,
    REGISTRY_AUTH_FILE,
    Sources,
    holding,
    login_path,
    own_path,
    paths,
    sources_of,
)
from pratique.errors import InvalidInput
from tests.standins import StandIns


@pytest.fixture
def standins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIns:
    return StandIns(tmp_path, monkeypatch)


class Machine:
    """A home with every source, each set by a name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder / "run"),
            "XDG_CONFIG_HOME": str(folder / "conf"),
            "XDG_DATA_HOME": str(folder / "data"),
        }
        self.files = {
            "REGISTRY_AUTH_FILE": folder / "named.json",
            "runtime": folder / "run" / "containers" / "auth.json",
            "config": folder / "conf" / "containers" / "auth.json",
            "DOCKER_CONFIG": folder / "docker" / "config.json",
            "docker": folder / ".docker" / "config.json",
            "dockercfg": folder / ".dockercfg",
            "own": folder / "data" / "pratique" / "credentials.json",
        }

    def write(self, name: str, content: object = None) -> None:
        """One source has a login for `r.test`, whose user has its name; or other content."""
        entry = {"r.test": {"auth": base64.b64encode(f"{name}:p".encode()).decode()}}
        usual: object = entry if name == "dockercfg" else {"auths": entry}
        text = content if isinstance(content, str) else json.dumps(usual if content is None else content)
        if name == DOCKER_AUTH_CONFIG:
            self.environment[DOCKER_AUTH_CONFIG] = text
            return
        if name == REGISTRY_AUTH_FILE:
            self.environment[REGISTRY_AUTH_FILE] = str(self.files[name])
        if name == "DOCKER_CONFIG":
            self.environment[name] = str(self.files[name].parent)
        self.files[name].parent.mkdir(parents=True, exist_ok=True)
        self.files[name].write_text(text)
        self.files[name].chmod(0o600)

    def sources(self, warnings: list[str] | None = None, *, strict: bool = False) -> Sources:
        return sources_of(self.environment, warn=(warnings if warnings is not None else []).append, strict=strict)

    def find(self, registry: str = "r.test", repository: str | None = "foo") -> Credential | None:
        return self.sources().find(registry, repository)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


ORDER = (REGISTRY_AUTH_FILE, DOCKER_AUTH_CONFIG, "runtime", "config", "DOCKER_CONFIG", "docker", "dockercfg", "own")
PAIRS = list(itertools.combinations(ORDER, 2))


@pytest.mark.parametrize("name", ORDER)
def test_each_source_alone(machine: Machine, name: str) -> None:
    machine.write(name)
    found = machine.find()
    assert found is not None
    assert found.username == name
    assert found.source == f"{machine.files.get(name, name)} (r.test)"
    assert not found.given


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_the_first_source_wins(machine: Machine, first: str, second: str) -> None:
    for name in (second, first):
        machine.write(name)
    found = machine.find()
    assert found is not None
    assert found.username == first


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_a_source_without_an_entry_leaves_it_to_the_next(machine: Machine, first: str, second: str) -> None:
    machine.write(second)
    machine.write(first, {"auths": {"q.test": {"auth": "dTpw"}}})
    found = machine.find()
    if (first, second) == ("DOCKER_CONFIG", "docker"):
        assert found is None  # the folder takes the place of the usual one, for Docker and for containers' tools
    else:
        assert found is not None
        assert found.username == second


def test_a_host_in_the_first_source_comes_before_a_path_in_the_second(machine: Machine) -> None:
    machine.write("runtime")
    machine.write("docker", {"auths": {"r.test/foo": {"auth": "ZDpw"}}})
    found = machine.find()
    assert found is not None
    assert found.username == "runtime"


BROKEN = {
    "not JSON": "{",
    "a list": "[]",
    "a wrong type": {"auths": []},
    "a wrong entry": {"auths": {"r.test": {"auth": "?"}}},
}


@pytest.mark.parametrize("content", list(BROKEN.values()), ids=list(BROKEN))
@pytest.mark.parametrize("name", ORDER[:-1])
def test_what_is_broken_is_passed_over_with_one_warning(machine: Machine, name: str, content: object) -> None:
    machine.write("own")
    machine.write(name, content)
    warnings: list[str] = []
    sources = machine.sources(warnings)
    for repository in ("foo", "bar"):
        found = sources.find("r.test", repository)
        assert found is not None
        assert found.username == "own"
    assert len(warnings) == 1
    assert warnings[0].startswith(str(machine.files.get(name, name)))
    assert warnings[0].endswith("it is passed over")
    with pytest.raises(InvalidInput):
        machine.sources(strict=True).find("r.test", "foo")


def test_what_comes_after_a_hit_is_not_read(machine: Machine) -> None:
    machine.write("runtime")
    machine.write("docker", "{")
    warnings: list[str] = []
    assert machine.sources(warnings).find("r.test", None) is not None
    assert warnings == []


def test_an_empty_variable_counts_as_none(machine: Machine) -> None:
    machine.write("docker")
    machine.environment |= {REGISTRY_AUTH_FILE: "", DOCKER_AUTH_CONFIG: "", "DOCKER_CONFIG": "", "XDG_CONFIG_HOME": ""}
    found = machine.find()
    assert found is not None
    assert found.username == "docker"


def test_the_usual_places() -> None:
    assert paths({"HOME": "/home/u"}) == (
        Path(f"/run/containers/{os.getuid()}/auth.json"),
        Path("/home/u/.config/containers/auth.json"),
        Path("/home/u/.docker/config.json"),
        Path("/home/u/.dockercfg"),
        Path("/home/u/.local/share/pratique/credentials.json"),
    )


def test_where_was_looked(machine: Machine, clean_environment: Path) -> None:
    assert machine.sources().places("r.test") == (str(clean_environment / ".docker" / "config.json"),)
    machine.write("runtime", "{}")
    machine.write("docker", "{")
    sources = machine.sources()
    assert sources.find("r.test", None) is None
    place, trouble = sources.places("r.test")
    assert place == str(machine.files["runtime"])
    assert trouble.startswith(f"{machine.files['docker']} (is not JSON: ")
    assert [(look.there, bool(look.trouble)) for look in sources.looks("r.test", None)] == [
        (True, False),
        (False, False),
        (True, True),
        (False, False),
        (False, False),
    ]


# Helpers


def test_a_helper_for_the_host_that_fails_ends_the_search(machine: Machine, standins: StandIns) -> None:
    """What another place has would be another identity than the one that is configured."""
    standins.script("x", "echo 'no session' >&2; exit 1")
    machine.write("config", {"credHelpers": {"r.test": "x"}})
    machine.write("docker")
    warnings: list[str] = []
    sources = machine.sources(warnings)
    assert sources.find("r.test", "foo") is None
    assert sources.find("r.test", "bar") is None
    trouble = f"docker-credential-x get for r.test, named by {machine.files['config']}: it ended with 1: no session"
    assert warnings == [f"{trouble}; it is passed over"]
    assert sources.places("r.test") == (f"{machine.files['config']} ({trouble})", str(machine.files["docker"]))
    assert len(standins.asked("x")) == 1
    with pytest.raises(InvalidInput, match="no session"):
        machine.sources(strict=True).find("r.test", "foo")


@pytest.mark.parametrize("name", ["x", "none"])
def test_a_helper_for_all_that_fails_is_passed_over(machine: Machine, standins: StandIns, name: str) -> None:
    standins.script("x", "exit 1")
    machine.write("config", {"credsStore": name})
    machine.write("docker")
    warnings: list[str] = []
    found = machine.sources(warnings).find("r.test", "foo")
    assert found is not None
    assert found.username == "docker"
    assert len(warnings) == 1


def test_two_documents_share_a_helper(machine: Machine, standins: StandIns) -> None:
    standins.giving("x", {})
    for name in ("config", "docker"):
        machine.write(name, {"credsStore": "x"})
    assert machine.find() is None
    assert standins.asked("x") == ["get r.test|"]


def test_our_own_helper_is_not_started(machine: Machine, standins: StandIns) -> None:
    standins.script("pratique", "exit 1")
    machine.write("docker", {"credsStore": "pratique", "credHelpers": {"q.test": "pratique"}})
    machine.write("own")
    assert machine.find() is not None
    assert machine.find("q.test") is None
    assert standins.asked("pratique") == []


def test_a_helper_starts_no_helpers(machine: Machine, standins: StandIns) -> None:
    standins.giving("x", {"r.test": ("u", "p")})
    machine.write("docker", {"credsStore": "x"})
    machine.environment["PRATIQUE_HELPER"] = "1"
    assert machine.find() is None
    assert standins.asked("x") == []


# What our own file chooses


class Wants:
    """Our own file, for one registry."""

    def __init__(self, credentials: str) -> None:
        self.settings = Settings(credentials=credentials, sources={"credentials": 'config.toml [hosts."r.test"]'})

    def __call__(self, host: str) -> Settings | None:
        return self.settings if host == "r.test" else None


def test_a_chosen_file_is_the_place_that_is_named(machine: Machine, clean_environment: Path) -> None:
    machine.write("runtime")
    chosen = machine.folder / "chosen.json"
    sources = sources_of(machine.environment, wanted=Wants(f"file:{chosen}"))
    assert sources.find("r.test", None) is None
    assert sources.places("r.test") == (str(chosen),)
    assert sources.places("q.test") == (str(machine.files["runtime"]),)
    sources = sources_of(machine.environment, wanted=Wants("none"))
    assert sources.find("r.test", None) is None
    assert sources.places("r.test") == ('config.toml [hosts."r.test"]',)


def test_a_chosen_file_that_everybody_can_read_is_warned_of(machine: Machine) -> None:
    machine.write("docker")
    machine.files["docker"].chmod(0o644)
    warnings: list[str] = []
    sources = sources_of(machine.environment, wanted=Wants(f"file:{machine.files['docker']}"), warn=warnings.append)
    assert sources.find("r.test", None) is not None
    assert ["can be read by everybody" in warning for warning in warnings] == [True]


def test_a_chosen_helper_is_asked_again_for_what_was_refused(machine: Machine, standins: StandIns) -> None:
    standins.giving("x", {"r.test": ("u", "p")})
    sources = sources_of(machine.environment, wanted=Wants("helper:x"))
    found = sources.find("r.test", None)
    assert found is not None
    sources.find("r.test", None)
    assert len(standins.asked("x")) == 1
    sources.forget(found)
    sources.find("r.test", None)
    assert len(standins.asked("x")) == 2


# Where a login goes


def test_a_first_login_goes_to_docker_s_file(machine: Machine) -> None:
    assert login_path(machine.environment, "r.test") == machine.files["docker"]
    machine.write("DOCKER_CONFIG", "{}")
    assert login_path(machine.environment, "r.test") == machine.files["DOCKER_CONFIG"]
    machine.write(REGISTRY_AUTH_FILE, "{}")
    assert login_path(machine.environment, "r.test") == machine.files[REGISTRY_AUTH_FILE]


@pytest.mark.parametrize("name", ["runtime", "config", "docker"])
def test_a_further_login_goes_where_the_first_one_is(machine: Machine, name: str) -> None:
    machine.write(name)
    machine.write(REGISTRY_AUTH_FILE, "{}")
    assert login_path(machine.environment, "r.test") == machine.files[name]
    assert login_path(machine.environment, "r.test/foo") == machine.files[REGISTRY_AUTH_FILE]


@pytest.mark.parametrize("name", ["dockercfg", "own", DOCKER_AUTH_CONFIG])
def test_a_login_does_not_go_where_nobody_else_looks(machine: Machine, name: str) -> None:
    machine.write(name)
    assert login_path(machine.environment, "r.test") == machine.files["docker"]


def test_which_files_have_a_login(machine: Machine) -> None:
    machine.write("runtime", "{")
    machine.write("config", {"credHelpers": {"r.test": "x"}})
    machine.write("docker")
    assert list(holding(machine.environment, "r.test")) == [machine.files["config"], machine.files["docker"]]
    assert list(holding(machine.environment, "r.test/foo")) == []
    assert own_path(machine.environment) == machine.files["own"]
