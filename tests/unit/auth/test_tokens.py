"""Tokens: how they are asked for, byte by byte, and how they are kept."""

from __future__ import annotations

import contextlib
import io
import json
import threading
import traceback
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.auth.credentials import Credential, Kind, password_credential
from pratique.auth.scopes import NO_SCOPES, ScopeSet, repository_scopes
from pratique.auth.secret import Secret
from pratique.auth.tokens import (
    DEFAULT_SECONDS,
    LONGEST_SECONDS,
    MOST_ANSWER_BYTES,
    Token,
    TokenCache,
    TokenClient,
    TokenRefused,
    TokenService,
    covers,
)
from pratique.errors import Error, Misbehaved, RateLimited, Unreachable
from pratique.http.message import Headers, Request, Response

REALM = "https://auth.test/token"
SERVICE = TokenService(REALM, "r.test")
PULL = repository_scopes("foo/bar", "pull")
BOTH = repository_scopes("foo/bar", "pull", "push")
ADA = Credential.parse("ada:lovelace", "--creds")
IDENTITY = password_credential("<token>", "R1", "a helper")
PATIENCE = 30  # seconds that a thread may be waited for before the test is given up


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Service:
    """A token service that gives prepared answers, and keeps what it was asked."""

    def __init__(self, *answers: Response | Callable[[Request], Response]) -> None:
        self.answers = list(answers)
        self.requests: list[Request] = []

    def __call__(self, request: Request) -> Response:
        self.requests.append(request)
        answer = self.answers.pop(0)
        return answer(request) if callable(answer) else answer

    @property
    def lines(self) -> list[str]:
        return [f"{request.method} {request.url}" for request in self.requests]


def answer(status: int = 200, **fields: Any) -> Response:
    return Response.of(status, json.dumps(fields).encode(), ("Content-Type", "application/json"))


def form(request: Request) -> str:
    assert request.body is not None
    with request.body.open() as stream:
        content = stream.read()
    assert request.body.size == len(content)
    return content.decode()


def fetched(service: Service, credential: Credential | None = None, scopes: ScopeSet = PULL, **options: Any) -> Token:
    return TokenClient(TokenCache(Clock()), **options).fetch(SERVICE, scopes, credential, service)


# The way of asking


def test_anonymous() -> None:
    service = Service(answer(token="T"))
    token = fetched(service)
    assert token.secret == Secret("T")
    assert token.scopes == PULL
    (request,) = service.requests
    assert str(request.method) == "GET"
    assert request.url == f"{REALM}?service=r.test&scope=repository:foo/bar:pull"
    assert list(request.headers) == [("Accept", "application/json")]
    assert request.body is None


@pytest.mark.parametrize(
    ("realm", "service", "scopes", "url"),
    [
        (REALM, None, NO_SCOPES, REALM),
        (REALM, "s", NO_SCOPES, f"{REALM}?service=s"),
        (REALM, "", NO_SCOPES, f"{REALM}?service="),
        (REALM, None, PULL, f"{REALM}?scope=repository:foo/bar:pull"),
        (REALM, "a b&c=ü", NO_SCOPES, f"{REALM}?service=a+b%26c%3D%C3%BC"),
        (
            REALM,
            "s",
            ScopeSet.parse("repository:b:pull repository:a:push,pull"),
            f"{REALM}?service=s&scope=repository:a:pull,push&scope=repository:b:pull",
        ),
        (REALM, "s", ScopeSet.parse("registry:catalog:*"), f"{REALM}?service=s&scope=registry:catalog:*"),
        (REALM, "s", ScopeSet.parse("*"), f"{REALM}?service=s&scope=*"),
        (REALM, "s", repository_scopes("h:5000/a", "pull"), f"{REALM}?service=s&scope=repository:h:5000/a:pull"),
        (f"{REALM}?x=y", "s", NO_SCOPES, f"{REALM}?x=y&service=s"),
        (f"{REALM}?x=%20", None, NO_SCOPES, f"{REALM}?x=%20"),
        (f"{REALM}#frag", "s", NO_SCOPES, f"{REALM}?service=s"),
        ("https://auth.test", "s", NO_SCOPES, "https://auth.test?service=s"),
    ],
)
def test_the_query(realm: str, service: str | None, scopes: ScopeSet, url: str) -> None:
    asked = Service(answer(token="T"))
    TokenClient(TokenCache()).fetch(TokenService(realm, service), scopes, None, asked)
    assert [request.url for request in asked.requests] == [url]


