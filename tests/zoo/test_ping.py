"""The manners of `/v2/`: what it says decides nothing for other end-points."""

from __future__ import annotations

import pytest

from pratique.errors import Unauthorized
from pratique.http.message import Response

from .animal import DIGEST, REALM, Animal, Client, Seen, basic, challenge, given, manifest, ok, tags, token


class OpenPingBasicRepository(Animal):
    """`ping-200-repo-401-basic`: `/v2/` is open, `foo` wants Basic, `bar` is for everybody (containers/image#2754, 2025)."""

    def answer(self, seen: Seen) -> Response:
        if seen.path == "/v2/":
            return ok()
        if seen.path.startswith("/v2/foo/") and seen.authorization != basic("foo", "bar"):
            return challenge(401, 'Basic realm="app"')
        return tags("latest") if seen.path.endswith("/tags/list") else manifest(seen)


def test_credentials_follow_the_challenge_of_the_repository() -> None:
    animal = OpenPingBasicRepository()
    client = Client(animal, given())
    assert list(client.repository("foo").tags()) == ["latest"]
    assert client.repository("foo").resolve("latest").digest == DIGEST
    assert client.repository("bar").resolve("latest").digest == DIGEST
    assert animal.lines == [
        "GET r.test/v2/foo/tags/list -",
        "GET r.test/v2/foo/tags/list Basic",
        "HEAD r.test/v2/foo/manifests/latest Basic",
        "HEAD r.test/v2/bar/manifests/latest -",
    ]
    assert not any(seen.path == "/v2/" for seen in animal.seen)


def test_a_wrong_password_is_reported_with_its_source_and_the_challenge() -> None:
    client = Client(OpenPingBasicRepository(), given("foo", "wrong"))
    with pytest.raises(Unauthorized) as caught:
        list(client.repository("foo").tags())
    assert caught.value.challenges == ('Basic realm="app"',)
    assert "--creds" in str(caught.value.credential)
    assert "wrong" not in str(caught.value)


class OpenPingBearerRepository(Animal):
    """`ping-200-repo-401-bearer`: `/v2/` is open, the repository wants a token (containers/image#2754, 2025)."""

    def answer(self, seen: Seen) -> Response:
        if seen.host == "auth.test":
            return token("T") if seen.authorization == basic("foo", "bar") else challenge(401)
        if seen.path == "/v2/" or seen.authorization == "Bearer T":
            return manifest(seen)
        return challenge(401, f'Bearer realm="{REALM}",service="h",scope="repository:foo:pull"')


def test_a_token_is_asked_for_as_the_repository_says() -> None:
    animal = OpenPingBearerRepository()
    client = Client(animal, given())
    client.repository().resolve("latest")
    assert animal.lines == [
        "HEAD r.test/v2/foo/manifests/latest -",
        "GET auth.test/token Basic",
        "HEAD r.test/v2/foo/manifests/latest Bearer",
    ]
    assert animal.at("auth.test")[0].query == {"service": ["h"], "scope": ["repository:foo:pull"]}
    assert not any("Basic" in line for line in animal.lines if "r.test" in line)
