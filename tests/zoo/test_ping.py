"""The manners of `/v2/`: what it says decides nothing for other end-points."""

from __future__ import annotations

import json
from contextlib import closing
from functools import partial
from io import BytesIO

import pytest

from pratique.errors import Unauthorized
from pratique.http.message import Request, Response
from pratique.server.faults.manners import ping
from pratique.spec.descriptor import Descriptor
from pratique.spec.digest import Digest
from pratique.values import replace

from .animal import (
    DIGEST,
    MANIFEST,
    REALM,
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
    ok,
    tags,
    token,
)


class OpenPingBasicRepository(Animal):
    """`ping-200-repo-401-basic`: `/v2/` is open, `foo` wants Basic, `bar` is for everybody (containers/image#2754, 2025)."""

    manner = ping.OpenPing

    def answer(self, seen: Seen) -> Response:
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

    manner = ping.OpenPing

    def answer(self, seen: Seen) -> Response:
        if seen.host == "auth.test":
            return token("T") if seen.authorization == basic("foo", "bar") else challenge(401)
        if seen.authorization == "Bearer T":
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


class OnlyWritesWantBasic(Animal):
    """`ping-401-post-only-auth`: nginx with `limit_except GET HEAD` before distribution (moby/moby#12972, 2015)."""

    def answer(self, seen: Seen) -> Response:
        if seen.method in ("GET", "HEAD"):
            return ok() if seen.path == "/v2/" else Response.of(404, error("BLOB_UNKNOWN"))
        if seen.authorization != basic("foo", "bar"):
            return challenge(401, 'Basic realm="writers"')
        if seen.method == "POST":
            return Response.of(202, b"", ("Location", "/v2/foo/blobs/uploads/1"))
        return Response.of(201, b"", ("Docker-Content-Digest", str(Digest.of(seen.content))))


def test_a_push_meets_its_only_challenge_at_the_first_post() -> None:
    animal = OnlyWritesWantBasic()
    target = Client(animal, given()).repository()
    blob = Descriptor("application/octet-stream", Digest.of(b"blob"), 4)
    assert not target.exists(blob)
    target.push(blob, lambda: closing(BytesIO(b"blob")))
    target.push(
        Descriptor("application/vnd.oci.image.manifest.v1+json", DIGEST, len(MANIFEST)),
        lambda: closing(BytesIO(MANIFEST)),
        tags=["1"],
    )
    writes = [line for line in animal.lines if not line.startswith(("GET", "HEAD"))]
    assert writes == [
        "POST r.test/v2/foo/blobs/uploads/ -",
        "POST r.test/v2/foo/blobs/uploads/ Basic",
        "PUT r.test/v2/foo/blobs/uploads/1 Basic",
        "PUT r.test/v2/foo/manifests/1 Basic",
    ]
    assert animal.lines[0] == f"HEAD r.test/v2/foo/blobs/{blob.digest} -"
    assert [seen.content for seen in animal.seen if seen.method == "PUT"] == [b"blob", MANIFEST]


class InvitingCatalogue(Animal):
    """`ping-200-with-www-authenticate`: 200 with a challenge, unquoted and in lower case (project-zot/zot#3869, 2026)."""

    def __init__(self, line: str) -> None:
        super().__init__(partial(ping.Invites, line=line))

    def answer(self, seen: Seen) -> Response:
        if seen.host == "auth.test":
            return token("T") if seen.authorization == basic("foo", "bar") else challenge(401)
        known = seen.authorization in (basic("foo", "bar"), "Bearer T")
        names = ["pub", "priv"] if known else ["pub"]
        return ok(json.dumps({"repositories": names}).encode())


INVITATIONS = ["basic realm=zot", "basic realm=my own zot", f"bearer realm={REALM}"]


@pytest.mark.parametrize("line", INVITATIONS)
def test_a_challenge_beside_an_answer_is_no_refusal(line: str) -> None:
    animal = InvitingCatalogue(line)
    assert list(Client(animal, given()).registry.repositories()) == ["pub"]
    assert animal.lines == ["GET r.test/v2/_catalog -"]


