"""The token service: what is granted, to whom, and what the tokens say."""

from __future__ import annotations

import base64
from contextlib import closing
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from pratique.auth.secret import Secret
from pratique.errors import InvalidInput
from pratique.http.message import Body
from pratique.server.access.attempts import FREE_FAILURES
from pratique.server.access.keyring import Keyring
from pratique.server.access.keys import SigningKey
from pratique.server.access.rules import Access, Rule, Tokens
from pratique.values import replace

from ..asking import Answer, Asking
from .test_keys import KEYS, forgeries

TOKENS = Tokens(service="registry.test", others=("other.test",), issuer="issuer.test", life=60)
RULES = (
    Rule("foo", {"alice": frozenset({"pull", "push"}), "anonymous": frozenset({"pull"})}),
    Rule("bar", {"alice": frozenset({"delete"})}),
)
ALICE = "Basic " + base64.b64encode(b"alice:secret").decode()


def access(password: str = "secret") -> Access:
    return Access(scheme="bearer", users={"alice": Secret(password)}, rules=RULES, tokens=TOKENS)


@pytest.fixture
def ask(tmp_path: Path) -> Asking:
    return Asking(tmp_path, access())


def post(ask: Asking, **form: str) -> Answer:
    content = urlencode({"service": "registry.test", "client_id": "tests", **form}).encode()
    return ask("POST", "/token", content, Content_Type="application/x-www-form-urlencoded")


