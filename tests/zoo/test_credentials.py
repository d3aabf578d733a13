"""Credentials as they are stored on machines, shown to registries: the manners of the category credentials-lookup."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pratique.auth.credentials import DOCKER_HUB_KEY
from pratique.config.sources import Sources, sources_of
from pratique.errors import Refused
from pratique.http.message import Response
from tests.standins import NOT_FOUND, StandIns

from .animal import Animal, Client, Seen, Ticketed, basic, bearer, challenge, error, tags, token

HUB = "registry-1.docker.io"


@pytest.fixture
def standins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIns:
    return StandIns(tmp_path, monkeypatch)


@pytest.fixture
def home(clean_environment: Path) -> Path:
    return clean_environment


Stores = Callable[..., Path]


@pytest.fixture
def docker(home: Path) -> Stores:
    """Writes Docker's file: users by keys, all with the password `p`, and other settings."""
    return lambda users=(), **settings: write(home / ".docker" / "config.json", users, **settings)


def write(path: Path, users: object = (), **settings: object) -> Path:
    pairs = dict(users)  # type: ignore[call-overload]
    auths = {key: {"auth": base64.b64encode(f"{user}:p".encode()).decode()} for key, user in pairs.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"auths": auths, **settings}))
    path.chmod(0o600)
    return path


def stored(warnings: list[str] | None = None) -> Sources:
    """The sources of this machine."""
    return sources_of(os.environ, warn=(warnings if warnings is not None else []).append)


class ByUser(Animal):
    """Asks for Basic everywhere, and takes anybody; `open` repositories ask for nothing."""

    def __init__(self, *public: str) -> None:
        super().__init__()
        self._public = public

    def answer(self, seen: Seen) -> Response:
        if seen.authorization is None and not any(seen.path.startswith(f"/v2/{name}/") for name in self._public):
            return challenge(401, 'Basic realm="x"')
        return tags("1")

    def users(self) -> list[str]:
        shown = [seen.authorization for seen in self.seen if seen.authorization]
        return [base64.b64decode(value.removeprefix("Basic ")).decode().partition(":")[0] for value in shown]


def listed(client: Client, registry: str, name: str) -> list[str]:
    from pratique.stores.registry import Registry

    return list(Registry(client.session, registry).repository(name).tags())


# dockerhub-key-aliases


@pytest.mark.parametrize(
    "key", ["docker.io", DOCKER_HUB_KEY, "index.docker.io", HUB, "registry.hub.docker.com", "docker.io/library/x"]
)
@pytest.mark.parametrize("registry", ["docker.io", "index.docker.io", HUB])
def test_docker_hub_s_login_is_found_under_every_name(docker: Stores, key: str, registry: str) -> None:
    """`dockerhub-key-aliases` (helm/helm#30929, oras-project/oras-go#966, sigstore/cosign#587, containers/podman#17816)."""
    docker({key: "ada"})
    animal = ByUser()
    assert listed(Client(animal, stored()), registry, "library/x") == ["1"]
    assert animal.users() == ["ada"]
    assert {seen.host for seen in animal.seen} == {HUB}


# path-scoped-keys


@pytest.mark.parametrize(("name", "user"), [("foo/a", "foo"), ("foo", "foo"), ("bar/deep/er", "bar"), ("foobar", "")])
def test_each_namespace_has_its_robot(docker: Stores, name: str, user: str) -> None:
    """`path-scoped-keys`: two robots on one registry, and nobody for the rest (google/go-containerregistry#1966)."""
    docker({"r.test/foo": "foo", "r.test/bar": "bar"})
    animal = ByUser()
    client = Client(animal, stored())
    if user:
        list(client.repository(name).tags())
    else:
        with pytest.raises(Refused, match=r"no credentials were found for r\.test/foobar, r\.test:443/foobar, r\.test"):
            list(client.repository(name).tags())
    assert animal.users() == ([user] if user else [])


def test_two_robots_in_one_session(docker: Stores) -> None:
    docker({"r.test/foo": "foo", "r.test/bar": "bar", "r.test": "all"})
    animal = ByUser()
    client = Client(animal, stored())
    for name in ("foo", "bar", "else", "foo"):
        list(client.repository(name).tags())
    assert animal.users() == ["foo", "bar", "all", "foo"]


# helper-not-found-vs-error