def test_user_and_password() -> None:
    service = Service(answer(token="T"))
    fetched(service, ADA, BOTH)
    (request,) = service.requests
    assert request.method == "GET"
    assert request.url == f"{REALM}?service=r.test&scope=repository:foo/bar:pull,push"
    assert list(request.headers) == [("Accept", "application/json"), ("Authorization", "Basic YWRhOmxvdmVsYWNl")]
    assert request.body is None


def test_user_and_password_by_post() -> None:
    service = Service(answer(access_token="T"))
    fetched(
        service,
        Credential.parse("ü:p&w=ç d", "x"),
        ScopeSet.parse("repository:a:pull,push repository:b:pull"),
        prefer_post=True,
    )
    (request,) = service.requests
    assert (request.method, request.url) == ("POST", REALM)
    assert list(request.headers) == [
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Accept", "application/json"),
    ]
    assert form(request) == (
        "grant_type=password&client_id=pratique&service=r.test"
        "&scope=repository%3Aa%3Apull%2Cpush+repository%3Ab%3Apull"
        "&username=%C3%BC&password=p%26w%3D%C3%A7+d"
    )


def test_a_refresh_token() -> None:
    service = Service(answer(access_token="T"))
    fetched(service, IDENTITY)
    (request,) = service.requests
    assert (request.method, request.url) == ("POST", REALM)
    assert "Authorization" not in request.headers
    assert form(request) == (
        "grant_type=refresh_token&client_id=pratique&service=r.test&scope=repository%3Afoo%2Fbar%3Apull&refresh_token=R1"
    )


def test_without_service_and_scope_they_are_not_named() -> None:
    asked = Service(answer(access_token="T"))
    TokenClient(TokenCache()).fetch(TokenService(REALM, None), NO_SCOPES, IDENTITY, asked)
    assert form(asked.requests[0]) == "grant_type=refresh_token&client_id=pratique&refresh_token=R1"


def test_whether_only_public_addresses_will_do_is_handed_on() -> None:
    for public_only in (True, False):
        for credential in (None, ADA, IDENTITY):
            service = Service(answer(token="T"))
            TokenClient(TokenCache()).fetch(SERVICE, PULL, credential, service, public_only=public_only)
            assert service.requests[0].public_only is public_only


# The other way of asking


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 415, 501])
def test_a_service_that_does_not_know_post(status: int) -> None:
    service = Service(answer(status), answer(token="T"), answer(token="U"))
    client = TokenClient(TokenCache(), prefer_post=True)
    assert client.fetch(SERVICE, PULL, ADA, service).secret == Secret("T")
    assert client.fetch(SERVICE, BOTH, ADA, service).secret == Secret("U")
    assert [request.method for request in service.requests] == ["POST", "GET", "GET"]  # remembered


@pytest.mark.parametrize("status", [404, 405, 501])
def test_a_service_that_does_not_know_get(status: int) -> None:
    service = Service(answer(status), answer(token="T"), answer(token="U"))
    client = TokenClient(TokenCache())
    assert client.fetch(SERVICE, PULL, ADA, service).secret == Secret("T")
    assert client.fetch(SERVICE, BOTH, ADA, service).secret == Secret("U")
    assert [request.method for request in service.requests] == ["GET", "POST", "POST"]


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_refusal_of_user_and_password_is_not_about_the_way_of_asking(status: int) -> None:
    service = Service(answer(status, errors=[{"code": "DENIED", "message": "the quota is used up"}]))
    with pytest.raises(TokenRefused, match="the quota is used up") as caught:
        fetched(service, ADA)
    assert caught.value.status == status
    assert len(service.requests) == 1


