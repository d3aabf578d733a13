"""The token service: what is granted, to whom, and what the tokens say."""

from __future__ import annotations

import base64
import stat
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pratique.auth.secret import Secret
from pratique.errors import InvalidInput
from pratique.server.access import Access, Rule, Tokens

from .asking import Answer, Asking

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
    """The claims of a token whose signature was checked with the certificate, as another registry does it."""
    assert ask.app.tokens is not None
    certificate = x509.load_pem_x509_certificate(ask.app.tokens.certificates)
    header = jwt.get_unverified_header(token)
    assert base64.b64decode(header["x5c"][0]) == certificate.public_bytes(Encoding.DER)
    certificate.verify_directly_issued_by(certificate)
    options: Any = {"verify_exp": False, "verify_aud": False}
    found = jwt.decode(token, certificate.public_key(), algorithms=["ES256"], options=options)  # type: ignore[arg-type]
    return dict(found)


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


def test_the_name_of_the_key_has_distributions_form(ask: Asking) -> None:
    token = ask("GET", "/token").json["token"]
    parts = jwt.get_unverified_header(token)["kid"].split(":")
    assert [len(part) for part in parts] == [4] * 12


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


# --- The key


def test_tokens_survive_a_restart(ask: Asking) -> None:
    token = ask("GET", "/token?scope=repository:foo:pull").json["token"]
    later = Asking(ask.storage.folder, access())
    assert later("GET", "/v2/foo/tags/list", Authorization=f"Bearer {token}").code == "NAME_UNKNOWN"


def test_tokens_of_another_key(ask: Asking, tmp_path: Path) -> None:
    token = Asking(tmp_path / "other", access())("GET", "/token?scope=repository:foo:pull").json["token"]
    assert ask("GET", "/v2/foo/tags/list", Authorization=f"Bearer {token}").status == 401


def test_a_token_without_signature(ask: Asking) -> None:
    token = ask("GET", "/token?scope=repository:foo:pull").json["token"]
    forged = jwt.encode(claims(ask, token), "", algorithm="none")
    assert ask("GET", "/v2/foo/tags/list", Authorization=f"Bearer {forged}").status == 401


def test_the_key_is_its_owners(ask: Asking) -> None:
    path = ask.storage.private / "token.pem"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_key_that_cannot_be_read(ask: Asking) -> None:
    (ask.storage.private / "token.pem").write_text("nothing")
    with pytest.raises(InvalidInput, match=r"token\.pem"):
        Asking(ask.storage.folder, access())
