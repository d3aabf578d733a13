"""Tokens: asked of a token service (distribution's token and oauth2 specifications), kept, and found by what they cover."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from typing import Any, Final
from urllib.parse import urlencode, urljoin, urlsplit, urlunsplit

from ..errors import Error, Misbehaved
from ..expressions import expression
from ..http.message import Body, Headers, Request, Response
from ..http.origin import Origin, redact
from ..http.problem import Problem, failure, status_text
from ..spec.document import parse_object
from ..values import field, frozen, record
from .credentials import Credential, Kind
from .scopes import ScopeSet
from .secret import Secret

MOST_ANSWER_BYTES: Final = 1 << 20
MOST_REDIRECTS: Final = 3  # of a token service, within its own origin
CLIENT_ID: Final = "pratique"

DEFAULT_SECONDS: Final = 60.0  # of a token whose life the service does not tell (token specification)
LONGEST_SECONDS: Final = 24 * 3600.0  # what is believed of a service that claims more
MARGIN_SECONDS: Final = 10.0  # a token is renewed so long before its end, or a tenth of its life if that is less
MARGIN_SHARE: Final = 0.1

UNKNOWN_WAY: Final = frozenset({404, 405, 501})  # the service does not know this way of asking

# The user name by which a refresh token is taken where only Basic is understood.
REFRESH_TOKEN_USER: Final = "00000000-0000-0000-0000-000000000000"  # noqa: S105

_TOKEN = expression(r"[!-~]+")


@frozen
class TokenService:
    """Where tokens are asked for, and for whom."""

    realm: str
    service: str | None


@frozen
class Token:
    """A bearer token. It is opaque: `granted` is what the service said of it, if anything, and only for people.

    `expires` is on the cache's clock, in seconds.
    """

    secret: Secret
    scopes: ScopeSet
    expires: float
    lifetime: float
    granted: str = ""

    def is_fresh(self, now: float) -> bool:
        """Whether it is worth sending."""
        return now < self.expires - min(MARGIN_SECONDS, self.lifetime * MARGIN_SHARE)


class TokenRefused(Exception):
    """The token service said no. `status` and its words, for whoever decides what that means."""

    def __init__(self, realm: str, status: int, problem: Problem) -> None:
        said = f": {problem}" if str(problem) else ""
        super().__init__(f"the token service {redact(realm)} answered {status_text(status)}{said}")
        self.status = status


@record
class _Flight:
    """One request for a token that several threads wait for."""

    scopes: ScopeSet
    landed: threading.Event = field(default_factory=threading.Event)
    token: Token | None = None
    failure: BaseException | None = None


class TokenCache:
    """Tokens by who asked whom, found by what they cover. Safe to share among threads; failures are not kept."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._lock = threading.Lock()
        self._tokens: dict[Hashable, list[Token]] = {}
        self._flights: dict[Hashable, list[_Flight]] = {}

    def find(self, key: Hashable, scopes: ScopeSet, refused: frozenset[Secret] = frozenset()) -> Token | None:
        """A fresh token that covers `scopes` and was not refused."""
        with self._lock:
            return self._find(key, scopes, refused)

    def obtain(self, key: Hashable, scopes: ScopeSet, refused: frozenset[Secret], fetch: Callable[[], Token]) -> Token:
        """A token as `find` has it, or a new one; threads that want the same at once share one `fetch` and its failure."""
        while True:
            with self._lock:
                token = self._find(key, scopes, refused)
                if token is not None:
                    return token
                flight = self._flight(key, scopes)
                mine = flight is None
                if flight is None:
                    flight = _Flight(scopes)
                    self._flights.setdefault(key, []).append(flight)
            if mine:
                return self._fly(key, flight, fetch)
            flight.landed.wait()
            if isinstance(flight.failure, Exception):
                raise flight.failure
            # An interruption was meant for the other thread.
            if flight.token is not None and flight.token.secret not in refused:
                return flight.token

    def discard(self, key: Hashable, token: Token) -> None:
        """Forget one token, and nothing that has come in its place."""
        with self._lock:
            self._tokens[key] = [other for other in self._tokens.get(key, []) if other is not token]

    def _find(self, key: Hashable, scopes: ScopeSet, refused: frozenset[Secret]) -> Token | None:
        now = self.clock()
        kept = [token for token in self._tokens.get(key, []) if token.is_fresh(now)]
        self._tokens[key] = kept
        fitting = (token for token in kept if covers(token.scopes, scopes) and token.secret not in refused)
        return next(fitting, None)

    def _flight(self, key: Hashable, scopes: ScopeSet) -> _Flight | None:
        return next((flight for flight in self._flights.get(key, []) if covers(flight.scopes, scopes)), None)

    def _fly(self, key: Hashable, flight: _Flight, fetch: Callable[[], Token]) -> Token:
        try:
            flight.token = fetch()
        except BaseException as error:
            flight.failure = error
            raise
        finally:
            with self._lock:
                self._flights[key].remove(flight)
                if flight.token is not None:
                    self._tokens.setdefault(key, []).append(flight.token)
            flight.landed.set()
        return flight.token