@pytest.mark.parametrize("line", INVITATIONS)
def test_who_wants_to_be_known_answers_the_invitation(line: str) -> None:
    animal = InvitingCatalogue(line)
    client = Client(animal, given(), eager=True)
    assert list(client.registry.repositories()) == ["pub", "priv"]
    assert [seen.authorization for seen in animal.at("r.test")] == [
        None,
        "Bearer T" if "bearer" in line else basic("foo", "bar"),
    ]


@pytest.mark.parametrize("line", ["Negotiate", "Basic", "Bearer", "???", "Bearer realm=ftp://x/"])
def test_an_invitation_that_nobody_can_follow_spoils_nothing(line: str) -> None:
    for credentials in (given("foo", "wrong"), given("foo", "bar", "other.test")):
        animal = InvitingCatalogue(line)
        assert list(Client(animal, credentials, eager=True).registry.repositories()) == ["pub"]
        assert len(animal.seen) <= 2


class SniffsAgents(Ticketed):
    """`ping-user-agent-dependent`: `/v2/` is closed to what calls itself Docker (project-zot/zot#3868, 2026)."""

    manner = ping.SniffsAgents

    def serve(self, seen: Seen) -> Response:
        if seen.path.startswith("/v2/private/") and not self.permits(seen, "repository:private:pull"):
            return challenge(401, bearer("repository:private:pull"))
        return manifest(seen)


class Disguised:
    """Carries requests under the name of another client."""

    def __init__(self, animal: Animal, agent: str) -> None:
        self._animal = animal
        self._agent = agent

    def __call__(self, request: Request) -> Response:
        return self._animal(replace(request, headers=request.headers.having("User-Agent", self._agent)))


def test_the_name_of_the_client_changes_nothing() -> None:
    lines = []
    for agent in ("pratique/1", "docker/28.0.0 go/go1.24"):
        animal = SniffsAgents()
        client = Client(Disguised(animal, agent), given())
        assert client.repository("private").resolve("1").digest == DIGEST
        assert client.repository("public").resolve("1").digest == DIGEST
        lines.append(animal.lines)
    assert lines[0] == lines[1]
    assert len(lines[0]) == 4


def test_nobody_is_told_that_this_is_docker() -> None:
    animal = SniffsAgents()
    Client(animal).repository("public").resolve("1")
    [agent] = animal.seen[0].headers.all("User-Agent")
    assert agent.startswith("pratique/")
    assert "docker" not in agent.lower()


class NoPing(Animal):
    """`ping-404-or-redirect`: `/v2/` is missing, forbidden or elsewhere, the repository is there (Quay; ingresses)."""

    def __init__(self, status: int) -> None:
        super().__init__(partial(ping.NoPing, status=status))

    def answer(self, seen: Seen) -> Response:
        if seen.path.startswith("/v2/foo/manifests/1"):
            return manifest(seen)
        return Response.of(404, error("MANIFEST_UNKNOWN"))


@pytest.mark.parametrize("status", [301, 403, 404, 405])
def test_an_operation_does_not_need_the_ping(status: int) -> None:
    animal = NoPing(status)
    assert Client(animal, given()).repository().resolve("1").digest == DIGEST
    assert animal.lines == ["HEAD r.test/v2/foo/manifests/1 -"]


@pytest.mark.parametrize("status", [301, 401, 403, 404, 405])
def test_a_missing_manifest_is_missing_whatever_the_ping_says(status: int) -> None:
    animal = NoPing(status)
    client = Client(animal, Stored("foo", "bar"))
    assert client.send("GET", "/v2/foo/manifests/2") == 404
    assert client.send("GET", "/v2/foo/manifests/3") == 404
    assert [seen.authorization for seen in animal.seen] == [None] * 3
    assert animal.lines[1] == "GET r.test/v2/ -"  # once, for a challenge that might have been withheld