HELPERS = {
    "not found": f'echo "{NOT_FOUND}"; exit 1',
    "exit 2": "exit 2",
    "garbage": "echo garbage",
    "other words": "echo 'session has expired' >&2; exit 1",
    "nothing": """echo '{"Username":"","Secret":""}'""",
    "none": None,
}


@pytest.mark.parametrize("setting", ["credHelpers", "credsStore"])
@pytest.mark.parametrize("kind", HELPERS)
def test_what_is_public_needs_no_helper(docker: Stores, standins: StandIns, kind: str, setting: str) -> None:
    """`helper-not-found-vs-error`: a public pull does not even start one (google/go-containerregistry#233)."""
    body = HELPERS[kind]
    if body is not None:
        standins.script("x", body)
    docker(**{setting: {"r.test": "x"} if setting == "credHelpers" else "x"})
    animal, warnings = ByUser("foo"), list[str]()
    assert list(Client(animal, stored(warnings)).repository("foo").tags()) == ["1"]
    assert (standins.asked("x"), warnings) == ([], [])


@pytest.mark.parametrize("kind", ["not found", "nothing"])
def test_a_helper_that_has_nothing_leaves_it_to_the_next(docker: Stores, standins: StandIns, kind: str) -> None:
    standins.script("x", str(HELPERS[kind]))
    docker({"r.test": "ada"}, credsStore="x")
    animal, warnings = ByUser(), list[str]()
    assert list(Client(animal, stored(warnings)).repository("foo").tags()) == ["1"]
    assert (animal.users(), warnings) == (["ada"], [])


@pytest.mark.parametrize("kind", ["exit 2", "garbage", "other words", "none"])
def test_a_helper_that_fails_is_told_when_the_server_insists(
    docker: Stores, home: Path, standins: StandIns, kind: str
) -> None:
    """`helper-not-found-vs-error` (helm/helm#13594, helm/helm#11951)."""
    body = HELPERS[kind]
    if body is not None:
        standins.script("x", body)
    docker(credHelpers={"r.test": "x"})
    (home / ".dockercfg").write_text('{"r.test": {"auth": "b3RoZXI6cA=="}}')  # another identity, which nobody meant
    animal, warnings = ByUser(), list[str]()
    client = Client(animal, stored(warnings))
    for _ in range(2):
        with pytest.raises(Refused, match=r"docker-credential-x get for r\.test, named by .*config\.json: "):
            list(client.repository("foo").tags())
    assert animal.users() == []
    assert len(warnings) == 1
    assert len(standins.asked("x")) == (0 if body is None else 1)


# stale-public-ecr


class OpenButStale(Ticketed):
    """`stale-public-ecr`: whoever shows an expired password is refused what anybody may read (aws/containers-roadmap#1296)."""

    def issue(self, seen: Seen) -> Response:
        if seen.authorization is not None:
            text = "Your authorization token has expired. Reauthenticate and try again."
            return Response.of(403, error("DENIED", text))
        return token("T")

    def serve(self, seen: Seen) -> Response:
        return tags("1") if seen.authorization == "Bearer T" else challenge(401, bearer("repository:foo:pull"))


def test_an_expired_login_is_named_and_what_is_public_is_read(docker: Stores) -> None:
    path = docker({"r.test": "AWS"})
    client = Client(OpenButStale(), stored())
    assert list(client.repository("foo").tags()) == ["1"]
    assert len(client.warnings) == 1
    assert f"password of 'AWS' from {path} (r.test)" in client.warnings[0]
    assert "has expired" in client.warnings[0]


# auth-file-locations-order


def test_a_file_without_an_entry_leaves_it_to_the_next(docker: Stores, home: Path) -> None:
    """`auth-file-locations-order` (google/go-containerregistry#1181): Docker's file is there, Podman's has the login."""
    docker()
    write(home / "run" / "containers" / "auth.json", {"r.test": "podman"})
    animal = ByUser()
    assert list(Client(animal, stored()).repository("foo").tags()) == ["1"]
    assert animal.users() == ["podman"]


