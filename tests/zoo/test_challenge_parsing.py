"""Challenges as real servers write them: many, odd, and not the same everywhere on one host."""

from __future__ import annotations

import itertools
from functools import partial

import pytest

from pratique.auth.challenge import parse_challenges
from pratique.auth.scopes import repository_scopes
from pratique.errors import Unauthorized
from pratique.http.message import Response
from pratique.server.faults.manners import challenges

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
    ok,
    token,
)

NEGOTIATE = "Negotiate"
BASIC = 'Basic realm="r"'
BEARER = bearer("repository:foo:pull")
NO_REALM = 'Bearer service="r.test"'
PERMUTATIONS = [
    order
    for lines in ((NEGOTIATE, BASIC), (BEARER, BASIC), (NO_REALM, BASIC), (NEGOTIATE, BEARER, BASIC))
    for order in itertools.permutations(lines)
]


class ManyChallenges(Ticketed):
    """`multi-www-authenticate-headers`: several schemes in any order (google/go-containerregistry#1075, 2021)."""

    def __init__(self, *lines: str, joined: bool = False) -> None:
        super().__init__(partial(challenges.Several, after=lines[1:], joined=joined))
        self._line = lines[0]

    def serve(self, seen: Seen) -> Response:
        if seen.authorization == basic("foo", "bar") or self.permits(seen, "repository:foo:pull"):
            return manifest(seen)
        return challenge(401, self._line)


@pytest.mark.parametrize("joined", [False, True])
@pytest.mark.parametrize("lines", PERMUTATIONS)
def test_the_best_challenge_that_can_be_answered_is(lines: tuple[str, ...], joined: bool) -> None:
    animal = ManyChallenges(*lines, joined=joined)
    assert Client(animal, given()).repository().resolve("1").digest == DIGEST
    expected = "Bearer" if BEARER in lines else "Basic"
    assert animal.lines[0] == "HEAD r.test/v2/foo/manifests/1 -"
    assert animal.lines[-1] == f"HEAD r.test/v2/foo/manifests/1 {expected}"
    assert len(animal.seen) == (3 if BEARER in lines else 2)


def test_a_scheme_that_is_not_spoken_is_named() -> None:
    animal = ManyChallenges("Negotiate", "NTLM")
    with pytest.raises(Unauthorized, match="Negotiate, Ntlm, which is not spoken"):
        Client(animal, given()).repository().manifest("1")
    assert not any(seen.authorization for seen in animal.seen)


TABLE = [
    ('Negotiate, Basic realm="x"', [("negotiate", {}), ("basic", {"realm": "x"})]),
    (
        'Basic realm="a, b", Bearer realm="https://c"',
        [("basic", {"realm": "a, b"}), ("bearer", {"realm": "https://c"})],
    ),
    ('NTLM TlRMTVNT=, Basic realm="r"', [("ntlm", {}), ("basic", {"realm": "r"})]),
    (
        'Basic realm="registry", Bearer realm="https://a/token",service="s",scope="repository:x:pull"',
        [
            ("basic", {"realm": "registry"}),
            ("bearer", {"realm": "https://a/token", "service": "s", "scope": "repository:x:pull"}),
        ],
    ),
    ("bearer realm=https://a/token", [("bearer", {"realm": "https://a/token"})]),
    ('BASIC REALM = "x" , charset=UTF-8', [("basic", {"realm": "x", "charset": "UTF-8"})]),
    (r'Basic realm="a \"b\" c"', [("basic", {"realm": 'a "b" c'})]),
    ("Basic", [("basic", {})]),
    (", ,Basic realm=x,,", [("basic", {"realm": "x"})]),
]


@pytest.mark.parametrize(("line", "expected"), TABLE)
def test_a_line_of_several_challenges_is_taken_apart(line: str, expected: list[tuple[str, dict[str, str]]]) -> None:
    """`multi-challenge-one-header` (prowler-cloud/prowler#12691, 2026)."""
    assert [(found.scheme, dict(found.parameters)) for found in parse_challenges([line])] == expected


def test_the_token_is_chosen_from_one_line_of_two_challenges() -> None:
    animal = ManyChallenges(BASIC, BEARER, joined=True)
    Client(animal, given()).repository().resolve("1")
    assert not any("Basic" in line for line in animal.lines if "r.test" in line)
    assert animal.asked == [["repository:foo:pull"]]


class RepeatedScope(Ticketed):
    """`repeated-scope-param`: one `scope` parameter for each scope (Keppel, 2024; distribution's oauth.md)."""

    manner = challenges.RepeatsScope

    def serve(self, seen: Seen) -> Response:
        if self.permits(seen, "repository:a:pull,push repository:b:pull"):
            return Response.of(201)
        return challenge(401, bearer("repository:a:pull,push repository:b:pull"))


@pytest.mark.parametrize("post", [False, True])
def test_every_scope_parameter_counts(post: bool) -> None:
    animal = RepeatedScope()
    client = Client(animal, given(), prefer_post=post)
    path = "/v2/a/blobs/uploads/?mount=sha256:0&from=b"
    assert client.send("POST", path, repository_scopes("a", "pull", "push")) == 201
    [asked] = animal.at("auth.test")
    if post:
        assert asked.form["scope"] == ["repository:a:pull,push repository:b:pull"]
    else:
        assert asked.query["scope"] == ["repository:a:pull,push", "repository:b:pull"]


