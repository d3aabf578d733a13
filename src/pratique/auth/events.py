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

    kind = step = "credential"

    def detail(self) -> str:
        """What was found, and how."""
        found = self.found or f"none in {', '.join(self.places) or 'this command, which uses none'}"
        return f"{found} (keys: {', '.join(self.keys)})"

    def __str__(self) -> str:
        place = f"{self.registry}/{self.repository}" if self.repository else self.registry
        return f"the credential for {place} is {'the ' if self.found else ''}{self.detail()}"


@frozen
class TokenAsked(Event):
    """A token is asked for, by somebody or anonymously."""

    realm: str
    service: str | None
    scopes: tuple[str, ...]
    credential: str | None

    kind = "token_asked"
    step = "token"

    def detail(self) -> str:
        """Of whom, what for and as whom."""
        return f"asked of {self.realm} for {' '.join(self.scopes) or 'no scope'} as {self.credential or 'anybody'}"

    def __str__(self) -> str:
        return f"a token was {self.detail()}"


@frozen
class TokenGranted(Event):
    """A token came; `granted` is what the service said of its scopes, if anything."""

    scopes: tuple[str, ...]
    granted: str
    lifetime: float

    kind = "token_granted"
    step = "token"

    def detail(self) -> str:
        """For how long, and what the service says of it."""
        said = f", said to be for {self.granted}" if self.granted else ""
        return f"granted for {self.lifetime:.0f} s{said}"

    def __str__(self) -> str:
        return f"a token was {self.detail()}"


@frozen
class TokenDenied(Event):
    """The token service said no."""

    reason: str

    kind = "token_denied"
    step = "token"

    def detail(self) -> str:
        """Why."""
        return self.reason

    def __str__(self) -> str:
        return f"no token was granted: {self.reason}"


@frozen
class TokenReused(Event):
    """A token that was obtained before is sent."""

    scopes: tuple[str, ...]

    kind = "token_reused"
    step = "token"

    def detail(self) -> str:
        """What it was asked for."""
        return f"reused for {' '.join(self.scopes) or 'no scope'}"

    def __str__(self) -> str:
        return f"a token was {self.detail()}"


@frozen
class ChallengeIgnored(Event):
    """A challenge cannot or may not be answered."""

    challenge: str
    reason: str

    kind = "challenge_ignored"

    def __str__(self) -> str:
        return f"a challenge was not answered: {self.challenge}: {self.reason}"
