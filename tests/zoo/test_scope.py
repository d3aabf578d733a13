"""Scopes: named or not, too narrow, refused, not granted."""

from __future__ import annotations

from functools import partial

import pytest

from pratique.auth.credentials import Given
from pratique.auth.scopes import ScopeSet, repository_scopes
from pratique.errors import Denied, Unauthorized
from pratique.http.message import Response
from pratique.server.faults.manners import scopes
from pratique.server.faults.manners.scopes import NamesNoScope as NamesNone
from pratique.spec.reference import Reference

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
    ok,
    tags,
    wanted,
)

PUSH = repository_scopes("x", "pull", "push")


class NamesNoScope(Ticketed):
    """`challenge-without-scope`: GCR and Artifactory leave it to the client (containerd/containerd#1465, 2017)."""

    manner = NamesNone

    def __init__(self, needed: str) -> None:
        super().__init__()
        self._needed = needed

    def serve(self, seen: Seen) -> Response:
        return ok() if self.permits(seen, self._needed) else challenge(401, bearer(self._needed))


MOUNT = repository_scopes("x", "pull", "push") | repository_scopes("from", "pull")


@pytest.mark.parametrize(
    ("method", "path", "scopes", "expected"),
    [
        ("GET", "/v2/x/manifests/1", None, ["repository:x:pull"]),
        ("HEAD", "/v2/x/manifests/1", repository_scopes("x", "pull"), ["repository:x:pull"]),
        ("GET", "/v2/a/b/x/tags/list", None, ["repository:a/b/x:pull"]),
        ("GET", "/v2/x/referrers/sha256:0", None, ["repository:x:pull"]),
        ("POST", "/v2/x/blobs/uploads/", None, ["repository:x:pull,push"]),
        ("PATCH", "/v2/x/blobs/uploads/1", None, ["repository:x:pull,push"]),
        ("PUT", "/v2/x/manifests/1", PUSH, ["repository:x:pull,push"]),
        ("DELETE", "/v2/x/manifests/1", None, ["repository:x:delete"]),
        ("DELETE", "/v2/x/blobs/sha256:0", None, ["repository:x:delete"]),
        (
            "POST",
            "/v2/x/blobs/uploads/?mount=sha256:0&from=from",
            MOUNT,
            ["repository:x:pull,push", "repository:from:pull"],
        ),
        ("GET", "/v2/_catalog", None, ["registry:catalog:*"]),
    ],
)
def test_the_usual_scope_is_asked_for_where_none_is_named(
    method: str, path: str, scopes: ScopeSet | None, expected: list[str]
) -> None:
    animal = NamesNoScope(" ".join(expected))
    content = b"{}" if method in ("PUT", "PATCH") else None
    assert Client(animal, given()).send(method, path, scopes, content) == 200
    assert animal.asked == [expected]


def test_no_scope_is_not_an_empty_one() -> None:
    animal = NamesNoScope("")
    assert Client(animal, given()).send("GET", "/v2/some/extension") == 200
    assert animal.at("auth.test")[0].query == {"service": ["r.test"]}


class BasicForTheKnown(Ticketed):
    """`bearer-then-basic-challenge`: whoever shows a token is asked for Basic (Harbor; containerd/nerdctl#1675, 2022)."""

    def __init__(self, *, takes_basic: bool) -> None:
        super().__init__(partial(scopes.BasicForTheKnown, takes_basic=False))
        self._takes_basic = takes_basic

    def serve(self, seen: Seen) -> Response:
        scope = "repository:x:pull" if seen.method in ("GET", "HEAD") else "repository:x:pull,push"
        known = self._takes_basic and seen.authorization == basic("foo", "bar")
        if known or self.permits(seen, scope):
            return ok() if seen.method == "GET" else Response.of(202)
        return challenge(401, bearer(scope))