def claims(ask: Asking, token: str) -> dict[str, Any]:
    """The claims of a token whose signature was checked with the public keys, as another registry does it."""
    keys = jwt.PyJWKSet.from_dict(ask("GET", "/.well-known/jwks.json").json)
    key = keys[jwt.get_unverified_header(token)["kid"]]
    options: Any = {"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False}
    return dict(jwt.decode(token, key.key, algorithms=[key.algorithm_name], options=options))


def test_what_a_token_says(ask: Asking) -> None:
    answer = ask("GET", "/token?service=registry.test&scope=repository:foo:push,pull", Authorization=ALICE)
    assert answer.status == 200
    assert answer.field("Cache-Control") == "no-store"
    assert answer.json["token"] == answer.json["access_token"]
    assert (answer.json["expires_in"], answer.json["issued_at"]) == (60, "2023-11-14T22:13:20Z")
    assert "refresh_token" not in answer.json
    found = claims(ask, answer.json["token"])
    assert found.pop("jti")
    assert found == {
        "iss": "issuer.test",
        "sub": "alice",
        "aud": "registry.test",
        "exp": 1_700_000_060,
        "nbf": 1_700_000_000,
        "iat": 1_700_000_000,
        "access": [{"type": "repository", "name": "foo", "actions": ["pull", "push"]}],
    }


def test_tokens_for_others_carry_the_certificate(tmp_path: Path) -> None:
    """As distribution 2.8 wants it, which knows no other name of a key than its own kind; ours need none."""
    sent = {}
    for x5c in (True, False):
        ask = Asking(tmp_path, replace(access(), tokens=replace(TOKENS, x5c=x5c)))
        ours, theirs = (ask("GET", f"/token?service={name}.test").json["token"] for name in ("registry", "other"))
        assert "x5c" not in jwt.get_unverified_header(ours)
        sent[x5c] = jwt.get_unverified_header(theirs).get("x5c")
    [certificate] = x509.load_pem_x509_certificates((tmp_path / "pratique" / "certificates.pem").read_bytes())
    assert sent == {True: [base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()], False: None}


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA"])
def test_how_tokens_are_signed(tmp_path: Path, algorithm: str) -> None:
    ask = Asking(tmp_path, replace(access(), tokens=replace(TOKENS, algorithm=algorithm)))
    token = ask("GET", "/token?scope=repository:foo:pull").json["token"]
    assert jwt.get_unverified_header(token)["alg"] == algorithm
    assert claims(ask, token)["aud"] == "registry.test"
    assert ask("GET", "/v2/foo/tags/list", Authorization=f"Bearer {token}").code == "NAME_UNKNOWN"


def test_the_public_keys(ask: Asking) -> None:
    answer = ask("GET", "/.well-known/jwks.json")
    assert (answer.status, answer.field("Content-Type")) == (200, "application/jwk-set+json")
    assert answer.field("Cache-Control") == "public, max-age=3600"
    [key] = answer.json["keys"]
    assert {"kty", "crv", "x", "y", "kid", "alg", "use"} == set(key)
    assert (ask("POST", "/.well-known/jwks.json").status, ask("HEAD", "/.well-known/jwks.json").status) == (405, 200)


def test_where_there_are_no_tokens_there_are_no_keys(tmp_path: Path) -> None:
    ask = Asking(tmp_path, Access(users={"alice": Secret("secret")}))
    assert ask("GET", "/.well-known/jwks.json").status == 404
    assert ask("GET", "/token").status == 404


@pytest.mark.parametrize(
    ("query", "login", "granted"),
    [
        ("scope=repository:foo:pull,push,delete", ALICE, "repository:foo:pull,push"),
        ("scope=repository:foo:pull&scope=repository:bar:delete", ALICE, "repository:bar:delete repository:foo:pull"),
        ("scope=repository:foo:pull+repository:bar:delete", ALICE, "repository:bar:delete repository:foo:pull"),
        ("scope=repository:foo:*", ALICE, "repository:foo:pull,push"),
        ("scope=registry:catalog:*", ALICE, "registry:catalog:*"),
        ("scope=repository:secret:pull", ALICE, ""),
        ("scope=", ALICE, ""),
        ("", ALICE, ""),
        ("account=bob&scope=repository:foo:push", ALICE, "repository:foo:push"),
        ("scope=repository:foo:pull,push", None, "repository:foo:pull"),
        ("scope=registry:catalog:*", None, ""),
    ],
)
def test_what_is_granted(ask: Asking, query: str, login: str | None, granted: str) -> None:
    target = f"/token?{query}"
    answer = ask("GET", target, Authorization=login) if login else ask("GET", target)
    assert (answer.status, answer.json["scope"]) == (200, granted)
    found = claims(ask, answer.json["token"])
    assert found["sub"] == ("alice" if login else "")
    assert bool(found["access"]) == bool(granted)


@pytest.mark.parametrize("value", ["alice:wrong", "bob:secret", "anonymous:", "alice"])
def test_wrong_passwords(ask: Asking, value: str) -> None:
    login = "Basic " + base64.b64encode(value.encode()).decode()
    answer = ask("GET", "/token?scope=repository:foo:pull", Authorization=login)
    assert (answer.status, answer.code) == (401, "UNAUTHORIZED")
    assert answer.field("WWW-Authenticate") == 'Basic realm="pratique"'


def test_other_services(ask: Asking) -> None:
    token = ask("GET", "/token?service=other.test&scope=repository:foo:pull").json["token"]
    assert claims(ask, token)["aud"] == "other.test"
    assert ask("GET", "/v2/foo/tags/list", Authorization=f"Bearer {token}").status == 401
    assert ask("GET", "/token?service=unknown.test").status == 400
    assert post(ask, grant_type="password", service="unknown.test").json["error"] == "invalid_request"


def test_other_methods(ask: Asking) -> None:
    assert (ask("PUT", "/token").status, ask("PUT", "/token").field("Allow")) == (405, "GET, POST")


# --- OAuth2


def test_a_password_grant(ask: Asking) -> None:
    scope = "repository:foo:pull,push,delete"
    answer = post(ask, grant_type="password", username="alice", password="secret", scope=scope)
    assert (answer.status, answer.json["scope"]) == (200, "repository:foo:pull,push")
    assert claims(ask, answer.json["access_token"])["sub"] == "alice"
    assert "refresh_token" not in answer.json


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"grant_type": "password", "username": "alice", "password": "wrong"}, 401, "invalid_grant"),
        ({"grant_type": "password"}, 401, "invalid_grant"),
        ({"grant_type": "refresh_token", "refresh_token": "x"}, 401, "invalid_grant"),
        ({"grant_type": "refresh_token"}, 401, "invalid_grant"),
        ({"grant_type": "authorization_code"}, 400, "unsupported_grant_type"),
        ({}, 400, "unsupported_grant_type"),
    ],
)
def test_what_is_not_granted(ask: Asking, form: dict[str, str], status: int, error: str) -> None:
    answer = post(ask, **form)
    assert (answer.status, answer.json["error"]) == (status, error)


def test_a_form_that_is_too_long(ask: Asking) -> None:
    assert post(ask, scope="x" * (64 << 10)).status == 413
    endless = Body(lambda: closing(cast(Any, Endless())), None)
    assert ask("POST", "/token", endless).status == 413


