"""What an authenticator does before anybody is refused, and with the first refusal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from threading import Barrier, Thread

import pytest

from pratique.auth.authenticator import Authenticator
from pratique.auth.credentials import Credential, Given
from pratique.auth.realms import RealmPolicy
from pratique.auth.scopes import repository_scopes
from pratique.errors import Denied, InvalidInput, Unauthorized
from pratique.http.message import Headers, Request, Response

URL = "https://r.test/v2/app/manifests/1"
PULL = repository_scopes("app", "pull")
BASIC = ("WWW-Authenticate", 'Basic realm="r"')
MINE = Given(Credential.parse("foo:bar", "--creds"), frozenset({"r.test"}))


class Server:
    """Answers in turn, the last answer again and again, and keeps what it was shown."""

    def __init__(self, *answers: Response) -> None:
        self._answers = list(answers)
        self.shown: list[str | None] = []

    def __call__(self, request: Request) -> Response:
        self.shown.append(request.headers.get("Authorization"))
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


def forbidden() -> RealmPolicy:
    raise InvalidInput("the rules were wanted")


@pytest.mark.parametrize("status", [200, 202, 206, 302, 304])
def test_nothing_is_made_for_who_is_not_refused(status: int) -> None:
    server = Server(Response.of(status))
    authenticator = Authenticator(MINE, policy=forbidden)
    for _ in range(2):
        assert authenticator.exchange(Request("GET", URL), PULL, server).status == status
    assert server.shown == [None, None]
    assert authenticator.permission(Request("GET", URL)) is None


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500])
def test_rules_are_made_with_the_first_answer_that_may_be_a_refusal(status: int) -> None:
    with pytest.raises(InvalidInput, match="the rules were wanted"):
        Authenticator(MINE, policy=forbidden).exchange(Request("GET", URL), PULL, Server(Response.of(status)))


def test_the_first_refusal_is_heard_once() -> None:
    """What was answered to anybody begins the conversation: the request does not go out so again."""
    server = Server(Response.of(401, b"", BASIC), Response.of(200))
    authenticator = Authenticator(MINE)
    assert authenticator.exchange(Request("GET", URL), PULL, server).status == 200
    assert server.shown == [None, "Basic Zm9vOmJhcg=="]
    assert authenticator.permission(Request("GET", URL)) == "Basic Zm9vOmJhcg=="


def test_what_was_good_is_shown_at_once_from_then_on() -> None:
    server = Server(Response.of(401, b"", BASIC), Response.of(200))
    authenticator = Authenticator(MINE)
    for _ in range(2):
        authenticator.exchange(Request("GET", URL), PULL, server)
    assert server.shown == [None, "Basic Zm9vOmJhcg==", "Basic Zm9vOmJhcg=="]


def test_who_has_nothing_to_show_is_refused_by_one_request() -> None:
    server = Server(Response.of(401, b"", BASIC))
    with pytest.raises(Unauthorized):
        Authenticator().exchange(Request("GET", URL), PULL, server)
    assert server.shown == [None]


def test_a_permission_that_a_request_brings_along_is_not_shown_to_anybody() -> None:
    server = Server(Response.of(200))
    Authenticator().exchange(Request("GET", URL, Headers([("Authorization", "Basic stray")])), PULL, server)
    assert server.shown == [None]


@pytest.mark.parametrize(("eager", "shown"), [(True, [None, "Basic Zm9vOmJhcg=="]), (False, [None])])
def test_an_invitation_is_taken_by_who_is_eager(eager: bool, shown: list[str | None]) -> None:
    server = Server(Response.of(200, b"", BASIC), Response.of(200))
    Authenticator(MINE, eager=eager).exchange(Request("GET", URL), PULL, server)
    assert server.shown == shown


@pytest.fixture
def restless() -> Iterator[None]:
    """Threads take turns as often as they can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("restless")
def test_threads_that_are_refused_at_once_share_what_is_made() -> None:
    barrier, made = Barrier(8), []

    def policy() -> RealmPolicy:
        made.append(sum(range(20_000)))  # long enough for another turn
        return RealmPolicy()

    authenticator = Authenticator(policy=policy)

    def refused() -> None:
        def send(_: Request) -> Response:
            barrier.wait()  # nobody is refused before all have asked
            return Response.of(403)

        with pytest.raises(Denied):
            authenticator.exchange(Request("GET", "https://r.test/elsewhere"), None, send)

    threads = [Thread(target=refused) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