class RealmPerRepository(Animal):
    """`realm-or-service-differs-per-repo`: each repository has its own token service (containerd/cri#610, 2018)."""

    def __init__(self) -> None:
        super().__init__(
            partial(challenges.RealmPerRepository, realm="https://auth-{name}.test/token", service="{name}")
        )

    def answer(self, seen: Seen) -> Response:
        if seen.host.startswith("auth-"):
            return token(f"T-{seen.host}")
        name = seen.path.split("/")[2]
        return manifest(seen) if seen.authorization == f"Bearer T-auth-{name}.test" else challenge(401, bearer())


def test_each_realm_is_asked_once_and_its_token_stays_in_its_repository() -> None:
    animal = RealmPerRepository()
    client = Client(animal, given())
    for name in ("a", "b", "a", "b"):
        client.repository(name).resolve("1")
    for name in ("a", "b"):
        [asked] = animal.at(f"auth-{name}.test")
        assert asked.query == {"service": [name], "scope": [f"repository:{name}:pull"]}
        shown = [seen.authorization for seen in animal.at("r.test") if seen.path.startswith(f"/v2/{name}/")]
        assert shown == [None, f"Bearer T-auth-{name}.test", f"Bearer T-auth-{name}.test"]


class BearerAndBareBasic(Ticketed):
    """`gitea-bearer-plus-bare-basic`: a Basic without realm beside, and the scope `*` (go-gitea/gitea#36920, 2026)."""

    def __init__(self, service: str | None, bare: str, *, star: bool) -> None:
        super().__init__(partial(challenges.BareBasic, star=star, bare=bare))
        self._service = service

    def serve(self, seen: Seen) -> Response:
        if (seen.authorization or "").startswith("Bearer T"):
            return manifest(seen)
        return challenge(401, bearer(service=self._service))


@pytest.mark.parametrize(
    ("bare", "service", "star"),
    [
        ("after", None, False),
        ("", ["container_registry"], True),
        ("after", ["container_registry"], True),
        ("before", ["container_registry"], True),
    ],
)
def test_a_scope_of_one_star_is_passed_on(bare: str, service: list[str] | None, star: bool) -> None:
    animal = BearerAndBareBasic(service[0] if service else None, bare, star=star)
    Client(animal, given()).repository().resolve("1")
    [asked] = animal.at("auth.test")
    assert asked.query.get("service") == service
    assert ("*" in asked.query["scope"]) is star
    assert asked.authorization == basic("foo", "bar")
    assert not any("Basic" in line for line in animal.lines if "r.test" in line)


class OddService(Ticketed):
    """`missing-service`: none at all (devcontainers/cli#692, 2023); Harbor insists on it where it is named."""

    def __init__(self, service: str | None) -> None:
        super().__init__(challenges.NamesNoService if service is None else None)
        self._service = service or ""

    def serve(self, seen: Seen) -> Response:
        if self.permits(seen, "repository:foo:pull"):
            return manifest(seen)
        return challenge(401, bearer("repository:foo:pull", service=self._service))


@pytest.mark.parametrize("post", [False, True])
@pytest.mark.parametrize("service", [None, "", "harbor-registry", "Docker registry", "a&b=c+d%20e;f/g?h", " x "])
def test_the_service_is_echoed_as_it_came(service: str | None, post: bool) -> None:
    animal = OddService(service)
    Client(animal, given(), prefer_post=post).repository().resolve("1")
    [asked] = animal.at("auth.test")
    assert (asked.form if post else asked.query).get("service") == (None if service is None else [service])


class ChangesItsMind(Animal):
    """AUTH.md, principle 1: scheme, realm and service may differ from one answer of an end-point to the next."""

    def __init__(self, *lines: str) -> None:
        super().__init__()
        self._lines = list(lines)

    def answer(self, seen: Seen) -> Response:
        if seen.host != "r.test":
            return token(f"T-{seen.host}-{seen.query.get('service', ['-'])[0]}")
        return challenge(401, self._lines.pop(0)) if self._lines else ok()


OTHER = "https://other.test/token"


@pytest.mark.parametrize(
    ("lines", "shown"),
    [
        ((BASIC, bearer()), ["-", "Basic", "Bearer T-auth.test-r.test"]),
        ((bearer(), BASIC), ["-", "Bearer T-auth.test-r.test", "Basic"]),
        ((bearer(), bearer(realm=OTHER)), ["-", "Bearer T-auth.test-r.test", "Bearer T-other.test-r.test"]),
        ((bearer(), bearer(service="s")), ["-", "Bearer T-auth.test-r.test", "Bearer T-auth.test-s"]),
    ],
)
def test_each_answer_is_taken_at_its_own_word(lines: tuple[str, ...], shown: list[str]) -> None:
    animal = ChangesItsMind(*lines)
    client = Client(animal, Stored("foo", "bar"))
    assert client.send("GET", "/v2/foo/tags/list") == 200
    sent = [seen.authorization or "-" for seen in animal.at("r.test")]
    assert [each if each != basic("foo", "bar") else "Basic" for each in sent] == shown
