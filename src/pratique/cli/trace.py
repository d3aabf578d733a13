"""Events as lines for people: what --debug prints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ..auth.events import ChallengeIgnored, CredentialSought, TokenAsked, TokenDenied, TokenGranted, TokenReused
from ..http.events import Event, Observer, Redirected, Retried, Sent, Warned
from ..http.problem import status_text
from ..stores.events import PassedOver, Routed
from .output import Output


def observer(output: Output) -> Observer:
    """Tells a person what they should know, or with --debug everything."""

    def tell(event: Event) -> None:
        if isinstance(event, Warned):
            output.warn(event.text)
        elif output.debug:
            output.tell(f"{step(event)}: {describe(event)}")
        elif isinstance(event, Retried):
            output.note(f"{event.request}: {event.reason}; again in {event.seconds:.1f} s")

    return tell


def name(event: Event) -> str:
    """What an event is called in JSON."""
    return _NAMES.get(type(event), "note")


def step(event: Event) -> str:
    """What kind of step an event is, in one word."""
    return _STEPS.get(type(event), "note")


def describe(event: Event) -> str:
    """One line for any event."""
    return next((line(event) for kind, line in _LINES if isinstance(event, kind)), str(event))


def describe_request(event: Sent) -> str:
    """A request, what was shown with it and what came of it."""
    shown = f" [{event.authorization}]" if event.authorization else ""
    asked = f"{event.method} {event.url}: "
    answer = status_text(event.status) if event.status is not None else event.failure.removeprefix(asked)
    via = f" via proxy {event.via}" if event.via else ""
    return f"{event.method} {event.url}{shown}{via} -> {answer}"


def _sent(event: Sent) -> str:
    challenges = "".join(f" | WWW-Authenticate: {line}" for line in event.challenges)
    return f"{describe_request(event)} ({event.seconds * 1000:.0f} ms){challenges}"


def _sought(event: CredentialSought) -> str:
    found = event.found or f"none in {', '.join(event.places) or 'this command, which uses none'}"
    return f"{found} (keys: {', '.join(event.keys)})"


def _asked(event: TokenAsked) -> str:
    return f"asked of {event.realm} for {' '.join(event.scopes) or 'no scope'} as {event.credential or 'anybody'}"


def _granted(event: TokenGranted) -> str:
    said = f", said to be for {event.granted}" if event.granted else ""
    return f"granted for {event.lifetime:.0f} s{said}"


_NAMES: Final = {
    Sent: "request",
    Retried: "retry",
    Redirected: "redirect",
    Warned: "warning",
    Routed: "routed",
    PassedOver: "passed_over",
    CredentialSought: "credential",
    ChallengeIgnored: "challenge_ignored",
    TokenAsked: "token_asked",
    TokenGranted: "token_granted",
    TokenReused: "token_reused",
    TokenDenied: "token_denied",
}

_STEPS: Final = {
    Sent: "request",
    Retried: "retry",
    Redirected: "redirect",
    Routed: "route",
    PassedOver: "route",
    CredentialSought: "credential",
    TokenAsked: "token",
    TokenGranted: "token",
    TokenReused: "token",
    TokenDenied: "token",
}

_LINES: tuple[tuple[type[Event], Callable[..., str]], ...] = (
    (Sent, _sent),
    (Redirected, lambda event: f"to {event.target}"),
    (Retried, lambda event: f"{event.request}: {event.reason}; again in {event.seconds:.1f} s"),
    (Routed, lambda event: f"{event.reference} is read from {', then '.join(event.places)}, by {event.rule}"),
    (PassedOver, lambda event: f"{event.place} is passed over: {event.reason}; next is {event.following}"),
    (CredentialSought, _sought),
    (TokenAsked, _asked),
    (TokenGranted, _granted),
    (TokenDenied, lambda event: event.reason),
    (TokenReused, lambda event: f"reused for {' '.join(event.scopes) or 'no scope'}"),
    (ChallengeIgnored, lambda event: f"challenge not answered: {event.challenge}: {event.reason}"),
    (Warned, lambda event: f"warning: {event.text}"),
)
