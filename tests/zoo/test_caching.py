"""What is kept between requests, for how long, and for whom; also by many threads at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from pratique.auth.credentials import Credential
from pratique.auth.scopes import repository_scopes
from pratique.errors import Denied, Refused
from pratique.http.message import Request, Response, Transport
from pratique.server.faults.manners import passwords
from pratique.server.faults.manners.tokens import Expires

from .animal import (
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
    tags,
    token,
)

WORKERS = 8
PULL = repository_scopes("foo", "pull")


class FiveMinutes(Ticketed):
    """`token-expired-401-same-token`: a token that is good for so many requests (openai/tart#55, 2022)."""

    def __init__(self, uses: int, problem: str | None = "invalid_token") -> None:
        super().__init__(lambda script: Gated(script, self, uses=(uses, 99), error=problem or ""))
        self.gate: Callable[[], object] = lambda: None

    def serve(self, seen: Seen) -> Response:
        return tags("1") if self.permits(seen, "") else challenge(401, bearer("repository:foo:pull"))


class Gated(Expires):
    """What has expired waits at the animal's gate before it hears so."""

    def __init__(self, registry: Transport, animal: FiveMinutes, *, uses: tuple[int, ...], error: str) -> None:
        super().__init__(registry, uses=uses, error=error)
        self._animal = animal

    def expired(self, request: Request) -> Response:
        self._animal.gate()
        return super().expired(request)


def list_tags(client: Client) -> int:
    return client.send("GET", "/v2/foo/tags/list", PULL)


@pytest.mark.parametrize("problem", ["invalid_token", None])
def test_an_expired_token_is_replaced(problem: str | None) -> None:
    animal = FiveMinutes(3, problem)
    client = Client(animal, given())
    for _ in range(6):
        assert list_tags(client) == 200
    shown = [seen.authorization for seen in animal.at("r.test")]
    assert shown == [None, *["Bearer T1"] * 4, *["Bearer T2"] * 3]
    assert len(animal.at("auth.test")) == 2


def test_eight_workers_replace_an_expired_token_once() -> None:
    animal = FiveMinutes(3)
    client = Client(animal, given())
    for _ in range(3):
        list_tags(client)
    animal.gate = threading.Barrier(WORKERS).wait  # all have shown T1 before any of them hears that it is over
    with ThreadPoolExecutor(WORKERS) as crew:
        assert list(crew.map(lambda _: list_tags(client), range(WORKERS))) == [200] * WORKERS
    assert len(animal.at("auth.test")) == 2
    shown = [seen.authorization for seen in animal.at("r.test")]
    assert shown.count("Bearer T1") == 3 + WORKERS
    assert shown.count("Bearer T2") == WORKERS


def test_eight_workers_that_begin_with_a_token_of_three_uses() -> None:
    animal = FiveMinutes(3)
    client = Client(animal, given())
    with ThreadPoolExecutor(WORKERS) as crew:
        assert list(crew.map(lambda _: list_tags(client), range(3 * WORKERS))) == [200] * 3 * WORKERS
    assert len(animal.at("auth.test")) == 2


class SlowService(Ticketed):
    """A token service that answers when all workers have been refused."""

    def __init__(self, status: int = 200) -> None:
        super().__init__()
        self._barrier = threading.Barrier(WORKERS)
        self._status = status
        self.answers = threading.Event()

    def issue(self, seen: Seen) -> Response:
        self.answers.wait(5)
        return super().issue(seen) if self._status == 200 else challenge(self._status, message="not you")

    def serve(self, seen: Seen) -> Response:
        if self.permits(seen, "repository:foo:pull"):
            return tags("1")
        if self._barrier.wait(5) == 0:
            threading.Timer(0.05, self.answers.set).start()
        return challenge(401, bearer("repository:foo:pull"))


def test_eight_workers_share_one_flight() -> None:
    animal = SlowService()
    client = Client(animal, given())
    with ThreadPoolExecutor(WORKERS) as crew:
        assert list(crew.map(lambda _: list_tags(client), range(WORKERS))) == [200] * WORKERS
    assert len(animal.at("auth.test")) == 1
    assert len(animal.at("r.test")) == 2 * WORKERS


def test_a_shared_failure_is_everybodys_and_is_not_kept() -> None:
    animal = SlowService(401)
    client = Client(animal, given())

    def refused(_: int) -> str:
        with pytest.raises(Refused) as caught:
            list_tags(client)
        return str(caught.value)

    with ThreadPoolExecutor(WORKERS) as crew:
        told = set(crew.map(refused, range(WORKERS)))
    assert len(told) == 1
    asked = len(animal.at("auth.test"))
    assert asked < WORKERS
    animal._status = 200
    animal._barrier = threading.Barrier(1)
    assert list_tags(client) == 200
    assert len(animal.at("auth.test")) == asked + 1


def test_one_session_many_repositories_one_token_each() -> None:
    class Many(Ticketed):
        """Any repository, each with its own scope."""

        def serve(self, seen: Seen) -> Response:
            name = seen.path.split("/")[2]
            allowed = self.permits(seen, f"repository:{name}:pull")
            return tags("1") if allowed else challenge(401, bearer(f"repository:{name}:pull"))

    animal = Many()
    client = Client(animal, given())
    names = [f"n{number % 4}" for number in range(64)]
    with ThreadPoolExecutor(WORKERS) as crew:
        statuses = list(crew.map(lambda name: client.send("GET", f"/v2/{name}/tags/list"), names))
    assert statuses == [200] * 64
    assert sorted(animal.asked) == [[f"repository:n{number}:pull"] for number in range(4)]


class SilentAboutExpiry(Ticketed):
    """`expired-token-400-no-challenge`: 400 or 403 and not a word of a challenge (aws/containers-roadmap#2835, 2026)."""

    def __init__(self, status: int, *uses: int) -> None:
        super().__init__(partial(self.silent, status=status, uses=uses))

    @staticmethod
    def silent(registry: Transport, status: int, uses: tuple[int, ...]) -> Transport:
        """The manner, over one that takes any token once it was made."""
        return Expires(registry, status=status, uses=uses, silent=True)

    def serve(self, seen: Seen) -> Response:
        if self.permits(seen, ""):
            return tags("1")
        named = "pull" if seen.method in ("GET", "HEAD") else "pull,push"
        return challenge(401, bearer(f"repository:foo:{named}"))


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_wordless_refusal_of_a_kept_token_is_heard_out(status: int, method: str) -> None:
    animal = SilentAboutExpiry(status, 2, 99)
    client = Client(animal, given())
    both = repository_scopes("foo", "pull", "push")
    for _ in range(2):
        assert client.send("GET", "/v2/foo/tags/list", both) == 200
    animal.seen.clear()
    assert client.send(method, "/v2/foo/manifests/1", both) == 200
    assert [
        f"{s.method} {s.host} {(s.authorization or '-')}".replace(basic("foo", "bar"), "Basic") for s in animal.seen
    ] == [
        f"{method} r.test Bearer T1",
        f"{method} r.test -",
        "GET auth.test Basic",
        f"{method} r.test Bearer T2",
    ]
    animal.seen.clear()
    for _ in range(2):
        assert client.send("GET", "/v2/foo/tags/list", both) == 200
    assert [seen.authorization for seen in animal.seen] == ["Bearer T2"] * 2


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_body_waits_until_the_challenge_is_heard(status: int) -> None:
    animal = SilentAboutExpiry(status, 1, 99)
    client = Client(animal, given())
    both = repository_scopes("foo", "pull", "push")
    assert client.send("GET", "/v2/foo/tags/list", both) == 200
    animal.seen.clear()
    assert client.send("PUT", "/v2/foo/manifests/1", both, b"content") == 200
    assert animal.lines == [
        "PUT r.test/v2/foo/manifests/1 Bearer",
        "GET r.test/v2/foo/tags/list -",
        "GET auth.test/token Basic",
        "PUT r.test/v2/foo/manifests/1 Bearer",
    ]


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_narrower_challenge_does_not_bring_the_dead_token_back(status: int) -> None:
    """The kept token covers what is asked for anew; it was refused, and must not be found again."""
    animal = SilentAboutExpiry(status, 1, 99)
    client = Client(animal, given())
    assert client.send("POST", "/v2/foo/blobs/uploads/", repository_scopes("foo", "pull", "push")) == 200
    for _ in range(3):
        assert list_tags(client) == 200
    refused = [seen for seen in animal.at("r.test") if seen.authorization == "Bearer T1"]
    assert len(refused) == 2  # once when it served, once when it did not any more
    assert len(animal.at("auth.test")) == 2


@pytest.mark.parametrize("status", [400, 401, 403])
def test_tokens_that_never_serve_again_are_no_endless_story(status: int) -> None:
    animal = SilentAboutExpiry(status, 1, 0)
    client = Client(animal, given())
    assert list_tags(client) == 200
    animal.seen.clear()
    try:
        assert list_tags(client) == 400
    except Refused:
        assert status != 400
    assert len(animal.at("r.test")) <= 4
    assert len(animal.at("auth.test")) <= 2


def test_a_bad_request_is_a_bad_request() -> None:
    """400 without DENIED or UNAUTHORIZED is about the request, not about who asks."""

    class Strict(SilentAboutExpiry):
        @staticmethod
        def silent(registry: Transport, status: int, uses: tuple[int, ...]) -> Transport:
            expires = SilentAboutExpiry.silent(registry, status, uses)

            def answer(request: Request) -> Response:
                response = expires(request)
                return Response.of(400, error("NAME_INVALID")) if response.status == 400 else response

            return answer

    animal = Strict(400, 1)
    client = Client(animal, given())
    assert list_tags(client) == 200
    assert list_tags(client) == 400
    assert len(animal.seen) == 4


class TwoAccounts(Animal):
    """`token-cache-key`: one host, an account for each project (oras-project/oras#1892, 2025)."""

    def answer(self, seen: Seen) -> Response:
        if seen.host == "auth.test":
            for name in ("a", "b"):
                if seen.authorization == basic(name, f"secret-{name}"):
                    return token(f"T-{name}")
            return challenge(401)
        project = seen.path.split("/")[2]
        if seen.authorization == f"Bearer T-{project}":
            return tags("1")
        # The same scope in both projects: only whose the token is tells them apart.
        return challenge(401, bearer("repository:shared:pull"))


class ByProject:
    """Credentials by project."""

    def find(self, registry: str, repository: str | None) -> Credential | None:
        project = (repository or "").partition("/")[0]
        return Credential.parse(f"{project}:secret-{project}", "auth.json")

    def places(self, registry: str) -> tuple[str, ...]:
        return ("auth.json",)


def test_a_token_belongs_to_who_asked_for_it() -> None:
    animal = TwoAccounts()
    client = Client(animal, ByProject())
    for name in ("a/x", "b/x", "a/x", "b/y", "a/y"):
        assert client.send("GET", f"/v2/{name}/tags/list") == 200
    for seen in animal.at("r.test"):
        assert seen.authorization in (None, f"Bearer T-{seen.path.split('/')[2]}")


def test_two_clients_share_nothing() -> None:
    animal = TwoAccounts()
    source, target = (Client(animal, given(name, f"secret-{name}")) for name in ("a", "b"))
    for _ in range(2):
        assert source.send("GET", "/v2/a/x/tags/list") == 200
        assert target.send("GET", "/v2/b/x/tags/list") == 200
    assert len(animal.at("auth.test")) == 2
    for seen in animal.at("r.test"):
        assert seen.authorization in (None, f"Bearer T-{seen.path.split('/')[2]}")


class ExpiredPassword(Animal):
    """`expired-password-403`: 403 without a challenge when a password is too old (argoproj/argo-cd#12554, 2023)."""

    good = "P1"
    manner = passwords.ExpiredPassword

    def answer(self, seen: Seen) -> Response:
        if seen.authorization == basic("AWS", self.good):
            return tags("1")
        return challenge(401, 'Basic realm="r"')


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_a_password_that_expires_is_asked_for_again(method: str) -> None:
    animal = ExpiredPassword()
    helper = Stored("AWS", "P1", "P2", refreshable=True)
    client = Client(animal, helper)
    assert list_tags(client) == 200
    animal.good = "P2"
    for _ in range(2):
        assert client.send(method, "/v2/foo/manifests/1", None, b"{}" if method == "PUT" else None) == 200
    shown = [seen.authorization for seen in animal.seen]
    assert shown == [None, *[basic("AWS", "P1")] * 2, *[basic("AWS", "P2")] * 2]
    assert len(helper.asked) == 2


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_password_in_a_file_that_expires_is_an_error(method: str) -> None:
    animal = ExpiredPassword()
    client = Client(animal, Stored("AWS", "P1"))
    assert list_tags(client) == 200
    animal.good = "P2"
    with pytest.raises(Denied, match="has expired"):
        client.send(method, "/v2/foo/manifests/1")
    assert [seen.authorization for seen in animal.seen] == [None, *[basic("AWS", "P1")] * 2]