def covers(held: ScopeSet, wanted: ScopeSet) -> bool:
    """Whether a token for `held` will do for `wanted`; one without scopes only for a wish without scopes, and the reverse."""
    return held.covers(wanted) and bool(held) == bool(wanted)


class TokenClient:
    """Asks token services. It remembers, for each realm and kind of secret, which way of asking was understood."""

    def __init__(self, cache: TokenCache, *, prefer_post: bool = False) -> None:
        self._cache = cache
        self._prefer_post = prefer_post
        self._understood: dict[tuple[str, Kind], str] = {}
        self._rotated: dict[tuple[str, Credential], Secret] = {}

    def fetch(
        self,
        service: TokenService,
        scopes: ScopeSet,
        credential: Credential | None,
        send: Callable[[Request], Response],
        *,
        public_only: bool = False,
    ) -> Token:
        """A new token. Raises TokenRefused, Misbehaved, Unreachable."""

        def ask(method: str) -> tuple[Request, Response]:
            request = self._request(method, service, scopes, credential, public_only=public_only)
            return request, _follow(request, send)

        method, *others = self._methods(service, credential)
        request, response = ask(method)
        earlier: TokenRefused | Error | None = None
        for other in others:
            if _refuses_method(method, response.status):
                earlier = _refusal(service, request, response)
                method = other
                request, response = ask(method)
        if 200 <= response.status < 300:
            if credential is not None:
                self._understood[service.realm, credential.kind] = method
            return self._token(service, scopes, credential, response)
        error = _refusal(service, request, response)
        if earlier is not None and response.status in UNKNOWN_WAY:
            error = earlier  # that one was about who asks, and this one only about how
        if credential is not None and isinstance(error, TokenRefused):
            self._rotated.pop((service.realm, credential), None)
        raise error

    def _methods(self, service: TokenService, credential: Credential | None) -> tuple[str, ...]:
        """The ways of asking, in turn."""
        if credential is None:
            return ("GET",)
        preferred = self._understood.get((service.realm, credential.kind))
        if preferred is None:
            preferred = "POST" if self._prefer_post or credential.kind is Kind.IDENTITY else "GET"
        return (preferred, "GET" if preferred == "POST" else "POST")

    def _request(
        self, method: str, service: TokenService, scopes: ScopeSet, credential: Credential | None, *, public_only: bool
    ) -> Request:
        if method == "POST" and credential is not None:
            form = urlencode(self._grant(service, scopes, credential)).encode()
            headers = Headers([("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json")])
            return Request("POST", service.realm, headers, Body.of(form), public_only)
        headers = Headers([("Accept", "application/json")])
        if credential is not None:
            headers = headers.having("Authorization", self._basic(service, credential).reveal())
        return Request("GET", _with_query(service.realm, _query(service, scopes)), headers, None, public_only)

    def _grant(self, service: TokenService, scopes: ScopeSet, credential: Credential) -> list[tuple[str, str]]:
        """The form of an OAuth2 request (RFC 6749 §4.3.2 and §6)."""
        common = [("client_id", CLIENT_ID)]
        common += [("service", service.service)] if service.service is not None else []
        common += [("scope", str(scopes))] if scopes else []
        if credential.kind is Kind.IDENTITY:
            token = self._newest(service, credential)
            return [("grant_type", "refresh_token"), *common, ("refresh_token", token.reveal())]
        password = credential.secret.reveal()
        return [("grant_type", "password"), *common, ("username", credential.username), ("password", password)]

    def _basic(self, service: TokenService, credential: Credential) -> Secret:
        if credential.kind is Kind.IDENTITY:
            return Credential(REFRESH_TOKEN_USER, self._newest(service, credential)).basic()
        return credential.basic()

    def _newest(self, service: TokenService, credential: Credential) -> Secret:
        return self._rotated.get((service.realm, credential), credential.secret)

    def _token(
        self, service: TokenService, scopes: ScopeSet, credential: Credential | None, response: Response
    ) -> Token:
        what = f"the answer of the token service {redact(service.realm)}"
        document = parse_object(response.read(MOST_ANSWER_BYTES, what), what, secret=True)
        text = document.get("token") or document.get("access_token")
        if not isinstance(text, str) or not _TOKEN.fullmatch(text):
            raise Misbehaved(f"{what} has no usable token")
        rotated = document.get("refresh_token")
        if (
            credential is not None
            and credential.kind is Kind.IDENTITY
            and isinstance(rotated, str)
            and _TOKEN.fullmatch(rotated)
        ):
            self._rotated[service.realm, credential] = Secret(rotated)
        lifetime = _lifetime(document.get("expires_in"))
        granted = document.get("scope")
        # The life counts from now on our own clock: `issued_at` is another machine's.
        expires = self._cache.clock() + lifetime
        return Token(Secret(text), scopes, expires, lifetime, granted if isinstance(granted, str) else "")


