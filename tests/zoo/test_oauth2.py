"""The two ways of asking for a token, and identity tokens (distribution's oauth2 specification)."""

from __future__ import annotations

import base64
import json
from functools import partial

import pytest

from pratique.auth.credentials import Credential, Kind, password_credential
from pratique.auth.secret import Secret
from pratique.errors import RateLimited, Refused, Unauthorized, Unreachable
from pratique.http.events import Warned
from pratique.http.message import Response
from pratique.server.faults.manners import services
from pratique.testing.scripted import Wrap

from .animal import (
    DIGEST,
    Client,
    Seen,
    Stored,
    Ticketed,
    basic,
    bearer,
    challenge,
    error,
    given,
    manifest,
    ok,
)


class OneWayOnly(Ticketed):
    """`oauth2-post-404-405`: the token service knows one way of asking (containerd/containerd#2148, 2018)."""

    def __init__(self, status: int, knows: str = "GET") -> None:
        super().__init__(partial(services.OneWayOnly, status=status, knows=knows))

    def serve(self, seen: Seen) -> Response:
        name = seen.path.split("/")[2]
        return manifest(seen) if self.permits(seen, f"repository:{name}:pull") else challenge(401, bearer())


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 415, 501])
def test_get_is_asked_where_post_is_not_understood(status: int) -> None:
    animal = OneWayOnly(status)
    client = Client(animal, given(), prefer_post=True)
    for name in ("a", "b"):
        assert client.repository(name).manifest("1").digest == DIGEST
    assert [seen.method for seen in animal.at("auth.test")] == ["POST", "GET", "GET"]
    assert [seen.authorization for seen in animal.at("auth.test")] == [None] + [basic("foo", "bar")] * 2


@pytest.mark.parametrize("status", [404, 405, 501])
def test_post_is_asked_where_get_is_not_understood(status: int) -> None:
    animal = OneWayOnly(status, "POST")
    client = Client(animal, given())
    for name in ("a", "b"):
        assert client.repository(name).manifest("1").digest == DIGEST
    assert [seen.method for seen in animal.at("auth.test")] == ["GET", "POST", "POST"]
    assert animal.at("auth.test")[1].form == {
        "grant_type": ["password"],
        "client_id": ["pratique"],
        "service": ["r.test"],
        "scope": ["repository:a:pull"],
        "username": ["foo"],
        "password": ["bar"],
    }


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405])
def test_the_verdict_of_get_is_final(status: int) -> None:
    animal = OneWayOnly(status, "neither")
    with pytest.raises(Refused):
        Client(animal, given(), prefer_post=True).repository("a").manifest("1")
    assert [seen.method for seen in animal.at("auth.test")] == ["POST", "GET"]


def test_get_with_basic_comes_first() -> None:
    animal = OneWayOnly(405)
    Client(animal, given()).repository("a").manifest("1")
    assert [seen.method for seen in animal.at("auth.test")] == ["GET"]


class Busy(OneWayOnly):
    """The same, in trouble for so many requests."""

    def __init__(self, status: int, times: int) -> None:
        super().__init__(405, "POST")
        self._trouble = status
        self._times = times

    def issue(self, seen: Seen) -> Response:
        if self._times:
            self._times -= 1
            return Response.of(self._trouble, b"later")
        return super().issue(seen)


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_token_service_is_asked_again_in_the_same_way(status: int) -> None:
    animal = Busy(status, 2)
    client = Client(animal, given(), prefer_post=True)
    assert client.repository("a").manifest("1").digest == DIGEST
    assert [seen.method for seen in animal.at("auth.test")] == ["POST"] * 3
    assert len(client.slept) == 2


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_token_service_in_trouble_is_not_asked_in_another_way(status: int) -> None:
    animal = Busy(status, 99)
    with pytest.raises(Unreachable) as caught:
        Client(animal, given(), prefer_post=True).repository("a").manifest("1")
    assert isinstance(caught.value, RateLimited) is (status == 429)
    assert {seen.method for seen in animal.at("auth.test")} == {"POST"}
    assert len(animal.at("auth.test")) <= 4


IDENTITY = "eyJidentity"