def test_nobody_is_not_asked_to_post() -> None:
    service = Service(answer(404))
    with pytest.raises(TokenRefused):
        fetched(service, prefer_post=True)
    assert service.lines == [f"GET {REALM}?service=r.test&scope=repository:foo/bar:pull"]


def test_a_refresh_token_where_only_get_is_known() -> None:
    """Azure's registry takes one as the password of a user of zeroes; `<token>` is never sent as a name."""
    service = Service(answer(404), answer(token="T"))
    fetched(service, IDENTITY)
    expected = Credential("00000000-0000-0000-0000-000000000000", Secret("R1")).basic().reveal()
    assert service.requests[1].headers.get("Authorization") == expected


def test_what_was_learned_is_for_one_realm() -> None:
    service = Service(answer(405), answer(token="T"), answer(token="U"))
    client = TokenClient(TokenCache())
    client.fetch(SERVICE, PULL, ADA, service)
    client.fetch(TokenService("https://other.test/token", None), PULL, ADA, service)
    assert [request.method for request in service.requests] == ["GET", "POST", "GET"]


@pytest.mark.parametrize("before", [None, ADA])
def test_what_was_learned_of_others_says_nothing_of_refresh_tokens(before: Credential | None) -> None:
    """Every service answers GET, and many of them know refresh tokens by POST only."""
    service = Service(answer(token="T"), answer(access_token="U"))
    client = TokenClient(TokenCache())
    client.fetch(SERVICE, PULL, before, service)
    client.fetch(SERVICE, PULL, IDENTITY, service)
    assert [request.method for request in service.requests] == ["GET", "POST"]


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("credential", [None, ADA, IDENTITY])
def test_trouble_is_neither_a_refusal_nor_about_the_way_of_asking(status: int, credential: Credential | None) -> None:
    service = Service(Response(status, Headers([("Retry-After", "7")]), io.BytesIO(b"")))
    with pytest.raises(Unreachable) as caught:
        fetched(service, credential)
    assert len(service.requests) == 1
    if isinstance(caught.value, RateLimited):
        assert caught.value.retry_after == 7


# Rotation


def test_the_newest_refresh_token_is_used() -> None:
    service = Service(answer(access_token="A", refresh_token="R2"), answer(access_token="B"), answer(access_token="C"))
    client = TokenClient(TokenCache())
    for _ in range(3):
        client.fetch(SERVICE, PULL, IDENTITY, service)
    assert [form(request).rpartition("=")[2] for request in service.requests] == ["R1", "R2", "R2"]


def test_after_a_refusal_the_stored_one_is_tried_again() -> None:
    service = Service(answer(access_token="A", refresh_token="R2"), answer(400), answer(401), answer(access_token="B"))
    client = TokenClient(TokenCache())
    client.fetch(SERVICE, PULL, IDENTITY, service)
    with pytest.raises(TokenRefused):
        client.fetch(SERVICE, PULL, IDENTITY, service)
    client.fetch(SERVICE, PULL, IDENTITY, service)
    assert form(service.requests[-1]).endswith("=R1")


@pytest.mark.parametrize("status", [429, 503])
def test_after_mere_trouble_the_newest_is_kept(status: int) -> None:
    """The stored one may be spent: some services revoke everything when they see it twice."""
    service = Service(answer(access_token="A", refresh_token="R2"), answer(status), answer(access_token="B"))
    client = TokenClient(TokenCache())
    client.fetch(SERVICE, PULL, IDENTITY, service)
    with pytest.raises(Unreachable):
        client.fetch(SERVICE, PULL, IDENTITY, service)
    client.fetch(SERVICE, PULL, IDENTITY, service)
    assert form(service.requests[-1]).endswith("=R2")


