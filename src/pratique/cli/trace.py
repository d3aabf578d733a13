"""Events as lines for people: what --debug prints."""

from __future__ import annotations

from typing import Final

from ..http.events import Event, Observer, Retried, Warned
from .output import Output


def observer(output: Output) -> Observer:
    """Tells a person what they should know, or with --debug everything."""

    def tell(event: Event) -> None:
        if isinstance(event, Warned):
            output.warn(event.text)
        elif output.debug:
            output.tell(f"{step(event)}: {event}")
        elif isinstance(event, Retried):
            output.note(str(event))

    return tell


def name(event: Event) -> str:
    """What an event is called in JSON."""
    return _NAMES.get(type(event).__name__, "note")


def step(event: Event) -> str:
    """What kind of step an event is, in one word."""
    return _STEPS.get(type(event).__name__, "note")


# By the names of the classes, most of which are loaded only where they happen.
_NAMES: Final = {
    "Sent": "request",
    "Retried": "retry",
    "Redirected": "redirect",
    "Warned": "warning",
    "Routed": "routed",
    "PassedOver": "passed_over",
    "CredentialSought": "credential",
    "ChallengeIgnored": "challenge_ignored",
    "TokenAsked": "token_asked",
    "TokenGranted": "token_granted",
    "TokenReused": "token_reused",
    "TokenDenied": "token_denied",
}

_STEPS: Final = {
    "Sent": "request",
    "Retried": "retry",
    "Redirected": "redirect",
    "Routed": "route",
    "PassedOver": "route",
    "CredentialSought": "credential",
    "TokenAsked": "token",
    "TokenGranted": "token",
    "TokenReused": "token",
    "TokenDenied": "token",
}