class Azure(Ticketed):
    """`identity-token-flow`: the stored secret is a refresh token (ACR; devcontainers/cli#444, 2023)."""

    manner: Wrap | None = services.RefreshOnly

    def issue(self, seen: Seen) -> Response:
        if seen.form.get("refresh_token") != [IDENTITY]:
            return Response.of(401, error("UNAUTHORIZED"))
        super().issue(seen)
        return ok(json.dumps({"access_token": f"T{len(self.issued)}"}).encode())

    def serve(self, seen: Seen) -> Response:
        return manifest(seen) if self.permits(seen, "repository:foo:pull") else challenge(401, bearer())


def decoded(seen: Seen) -> str:
    """What a Basic `Authorization` says, and the rest of the request as it is."""
    scheme, _, value = (seen.authorization or "").partition(" ")
    said = base64.b64decode(value).decode() if scheme == "Basic" else value
    return f"{seen.url} {said} {seen.content.decode()}"


def test_an_identity_token_is_sent_as_refresh_token() -> None:
    animal = Azure()
    assert Client(animal, Stored("<token>", IDENTITY)).repository().manifest("1").digest == DIGEST
    [asked] = animal.at("auth.test")
    assert asked.method == "POST"
    assert asked.headers.get("Content-Type") == "application/x-www-form-urlencoded"
    assert asked.authorization is None
    assert asked.form == {
        "grant_type": ["refresh_token"],
        "client_id": ["pratique"],
        "service": ["r.test"],
        "scope": ["repository:foo:pull"],
        "refresh_token": [IDENTITY],
    }
    assert not any("<token>" in decoded(seen) for seen in animal.seen)


class AzureByGet(Azure):
    """`identity-token-flow`: where POST is not understood, the refresh token goes with the user of zeros."""

    manner = partial(services.RefreshOnly, by_get=True)


def test_an_identity_token_goes_by_get_where_nothing_else_does() -> None:
    animal = AzureByGet()
    assert Client(animal, Stored("<token>", IDENTITY)).repository().manifest("1").digest == DIGEST
    assert [seen.method for seen in animal.at("auth.test")] == ["POST", "GET"]
    assert not any("<token>" in decoded(seen) for seen in animal.seen)


class WantsBasic(Azure):
    """A registry that has only Basic: an identity token is no password."""

    def serve(self, seen: Seen) -> Response:
        return challenge(401, 'Basic realm="r"')


def test_an_identity_token_is_not_sent_as_password() -> None:
    animal = WantsBasic()
    with pytest.raises(Unauthorized, match="identity token from stored does not serve here"):
        Client(animal, Stored("<token>", IDENTITY)).repository().manifest("1")
    assert not any(seen.authorization or seen.content for seen in animal.seen)


class Rotating(Ticketed):
    """`refresh-token-rotation`: each refresh token is good for once (artifact-keeper/artifact-keeper#2477, 2026)."""

    def __init__(self, *, rotates: bool = True) -> None:
        super().__init__(Counted if rotates else None)

    def issue(self, seen: Seen) -> Response:
        if seen.form.get("refresh_token") != ["R1"]:
            return Response.of(401, error("UNAUTHORIZED", "revoked"))
        super().issue(seen)
        return ok(json.dumps({"access_token": f"T{len(self.issued)}", "refresh_token": "R1"}).encode())

    def serve(self, seen: Seen) -> Response:
        name = seen.path.split("/")[2]
        return manifest(seen) if self.permits(seen, f"repository:{name}:pull") else challenge(401, bearer())


class Counted(services.Rotates):
    """Refresh tokens are counted: R2 comes after R1."""

    def fresh(self, before: str) -> str:
        return f"R{int(before[1:]) + 1}"


@pytest.mark.parametrize("rotates", [True, False])
def test_the_newest_refresh_token_is_used(rotates: bool) -> None:
    animal = Rotating(rotates=rotates)
    client = Client(animal, Stored("<token>", "R1"))
    for name in ("a", "b", "c"):
        assert client.repository(name).manifest("1").digest == DIGEST
    used = [seen.form["refresh_token"] for seen in animal.at("auth.test")]
    assert used == ([["R1"], ["R2"], ["R3"]] if rotates else [["R1"]] * 3)