@pytest.mark.parametrize("takes_basic", [True, False])
@pytest.mark.parametrize("scopes", [None, PUSH])
def test_basic_for_the_known_does_not_hide_the_scope(takes_basic: bool, scopes: ScopeSet | None) -> None:
    animal = BasicForTheKnown(takes_basic=takes_basic)
    client = Client(animal, given())
    assert client.send("GET", "/v2/x/tags/list", repository_scopes("x", "pull")) == 200
    animal.seen.clear()
    assert client.send("POST", "/v2/x/blobs/uploads/", scopes) == 202
    last = animal.seen[-1]
    assert animal.permits(last, "repository:x:push")
    assert len(animal.at("r.test")) <= (1 if scopes else 3)
    assert len(animal.at("auth.test")) == 1


@pytest.mark.parametrize("takes_basic", [True, False])
def test_a_body_is_not_sent_to_hear_a_challenge(takes_basic: bool) -> None:
    animal = BasicForTheKnown(takes_basic=takes_basic)
    client = Client(animal, given())
    assert client.send("GET", "/v2/x/tags/list", repository_scopes("x", "pull")) == 200
    animal.seen.clear()
    assert client.send("PUT", "/v2/x/manifests/1", None, b"{}") == 202
    assert animal.lines == [
        "PUT r.test/v2/x/manifests/1 Bearer",
        "GET r.test/v2/x/tags/list -",
        "GET auth.test/token Basic",
        "PUT r.test/v2/x/manifests/1 Bearer",
    ]
    assert animal.asked[-1] == ["repository:x:pull,push"]


class InsufficientScope403(Ticketed):
    """`insufficient-scope-403`: the refusal names the scope, as RFC 6750 §3.1 has it (Keppel; seed report 2, 2020)."""

    needed = "repository:foo/bar:delete"
    manner = scopes.Refuses403

    def serve(self, seen: Seen) -> Response:
        if seen.authorization is None:
            return challenge(401, bearer(self.needed if seen.method == "DELETE" else "repository:foo/bar:pull,push"))
        if seen.method != "DELETE" or self.permits(seen, self.needed):
            return tags("qux") if seen.method == "GET" else Response.of(202)
        return challenge(401, bearer(self.needed, problem="insufficient_scope"))


class NeverSufficient403(InsufficientScope403):
    """The same, whatever the token was asked for."""

    def permits(self, seen: Seen, scope: str) -> bool:
        return False


class Silent403(InsufficientScope403):
    """403 without any challenge is the last word about a token that was made for the request."""

    def serve(self, seen: Seen) -> Response:
        return super().serve(seen) if seen.authorization is None else Response.of(403, error("DENIED", "no"))


def test_a_403_that_names_a_scope_is_answered() -> None:
    animal = InsufficientScope403()
    client = Client(animal, given())
    assert client.send("GET", "/v2/foo/bar/tags/list", repository_scopes("foo/bar", "pull", "push")) == 200
    client.repository("foo/bar").delete("qux")
    assert [line for line in animal.lines if "DELETE" in line] == ["DELETE r.test/v2/foo/bar/manifests/qux Bearer"] * 2
    assert animal.asked == [["repository:foo/bar:pull,push"], ["repository:foo/bar:delete"]]


def test_the_same_403_twice_is_the_end() -> None:
    animal = NeverSufficient403()
    client = Client(animal, given())
    with pytest.raises(Denied) as caught:
        client.repository("foo/bar").delete("qux")
    assert len([seen for seen in animal.seen if seen.method == "DELETE"]) == 2
    assert animal.asked == [["repository:foo/bar:delete"]]
    assert caught.value.asked == caught.value.wanted == "repository:foo/bar:delete"


@pytest.mark.parametrize("basic_too", [False, True])
def test_a_403_about_what_the_kept_token_was_asked_for_is_the_end(basic_too: bool) -> None:
    class ChangesItsMind(InsufficientScope403):
        """It deletes once, and then for nobody."""

        def serve(self, seen: Seen) -> Response:
            deleted = len([each for each in self.seen if each.method == "DELETE"])
            if deleted <= 2:
                return super().serve(seen)
            return challenge(403, bearer(self.needed, problem="insufficient_scope"), *(["Basic"] if basic_too else []))

    animal = ChangesItsMind()
    repository = Client(animal, given()).repository("foo/bar")
    repository.delete("qux")
    with pytest.raises(Denied):
        repository.delete("qux")
    assert [seen.authorization for seen in animal.seen if seen.method == "DELETE"] == [None, "Bearer T1", "Bearer T1"]
    assert len(animal.at("auth.test")) == 1


