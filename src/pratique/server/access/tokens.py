"""The token service (distribution's token.md, oauth.md and jwt.md)."""

from __future__ import annotations

import hmac
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qs

from ...auth.challenge import BASIC, Challenge
from ...auth.scopes import ScopeSet
from ...http.message import Request, Response
from ...http.origin import split
from ...spec.endpoints import UNAUTHORIZED, UNSUPPORTED
from ...values import frozen
from ..answers import UNKNOWN, Rejected, document
from ..api.call import MOST_FIELDS, read_content
from .attempts import TooManyAttempts
from .guard import BadToken, ChecksPasswords, Granted, parse_basic, refuse_attempts
from .keyring import Keyring, Signed
from .keys import SigningKey
from .rules import ANONYMOUS, NAME, Access, Tokens

MOST_BYTES: Final = 64 << 10  # of a form
MOST_RESOURCES: Final = 100  # that one token is asked for
REFRESH_LIFE: Final = 30 * 24 * 3600  # seconds
LEEWAY: Final = 60  # seconds that the clocks of several machines may differ, as for distribution
KEYS_LIFE: Final = 3600  # seconds that others may keep the public keys; the next one is there long before its turn

Form = Mapping[str, Sequence[str]]

_TOO_MANY: Final = f"a token is for at most {MOST_RESOURCES} resources"