def test_a_rotated_token_is_for_its_own_identity_and_realm() -> None:
    service = Service(*(answer(access_token="A", refresh_token=f"R{number}") for number in range(2, 6)))
    client = TokenClient(TokenCache())
    other = password_credential("<token>", "S1", "another helper")
    client.fetch(SERVICE, PULL, IDENTITY, service)
    client.fetch(SERVICE, PULL, other, service)
    client.fetch(TokenService("https://other.test/token", None), PULL, IDENTITY, service)
    assert [form(request).rpartition("=")[2] for request in service.requests] == ["R1", "S1", "R1"]


@pytest.mark.parametrize("rotated", [1, "", None, ["R2"], "R\n2", "R 2", "ä"])
def test_a_refresh_token_of_no_use_is_passed_over(rotated: object) -> None:
    service = Service(answer(access_token="A", refresh_token=rotated), answer(access_token="B"))
    client = TokenClient(TokenCache())
    client.fetch(SERVICE, PULL, IDENTITY, service)
    client.fetch(SERVICE, PULL, IDENTITY, service)
    assert form(service.requests[-1]).endswith("=R1")


def test_a_password_is_not_replaced_by_a_refresh_token() -> None:
    service = Service(answer(token="A", refresh_token="R2"), answer(token="B"))
    client = TokenClient(TokenCache())
    client.fetch(SERVICE, PULL, ADA, service)
    client.fetch(SERVICE, PULL, ADA, service)
    assert service.requests[0].headers.get("Authorization") == service.requests[1].headers.get("Authorization")


# Answers


@pytest.mark.parametrize(
    ("fields", "secret"),
    [
        ({"token": "T"}, "T"),
        ({"access_token": "T"}, "T"),
        ({"token": "T", "access_token": "U"}, "T"),
        ({"token": "", "access_token": "U"}, "U"),
        ({"token": None, "access_token": "U"}, "U"),
        ({"token": "a.b-c_d~e+f/g==!"}, "a.b-c_d~e+f/g==!"),
    ],
)
def test_a_token(fields: dict[str, Any], secret: str) -> None:
    assert fetched(Service(answer(**fields))).secret == Secret(secret)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hunter2",
        b'"hunter2"',
        b'["hunter2"]',
        b'{"token": "hunter2"',
        b'{"token": "hunter2", "token": "hunter2"}',
        b"<!DOCTYPE html><title>Sign in: hunter2</title>",
        b"{}",
        b'{"token": null}',
        b'{"token": 5}',
        b'{"token": ["hunter2"]}',
        b'{"token": ""}',
        b'{"token": "hunter2\\r\\nX-Evil: 1"}',
        b'{"token": "hunter2\\u0000"}',
        b'{"token": "hunter2 x"}',
        b'{"token": "hunter2\\t"}',
        b'{"token": "hunter2\\u007f"}',
        '{"token": "hunter2ü"}'.encode(),
        b'{"token": "hunter2\\ud800"}',
        b'{"token": "hunter2", "expires_in": NaN}',
        b"[" * 100_000,
    ],
)
def test_an_answer_without_a_usable_token(content: bytes) -> None:
    with pytest.raises(Misbehaved, match=f"^the answer of the token service {REALM}") as caught:
        fetched(Service(Response.of(200, content)))
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_an_answer_without_end() -> None:
    class Endless(io.RawIOBase):
        given = 0

        def read(self, size: int = -1) -> bytes:
            self.given += size
            return b"x" * size

    stream = Endless()
    with pytest.raises(Misbehaved, match="has more"):
        fetched(Service(Response(200, Headers(), stream)))
    assert stream.given <= MOST_ANSWER_BYTES + 1
    assert stream.closed


