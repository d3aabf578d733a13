"""What a session and its authenticator tell an observer while they work: frozen values, and nothing can be steered by them.

As text each is one line for people that says by itself what happened, without secrets; what servers said stands in it as they
said it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ..values import frozen

# How much an event matters, by the numbers of `logging`, which is not loaded for them.
TRACE: Final = 5  # finer than its finest
DEBUG: Final = 10
INFO: Final = 20
WARNING: Final = 30


@frozen
class Event:
    """Something that happened: its `kind` is a name for programs, and its `step` a word for people, which several kinds share."""

    level = DEBUG
    kind = "note"
    step = "note"

    def detail(self) -> str:
        """The text for who reads the step before it."""
        return str(self)


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

    kind = step = "request"

    def brief(self) -> str:
        """The request, what was shown with it and what came of it."""
        from .problem import status_text  # the names of statuses are for people, and few of them look

        shown = f" [{self.authorization}]" if self.authorization else ""
        asked = f"{self.method} {self.url}: "
        answer = status_text(self.status) if self.status is not None else self.failure.removeprefix(asked)
        via = f" via proxy {self.via}" if self.via else ""
        return f"{self.method} {self.url}{shown}{via} -> {answer}"

    def __str__(self) -> str:
        challenges = "".join(f" | WWW-Authenticate: {line}" for line in self.challenges)
        return f"{self.brief()} ({self.seconds * 1000:.0f} ms){challenges}"


@frozen
class Retried(Event):
    """A request will be sent again in `seconds`."""

    request: str
    reason: str
    seconds: float

    level = INFO
    kind = step = "retry"

    def __str__(self) -> str:
        return f"{self.request}: {self.reason}; again in {self.seconds:.1f} s"


@frozen
class Redirected(Event):
    """The answer was elsewhere."""

    source: str
    target: str

    kind = step = "redirect"

    def detail(self) -> str:
        """Where to."""
        return f"to {self.target}"

    def __str__(self) -> str:
        return f"{self.source} was redirected {self.detail()}"


@frozen
class Warned(Event):
    """Something that a person should know and nothing acts upon."""

    text: str

    level = WARNING
    kind = "warning"

    def __str__(self) -> str:
        return f"warning: {self.text}"