def test_more_than_one_token_is_for(ask: Asking) -> None:
    login = {"grant_type": "password", "username": "alice", "password": "secret"}
    for resources, get, form in ((100, 200, 200), (101, 400, 400), (2000, 400, 400)):
        scope = " ".join(f"repository:r{number}:pull,push" for number in range(resources))
        assert ask("GET", f"/token?{urlencode({'scope': scope})}", Authorization=ALICE).status == get
        answer = post(ask, scope=scope, **login)
        assert answer.status == form
        assert form == 200 or answer.json["error"] == "invalid_scope"
    fields = "&".join(f"scope=repository:r{number}:pull" for number in range(200))
    assert ask("GET", f"/token?{fields}", Authorization=ALICE).status == 400
    assert ask("POST", "/token", fields.encode()).status == 400


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["scope", "service", "grant_type", "username", "password", "refresh_token", "x"]), st.text()
        )
    ),
    st.binary(max_size=100),
    st.none() | st.text() | st.binary().map(lambda raw: "Basic " + base64.b64encode(raw).decode()),
)
def test_any_request_for_a_token(
    tokens: Asking, fields: list[tuple[str, str]], raw: bytes, authorization: str | None
) -> None:
    headers: dict[str, Any] = {} if authorization is None else {"Authorization": authorization}
    query = urlencode(fields, errors="replace")
    for answer in (
        tokens("GET", f"/token?{query}", **headers),
        tokens("POST", "/token", query.encode() + b"&" + raw, **headers),
        tokens("POST", "/token", raw, **headers),
        tokens("GET", "/v2/foo/tags/list", **headers),
    ):
        assert answer.status in (200, 400, 401, 404, 429)
        assert answer.json


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Asking:
    """One registry for many requests."""
    return Asking(tmp_path_factory.mktemp("tokens"), access())


class Endless:
    """Content that never ends."""

    def read(self, size: int = -1, /) -> bytes:
        return b"x" * max(size, 1)

    def close(self) -> None:
        pass


@pytest.mark.parametrize("way", ["GET", "POST"])
def test_a_refresh_token(ask: Asking, way: str) -> None:
    if way == "GET":
        first = ask("GET", "/token?service=registry.test&offline_token=true", Authorization=ALICE)
    else:
        first = post(ask, grant_type="password", username="alice", password="secret", access_type="offline")
    refresh = first.json["refresh_token"]
    answer = post(ask, grant_type="refresh_token", refresh_token=refresh, scope="repository:foo:push")
    assert (answer.status, answer.json["refresh_token"]) == (200, refresh)
    found = claims(ask, answer.json["access_token"])
    assert (found["sub"], found["access"][0]["actions"]) == ("alice", ["push"])


def refresh_token(ask: Asking) -> str:
    answer = ask("GET", "/token?service=registry.test&offline_token=true", Authorization=ALICE)
    return str(answer.json["refresh_token"])


def test_a_refresh_token_is_no_token(ask: Asking) -> None:
    assert ask("GET", "/v2/", Authorization=f"Bearer {refresh_token(ask)}").status == 401


def test_a_token_is_no_refresh_token(ask: Asking) -> None:
    token = ask("GET", "/token", Authorization=ALICE).json["token"]
    assert post(ask, grant_type="refresh_token", refresh_token=token).status == 401


def test_a_refresh_token_is_for_one_service(ask: Asking) -> None:
    answer = post(ask, grant_type="refresh_token", refresh_token=refresh_token(ask), service="other.test")
    assert answer.status == 401


def test_the_anonymous_get_no_refresh_token(ask: Asking) -> None:
    assert "refresh_token" not in ask("GET", "/token?offline_token=true").json


@pytest.mark.parametrize("later", [access("changed"), Access(scheme="bearer", tokens=TOKENS)])
def test_a_refresh_token_dies_with_the_password(ask: Asking, later: Access) -> None:
    refresh = refresh_token(ask)
    assert post(Asking(ask.storage.folder, access()), grant_type="refresh_token", refresh_token=refresh).status == 200
    changed = Asking(ask.storage.folder, later)
    assert post(changed, grant_type="refresh_token", refresh_token=refresh).status == 401


# --- Guessing


@pytest.mark.parametrize("way", ["GET", "POST"])
def test_guesses_are_slowed_down(ask: Asking, way: str) -> None:
    def login(password: str) -> Answer:
        if way == "GET":
            encoded = base64.b64encode(f"alice:{password}".encode()).decode()
            return ask("GET", "/token", Authorization=f"Basic {encoded}")
        return post(ask, grant_type="password", username="alice", password=password)

    assert [login("wrong").status for _ in range(FREE_FAILURES)] == [401] * FREE_FAILURES
    answer = login("secret")
    assert (answer.status, answer.code, answer.field("Retry-After")) == (429, "TOOMANYREQUESTS", "1")
    ask.clock.now += 1
    assert login("secret").status == 200


# --- Times