def test_an_answer_that_is_announced_as_too_long_is_not_read() -> None:
    stream = io.BytesIO(b'{"token": "T"}')
    with pytest.raises(Misbehaved, match="1048577 bytes"):
        fetched(Service(Response(200, Headers([("Content-Length", str(MOST_ANSWER_BYTES + 1))]), stream)))
    assert stream.closed


def test_the_longest_answer() -> None:
    content = json.dumps({"token": "T" * 100_000}).encode().ljust(MOST_ANSWER_BYTES)
    assert len(fetched(Service(Response.of(200, content))).secret.reveal()) == 100_000


@pytest.mark.parametrize("response", [answer(token="T"), answer(401), answer(503), Response.of(200, b"<html>")])
def test_every_answer_is_closed(response: Response) -> None:
    stream = io.BytesIO(response.excerpt(1 << 20))
    with contextlib.suppress(TokenRefused, Error):
        fetched(Service(Response(response.status, response.headers, stream)), ADA)
    assert stream.closed


def test_an_answer_that_led_to_the_other_way_is_closed() -> None:
    stream = io.BytesIO(b"{}")
    fetched(Service(Response(405, Headers(), stream), answer(token="T")), ADA)
    assert stream.closed


@pytest.mark.parametrize(
    ("given_scope", "granted"), [("repository:a:pull", "repository:a:pull"), (None, ""), (["a"], ""), (5, "")]
)
def test_what_was_granted_is_for_people_only(given_scope: object, granted: str) -> None:
    token = fetched(Service(answer(token="T", scope=given_scope)), scopes=BOTH)
    assert token.granted == granted
    assert token.scopes == BOTH


@pytest.mark.parametrize(
    ("expires_in", "seconds"),
    [
        (300, 300),
        (5, 5),
        (0, 0),
        (59.5, 59.5),
        ("300", 300),
        (None, DEFAULT_SECONDS),
        (-1, DEFAULT_SECONDS),
        ("soon", DEFAULT_SECONDS),
        ("nan", DEFAULT_SECONDS),
        (True, DEFAULT_SECONDS),
        ([300], DEFAULT_SECONDS),
        ({}, DEFAULT_SECONDS),
        (10**9, LONGEST_SECONDS),
        ("inf", LONGEST_SECONDS),
        (10**400, DEFAULT_SECONDS),
    ],
)
def test_the_life_of_a_token(expires_in: object, seconds: float) -> None:
    token = fetched(Service(answer(token="T", expires_in=expires_in, issued_at="1999-01-01T00:00:00Z")))
    assert token.lifetime == seconds
    assert token.expires == 1000 + seconds


def test_a_life_that_json_cannot_hold() -> None:
    token = fetched(Service(Response.of(200, b'{"token": "T", "expires_in": 1e999}')))
    assert token.lifetime == LONGEST_SECONDS


@given(st.none() | st.integers() | st.floats() | st.text() | st.lists(st.integers()))
def test_any_life_is_a_number_of_seconds(value: object) -> None:
    content = json.dumps({"token": "T", "expires_in": value})
    try:
        token = fetched(Service(Response.of(200, content.encode())))
    except Misbehaved:
        assert isinstance(value, float)  # NaN and the infinities are not JSON
        return
    assert 0 <= token.lifetime <= LONGEST_SECONDS


@given(st.binary(max_size=60), st.sampled_from([200, 201, 204, 302, 400, 401, 404, 429, 500]))
def test_arbitrary_answers_are_a_token_or_an_error(content: bytes, status: int) -> None:
    with pytest.raises((TokenRefused, Error)):
        fetched(Service(Response.of(status, content)))


# Redirects


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("location", ["/other?x=1", "https://auth.test/other?x=1", "https://AUTH.test:443/other?x=1"])
def test_within_its_origin_a_redirect_is_followed(status: int, location: str) -> None:
    service = Service(Response.of(status, b"", ("Location", location)), answer(token="T"))
    assert fetched(service, ADA).secret == Secret("T")
    assert service.requests[1].target == "/other?x=1"
    assert service.requests[1].headers.get("Authorization") == "Basic YWRhOmxvdmVsYWNl"


