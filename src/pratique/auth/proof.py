"""What a request carries as its permission."""

from __future__ import annotations

from typing import Final

from ..http.message import Request
from ..values import frozen
from .challenge import BEARER, Challenge
from .credentials import Credential
from .scopes import NO_SCOPES, ScopeSet
from .secret import Secret
from .tokens import Token, TokenService


@frozen
class Proof:
    """A value for `Authorization`, the challenge that it answers and whose it is.

    `fresh` means that it was made for the request in hand; otherwise it served before and may have expired.
    """

    header: Secret
    challenge: Challenge
    credential: Credential | None
    fresh: bool
    service: TokenService | None = None
    token: Token | None = None

    @property
    def is_bare(self) -> bool:
        """Whether it is no permission at all: the request goes as anybody could send it."""
        return not self.header

    @property
    def is_bearer(self) -> bool:
        return self.challenge.scheme == BEARER

    @property
    def scopes(self) -> ScopeSet:
        """What its token was asked for."""
        return self.token.scopes if self.token else NO_SCOPES

    @property
    def key(self) -> tuple[TokenService | None, Credential | None]:
        """Where its token is kept: by who was asked, and by whom."""
        return self.service, self.credential

    def on(self, request: Request) -> Request:
        """The request with this permission."""
        return (
            request.without("Authorization") if self.is_bare else request.having("Authorization", self.header.reveal())
        )


def basic_proof(challenge: Challenge, credential: Credential, *, fresh: bool) -> Proof:
    """User and password, as they are."""
    return Proof(credential.basic(), challenge, credential, fresh)


def token_proof(
    challenge: Challenge, credential: Credential | None, service: TokenService, token: Token, *, fresh: bool
) -> Proof:
    """A token of the token service."""
    return Proof(Secret(f"Bearer {token.secret.reveal()}"), challenge, credential, fresh, service, token)


def registry_token_proof(challenge: Challenge, credential: Credential) -> Proof:
    """A bearer token that was given ready-made (`registrytoken`)."""
    return Proof(Secret(f"Bearer {credential.secret.reveal()}"), challenge, credential, fresh=True)


BARE: Final = Proof(Secret(""), Challenge(""), None, fresh=True)