class _Unsuitable(Exception):
    """An OAuth2 request that is not answered with a token (RFC 6749 §5.2)."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.error = error
        self.status = status


@frozen
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

    def __init__(self, access: Access, keys: Keyring, passwords: ChecksPasswords, clock: Callable[[], float]) -> None:
        self._access = access
        self._keys = keys
        self._passwords = passwords
        self._clock = clock

    @property
    def certificates(self) -> bytes:
        """PEM for the `rootcertbundle` of registries that shall trust the tokens."""
        return self._keys.certificates

    def keys(self, request: Request) -> Response:
        """Answer `GET` of the public keys, a JSON Web Key Set (RFC 7517 §5). Raises Rejected."""
        if request.method not in ("GET", "HEAD"):
            raise Rejected(UNSUPPORTED, request.method, headers=(("Allow", "GET, HEAD"),))
        fields = ("Cache-Control", f"public, max-age={KEYS_LIFE}")
        return document(200, self._keys.public, fields, media_type="application/jwk-set+json")

    def handle(self, request: Request) -> Response:
        """Answer `GET` (token.md) and `POST` (oauth.md). Raises Rejected."""
        if request.method not in ("GET", "POST"):
            raise Rejected(UNSUPPORTED, request.method, headers=(("Allow", "GET, POST"),))
        try:
            return self._get(request) if request.method == "GET" else self._post(request)
        except TooManyAttempts as many:
            raise refuse_attempts(many).rejected() from None
        except _Unsuitable as unsuitable:
            content = {"error": unsuitable.error, "error_description": str(unsuitable)}
            return document(unsuitable.status, content, ("Cache-Control", "no-store"))

    def read(self, token: str) -> Granted:
        """What a token for this registry grants. Raises BadToken."""
        claims = self._signed(token, self._access.tokens.service).claims
        try:
            scopes = [ScopeSet.of(f"{each['type']}:{each['name']}", each["actions"]) for each in claims["access"]]
            user = str(claims["sub"] or ANONYMOUS)
        except (KeyError, TypeError):
            raise BadToken("the token is not one for a registry") from None
        return Granted(user, ScopeSet(frozenset().union(*(scope.permissions for scope in scopes))))

    # --- The two ways to ask

    def _get(self, request: Request) -> Response:
        query = _fields(split(request.url).query)
        value = request.headers.get("Authorization")
        credentials = parse_basic(value) if value is not None else (ANONYMOUS, "")
        if credentials is None or (value is not None and not self._passwords.check(*credentials, request.peer)):
            challenge = str(Challenge(BASIC, (("realm", NAME),)))
            raise Rejected(UNAUTHORIZED, "wrong name or password", headers=(("WWW-Authenticate", challenge),))
        service = _first(query, "service") or self._access.tokens.service
        if service not in self._services:
            raise Rejected(UNKNOWN, f"unknown service {service[:80]!r}", status=400)
        scopes = _scopes(query)
        if scopes is None:
            raise Rejected(UNKNOWN, _TOO_MANY, status=400)
        return self._answer(_Asked(credentials[0], service, scopes, _first(query, "offline_token") == "true"))

    def _post(self, request: Request) -> Response:
        form = _form(request)
        service = _first(form, "service") or self._access.tokens.service
        if service not in self._services:
            raise _Unsuitable("invalid_request", f"unknown service {service[:80]!r}")
        kind, refresh = _first(form, "grant_type"), _first(form, "refresh_token")
        if kind == "password":
            user, refresh = self._by_password(form, request.peer), ""
        elif kind == "refresh_token":
            user = self._by_refresh_token(refresh, service)
        else:
            raise _Unsuitable("unsupported_grant_type", f"grant_type {kind[:80]!r}")
        scopes = _scopes(form)
        if scopes is None:
            raise _Unsuitable("invalid_scope", _TOO_MANY)
        return self._answer(_Asked(user, service, scopes, _first(form, "access_type") == "offline", refresh))

    def _by_password(self, form: Form, peer: str | None) -> str:
        user = _first(form, "username")
        if not self._passwords.check(user, _first(form, "password"), peer):
            raise _Unsuitable("invalid_grant", "wrong name or password", 401)
        return user

    def _by_refresh_token(self, token: str, service: str) -> str:
        try:
            claims, key = self._signed(token, self._refresh_audience(service))
        except BadToken as bad:
            raise _Unsuitable("invalid_grant", str(bad), 401) from None
        user = str(claims.get("sub"))
        if not hmac.compare_digest(str(claims.get("seal")).encode(), self._seal(user, key).encode()):
            raise _Unsuitable("invalid_grant", "the user or the password has changed", 401)
        return user

    # --- Answers

    def _answer(self, asked: _Asked) -> Response:
        now, granted = int(self._clock()), self._access.permitted(asked.user, asked.scopes)
        subject = "" if asked.user == ANONYMOUS else asked.user
        key = self._keys.signer()
        claims = self._registered(subject, asked.service, now, self._access.tokens.life)
        # Whoever else reads the token may know the certificate only; here the id of the key is enough.
        certified = self._access.tokens.x5c and asked.service != self._access.tokens.service
        token = key.sign(claims | {"access": _claim(granted)}, with_certificate=certified)
        content = {
            "token": token,
            "access_token": token,
            "scope": str(granted),
            "expires_in": self._access.tokens.life,
            "issued_at": datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        refresh = asked.refresh_token
        if not refresh and asked.is_offline and subject:
            claims = self._registered(subject, self._refresh_audience(asked.service), now, REFRESH_LIFE)
            refresh = key.sign(claims | {"seal": self._seal(subject, key)})
        if refresh:
            content["refresh_token"] = refresh
        return document(200, content, ("Cache-Control", "no-store"))

    def _registered(self, subject: str, audience: str, now: int, life: int) -> dict[str, Any]:
        return {
            "iss": self._access.tokens.issuer,
            "sub": subject,
            "aud": audience,
            "exp": now + life,
            "nbf": now,
            "iat": now,
            "jti": str(uuid.uuid4()),
        }

    def _signed(self, token: str, audience: str) -> Signed:
        try:
            signed = self._keys.read(token)
        except ValueError as error:
            raise BadToken(str(error)) from None
        if (signed.claims.get("iss"), signed.claims.get("aud")) != (self._access.tokens.issuer, audience):
            raise BadToken("the token is for another service")
        if not _is_current(signed.claims, self._clock()):
            raise BadToken("the token has expired or is not valid yet")
        return signed

    def _refresh_audience(self, service: str) -> str:
        # Of no registry's name, so that no registry takes it for a token.
        return f"{self._access.tokens.issuer} refresh {service}"

    def _seal(self, user: str, key: SigningKey) -> str:
        """What ends a refresh token when the password changes; a user that is gone has one that fits nothing."""
        password = self._access.users.get(user)
        return key.seal(f"{user}:{password.reveal()}") if password is not None else ""

    @property
    def _services(self) -> tuple[str, ...]:
        return (self._access.tokens.service, *self._access.tokens.others)


def longest_life(tokens: Tokens) -> float:
    """Seconds after which the last token has ended that was signed now."""
    return max(tokens.life, REFRESH_LIFE) + LEEWAY


def _is_current(claims: Mapping[str, Any], now: float) -> bool:
    """Whether a token is not too old and not too new (RFC 7519 §4.1)."""
    times = [each for each in map(claims.get, ("iat", "nbf", "exp")) if type(each) is int]
    return len(times) == 3 and max(times[:2]) - LEEWAY <= now < times[2] + LEEWAY


def _scopes(form: Form) -> ScopeSet | None:
    """What is asked for; None where that is more than any client needs."""
    scopes = ScopeSet.parse(" ".join(form.get("scope", ())))
    return scopes if len({resource for resource, _ in scopes.permissions}) <= MOST_RESOURCES else None


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
