"""Basic (RFC 7617): never before it is asked for, and again from a source that may know better."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from pratique.auth.credentials import Credential, Credentials, Given
from pratique.auth.scopes import repository_scopes
from pratique.errors import Denied, InvalidInput, Refused, Unauthorized
from pratique.http.message import Response
from pratique.server.faults.manners import passwords

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
    given,
    manifest,
    tags,
)


class OffendedByBasic(Ticketed):
    """`basic-preemptive-leak`: what it cannot use it refuses, without a challenge (GHCR; renovatebot/renovate#11446, 2021)."""

    def __init__(self, *, challenge: bool) -> None:
        super().__init__(partial(passwords.OffendedByBasic, challenge=challenge))

    def serve(self, seen: Seen) -> Response:
        if self.permits(seen, "repository:foo:pull"):
            return manifest(seen)
        return challenge(401, bearer("repository:foo:pull"))


@pytest.mark.parametrize("challenge", [False, True])
@pytest.mark.parametrize("stored", [False, True])
def test_nobody_sends_a_password_unasked(challenge: bool, stored: bool) -> None:
    animal = OffendedByBasic(challenge=challenge)
    client = Client(animal, Stored("foo", "bar") if stored else given())
    for _ in range(2):
        assert client.repository().manifest("1").digest == DIGEST
    assert animal.lines == [
        "GET r.test/v2/foo/manifests/1 -",
        "GET auth.test/token Basic",
        "GET r.test/v2/foo/manifests/1 Bearer",
        "GET r.test/v2/foo/manifests/1 Bearer",
    ]


class TwelveHours(Animal):
    """`ecr-basic-no-bearer`: passwords that expire, and a `service` in a Basic challenge (renovatebot/renovate#11967, 2021)."""

    def __init__(self, good: str, *, silent: int = 0) -> None:
        loud = partial(passwords.Parameter, parameter="service=registry.amazon.test")
        super().__init__(partial(passwords.ExpiredPassword, status=silent) if silent else loud)
        self.good = good

    def answer(self, seen: Seen) -> Response:
        if seen.authorization == basic("AWS", self.good):
            return tags("1") if seen.path.endswith("/tags/list") else manifest(seen)
        return challenge(401, 'Basic realm="https://1.dkr.ecr.test/"')


@pytest.mark.parametrize("silent", [0, 401, 403])
def test_a_helper_is_asked_again_when_its_password_is_refused(silent: int) -> None:
    animal = TwelveHours("P2", silent=silent)
    helper = Stored("AWS", "P1", "P2", refreshable=True)
    assert Client(animal, helper).repository().manifest("1").digest == DIGEST
    assert [seen.authorization for seen in animal.seen] == [None, basic("AWS", "P1"), basic("AWS", "P2")]
    assert helper.asked == [("r.test", "foo")] * 2


@pytest.mark.parametrize("silent", [0, 401, 403])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize(
    "source",
    [lambda: Stored("AWS", "P1", "P2"), lambda: Stored("AWS", "P1", refreshable=True), lambda: given("AWS", "P1")],
    ids=["a file", "a helper without news", "given"],
)
def test_the_same_password_is_not_sent_twice(source: Callable[[], Credentials], method: str, silent: int) -> None:
    animal = TwelveHours("P3", silent=silent)
    with pytest.raises(Refused) as caught:
        Client(animal, source()).send(method, "/v2/foo/manifests/1")
    assert [seen.authorization for seen in animal.seen] == [None, basic("AWS", "P1")]
    assert isinstance(caught.value, Denied if silent == 403 else Unauthorized)
    assert "AWS" in str(caught.value.credential)
    assert "P1" not in f"{caught.value}{caught.value.credential}{caught.value.advice()}"


class OpenToNobodyElse(TwelveHours):
    """A registry that lets anybody read and refuses whoever shows a password that it does not know."""

    def answer(self, seen: Seen) -> Response:
        wrong = seen.authorization not in (None, basic("AWS", self.good))
        if wrong or (seen.authorization is None and seen.method != "GET"):
            return challenge(401, 'Basic realm="x"')
        return tags("1") if seen.method == "GET" else Response.of(202)


def test_a_stored_password_that_is_refused_leaves_what_is_public() -> None:
    animal = OpenToNobodyElse("P1")
    client = Client(animal, Stored("AWS", "P1"))
    assert client.send("DELETE", "/v2/foo/manifests/1") == 202
    animal.good = "P2"
    assert client.send("GET", "/v2/foo/tags/list") == 200
    assert [seen.authorization for seen in animal.seen[2:]] == [basic("AWS", "P1"), None]
    assert len(client.warnings) == 1
    with pytest.raises(Unauthorized):
        client.send("DELETE", "/v2/foo/manifests/1")


class Exact(Animal):
    """`basic-non-ascii-and-colon`: bytes for bytes (RFC 7617 §2.1)."""

    def __init__(self, pair: str) -> None:
        super().__init__(partial(passwords.Parameter, parameter="charset=UTF-8"))
        self._pair = pair.encode()

    def answer(self, seen: Seen) -> Response:
        scheme, _, value = (seen.authorization or "").partition(" ")
        if scheme == "Basic" and base64.b64decode(value) == self._pair:
            return manifest(seen)
        return challenge(401, 'Basic realm="r"')


@pytest.mark.parametrize("pair", ["ü:a:b:ç", ":deploy-token", "user:", "user::", "日本:語", "a b: c "])
def test_user_and_password_are_sent_as_they_are(pair: str) -> None:
    animal = Exact(pair)
    credentials = Given(Credential.parse(pair, "--creds"), frozenset({"r.test"}))
    assert Client(animal, credentials).repository().manifest("1").digest == DIGEST
    assert len(animal.seen) == 2


def test_the_bytes_of_a_known_pair() -> None:
    assert Credential.parse("ü:a:b:ç", "--creds").basic().reveal() == "Basic w7w6YTpiOsOn"


@pytest.mark.parametrize("pair", ["user:pass\n", "user\r\nX-Evil: 1:p", "us\0er:p", "user:\x7f"])
def test_control_characters_are_refused(pair: str) -> None:
    with pytest.raises(InvalidInput):
        Credential.parse(pair, "--creds")


class Paths:
    """Credentials by path: what containers' auth.json keeps under `r.test/a` and `r.test/b`."""

    def find(self, registry: str, repository: str | None) -> Credential | None:
        first = (repository or "").partition("/")[0]
        return Credential.parse(f"{first}:secret-{first}", "auth.json") if first in ("a", "b") else None

    def places(self, registry: str) -> tuple[str, ...]:
        return ("auth.json",)


class Tenants(Animal):
    """A registry with a password for each tenant, Basic and unimpressed by any other."""

    def answer(self, seen: Seen) -> Response:
        tenant = seen.path.split("/")[2]
        if seen.authorization == basic(tenant, f"secret-{tenant}"):
            return tags("1")
        return challenge(401, f'Basic realm="{tenant}"')


def test_each_tenant_sees_its_own_password_only() -> None:
    animal = Tenants()
    client = Client(animal, Paths())
    for name in ("a/x", "b/x", "a/x", "b/x", "a/y"):
        assert client.send("GET", f"/v2/{name}/tags/list", repository_scopes(name, "pull")) == 200
    with pytest.raises(
        Unauthorized, match=r"no credentials were found for r\.test/c/x, .*r\.test/c, .*r\.test, .* in auth\.json"
    ):
        client.send("GET", "/v2/c/x/tags/list")
    shown: dict[str, set[str]] = {}
    for seen in animal.seen:
        shown.setdefault(seen.path.split("/")[2], set()).update(filter(None, [seen.authorization]))
    assert shown == {"a": {basic("a", "secret-a")}, "b": {basic("b", "secret-b")}, "c": set()}


def repositories(animal: Animal) -> Iterator[str]:
    """The repositories that requests were for."""
    return (seen.path.split("/")[2] for seen in animal.seen)


def test_one_repository_that_wants_a_password_gives_it_to_no_other() -> None:
    class OneClosed(Tenants):
        def answer(self, seen: Seen) -> Response:
            return super().answer(seen) if seen.path.startswith("/v2/a/") else tags("1")

    animal = OneClosed()
    client = Client(animal, given("a", "secret-a"))
    for name in ("a", "open", "a"):
        assert client.send("GET", f"/v2/{name}/tags/list") == 200
    assert list(repositories(animal)) == ["a", "a", "open", "a"]
    assert [seen.authorization is not None for seen in animal.seen] == [False, True, False, True]