@pytest.mark.parametrize(
    "location",
    [
        "https://evil.test/token",
        "http://auth.test/token",
        "https://auth.test:8443/token",
        "//evil.test/token",
        "https://auth.test@evil.test/token",
        "https://evil.test\\@auth.test/token",
        "file:///etc/passwd",
        "https://[",
        "http://[::1",
        "https://auth.test:x/",
    ],
)
def test_no_secret_is_redirected_elsewhere(location: str) -> None:
    stream = io.BytesIO(b"moved")
    service = Service(Response(302, Headers([("Location", location)]), stream))
    with pytest.raises(Misbehaved):
        fetched(service, ADA)
    assert len(service.requests) == 1
    assert stream.closed


def test_redirects_in_circles_end() -> None:
    service = Service(*(Response.of(302, b"", ("Location", REALM)) for _ in range(20)))
    with pytest.raises(Misbehaved, match="in circles"):
        fetched(service)
    assert len(service.requests) == 4


@pytest.mark.parametrize("location", ["/other", "https://evil.test/"])
def test_a_form_with_a_secret_is_not_redirected_at_all(location: str) -> None:
    service = Service(Response.of(307, b"", ("Location", location)))
    with pytest.raises(Misbehaved):
        fetched(service, IDENTITY)
    assert len(service.requests) == 1


# The cache


def token(secret: str = "T", scopes: ScopeSet = PULL, *, expires: float = 1060, lifetime: float = 60) -> Token:
    return Token(Secret(secret), scopes, expires, lifetime)


def put(cache: TokenCache, key: str, item: Token) -> None:
    assert cache.obtain(key, item.scopes, frozenset({Secret("other")}), lambda: item) is item


def never() -> Token:
    raise AssertionError("a token was fetched")


def test_a_token_is_found_by_what_it_covers() -> None:
    cache = TokenCache(Clock())
    both = token(scopes=BOTH)
    put(cache, "key", both)
    assert cache.find("key", BOTH) is both
    assert cache.find("key", PULL) is both
    assert cache.find("key", repository_scopes("foo/bar", "push")) is both
    assert cache.find("key", repository_scopes("foo/bar", "delete")) is None
    assert cache.find("key", repository_scopes("other", "pull")) is None
    assert cache.find("key", BOTH | repository_scopes("other", "pull")) is None


def test_a_token_without_scopes_is_for_wishes_without_scopes() -> None:
    assert covers(NO_SCOPES, NO_SCOPES)
    assert not covers(PULL, NO_SCOPES)
    assert not covers(NO_SCOPES, PULL)


def test_a_token_is_never_found_under_another_key() -> None:
    cache = TokenCache(Clock())
    put(cache, "ada", token())
    assert cache.find("bob", PULL) is None
    other = token("U")
    assert cache.obtain("bob", PULL, frozenset(), lambda: other) is other
    assert cache.find("ada", PULL) != other


def test_a_token_that_was_refused_is_not_found() -> None:
    cache = TokenCache(Clock())
    put(cache, "key", token())
    assert cache.find("key", PULL, frozenset({Secret("T")})) is None
    assert cache.find("key", PULL, frozenset({Secret("U")})) is not None
    other = token("U")
    assert cache.obtain("key", PULL, frozenset({Secret("T")}), lambda: other) is other