def test_a_403_without_challenge_is_the_end() -> None:
    animal = Silent403()
    with pytest.raises(Denied, match="DENIED: no"):
        Client(animal, given()).send("GET", "/v2/foo/bar/tags/list")
    assert len(animal.at("r.test")) == 2
    assert len(animal.at("auth.test")) == 1


class Distribution401(Ticketed):
    """`insufficient-scope-401`: distribution says 401 and why, so many times (containers/image#1079, 2020)."""

    def __init__(self, problem: str, times: int, scope: str = "") -> None:
        super().__init__(partial(scopes.Insists, error=problem, times=times, scope=scope))

    def serve(self, seen: Seen) -> Response:
        if seen.authorization is None:
            return challenge(401, bearer("registry:catalog:*"))
        return ok(b'{"repositories": ["x"]}')


def test_insufficient_scope_enlarges_the_scope_once() -> None:
    animal = Distribution401("insufficient_scope", 1, "repository:x:pull")
    assert list(Client(animal, given()).registry.repositories()) == ["x"]
    assert animal.asked == [["registry:catalog:*"], ["registry:catalog:*", "repository:x:pull"]]


def test_an_invalid_token_is_replaced_once() -> None:
    animal = Distribution401("invalid_token", 1)
    client = Client(animal, given())
    assert list(client.registry.repositories()) == ["x"]
    assert animal.asked == [["registry:catalog:*"]] * 2
    assert [seen.authorization for seen in animal.at("r.test")] == [None, "Bearer T1", "Bearer T2"]
    assert list(client.registry.repositories()) == ["x"]
    assert [seen.authorization for seen in animal.at("r.test")[3:]] == ["Bearer T2"]


def test_an_invalid_token_forever_is_an_error() -> None:
    animal = Distribution401("invalid_token", 99)
    with pytest.raises(Unauthorized, match="invalid_token"):
        list(Client(animal, given()).registry.repositories())
    assert len(animal.at("r.test")) == 3
    assert len(animal.at("auth.test")) == 2


def test_insufficient_scope_forever_is_an_error_that_quotes_it() -> None:
    animal = Distribution401("insufficient_scope", 99)
    with pytest.raises(Denied) as caught:
        list(Client(animal, given()).registry.repositories())
    assert len(animal.at("r.test")) == 2
    assert len(animal.at("auth.test")) == 1
    assert "registry:catalog:*" in str(caught.value)
    assert "insufficient_scope" in str(caught.value)


class SpaceSeparated(Ticketed):
    """`multi-scope-space-separated`: two scopes in one value; a parameter with a space is a 400 (containers/image#1972)."""

    def issue(self, seen: Seen) -> Response:
        if seen.method == "GET" and any(" " in scope for scope in wanted(seen)):
            return Response.of(400, b"invalid scope")
        return super().issue(seen)

    def serve(self, seen: Seen) -> Response:
        scope = "repository:b:pull repository:a:push,pull"
        if self.permits(seen, scope):
            return Response.of(201)
        return challenge(401, bearer(scope, problem="insufficient_scope" if seen.authorization else None))


def test_scopes_are_taken_apart_at_spaces() -> None:
    animal = SpaceSeparated()
    client = Client(animal, given())
    assert client.send("POST", "/v2/a/blobs/uploads/?mount=sha256:1&from=b") == 201
    assert client.send("POST", "/v2/a/blobs/uploads/?mount=sha256:0&from=b") == 201
    assert animal.asked == [["repository:a:pull,push", "repository:b:pull"]]
    assert "scope=repository:a:pull,push&scope=repository:b:pull" in animal.at("auth.test")[0].url