class Both:
    """A stored login with an identity token, and user and password beside it."""

    def find(self, registry: str, repository: str | None) -> Credential:
        password = password_credential("foo", "bar", "stored")
        return Credential("", Secret("revoked"), Kind.IDENTITY, "stored", alternative=password)

    def places(self, registry: str) -> tuple[str, ...]:
        return ("stored",)


class BothOfAHelper(Both):
    """The same of a helper, which may be asked again."""

    def find(self, registry: str, repository: str | None) -> Credential:
        password = password_credential("foo", "bar", "helper", refreshable=True)
        return Credential("", Secret(IDENTITY), Kind.IDENTITY, "helper", refreshable=True, alternative=password)


def test_an_identity_token_is_not_sent_as_password_when_the_password_is_refused() -> None:
    animal = WantsBasic()
    with pytest.raises(Unauthorized):
        Client(animal, BothOfAHelper()).repository().manifest("1")
    assert [seen.authorization for seen in animal.seen] == [None, basic("foo", "bar")]


class Readymade(Ticketed):
    """A registry token (`registrytoken` in auth.json) goes to the registry as it is; anybody may read `public`."""

    def serve(self, seen: Seen) -> Response:
        name = seen.path.split("/")[2]
        if seen.authorization == "Bearer ready" or (name == "public" and self.permits(seen, "repository:public:pull")):
            return manifest(seen)
        return challenge(401, bearer())


class Ready:
    """A registry token, kept or given, and what a helper says when it is asked again."""

    def __init__(self, *texts: str, given: bool = False) -> None:
        self._texts = list(texts)
        self._given = given

    def find(self, registry: str, repository: str | None) -> Credential:
        text = self._texts.pop(0) if len(self._texts) > 1 else self._texts[0]
        return Credential("", Secret(text), Kind.BEARER, "stored", given=self._given, refreshable=True)

    def places(self, registry: str) -> tuple[str, ...]:
        return ("stored",)


def shown_by(credentials: Ready, repository: str) -> tuple[list[str | None], list[str], int]:
    """What the registry was shown, the warnings, and how often the token service was asked."""
    animal = Readymade()
    client = Client(animal, credentials)
    try:
        assert client.repository(repository).manifest("1").digest == DIGEST
    except Unauthorized:
        client.events.append(Warned("refused"))
    return [seen.authorization for seen in animal.at("r.test")], client.warnings, len(animal.at("auth.test"))


def test_a_registry_token_goes_to_the_registry_only() -> None:
    assert shown_by(Ready("ready"), "private") == ([None, "Bearer ready"], [], 0)
    assert shown_by(Ready("old", "ready"), "private") == ([None, "Bearer old", "Bearer ready"], [], 0)


def test_a_registry_token_that_is_refused_is_treated_as_any_login() -> None:
    shown, [warning], asked = shown_by(Ready("old"), "public")
    assert (shown, asked) == ([None, "Bearer old", "Bearer T1"], 1)
    assert "registry token" in warning
    assert shown_by(Ready("old", given=True), "public") == ([None, "Bearer old"], ["refused"], 0)


class TakesPasswords(Rotating):
    """A token service that has revoked the refresh token and knows the password."""

    def issue(self, seen: Seen) -> Response:
        return Ticketed.issue(self, seen) if seen.authorization == basic("foo", "bar") else super().issue(seen)


def test_a_revoked_refresh_token_gives_way_to_the_password() -> None:
    animal = TakesPasswords()
    assert Client(animal, Both()).repository("a").manifest("1").digest == DIGEST
    assert animal.at("auth.test")[-1].authorization == basic("foo", "bar")
    assert len(animal.at("auth.test")) <= 3


class GetRefusesPostIsUnknown(OneWayOnly):
    """`oauth2-post-404-405`: GET says why it refuses with 404, and POST is not known at all (the reason must not be lost)."""

    def issue(self, seen: Seen) -> Response:
        return Response.of(404, error("NAME_UNKNOWN", "the project has been deleted"))


def test_the_refusal_that_says_why_is_the_one_that_is_told() -> None:
    client = Client(GetRefusesPostIsUnknown(405), given())
    with pytest.raises(Refused, match="the project has been deleted"):
        client.repository("a").manifest("1")