@pytest.mark.parametrize(
    ("expires_in", "fresh_after", "stale_after"),
    [
        (None, 50, 61),
        (None, 53.9, 54),  # a tenth of its life before its end
        (5, 4.4, 6),
        (5, 4.4, 4.5),
        (300, 289, 290),  # or ten seconds
        (3600, 3589, 3590),
        (10**9, LONGEST_SECONDS - 11, LONGEST_SECONDS - 10),
        (-5, 50, 61),
    ],
)
def test_a_token_is_renewed_a_little_before_its_end(expires_in: object, fresh_after: float, stale_after: float) -> None:
    clock = Clock()
    cache = TokenCache(clock)
    client = TokenClient(cache)
    service = Service(answer(token="T", expires_in=expires_in), answer(token="U", expires_in=expires_in))

    def obtain() -> Secret:
        return cache.obtain("key", PULL, frozenset(), lambda: client.fetch(SERVICE, PULL, None, service)).secret

    assert obtain() == Secret("T")
    clock.now = 1000 + fresh_after
    assert obtain() == Secret("T")
    clock.now = 1000 + stale_after
    assert obtain() == Secret("U")
    assert len(service.requests) == 2


def test_a_token_that_lives_no_time_serves_once() -> None:
    cache = TokenCache(Clock())
    first = token(expires=1000, lifetime=0)
    assert cache.obtain("key", PULL, frozenset(), lambda: first) is first
    assert cache.find("key", PULL) is None


def test_life_counts_from_the_end_of_the_exchange() -> None:
    clock = Clock()

    def slow(_: Request) -> Response:
        clock.now += 100
        return answer(token="T")

    found = TokenClient(TokenCache(clock)).fetch(SERVICE, PULL, None, Service(slow))
    assert found.expires == 1160


def test_discarding_forgets_one_token_and_nothing_that_came_in_its_place() -> None:
    cache = TokenCache(Clock())
    old = token()
    put(cache, "key", old)
    cache.discard("other", old)
    assert cache.find("key", PULL) is old
    cache.discard("key", old)
    assert cache.find("key", PULL) is None
    new = token()
    put(cache, "key", new)
    assert new == old
    cache.discard("key", old)
    assert cache.find("key", PULL) is new


def test_a_failure_is_not_remembered() -> None:
    cache = TokenCache(Clock())

    def fail() -> Token:
        raise Unreachable("no answer")

    for _ in range(2):
        with pytest.raises(Unreachable):
            cache.obtain("key", PULL, frozenset(), fail)
    found = token()
    assert cache.obtain("key", PULL, frozenset(), lambda: found) is found


# One flight


class Crew:
    """Threads that all want something at once; what each of them got, or its error."""

    def __init__(self) -> None:
        self.results: list[Token | BaseException] = []
        self.threads: list[threading.Thread] = []

    def send(self, work: Callable[[], Token]) -> None:
        def run() -> None:
            try:
                self.results.append(work())
            except BaseException as error:
                self.results.append(error)

        thread = threading.Thread(target=run, daemon=True)
        self.threads.append(thread)
        thread.start()

    def come_home(self) -> list[Token | BaseException]:
        for thread in self.threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()
        return self.results


class Flight:
    """A fetch that does not land before it is told to."""

    def __init__(self, outcome: Token | BaseException) -> None:
        self.outcome = outcome
        self.count = 0
        self.taken_off = threading.Event()
        self.may_land = threading.Event()

    def __call__(self) -> Token:
        self.count += 1
        self.taken_off.set()
        assert self.may_land.wait(PATIENCE)
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome


class WatchedCache(TokenCache):
    """Tells when so many threads have looked into it."""

    def __init__(self, looks: int) -> None:
        super().__init__(self._look)
        self._looks = looks
        self.all_looked = threading.Event()

    def _look(self) -> float:
        # The clock is read with the lock held: whoever has looked is waiting for the flight when the lock is free again.
        self._looks -= 1
        if self._looks == 0:
            self.all_looked.set()
        return 1000.0


