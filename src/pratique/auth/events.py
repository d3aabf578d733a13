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

    def __str__(self) -> str:
        found = self.found or f"none in {', '.join(self.places) or 'this command, which uses none'}"
        return f"{found} (keys: {', '.join(self.keys)})"


@frozen
class TokenAsked(Event):
    """A token is asked for, by somebody or anonymously."""

    realm: str
    service: str | None
    scopes: tuple[str, ...]
    credential: str | None

    def __str__(self) -> str:
        return f"asked of {self.realm} for {' '.join(self.scopes) or 'no scope'} as {self.credential or 'anybody'}"


@frozen
class TokenGranted(Event):
    """A token came; `granted` is what the service said of its scopes, if anything."""

    scopes: tuple[str, ...]
    granted: str
    lifetime: float

    def __str__(self) -> str:
        said = f", said to be for {self.granted}" if self.granted else ""
        return f"granted for {self.lifetime:.0f} s{said}"


@frozen
class TokenDenied(Event):
    """The token service said no."""

    reason: str

    def __str__(self) -> str:
        return self.reason


@frozen
class TokenReused(Event):
    """A token that was obtained before is sent."""

    scopes: tuple[str, ...]

    def __str__(self) -> str:
        return f"reused for {' '.join(self.scopes) or 'no scope'}"


@frozen
class ChallengeIgnored(Event):
    """A challenge cannot or may not be answered."""

    challenge: str
    reason: str

    def __str__(self) -> str:
        return f"challenge not answered: {self.challenge}: {self.reason}"
