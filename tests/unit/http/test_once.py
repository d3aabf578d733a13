"""Requests whose body goes once: whoever sent it asks what arrived before anything is sent again."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pratique.auth.authenticator import Authenticator
from pratique.auth.credentials import Credential, Given
from pratique.errors import Denied, Unauthorized
from pratique.http.events import Event, Retried
from pratique.http.message import Body, Interrupted, Request, Response, Unanswered
from pratique.http.retry import Patience
from pratique.http.session import Session

URL = "https://r.test/v2/foo/blobs/uploads/1"
BODY = Body.of(b"content")
CHALLENGE = ("WWW-Authenticate", 'Basic realm="r"')
CREDENTIALS = Given(Credential.parse("foo:bar", "--creds"), frozenset({"r.test"}))


class Desk:
    """A session whose answers are scripted; the last one stands for all further ones."""

    def __init__(self, *answers: Callable[[], Response] | Exception) -> None:
        self._answers = list(answers)
        self.seen: list[Request] = []
        self.slept: list[float] = []
        self.events: list[Event] = []
        self.session = Session(
            self._answer,
            Authenticator(CREDENTIALS),
            patience=Patience(retries=2, jitter=lambda: 1.0),
            sleep=self.slept.append,
            tell=self.events.append,
        )

    def _answer(self, request: Request) -> Response:
        self.seen.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer()


def answering(status: int, *headers: tuple[str, str]) -> Callable[[], Response]:
    return lambda: Response.of(status, b"", *headers)


def once(method: str = "PUT", body: Body | None = BODY) -> Request:
    return Request(method, URL, body=body, once=True)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "POST"])
@pytest.mark.parametrize("status", [429, 500, 503])
def test_it_is_not_sent_again_for_any_status(method: str, status: int) -> None:
    desk = Desk(answering(status))
    assert desk.session.send(once(method)).status == status
    assert len(desk.seen) == 1
    assert desk.slept == []


@pytest.mark.parametrize("method", ["PUT", "PATCH", "POST"])
def test_it_is_not_sent_again_without_an_answer(method: str) -> None:
    desk = Desk(Unanswered("cut", transient=True))
    with pytest.raises(Unanswered, match="cut"):
        desk.session.send(once(method))
    assert len(desk.seen) == 1


@pytest.mark.parametrize("method", ["PUT", "PATCH", "POST"])
def test_whoever_sent_it_is_told_how_long_to_wait(method: str) -> None:
    desk = Desk(answering(204))
    wait = desk.session.wait
    assert wait(once(method), Response.of(500, b"", ("Retry-After", "3")), 0)
    assert wait(once(method), Unanswered("cut", transient=True), 1)
    assert desk.slept == [3.0, 1.0]
    assert len([event for event in desk.events if isinstance(event, Retried)]) == 2
    assert not wait(once(method), Response.of(500), 2)
    assert not wait(once(method), Response.of(400), 0)
    assert not wait(once(method), Response.of(503, b"", ("Retry-After", "9999")), 0)
    assert not wait(once(method), Unanswered("no", transient=False), 0)
    assert len(desk.slept) == 2


def test_a_refusal_that_can_be_answered_interrupts_it() -> None:
    desk = Desk(answering(401, CHALLENGE), answering(204))
    with pytest.raises(Interrupted) as caught:
        desk.session.send(once())
    assert caught.value.transient
    assert isinstance(caught.value.refusal, Unauthorized)
    assert [request.headers.get("Authorization") for request in desk.seen] == [None]
    desk.session.send(Request("GET", URL))  # and the next request begins with what was found
    assert desk.seen[-1].headers.get("Authorization") == "Basic Zm9vOmJhcg=="


def test_a_refusal_that_cannot_be_answered_stands() -> None:
    with pytest.raises(Denied):
        Desk(answering(403)).session.send(once())
    desk = Desk(answering(401, CHALLENGE))
    with pytest.raises(Interrupted):
        desk.session.send(once())
    with pytest.raises(Unauthorized) as caught:
        desk.session.send(once())
    assert caught.value.credential == "password of 'foo' from --creds"


def test_without_a_body_a_refusal_is_answered_at_once() -> None:
    desk = Desk(answering(401, CHALLENGE), answering(202))
    assert desk.session.send(once("POST", None)).status == 202
    assert len(desk.seen) == 2
