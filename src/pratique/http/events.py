"""What a session and its authenticator tell an observer while they work: frozen values, and nothing can be steered by them."""

from __future__ import annotations

from collections.abc import Callable

from ..values import frozen


@frozen
class Event:
    """Something that happened."""


Observer = Callable[[Event], None]


def ignore(_: Event) -> None:
    """The observer who does not listen."""


@frozen
class Sent(Event):
    """A request was sent and answered with `status`, or failed with `failure`; `seconds` to the head of the answer.

    `authorization` is the scheme that was used (`Basic`, `Bearer`), or empty. `challenges` are the lines of `WWW-Authenticate`.
    `via` is the proxy on the way, or empty.
    """

    method: str
    url: str
    authorization: str
    status: int | None
    seconds: float
    challenges: tuple[str, ...] = ()
    failure: str = ""
    via: str = ""


@frozen
class Retried(Event):
    """A request will be sent again in `seconds`."""

    request: str
    reason: str
    seconds: float


@frozen
class Redirected(Event):
    """The answer was elsewhere."""

    source: str
    target: str


@frozen
class Warned(Event):
    """Something that a person should know and nothing acts upon."""

    text: str
