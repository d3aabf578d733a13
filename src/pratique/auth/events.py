"""What an authenticator tells its observer, for `auth explain` and `--debug`."""

from __future__ import annotations

from ..http.events import Event
from ..values import frozen


@frozen
class CredentialSought(Event):
    """A credential was looked up: the keys tried, most specific first, where, and what was found (never the secret)."""

    registry: str
    repository: str | None
    keys: tuple[str, ...]
    places: tuple[str, ...]
    found: str | None


@frozen
class TokenAsked(Event):
    """A token is asked for, by somebody or anonymously."""

    realm: str
    service: str | None
    scopes: tuple[str, ...]
    credential: str | None


@frozen
class TokenGranted(Event):
    """A token came; `granted` is what the service said of its scopes, if anything."""

    scopes: tuple[str, ...]
    granted: str
    lifetime: float


@frozen
class TokenDenied(Event):
    """The token service said no."""

    reason: str


@frozen
class TokenReused(Event):
    """A token that was obtained before is sent."""

    scopes: tuple[str, ...]


@frozen
class ChallengeIgnored(Event):
    """A challenge cannot or may not be answered."""

    challenge: str
    reason: str