def together(cache: WatchedCache, flight: Flight, wishes: list[ScopeSet]) -> list[Token | BaseException]:
    """The first wish takes off, the others come while it is in the air."""
    crew = Crew()
    crew.send(lambda: cache.obtain("key", wishes[0], frozenset(), flight))
    assert flight.taken_off.wait(PATIENCE)
    for wish in wishes[1:]:
        crew.send(lambda wish=wish: cache.obtain("key", wish, frozenset(), flight))  # type: ignore[misc]
    assert cache.all_looked.wait(PATIENCE)
    flight.may_land.set()
    return crew.come_home()


def test_threads_that_want_the_same_share_one_flight() -> None:
    flight = Flight(token(scopes=BOTH))
    results = together(WatchedCache(8), flight, [BOTH] + [PULL, BOTH] * 3 + [PULL])
    assert flight.count == 1
    assert results == [flight.outcome] * 8


def test_a_failure_is_shared_by_those_who_waited_for_it() -> None:
    flight = Flight(Unreachable("no answer"))
    cache = WatchedCache(6)
    results = together(cache, flight, [PULL] * 6)
    assert flight.count == 1
    assert results == [flight.outcome] * 6
    found = token()
    assert cache.obtain("key", PULL, frozenset(), lambda: found) is found


def test_an_interruption_of_one_is_not_the_others_affair() -> None:
    found = token()
    cache = WatchedCache(2)
    first = Flight(KeyboardInterrupt())
    crew = Crew()
    crew.send(lambda: cache.obtain("key", PULL, frozenset(), first))
    assert first.taken_off.wait(PATIENCE)
    crew.send(lambda: cache.obtain("key", PULL, frozenset(), lambda: found))
    assert cache.all_looked.wait(PATIENCE)
    first.may_land.set()
    results = crew.come_home()
    assert found in results
    assert any(isinstance(result, KeyboardInterrupt) for result in results)


@pytest.mark.parametrize(
    ("key", "wish"), [("other", PULL), ("key", BOTH), ("key", repository_scopes("other", "pull")), ("key", NO_SCOPES)]
)
def test_who_wants_something_else_does_not_wait(key: str, wish: ScopeSet) -> None:
    cache = TokenCache(Clock())
    flight = Flight(token())
    crew = Crew()
    crew.send(lambda: cache.obtain("key", PULL, frozenset(), flight))
    assert flight.taken_off.wait(PATIENCE)
    other = token("U", wish)
    assert cache.obtain(key, wish, frozenset(), lambda: other) is other
    flight.may_land.set()
    assert crew.come_home() == [flight.outcome]


def test_who_saw_the_token_of_a_flight_refused_asks_again() -> None:
    """A service that gives the same token again and again; each thread goes on after its own fetch."""
    cache = WatchedCache(2)
    first, other = Flight(token("T")), token("U")
    crew = Crew()
    crew.send(lambda: cache.obtain("key", PULL, frozenset(), first))
    assert first.taken_off.wait(PATIENCE)
    crew.send(lambda: cache.obtain("key", PULL, frozenset({Secret("T")}), lambda: other))
    assert cache.all_looked.wait(PATIENCE)
    first.may_land.set()
    assert {result.secret for result in crew.come_home() if isinstance(result, Token)} == {Secret("T"), Secret("U")}


def test_many_threads_at_a_barrier_fetch_once() -> None:
    count = 16
    barrier = threading.Barrier(count)
    cache = TokenCache(Clock())
    fetches: list[Token] = []

    def fetch() -> Token:
        fetches.append(token())
        return fetches[-1]

    def work() -> Token:
        barrier.wait(PATIENCE)
        return cache.obtain("key", PULL, frozenset(), fetch)

    crew = Crew()
    for _ in range(count):
        crew.send(work)
    assert crew.come_home() == fetches * count
    assert len(fetches) == 1


def test_the_kinds_of_secret() -> None:
    assert {kind.value for kind in Kind} == {"password", "identity token", "registry token"}


def test_a_cached_token_is_not_fetched() -> None:
    cache = TokenCache(Clock())
    put(cache, "key", token())
    assert cache.obtain("key", PULL, frozenset(), never).secret == Secret("T")