class CreatesOnPush(Ticketed):
    """`challenge-scope-narrower-than-session`: Quay makes a repository when a token to push is made (helm/helm#32144)."""

    manner = scopes.CreatesOnPush

    def serve(self, seen: Seen) -> Response:
        if self.permits(seen, "repository:org/chart:pull,push"):
            return Response.of(404, error("MANIFEST_UNKNOWN")) if seen.method == "HEAD" else Response.of(202)
        return challenge(401, bearer("repository:org/chart:pull,push"))


def test_what_the_operation_needs_is_asked_for_beside_what_is_named() -> None:
    animal = CreatesOnPush()
    client = Client(animal, given())
    scopes = repository_scopes("org/chart", "pull", "push")
    assert client.send("HEAD", f"/v2/org/chart/manifests/{DIGEST}", scopes) == 404
    assert client.send("POST", "/v2/org/chart/blobs/uploads/", scopes) == 202
    assert animal.asked == [["repository:org/chart:pull,push"]]


class GrantsLess(Ticketed):
    """`token-grants-less-than-asked`: only `pull` is granted, and the registry insists (pulp/pulp_container#1544, 2024)."""

    manner = scopes.GrantsPull

    def serve(self, seen: Seen) -> Response:
        scope = "repository:x:pull" if seen.method == "GET" else "repository:x:pull,push"
        if self.permits(seen, scope):
            return ok()
        return challenge(401, bearer(scope, problem="insufficient_scope" if seen.authorization else None))


def test_what_is_not_granted_is_asked_for_once() -> None:
    animal = GrantsLess()
    client = Client(animal, given())
    assert client.send("GET", "/v2/x/tags/list", repository_scopes("x", "pull")) == 200
    with pytest.raises(Denied) as caught:
        client.send("POST", "/v2/x/blobs/uploads/")
    assert [seen.authorization for seen in animal.seen if seen.method == "POST"] == ["Bearer T1", "Bearer T2"]
    assert animal.asked == [["repository:x:pull"], ["repository:x:pull,push"]]
    assert caught.value.exit_code == 4
    for word in ("'foo'", "repository:x:pull,push", "https://auth.test/token"):
        assert word in str(caught.value)


def test_what_is_not_granted_to_a_first_request_is_no_endless_story() -> None:
    animal = GrantsLess()
    with pytest.raises(Denied):
        Client(animal, given()).send("POST", "/v2/x/blobs/uploads/", PUSH)
    assert [seen.authorization for seen in animal.seen if seen.method == "POST"] == [None, "Bearer T1"]
    assert animal.asked == [["repository:x:pull,push"]]


class SilentAtForeignTokens(Ticketed):
    """`gcr-no-challenge-on-wrong-token`: another repository's token is refused wordlessly (regclient/regclient#149)."""

    manner = scopes.WordlessToTheKnown

    def serve(self, seen: Seen) -> Response:
        scope = f"repository:{seen.path.split('/')[2]}:pull"
        if self.permits(seen, scope):
            return manifest(seen)
        return challenge(403 if seen.authorization else 401, bearer(scope))


def test_a_token_stays_in_its_repository() -> None:
    animal = SilentAtForeignTokens()
    client = Client(animal, given())
    for name in ("a", "b", "a", "b"):
        assert client.repository(name).manifest("1").digest == DIGEST
    for name, text in (("a", "T1"), ("b", "T2")):
        shown = [seen.authorization for seen in animal.at("r.test") if seen.path.startswith(f"/v2/{name}/")]
        assert shown == [None, f"Bearer {text}", f"Bearer {text}"]


class CatalogueOfDistribution(Ticketed):
    """`catalog-scope`: distribution names `registry:catalog:*` (containers/image#1079, 2020)."""

    def serve(self, seen: Seen) -> Response:
        if self.permits(seen, "registry:catalog:*"):
            return ok(b'{"repositories": ["x"]}')
        return challenge(401, bearer("registry:catalog:*"))


class CatalogueOfHarbor(Animal):
    """`catalog-scope`: Harbor wants Basic for the catalogue."""

    def answer(self, seen: Seen) -> Response:
        if seen.authorization == basic("foo", "bar"):
            return ok(b'{"repositories": ["x"]}')
        return challenge(401, 'Basic realm="harbor"')