@pytest.mark.parametrize(("later", "status"), [(-61, 401), (-60, 404), (0, 404), (119, 404), (120, 401)])
def test_clocks_may_differ_by_a_minute(ask: Asking, later: float, status: int) -> None:
    token = ask("GET", "/token?scope=repository:foo:pull").json["token"]
    ask.clock.now += later
    assert ask("GET", "/v2/foo/tags/list", Authorization=f"Bearer {token}").status == status


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": None},
        {"exp": "1700000060"},
        {"exp": True},
        {"exp": 1e300},
        {"nbf": None},
        {"nbf": 1_700_000_061},
        {"iat": 1_700_000_061},
        {"iat": None},
        {"aud": "other.test"},
        {"aud": ["registry.test"]},
        {"aud": None},
        {"iss": "another"},
        {"iss": None},
        {"access": None},
        {"access": ["x"]},
        {"access": [{"type": "repository"}]},
        {"access": [{"type": "repository", "name": "foo", "actions": None}]},
        {"access": []},
        {"access": [{"type": "repository", "name": "foo", "actions": "pull"}]},
    ],
)
def test_claims_that_our_key_signed_and_are_no_permission(ask: Asking, changed: dict[str, Any]) -> None:
    good = claims(ask, ask("GET", "/token?scope=repository:foo:pull").json["token"])
    signer = Keyring(ask.storage.private, TOKENS, 0, ask.clock).signer()
    asked = "/v2/foo/tags/list"
    assert ask("GET", asked, Authorization=f"Bearer {signer.sign(good)}").status == 404
    token = signer.sign({name: value for name, value in (good | changed).items() if value is not None})
    assert ask("GET", asked, Authorization=f"Bearer {token}").status == 401


# --- The keys


def test_tokens_survive_a_restart(ask: Asking) -> None:
    token = ask("GET", "/token?scope=repository:foo:pull").json["token"]
    later = Asking(ask.storage.folder, access())
    assert later("GET", "/v2/foo/tags/list", Authorization=f"Bearer {token}").code == "NAME_UNKNOWN"


def test_tokens_of_another_key(ask: Asking, tmp_path: Path) -> None:
    token = Asking(tmp_path / "other", access())("GET", "/token?scope=repository:foo:pull").json["token"]
    assert ask("GET", "/v2/foo/tags/list", Authorization=f"Bearer {token}").status == 401


@pytest.mark.parametrize("name", forgeries(KEYS["ES256"]))
def test_a_forged_token(ask: Asking, name: str) -> None:
    assert ask.app.tokens is not None
    [key] = (SigningKey.parse(path.read_bytes()) for path in (ask.storage.private / "keys").iterdir())
    answer = ask("GET", "/v2/foo/tags/list", Authorization=f"Bearer {forgeries(key)[name]}")
    assert (answer.status, answer.code) == (401, "UNAUTHORIZED")
    assert 'error="invalid_token"' in answer.field("WWW-Authenticate")


@pytest.mark.parametrize("length", [17 << 10, 1 << 20])
def test_a_token_that_is_too_long(ask: Asking, length: int) -> None:
    assert ask("GET", "/v2/foo/tags/list", Authorization=f"Bearer {'x' * length}").status == 401
    assert post(ask, grant_type="refresh_token", refresh_token="x" * (17 << 10)).status == 401


def test_a_key_that_cannot_be_read(ask: Asking) -> None:
    (ask.storage.private / "keys" / "mine.pem").write_text("nothing")
    with pytest.raises(InvalidInput, match=r"mine\.pem"):
        Asking(ask.storage.folder, access())


def test_tokens_and_refresh_tokens_outlive_the_rotation_of_keys(tmp_path: Path) -> None:
    ask = Asking(tmp_path, replace(access(), tokens=replace(TOKENS, rotate=2, life=3600)))
    refresh = refresh_token(ask)
    names = set()
    for _ in range(29):
        token = ask("GET", "/token?scope=repository:foo:pull").json["token"]
        ask.clock.now += 3600
        assert ask("GET", "/v2/foo/tags/list", Authorization=f"Bearer {token}").code == "NAME_UNKNOWN"
        answer = post(ask, grant_type="refresh_token", refresh_token=refresh, scope="repository:foo:push")
        assert claims(ask, answer.json["access_token"])["access"][0]["actions"] == ["push"]
        names.add(jwt.get_unverified_header(token)["kid"])
        ask.clock.now += 23 * 3600
    assert len(names) > 10
    ask.clock.now += 2 * 24 * 3600
    assert post(ask, grant_type="refresh_token", refresh_token=refresh).status == 401
