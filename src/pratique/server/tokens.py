"""The token service (distribution's token.md, oauth.md and jwt.md)."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qs

from ..auth.challenge import BASIC, Challenge
from ..auth.scopes import ScopeSet
from ..http.message import Request, Response
from ..http.origin import split
from ..spec.endpoints import UNAUTHORIZED, UNSUPPORTED
from .access import ANONYMOUS, NAME, Access
from .answers import UNKNOWN, Rejected, document
from .call import MOST_FIELDS, read_content
from .guard import BadToken, Granted, parse_basic
from .keys import SigningKey

MOST_BYTES: Final = 64 << 10  # of a form
REFRESH_LIFE: Final = 30 * 24 * 3600  # seconds

Form = Mapping[str, Sequence[str]]


class _Unsuitable(Exception):
    """An OAuth2 request that is not answered with a token (RFC 6749 §5.2)."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.error = error
        self.status = status


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a client asks for, whichever way it asks."""

    user: str
    service: str
    scopes: ScopeSet
    is_offline: bool
    refresh_token: str = ""


class TokenService:
    """Gives tokens to those who say who they are, for as much of what they ask as they may do, and reads them again.

    `clock` gives seconds since the epoch.
    """

    def __init__(self, access: Access, key: SigningKey, clock: Callable[[], float]) -> None:
        self._access = access
        self._key = key
        self._clock = clock

    @property
    def certificates(self) -> bytes:
        """PEM for the `rootcertbundle` of registries that shall trust the tokens."""
        return self._key.certificates

    def handle(self, request: Request) -> Response:
        """Answer `GET` (token.md) and `POST` (oauth.md). Raises Rejected."""
        if request.method == "GET":
            return self._get(request)
        if request.method != "POST":
            raise Rejected(UNSUPPORTED, request.method, headers=(("Allow", "GET, POST"),))
        try:
            return self._post(_form(request))
        except _Unsuitable as unsuitable:
            return document(unsuitable.status, {"error": unsuitable.error, "error_description": str(unsuitable)})

    def read(self, token: str) -> Granted:
        """What a token for this registry grants. Raises BadToken."""
        claims = self._claims(token, self._access.tokens.service)
        scopes = (ScopeSet.of(f"{each['type']}:{each['name']}", each["actions"]) for each in claims["access"])
        permissions = frozenset(permission for scope in scopes for permission in scope.permissions)
        return Granted(claims["sub"] or ANONYMOUS, ScopeSet(permissions))

    # --- The two ways to ask

    def _get(self, request: Request) -> Response:
        query = _fields(split(request.url).query)
        value = request.headers.get("Authorization")
        credentials = parse_basic(value) if value is not None else (ANONYMOUS, "")
        if credentials is None or (value is not None and not self._access.knows(*credentials)):
            challenge = str(Challenge(BASIC, (("realm", NAME),)))
            raise Rejected(UNAUTHORIZED, "wrong name or password", headers=(("WWW-Authenticate", challenge),))
        service = _first(query, "service") or self._access.tokens.service
        if service not in self._services:
            raise Rejected(UNKNOWN, f"unknown service {service[:80]!r}", status=400)
        scopes = ScopeSet.parse(" ".join(query.get("scope", ())))
        return self._answer(_Asked(credentials[0], service, scopes, _first(query, "offline_token") == "true"))

    def _post(self, form: Form) -> Response:
        service = _first(form, "service") or self._access.tokens.service
        if service not in self._services:
            raise _Unsuitable("invalid_request", f"unknown service {service[:80]!r}")
        kind, refresh = _first(form, "grant_type"), _first(form, "refresh_token")
        if kind == "password":
            user, refresh = self._by_password(form), ""
        elif kind == "refresh_token":
            user = self._by_refresh_token(refresh, service)
        else:
            raise _Unsuitable("unsupported_grant_type", f"grant_type {kind[:80]!r}")
        scopes = ScopeSet.parse(" ".join(form.get("scope", ())))
        return self._answer(_Asked(user, service, scopes, _first(form, "access_type") == "offline", refresh))

    def _by_password(self, form: Form) -> str:
        user = _first(form, "username")
        if not self._access.knows(user, _first(form, "password")):
            raise _Unsuitable("invalid_grant", "wrong name or password", 401)
        return user

    def _by_refresh_token(self, token: str, service: str) -> str:
        try:
            claims = self._claims(token, self._refresh_audience(service))
        except BadToken as bad:
            raise _Unsuitable("invalid_grant", str(bad), 401) from None
        user = str(claims["sub"])
        if user not in self._access.users or claims.get("seal") != self._seal(user):
            raise _Unsuitable("invalid_grant", "the user or the password has changed", 401)
        return user

    # --- Answers

    def _answer(self, asked: _Asked) -> Response:
        now, granted = int(self._clock()), self._access.permitted(asked.user, asked.scopes)
        subject = "" if asked.user == ANONYMOUS else asked.user
        token = self._sign(subject, asked.service, now, self._access.tokens.life, access=_claim(granted))
        content = {
            "token": token,
            "access_token": token,
            "scope": str(granted),
            "expires_in": self._access.tokens.life,
            "issued_at": datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        refresh = asked.refresh_token or (self._refresh_token(subject, asked.service, now) if asked.is_offline else "")
        if refresh:
            content["refresh_token"] = refresh
        return document(200, content, ("Cache-Control", "no-store"))

    def _refresh_token(self, user: str, service: str, now: int) -> str:
        if not user:
            return ""
        return self._sign(user, self._refresh_audience(service), now, REFRESH_LIFE, seal=self._seal(user))

    def _sign(self, subject: str, audience: str, now: int, life: int, **claims: Any) -> str:
        registered = {
            "iss": self._access.tokens.issuer,
            "sub": subject,
            "aud": audience,
            "exp": now + life,
            "nbf": now,
            "iat": now,
            "jti": str(uuid.uuid4()),
        }
        return self._key.sign(registered | claims)

    def _claims(self, token: str, audience: str) -> Mapping[str, Any]:
        try:
            claims = self._key.read(token)
        except ValueError as error:
            raise BadToken(str(error)) from None
        if (claims.get("iss"), claims.get("aud")) != (self._access.tokens.issuer, audience):
            raise BadToken("the token is for another service")
        if not claims["nbf"] <= self._clock() < claims["exp"]:
            raise BadToken("the token has expired or is not valid yet")
        return claims

    def _refresh_audience(self, service: str) -> str:
        # Of no registry's name, so that no registry takes it for a token.
        return f"{self._access.tokens.issuer} refresh {service}"

    def _seal(self, user: str) -> str:
        return self._key.seal(f"{user}:{self._access.users[user].reveal()}")

    @property
    def _services(self) -> tuple[str, ...]:
        return (self._access.tokens.service, *self._access.tokens.others)


def _claim(granted: ScopeSet) -> list[dict[str, Any]]:
    """The `access` claim: one entry a resource (jwt.md)."""
    entries = []
    for scope in granted.scopes():
        resource, _, actions = scope.rpartition(":")
        kind, _, name = resource.partition(":")
        entries.append({"type": kind, "name": name, "actions": actions.split(",")})
    return entries


def _fields(text: str) -> Form:
    try:
        return parse_qs(text, keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise Rejected(UNKNOWN, "too many parameters", status=400) from None


def _form(request: Request) -> Form:
    return _fields(read_content(request, MOST_BYTES, "a form").decode("utf-8", "replace"))


def _first(form: Form, name: str) -> str:
    return next(iter(form.get(name, ())), "")