class CatalogueOfQuay(Ticketed):
    """`catalog-scope`: Quay names no scope, and its token service refuses `registry:`."""

    def issue(self, seen: Seen) -> Response:
        if any(scope.startswith("registry:") for scope in wanted(seen)):
            return Response.of(400, b'{"error": "invalid scope"}')
        return super().issue(seen)

    def serve(self, seen: Seen) -> Response:
        return ok(b'{"repositories": ["x"]}') if seen.authorization == "Bearer T1" else challenge(401, bearer())


class CatalogueOfDockerHub(CatalogueOfDistribution):
    """`catalog-scope`: Docker Hub gives a token and refuses it (docker/hub-feedback#2094, 2020)."""

    manner = partial(scopes.NoCatalogue, error="")


@pytest.mark.parametrize(
    ("animal", "scheme", "asked"),
    [
        (CatalogueOfDistribution(), "Bearer", [["registry:catalog:*"]]),
        (CatalogueOfHarbor(), "Basic", []),
        (CatalogueOfQuay(), "Bearer", [["registry:catalog:*"], []]),
    ],
)
def test_the_catalogue_is_read_with_what_it_asks_for(animal: Animal, scheme: str, asked: list[list[str]]) -> None:
    assert list(Client(animal, given()).registry.repositories()) == ["x"]
    assert animal.lines[0] == "GET r.test/v2/_catalog -"
    assert animal.lines[-1] == f"GET r.test/v2/_catalog {scheme}"
    assert [wanted(seen) for seen in animal.at("auth.test")] == asked


def test_a_catalogue_that_is_not_to_be_had_is_denied() -> None:
    animal = CatalogueOfDockerHub()
    with pytest.raises(Unauthorized):
        list(Client(animal, given()).registry.repositories())
    assert len(animal.seen) == 3


class HubOfDocker(Ticketed):
    """`dockerhub-library-namespace`: `nginx` is `library/nginx`, there and nowhere else (oras-project/oras#1151, 2023)."""

    def serve(self, seen: Seen) -> Response:
        if self.permits(seen, "repository:library/nginx:pull") and seen.path.startswith("/v2/library/nginx/"):
            return manifest(seen)
        name = seen.path.removeprefix("/v2/").partition("/manifests/")[0]
        problem = "insufficient_scope" if seen.authorization else None
        return challenge(401, bearer(f"repository:{name}:pull", problem=problem))


def test_the_short_names_of_docker_hub_are_spelled_out() -> None:
    animal = HubOfDocker()
    credentials = Given(given().credential, frozenset({"docker.io"}))
    for text in ("nginx:1", "docker.io/nginx:1", "example.com/nginx:1"):
        reference = Reference.parse(text)
        client = Client(animal, credentials, registry=reference.registry)
        if "example" in text:
            with pytest.raises(Unauthorized):
                client.repository(reference.repository).manifest("1")
        else:
            client.repository(reference.repository).manifest("1")
    paths = {(seen.host, seen.path) for seen in animal.seen if seen.host != "auth.test"}
    assert paths == {
        ("registry-1.docker.io", "/v2/library/nginx/manifests/1"),
        ("example.com", "/v2/nginx/manifests/1"),
    }
    assert [seen.authorization for seen in animal.at("auth.test")] == [basic("foo", "bar")] * 2 + [None]


class ChallengesForAnother(Ticketed):
    """`dockerhub-library-namespace`: the challenge names another repository (distribution/distribution#4354, 2024)."""

    def serve(self, seen: Seen) -> Response:
        if self.permits(seen, "repository:official/x:pull"):
            return manifest(seen)
        return challenge(401, bearer("repository:official/x:pull"))


def test_the_scope_is_the_servers_business() -> None:
    animal = ChallengesForAnother()
    Client(animal, Stored("foo", "bar")).repository("x").resolve("1")
    assert animal.asked == [["repository:official/x:pull", "repository:x:pull"]]
