"""Decisions on requests: what each needs, and the two schemes in which clients prove who they are."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from ...auth.challenge import BASIC, BEARER, Challenge
from ...auth.scopes import NO_SCOPES, ScopeSet, repository_scopes
from ...http.message import Request
from ...spec import endpoints
from ...spec.endpoints import DENIED, TOOMANYREQUESTS, UNAUTHORIZED, Endpoint, ErrorCode
from ...values import frozen
from ..answers import Rejected
from .attempts import TooManyAttempts
from .rules import ANONYMOUS, NAME, Access

TOKEN_PATH: Final = "/token"  # noqa: S105  # a path
KEYS_PATH: Final = "/.well-known/jwks.json"


@frozen
class Need:
    """What a request cannot do without, and what it would like: to mount a blob from another repository."""

    required: ScopeSet = NO_SCOPES
    wished: ScopeSet = NO_SCOPES


@frozen
class Allowed:
    """The request may go on; `permits` says whether whoever asks has some scopes beside those that the request needs."""

    user: str
    permits: Callable[[ScopeSet], bool]


@frozen
class Refusal:
    """The request may not go on: how that is said."""

    status: int
    error: ErrorCode
    message: str = ""
    challenges: tuple[Challenge, ...] = ()
    retry_after: int = 0  # seconds, where waiting helps

    def rejected(self) -> Rejected:
        """The end of the request, with the challenges as header fields."""
        fields = [("WWW-Authenticate", str(challenge)) for challenge in self.challenges]
        if self.retry_after:
            fields.append(("Retry-After", str(self.retry_after)))
        return Rejected(self.error, self.message, status=self.status, headers=tuple(fields))


class Guard(Protocol):
    """Decides on requests."""

    def decide(self, request: Request, need: Need) -> Allowed | Refusal: ...


class ChecksPasswords(Protocol):
    """The part of the users' passwords that a guard needs."""

    def check(self, user: str, password: str, peer: str | None = None) -> bool:
        """Whether this is the user's password. Raises TooManyAttempts."""


class BadToken(Exception):
    """A token that is no token of ours, or of another time or service; the message says which."""


@frozen
class Granted:
    """What a token says."""

    user: str
    scopes: ScopeSet


class ReadsTokens(Protocol):
    """The part of the token service that a guard needs."""

    def read(self, token: str) -> Granted:
        """What a token grants. Raises BadToken."""


def need_of(endpoint: Endpoint, parameters: Mapping[str, str], mount_from: str | None = None) -> Need:
    """What a request to an end-point needs, by the end-point's own conventional scope."""
    if not endpoint.actions:
        return Need()
    required = ScopeSet.of(endpoint.resource.format_map(parameters), endpoint.actions[0])
    if endpoint is endpoints.UPLOADS and mount_from:
        return Need(required, repository_scopes(mount_from, *endpoints.PULL))
    return Need(required)


class BasicGuard:
    """Names and passwords with each request (RFC 7617). Where there are no users, nobody is asked for them."""

    def __init__(self, access: Access, passwords: ChecksPasswords) -> None:
        self._access = access
        self._passwords = passwords

    def decide(self, request: Request, need: Need) -> Allowed | Refusal:
        """Allow; or 401 to the anonymous and to wrong credentials, 403 to those who are known, 429 to who guesses."""
        try:
            user = self._user(request)
        except TooManyAttempts as many:
            return refuse_attempts(many)
        if user is None:
            return _unauthorized("wrong name or password")

        def permits(scopes: ScopeSet) -> bool:
            return self._access.permitted(user, scopes).covers(scopes)

        if not need.required and (self._access.is_ping_open or user != ANONYMOUS):
            return Allowed(user, permits)
        if need.required and permits(need.required):
            return Allowed(user, permits)
        if user == ANONYMOUS:
            return _unauthorized()
        return Refusal(403, DENIED, f"not permitted: {need.required}")

    def _user(self, request: Request) -> str | None:
        value = request.headers.get("Authorization")
        if value is None or not self._access.users:
            return ANONYMOUS
        found = parse_basic(value)
        return found[0] if found and self._passwords.check(*found, request.peer) else None


class BearerGuard:
    """Tokens with each request (RFC 6750, distribution's token.md)."""

    def __init__(self, access: Access, tokens: ReadsTokens) -> None:
        self._access = access
        self._tokens = tokens

    def decide(self, request: Request, need: Need) -> Allowed | Refusal:
        """Allow; or 401 without a good token, and the configured status for one that does not cover the request."""
        if not need.required and self._access.is_ping_open:
            return Allowed(ANONYMOUS, NO_SCOPES.covers)
        scheme, _, token = (request.headers.get("Authorization") or "").partition(" ")
        if scheme.lower() != BEARER:
            return self._refuse(request, need, 401)
        try:
            granted = self._tokens.read(token.strip())
        except BadToken as bad:
            return self._refuse(request, need, 401, "invalid_token", str(bad))
        if granted.scopes.covers(need.required):
            return Allowed(granted.user, granted.scopes.covers)
        message = f"token does not cover scope {need.required}"
        return self._refuse(request, need, self._access.refusal, "insufficient_scope", message)

    def _refuse(self, request: Request, need: Need, status: int, error: str = "", message: str = "") -> Refusal:
        parameters = {
            "realm": self._access.tokens.realm or f"{request.origin}{TOKEN_PATH}",
            "service": self._access.tokens.service,
            "scope": str(need.required | need.wished),
            "error": error,
        }
        challenge = Challenge(BEARER, tuple((name, value) for name, value in parameters.items() if value))
        return Refusal(status, DENIED if status == 403 else UNAUTHORIZED, message, (challenge,))


def parse_basic(value: str) -> tuple[str, str] | None:
    """The name and password of an Authorization field (RFC 7617 §2); None where it has none."""
    scheme, _, encoded = value.partition(" ")
    if scheme.lower() != BASIC:
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except ValueError:  # not ASCII, not base64, not UTF-8
        return None
    return (user, password) if colon else None


def refuse_attempts(many: TooManyAttempts) -> Refusal:
    """The answer to whoever sent too many wrong passwords (RFC 6585 §4)."""
    return Refusal(429, TOOMANYREQUESTS, str(many), retry_after=many.seconds)


def _unauthorized(message: str = "") -> Refusal:
    return Refusal(401, UNAUTHORIZED, message, (Challenge(BASIC, (("realm", NAME),)),))