@pytest.mark.parametrize("broken", [Path("run/containers/auth.json"), Path(".docker/config.json"), Path(".dockercfg")])
def test_a_broken_file_is_a_warning_and_not_a_failure(home: Path, broken: Path) -> None:
    write(home / ".config" / "containers" / "auth.json", {"q.test": "ada"})
    (home / broken).parent.mkdir(parents=True, exist_ok=True)
    (home / broken).write_text("{")
    animal, warnings = ByUser("foo"), list[str]()
    client = Client(animal, stored(warnings))
    assert list(client.repository("foo").tags()) == ["1"]
    assert warnings == []
    with pytest.raises(Refused, match="is not JSON"):
        list(client.repository("bar").tags())
    assert [warning.split(" ")[0] for warning in warnings] == [str(home / broken)]


# helper-server-url-argument


@pytest.mark.parametrize(
    ("registry", "asked"),
    [
        ("europe-docker.pkg.test", ["europe-docker.pkg.test"]),
        ("r.test:5000", ["r.test:5000"]),
        ("docker.io", [DOCKER_HUB_KEY, "docker.io"]),
    ],
)
@pytest.mark.parametrize("setting", ["credHelpers", "credsStore"])
def test_a_helper_is_asked_for_the_host(
    docker: Stores, standins: StandIns, setting: str, registry: str, asked: list[str]
) -> None:
    """`helper-server-url-argument` (helm/helm#13228): exactly these bytes."""
    standins.giving("x", {})
    docker(**{setting: {registry: "x"} if setting == "credHelpers" else "x"})
    with pytest.raises(Refused):
        listed(Client(ByUser(), stored()), registry, "some/deep/path")
    assert standins.asked("x") == [f"get {server}|" for server in asked]


# What helpers give


class Twelve(Animal):
    """`ecr-basic-no-bearer`, `expired-password-403`: passwords that expire, silently or not (argoproj/argo-cd#12554)."""

    def __init__(self, status: int) -> None:
        super().__init__()
        self._status = status

    def answer(self, seen: Seen) -> Response:
        if seen.authorization == basic("AWS", "P1"):
            return tags("1")
        if seen.authorization is not None and self._status == 403:
            return Response.of(403, error("DENIED", "Your authorization token has expired."))
        return challenge(401, 'Basic realm="https://1.dkr.ecr.test/",service="ecr.amazonaws.com"')


@pytest.mark.parametrize("status", [401, 403])
def test_a_helper_is_asked_again_when_what_it_gave_has_expired(
    docker: Stores, standins: StandIns, tmp_path: Path, status: int
) -> None:
    (tmp_path / "count").touch()
    standins.script(
        "ecr-login",
        f"""n=$(wc -l < {tmp_path}/count); echo >> {tmp_path}/count
        echo "{{\\"ServerURL\\":\\"$given\\",\\"Username\\":\\"AWS\\",\\"Secret\\":\\"P$n\\"}}" """,
    )
    docker(credHelpers={"r.test": "ecr-login"})
    animal = Twelve(status)
    client = Client(animal, stored())
    for name in ("foo", "bar"):
        assert list(client.repository(name).tags()) == ["1"]
    assert standins.asked("ecr-login") == ["get r.test|"] * 2
    assert [seen.authorization for seen in animal.seen] == [
        None,
        basic("AWS", "P0"),
        basic("AWS", "P1"),
        None,
        basic("AWS", "P1"),
    ]


class Exchanging(Ticketed):
    """`identity-token-flow`: a token service that takes refresh tokens by POST only (Azure/acr#47)."""

    def issue(self, seen: Seen) -> Response:
        refreshing = seen.method == "POST" and seen.form.get("refresh_token") == ["R1"]
        return token("T") if refreshing else Response.of(401, error("UNAUTHORIZED"))

    def serve(self, seen: Seen) -> Response:
        return tags("1") if seen.authorization == "Bearer T" else challenge(401, bearer("repository:foo:pull"))


@pytest.mark.parametrize("by_helper", [True, False])
def test_an_identity_token_from_a_helper_or_a_file(docker: Stores, standins: StandIns, by_helper: bool) -> None:
    standins.giving("acr-env", {"r.test": ("<token>", "R1")})
    path = docker(credHelpers={"r.test": "acr-env"} if by_helper else {})
    if not by_helper:
        path.write_text(json.dumps({"auths": {"r.test": {"auth": "MDAwOg==", "identitytoken": "R1"}}}))
    animal = Exchanging()
    assert list(Client(animal, stored()).repository("foo").tags()) == ["1"]
    assert not any(seen.authorization and seen.authorization.startswith("Basic") for seen in animal.seen)
