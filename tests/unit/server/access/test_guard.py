"""Decisions: what each end-point needs, and how each scheme refuses it. The two founding reports are here."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.auth.challenge import Challenge, parse_challenges
from pratique.auth.secret import Secret
from pratique.server.access.attempts import FREE_FAILURES
from pratique.server.access.guard import parse_basic
from pratique.server.access.rules import Access, Rule, Tokens
from pratique.server.access.tokens import LEEWAY
from pratique.spec.digest import Digest

from ..asking import CONFIG, LAYER, ROOT, Answer, Asking

DIGEST = Digest.of(b"")
SESSION = "00000000-0000-0000-0000-000000000000"
USERS = {"alice": Secret("secret"), "bob": Secret("word")}
RULES = (
    Rule("foo*", {"alice": frozenset({"pull", "push", "delete"}), "bob": frozenset({"pull"})}),
    Rule("bar", {"anonymous": frozenset({"pull"})}),
)
NEEDS = [
    ("GET", f"/v2/foo/blobs/{DIGEST}", "repository:foo:pull"),
    ("HEAD", f"/v2/foo/blobs/{DIGEST}", "repository:foo:pull"),
    ("GET", "/v2/foo/manifests/v1", "repository:foo:pull"),
    ("HEAD", "/v2/foo/manifests/v1", "repository:foo:pull"),
    ("GET", "/v2/foo/tags/list", "repository:foo:pull"),
    ("GET", f"/v2/foo/referrers/{DIGEST}", "repository:foo:pull"),
    ("POST", "/v2/foo/blobs/uploads/", "repository:foo:pull,push"),
    ("POST", f"/v2/foo/blobs/uploads/?mount={DIGEST}&from=bar", "repository:foo:pull,push repository:bar:pull"),
    ("PATCH", f"/v2/foo/blobs/uploads/{SESSION}", "repository:foo:pull,push"),
    ("PUT", f"/v2/foo/blobs/uploads/{SESSION}", "repository:foo:pull,push"),
    ("GET", f"/v2/foo/blobs/uploads/{SESSION}", "repository:foo:pull,push"),
    ("DELETE", f"/v2/foo/blobs/uploads/{SESSION}", "repository:foo:pull,push"),
    ("PUT", "/v2/foo/manifests/v1", "repository:foo:pull,push"),
    ("DELETE", "/v2/foo/manifests/v1", "repository:foo:delete"),
    ("DELETE", f"/v2/foo/blobs/{DIGEST}", "repository:foo:delete"),
    ("GET", "/v2/_catalog", "registry:catalog:*"),
]


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def challenge(answer: Answer) -> Challenge:
    [found] = parse_challenges(answer.headers.all("WWW-Authenticate"))
    return found


def bearer(ask: Asking, scopes: str, user: str = "alice", password: str = "secret") -> str:
    query = "&".join(f"scope={scope}" for scope in scopes.split())
    answer = ask("GET", f"/token?service=pratique&{query}", Authorization=basic(user, password))
    assert answer.status == 200
    return f"Bearer {answer.json['token']}"


def asking(folder: Path, **access: Any) -> Asking:
    return Asking(folder, Access(**({"users": USERS, "rules": RULES} | access)))


# --- Basic


@given(st.text(), st.text())
def test_a_name_and_a_password(user: str, password: str) -> None:
    encoded = base64.b64encode(f"{user}:{password}".encode()).decode()
    assert parse_basic(f"bAsIc  {encoded} ") == tuple(f"{user}:{password}".split(":", 1))


@given(st.text(), st.sampled_from(["", "Basic ", "basic "]))
def test_an_authorization_that_makes_no_sense(text: str, scheme: str) -> None:
    found = parse_basic(scheme + text)
    assert found is None or len(found) == 2


@pytest.mark.parametrize(("method", "target", "need"), NEEDS)
def test_basic_refuses_the_anonymous(tmp_path: Path, method: str, target: str, need: str) -> None:
    answer = asking(tmp_path)(method, target)
    assert answer.status == 401
    assert challenge(answer) == Challenge("basic", (("realm", "pratique"),))
    assert method == "HEAD" or answer.code == "UNAUTHORIZED"


@pytest.mark.parametrize(("method", "target", "need"), NEEDS)
def test_basic_refuses_who_is_known_and_may_not(tmp_path: Path, method: str, target: str, need: str) -> None:
    answer = asking(tmp_path, catalog=("alice",))(method, target, Authorization=basic("bob", "word"))
    if need == "repository:foo:pull":
        assert answer.status not in (401, 403)
    else:
        assert (answer.status, answer.code) == (403, "DENIED")
        assert "WWW-Authenticate" not in answer.headers


@pytest.mark.parametrize(
    "value", [basic("alice", "wrong"), basic("carol", "secret"), "Basic", "Basic ===", "Basic YWJj", "Bearer x", ""]
)
@pytest.mark.parametrize("target", ["/v2/", "/v2/bar/tags/list"])
def test_basic_refuses_bad_credentials_everywhere(tmp_path: Path, value: str, target: str) -> None:
    answer = asking(tmp_path)("GET", target, Authorization=value)
    assert (answer.status, answer.code) == (401, "UNAUTHORIZED")


def test_basic_slows_guesses_down(tmp_path: Path) -> None:
    ask = asking(tmp_path)
    ask.peer = "192.0.2.1"
    for _ in range(FREE_FAILURES):
        assert ask("GET", "/v2/", Authorization=basic("alice", "wrong")).status == 401
    answer = ask("GET", "/v2/", Authorization=basic("alice", "secret"))
    assert (answer.status, answer.code, answer.field("Retry-After")) == (429, "TOOMANYREQUESTS", "1")
    assert "WWW-Authenticate" not in answer.headers
    assert ask("GET", "/v2/", Authorization=basic("bob", "word")).status == 200
    ask.peer = "192.0.2.2"
    assert ask("GET", "/v2/", Authorization=basic("alice", "secret")).status == 200
    ask.peer, ask.clock.now = "192.0.2.1", ask.clock.now + 1
    assert ask("GET", "/v2/", Authorization=basic("alice", "secret")).status == 200


def test_whoever_sends_no_password_guesses_none(tmp_path: Path) -> None:
    ask = asking(tmp_path)
    for value in ("", "Basic", "Basic !!!", "Bearer x", "Basic " + base64.b64encode(b"alice").decode()) * 20:
        assert ask("GET", "/v2/", Authorization=value).status == 401
    assert ask("GET", "/v2/").status == 401
    assert ask("GET", "/v2/", Authorization=basic("alice", "secret")).status == 200


@pytest.mark.parametrize(("ping", "anonymous", "known"), [("", 401, 200), ("closed", 401, 200), ("open", 200, 200)])
def test_the_ping_of_basic(tmp_path: Path, ping: str, anonymous: int, known: int) -> None:
    ask = asking(tmp_path, ping=ping)
    assert ask("GET", "/v2/").status == anonymous
    assert ask("GET", "/v2/", Authorization=basic("bob", "word")).status == known


def test_a_push_with_a_password(tmp_path: Path) -> None:
    ask = asking(tmp_path)
    login = {"Authorization": basic("alice", "secret")}
    answer = ask("POST", f"/v2/foo/blobs/uploads/?digest={Digest.of(LAYER)}", LAYER, **login)
    assert answer.status == 201


def test_a_mount_needs_to_read_the_origin(tmp_path: Path) -> None:
    rules = (*RULES, Rule("hidden", {"bob": frozenset({"pull", "push"})}))
    ask, digest = asking(tmp_path, rules=rules), Digest.of(LAYER)
    ask("POST", f"/v2/hidden/blobs/uploads/?digest={digest}", LAYER, Authorization=basic("bob", "word"))
    target = f"/v2/foo/blobs/uploads/?mount={digest}&from=hidden"
    answer = ask("POST", target, b"", Authorization=basic("alice", "secret"))
    assert answer.status == 202
    assert ask("GET", f"/v2/foo/blobs/{digest}", Authorization=basic("alice", "secret")).status == 404


def test_the_first_report(tmp_path: Path) -> None:
    """`/v2/` asks for nothing, `foo` for a password, `bar` for nothing (containers/container-libs#192)."""
    ask = asking(tmp_path, ping="open")
    assert ask("GET", "/v2/").status == 200
    refused = ask("GET", "/v2/foo/manifests/latest")
    assert (refused.status, challenge(refused).scheme) == (401, "basic")
    assert ask("GET", "/v2/foo/manifests/latest", Authorization=basic("alice", "secret")).code == "MANIFEST_UNKNOWN"
    assert ask("GET", "/v2/bar/manifests/latest").code == "MANIFEST_UNKNOWN"


# --- Bearer


@pytest.mark.parametrize(("method", "target", "need"), NEEDS)
def test_bearer_names_what_is_needed(tmp_path: Path, method: str, target: str, need: str) -> None:
    answer = asking(tmp_path, scheme="bearer")(method, target)
    expected = (("realm", f"{ROOT}/token"), ("service", "pratique"), ("scope", need))
    assert (answer.status, challenge(answer)) == (401, Challenge("bearer", expected))
    assert method == "HEAD" or answer.code == "UNAUTHORIZED"


@pytest.mark.parametrize(("method", "target", "need"), NEEDS)
@pytest.mark.parametrize("refusal", [401, 403])
def test_bearer_refuses_a_token_for_something_else(
    tmp_path: Path, method: str, target: str, need: str, refusal: int
) -> None:
    ask = asking(tmp_path, scheme="bearer", refusal=refusal)
    answer = ask(method, target, Authorization=bearer(ask, "repository:foo2:pull,push,delete"))
    found = challenge(answer)
    assert (answer.status, found.get("scope"), found.error) == (refusal, need, "insufficient_scope")
    assert method == "HEAD" or answer.code == ("DENIED" if refusal == 403 else "UNAUTHORIZED")


@pytest.mark.parametrize(("method", "target", "need"), NEEDS)
def test_bearer_allows_what_it_asked_for(tmp_path: Path, method: str, target: str, need: str) -> None:
    ask = asking(tmp_path, scheme="bearer", refusal=403)
    assert ask(method, target, Authorization=bearer(ask, need)).status not in (401, 403)


def test_the_ping_of_bearer(tmp_path: Path) -> None:
    closed = asking(tmp_path, scheme="bearer")
    answer = closed("GET", "/v2/")
    assert (answer.status, challenge(answer).get("scope")) == (401, None)
    assert closed("GET", "/v2/", Authorization=bearer(closed, "")).status == 200
    assert asking(tmp_path, scheme="bearer", ping="open")("GET", "/v2/").status == 200


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer x.y.z", "Bearer " + "x" * 5000])
def test_a_bad_token(tmp_path: Path, value: str) -> None:
    answer = asking(tmp_path, scheme="bearer")("GET", "/v2/foo/tags/list", Authorization=value)
    assert answer.status == 401
    assert challenge(answer).error == ("invalid_token" if value else None)


def test_a_password_sent_where_a_token_is_due(tmp_path: Path) -> None:
    answer = asking(tmp_path, scheme="bearer")("GET", "/v2/foo/tags/list", Authorization=basic("alice", "secret"))
    assert (answer.status, challenge(answer).scheme, challenge(answer).error) == (401, "bearer", None)


def test_an_expired_token(tmp_path: Path) -> None:
    ask = asking(tmp_path, scheme="bearer", tokens=Tokens(life=60))
    login = bearer(ask, "repository:foo:pull")
    ask.clock.now += 60 + LEEWAY - 1
    assert ask("GET", "/v2/foo/tags/list", Authorization=login).code == "NAME_UNKNOWN"
    ask.clock.now += 1
    assert challenge(ask("GET", "/v2/foo/tags/list", Authorization=login)).error == "invalid_token"


def test_a_mount_with_a_token_for_the_target_only(tmp_path: Path) -> None:
    ask, digest = asking(tmp_path, scheme="bearer"), Digest.of(LAYER)
    push = bearer(ask, "repository:foo:pull,push")
    ask("POST", f"/v2/foo/blobs/uploads/?digest={digest}", LAYER, Authorization=push)
    target = f"/v2/foo2/blobs/uploads/?mount={digest}&from=foo"
    for scopes, status in (("repository:foo2:pull,push", 202), ("repository:foo2:pull,push repository:foo:pull", 201)):
        assert ask("POST", target, b"", Authorization=bearer(ask, scopes)).status == status


def test_the_second_report(tmp_path: Path) -> None:
    """A 403 names the scope that is wanted (google/go-containerregistry#724)."""
    ask = asking(tmp_path, scheme="bearer", refusal=403)
    assert challenge(ask("GET", "/v2/")).parameters == (("realm", f"{ROOT}/token"), ("service", "pratique"))
    push = bearer(ask, "repository:foo/bar:push,pull")
    for content in (CONFIG, LAYER):
        target = f"/v2/foo/bar/blobs/uploads/?digest={Digest.of(content)}"
        assert ask("POST", target, content, Authorization=push).status == 201
    answer = ask("DELETE", "/v2/foo/bar/manifests/qux", Authorization=push)
    assert (answer.status, answer.code) == (403, "DENIED")
    assert answer.json["errors"][0]["detail"] == "token does not cover scope repository:foo/bar:delete"
    assert answer.headers.get("WWW-Authenticate") == (
        f'Bearer realm="{ROOT}/token",service="pratique",scope="repository:foo/bar:delete",error="insufficient_scope"'
    )
    delete = bearer(ask, "repository:foo/bar:delete")
    assert ask("DELETE", "/v2/foo/bar/manifests/qux", Authorization=delete).code == "MANIFEST_UNKNOWN"
