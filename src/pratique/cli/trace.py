"""Events as lines for people: what --debug prints."""

from __future__ import annotations

from collections.abc import Callable

from ..auth.events import ChallengeIgnored, CredentialSought, TokenAsked, TokenDenied, TokenGranted, TokenReused
from ..http.events import Event, Observer, Redirected, Retried, Sent, Warned
from .output import Output


def observer(output: Output) -> Observer:
    """Tells a person what they should know, or with --debug everything."""

    def tell(event: Event) -> None:
        if isinstance(event, Warned):
            output.warn(event.text)
        elif output.debug:
            output.tell(describe(event))
        elif isinstance(event, Retried):
            output.note(f"{event.request}: {event.reason}; again in {event.seconds:.1f} s")

    return tell


def describe(event: Event) -> str:
    """One line for any event."""
    return next((line(event) for kind, line in _LINES if isinstance(event, kind)), str(event))


def _sent(event: Sent) -> str:
    shown = f" [{event.authorization}]" if event.authorization else ""
    answer = str(event.status) if event.status is not None else event.failure
    challenges = "".join(f" | WWW-Authenticate: {line}" for line in event.challenges)
    return f"{event.method} {event.url}{shown} -> {answer} ({event.seconds * 1000:.0f} ms){challenges}"


def _sought(event: CredentialSought) -> str:
    where = ", ".join(event.places) or "nowhere: no credentials are used"
    return f"credential for {', '.join(event.keys)} in {where}: {event.found or 'none'}"


def _asked(event: TokenAsked) -> str:
    return f"token asked of {event.realm} for {' '.join(event.scopes) or 'no scope'} as {event.credential or 'anybody'}"


def _granted(event: TokenGranted) -> str:
    said = f", said to be for {event.granted}" if event.granted else ""
    return f"token granted for {event.lifetime:.0f} s{said}"


_LINES: tuple[tuple[type[Event], Callable[..., str]], ...] = (
    (Sent, _sent),
    (Redirected, lambda event: f"redirected to {event.target}"),
    (Retried, lambda event: f"{event.request}: {event.reason}; again in {event.seconds:.1f} s"),
    (CredentialSought, _sought),
    (TokenAsked, _asked),
    (TokenGranted, _granted),
    (TokenDenied, lambda event: event.reason),
    (TokenReused, lambda event: f"token reused for {' '.join(event.scopes) or 'no scope'}"),
    (ChallengeIgnored, lambda event: f"challenge not answered: {event.challenge}: {event.reason}"),
    (Warned, lambda event: f"warning: {event.text}"),
)
