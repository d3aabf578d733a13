"""Token services: who refuses whom, how long a token lives, and where the service is."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from pratique.auth.credentials import ANONYMOUS, Credentials
from pratique.auth.events import CredentialSought
from pratique.auth.realms import RealmPolicy
from pratique.auth.scopes import repository_scopes
from pratique.errors import Refused, Unauthorized, Unreachable
from pratique.http.message import Request, Response, Unanswered
from pratique.server.faults.manners import challenges, services

from .animal import (
    DIGEST,
    Animal,
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
    token,
)

PULL = repository_scopes("foo", "pull")
RIGHT = basic("foo", "bar")


class Private(Ticketed):
    """A registry that serves whoever has a token for the repository."""

    def serve(self, seen: Seen) -> Response:
        if self.permits(seen, "repository:foo:pull" if seen.method in ("GET", "HEAD") else "repository:foo:push"):
            return manifest(seen)
        return challenge(401, bearer())


class RefusesAnybody(Private):
    """`token-endpoint-4xx-anonymous`: no token for anybody without a name (Quay, GAR, Harbor; helm/helm#13228, 2024)."""

    def __init__(self, status: int) -> None:
        super().__init__(partial(services.RefusesAnybody, status=status))


@pytest.mark.parametrize("status", [400, 401, 403])
def test_who_has_no_credentials_is_told_where_they_were_sought(status: int) -> None:
    animal = RefusesAnybody(status)
    client = Client(animal, Nothing())
    with pytest.raises(Unauthorized, match=r"found for r\.test/team/foo, .* in an empty file") as caught:
        client.repository("team/foo").manifest("1")
    [sought] = [event for event in client.events if isinstance(event, CredentialSought)]
    tried = [key for key in sought.keys if ":443" not in key]
    assert tried == ["r.test/team/foo", "r.test/team", "r.test"]
    assert all(key in str(caught.value) for key in tried)
    assert "who are you" in str(caught.value)
    assert "log in" in (caught.value.advice() or "")
    assert caught.value.credential is None
    assert len(animal.at("r.test")) == 1


class Nothing:
    """A source that was consulted in vain."""

    def find(self, registry: str, repository: str | None) -> None:
        return None

    def places(self, registry: str) -> tuple[str, ...]:
        return ("an empty file",)


class PublicButPicky(Private):
    """`wrong-credentials-public-repo`: a token for anybody, none for a wrong password (ansible-community/images#87, 2024)."""

    def __init__(self, status: int) -> None:
        super().__init__(partial(services.Picky, status=status))

    def issue(self, seen: Seen) -> Response:
        return super().issue(seen) if seen.authorization in (None, RIGHT) else challenge(401)


@pytest.mark.parametrize("status", [401, 403])
def test_a_stale_login_does_not_keep_anybody_from_what_is_public(status: int) -> None:
    animal = PublicButPicky(status)
    client = Client(animal, Stored("foo", "stale"))
    assert client.repository().manifest("1").digest == DIGEST
    assert client.repository().manifest("1").digest == DIGEST
    assert [seen.authorization for seen in animal.at("auth.test")] == [basic("foo", "stale"), None]
    [warning] = client.warnings
    for word in ("'foo'", "stored", "https://auth.test/token", "has expired", "anonymously"):
        assert word in warning
    assert "stale" not in warning


@pytest.mark.parametrize(
    ("credentials", "strict"),
    [(given("foo", "stale"), False), (given("foo", "stale"), True), (Stored("foo", "stale"), True)],
)
def test_credentials_that_are_meant_are_not_passed_over(credentials: Credentials, strict: bool) -> None:
    animal = PublicButPicky(401)
    client = Client(animal, credentials, strict=strict)
    with pytest.raises(Refused, match="has expired") as caught:
        client.repository().manifest("1")
    assert len(animal.at("auth.test")) == 1
    assert len(animal.at("r.test")) == 1
    assert client.warnings == []
    assert "--anonymous" in (caught.value.advice() or "")
    assert "foo" in str(caught.value.credential)
    assert "stale" not in f"{caught.value} {caught.value.credential} {caught.value.advice()}"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_nobody_writes_anonymously_by_mistake(method: str) -> None:
    animal = PublicButPicky(403)
    client = Client(animal, Stored("foo", "stale"))
    with pytest.raises(Refused, match="has expired"):
        client.send(method, "/v2/foo/manifests/1", repository_scopes("foo", "pull", "push"))
    assert [seen.authorization for seen in animal.at("auth.test")] == [basic("foo", "stale")]
    assert client.warnings == []


class AnybodyGetsAnEmptyToken(Ticketed):
    """`anonymous-token-then-denied`: a token for anybody, good for nothing (docker/hub-feedback#1771, 2019)."""

    def issue(self, seen: Seen) -> Response:
        return token("full" if seen.authorization == RIGHT else "empty")

    def serve(self, seen: Seen) -> Response:
        if seen.authorization == "Bearer full":
            return manifest(seen)
        return challenge(
            401, bearer("repository:foo:pull", problem="insufficient_scope" if seen.authorization else None)
        )


@pytest.mark.parametrize(
    ("anonymous_first", "expected"),
    [
        (False, ["GET r.test -", "GET auth.test Basic", "GET r.test Bearer full"]),
        (
            True,
            [
                "GET r.test -",
                "GET auth.test -",
                "GET r.test Bearer empty",
                "GET auth.test Basic",
                "GET r.test Bearer full",
            ],
        ),
    ],
)
def test_credentials_are_used_first_or_once_nothing_else_helps(anonymous_first: bool, expected: list[str]) -> None:
    animal = AnybodyGetsAnEmptyToken()
    client = Client(animal, given(), anonymous_first=anonymous_first)
    assert client.repository().manifest("1").digest == DIGEST
    shown = [f"{s.method} {s.host} {s.authorization or '-'}".replace(RIGHT, "Basic") for s in animal.seen]
    assert shown == expected


@pytest.mark.parametrize("anonymous_first", [False, True])
def test_an_empty_token_is_an_error_in_the_end(anonymous_first: bool) -> None:
    animal = AnybodyGetsAnEmptyToken()
    with pytest.raises(Unauthorized):
        Client(animal, anonymous_first=anonymous_first).repository().manifest("1")
    assert len(animal.seen) == 3


def test_refused_credentials_are_not_shown_again() -> None:
    """The stored login is refused, then the anonymous token is; the login is not tried a second time."""

    class Picky(AnybodyGetsAnEmptyToken):
        def issue(self, seen: Seen) -> Response:
            return super().issue(seen) if seen.authorization is None else challenge(401)

    animal = Picky()
    client = Client(animal, Stored("foo", "stale"))
    with pytest.raises(Refused) as caught:
        client.repository().manifest("1")
    assert [seen.authorization for seen in animal.at("auth.test")] == [basic("foo", "stale"), None]
    assert len(animal.at("r.test")) == 2
    assert "'foo'" in str(caught.value.credential)


def test_refused_credentials_are_not_followed_by_what_failed_before() -> None:
    """anonymous_first: the anonymous token was refused, then the stored login is; there is nothing left to show."""

    class Picky(AnybodyGetsAnEmptyToken):
        def issue(self, seen: Seen) -> Response:
            return super().issue(seen) if seen.authorization is None else challenge(401)

    animal = Picky()
    with pytest.raises(Refused):
        Client(animal, Stored("foo", "stale"), anonymous_first=True).repository().manifest("1")
    assert [seen.authorization for seen in animal.at("auth.test")] == [None, basic("foo", "stale")]
    assert len(animal.at("r.test")) == 2


class Expiring(Private):
    """`expires-in-missing`: says nothing, or very little, of how long a token lives (Quay)."""

    def __init__(self, **fields: Any) -> None:
        super().__init__(partial(services.SaysLittle, fields=fields))

    def issue(self, seen: Seen) -> Response:
        super().issue(seen)
        return token(f"T{len(self.issued)}", expires_in=1, issued_at="2001-01-01T00:00:00Z")


@pytest.mark.parametrize(
    ("fields", "pauses", "tokens"),
    [
        ({}, [50], 1),
        ({}, [61], 2),
        ({"expires_in": None}, [50, 11], 2),
        ({"expires_in": 5}, [4], 1),
        ({"expires_in": 5}, [6], 2),
        ({"expires_in": 0}, [0, 0], 3),
        ({"expires_in": 300}, [280], 1),
        ({"expires_in": 300}, [291], 2),
        ({"expires_in": 3600, "issued_at": "2001-01-01T00:00:00Z"}, [3000], 1),  # another machine's clock
    ],
)
def test_a_token_is_used_as_long_as_it_lives(fields: dict[str, object], pauses: list[float], tokens: int) -> None:
    animal = Expiring(**fields)
    client = Client(animal, given())
    client.repository().resolve("1")
    for pause in pauses:
        client.now += pause
        client.repository().resolve("1")
    assert len(animal.at("auth.test")) == tokens
    assert [seen.authorization for seen in animal.at("r.test")].count(None) == 1  # no other request met a refusal


def test_a_token_that_dies_before_its_time_is_survived() -> None:
    animal = Expiring(expires_in=3600)
    client = Client(animal, given())
    client.repository().resolve("1")
    animal.issued["T1"] = frozenset()
    client.repository().resolve("1")
    assert len(animal.at("auth.test")) == 2


class RealmElsewhere(Ticketed):
    """`realm-unreachable-name`: the registry believes in a name that does not lead there (go-gitea/gitea#28039, 2023)."""

    manner = partial(challenges.Realm, realm="https://internal.test/token")

    def __call__(self, request: Request) -> Response:
        if request.origin.host == "internal.test":
            self.seen.append(Seen(request.method, request.url, request.headers))
            raise Unanswered(f"{request}: connection refused", transient=False)
        return super().__call__(request)

    def serve(self, seen: Seen) -> Response:
        if self.permits(seen, "repository:foo:pull"):
            return manifest(seen)
        return challenge(401, bearer())


def test_an_unreachable_realm_is_told_with_who_named_it() -> None:
    with pytest.raises(Unreachable) as caught:
        Client(RealmElsewhere(), given()).repository().manifest("1")
    told = "\n".join([str(caught.value), *getattr(caught.value, "__notes__", [])])
    assert "https://internal.test/token" in told
    assert "https://r.test" in told


def test_a_realm_can_be_overridden() -> None:
    animal = RealmElsewhere()
    policy = RealmPolicy(overrides={"r.test": "https://auth.test/token"})
    assert Client(animal, given(), policy=policy).repository().manifest("1").digest == DIGEST
    assert animal.at("internal.test") == []


class QuotaAtTheTokenService(Private):
    """`do-403-quota-at-token`: the reason is in the body of the token service (docker/build-push-action#585, 2022)."""

    def __init__(self, content: bytes) -> None:
        super().__init__(partial(services.Quota, body=content.decode(), actions=()))


REASON = "registry contains 1 repositories, limit is 1"


@pytest.mark.parametrize("credentials", [ANONYMOUS, given(), Stored("foo", "bar")])
@pytest.mark.parametrize(
    "content", [f"denied: {REASON}".encode(), error("DENIED", REASON), f"<html><p>{REASON}</p></html>".encode()]
)
def test_what_the_token_service_says_is_told(content: bytes, credentials: Credentials) -> None:
    with pytest.raises(Refused, match=REASON):
        Client(QuotaAtTheTokenService(content), credentials).send("POST", "/v2/foo/blobs/uploads/")


def test_a_long_complaint_is_cut() -> None:
    with pytest.raises(Refused) as caught:
        Client(QuotaAtTheTokenService(b"no! " * 100_000)).repository().manifest("1")
    assert len(str(caught.value)) < 2000


class BrokenOffline(Private):
    """`offline-token-breaks`: asking for more than a token breaks it (a comment in regclient)."""

    manner = services.BrokenOffline


@pytest.mark.parametrize("user", ["foo", "<token>"])
@pytest.mark.parametrize("prefer_post", [False, True])
def test_an_offline_token_is_not_asked_for(user: str, prefer_post: bool) -> None:
    animal = BrokenOffline()
    Client(animal, Stored(user, "bar"), prefer_post=prefer_post).repository().resolve("1")
    assert len(animal.at("auth.test")) == 1


def test_a_realm_keeps_its_own_query() -> None:
    class Queried(Private):
        def serve(self, seen: Seen) -> Response:
            if seen.authorization:
                return manifest(seen)
            return challenge(401, bearer(realm="https://auth.test/token?account=x&scope=repository:y:pull#end"))

    animal: Animal = Queried()
    Client(animal, given()).repository().resolve("1")
    assert animal.at("auth.test")[0].query == {
        "account": ["x"],
        "scope": ["repository:y:pull", "repository:foo:pull"],
        "service": ["r.test"],
    }