def _lifetime(value: Any) -> float:
    try:
        seconds = float(value)
    except (TypeError, ValueError, OverflowError):
        return DEFAULT_SECONDS
    if isinstance(value, bool) or not seconds >= 0:  # NaN compares false
        return DEFAULT_SECONDS
    return min(seconds, LONGEST_SECONDS)


def _query(service: TokenService, scopes: ScopeSet) -> list[tuple[str, str]]:
    named = [("service", service.service)] if service.service is not None else []
    return named + [("scope", scope) for scope in scopes.scopes()]


def _with_query(realm: str, pairs: list[tuple[str, str]]) -> str:
    parts = urlsplit(realm)
    query = "&".join(part for part in (parts.query, urlencode(pairs, safe=":/*,")) if part)
    return urlunsplit(parts._replace(query=query, fragment=""))


def _refuses_method(method: str, status: int) -> bool:
    """Whether the answer may be about the way of asking rather than about who asks."""
    if method == "POST":
        return (400 <= status < 500 and status not in (408, 429)) or status == 501
    return status in UNKNOWN_WAY


def _follow(request: Request, send: Callable[[Request], Response]) -> Response:
    """Send, and follow redirects within the origin: a secret may be in the request. Raises Misbehaved for others."""
    for _ in range(MOST_REDIRECTS + 1):
        response = send(request)
        location = response.headers.get("Location")
        if response.status not in (301, 302, 307, 308) or location is None or request.method != "GET":
            return response
        response.close()
        following = Request("GET", _joined(request.url, location), request.headers, None, request.public_only)
        if following.origin != request.origin:
            raise Misbehaved(
                f"the token service {request.origin} redirects to {Origin.of(following.url)}; a secret is not sent along",
                advice="give the token service's real address with --realm",
            )
        request = following
    raise Misbehaved(f"the token service {request.origin} redirects in circles")


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        raise Misbehaved(f"the token service {redact(url)} redirects to something that is no URL") from None


def _refusal(service: TokenService, request: Request, response: Response) -> TokenRefused | Error:
    if response.status >= 500 or response.status in (408, 429) or response.status < 400:
        return failure(request, response)
    return TokenRefused(service.realm, response.status, Problem.of(response))
