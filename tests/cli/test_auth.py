"""auth explain and auth token."""

from __future__ import annotations

import http.client
from collections.abc import Callable

import pytest

from tests.commands import Run

from .conftest import CREDS

BEARER = """
scheme = "bearer"
refusal = 403
[users]
u = "secret-word"
reader = "reading"
[[repositories]]
pattern = "app"
allow = { u = ["pull", "push", "delete"], reader = ["pull"] }
"""


@pytest.fixture
def bearer(served: Callable[..., str]) -> str:
    return served(BEARER, creds="u:secret-word", repositories=("app",))


def steps(document: dict[str, object], kind: str) -> list[dict[str, object]]:
    found = document["steps"]
    assert isinstance(found, list)
    return [step for step in found if step["step"] == kind]


def test_the_first_report_explained(run: Run, registry: str) -> None:
    told = run("auth", "explain", "--json", "--creds", CREDS, f"{registry}/foo:1.0")
    assert told.code == 0
    assert told.json["permitted"] is True
    assert [(step["method"], step["status"], step["authorization"]) for step in steps(told.json, "request")] == [
        ("HEAD", 401, ""),
        ("HEAD", 200, "Basic"),
    ]
    assert steps(told.json, "request")[0]["challenges"] == ['Basic realm="pratique"']
    assert steps(told.json, "credential")[0]["found"] == "password of 'captain' from --creds"
    assert "secret-of-captain" not in told.out + told.err


def test_a_refusal_explained(run: Run, registry: str) -> None:
    told = run("auth", "explain", f"{registry}/foo:1.0")
    assert told.code == 4
    assert "no credentials were found" in told.out
    assert "hint: log in" in told.out
    assert run("auth", "explain", f"{registry}/bar:1.0").out.rstrip().endswith("permitted, to anybody")


@pytest.mark.parametrize(("action", "scope"), [("pull", "pull"), ("push", "pull,push"), ("delete", "delete")])
def test_each_action_explained_changes_nothing(run: Run, bearer: str, action: str, scope: str) -> None:
    told = run("auth", "explain", "--json", "--for", action, "--creds", "u:secret-word", f"{bearer}/app")
    assert told.json["permitted"] is True
    assert steps(told.json, "token_asked")[-1]["scopes"] == [f"repository:app:{scope}"]
    assert run("tags", "--creds", "u:secret-word", f"{bearer}/app").out.split() == ["0.9", "1.0", "latest"]


@pytest.mark.parametrize("action", ["push", "delete"])
def test_a_reader_is_told_what_is_wanted(run: Run, bearer: str, action: str) -> None:
    told = run("auth", "explain", "--json", "--for", action, "--creds", "reader:reading", f"{bearer}/app")
    assert told.code == 4
    assert told.json["error"]["kind"] == "Denied"
    assert action in told.json["error"]["wanted"]
    assert told.json["error"]["credential"] == "password of 'reader' from --creds"


@pytest.mark.tells_secrets("it prints a token")
def test_a_token_for_other_programs(run: Run, bearer: str) -> None:
    header = run("auth", "token", "--header", "--creds", "u:secret-word", f"{bearer}/app").out.strip()
    name, _, value = header.partition(": ")
    connection = http.client.HTTPConnection(bearer)
    connection.request("GET", "/v2/app/tags/list", headers={name: value})
    assert connection.getresponse().status == 200
    connection.close()


@pytest.mark.tells_secrets("it prints a token")
def test_a_token_for_several_actions(run: Run, bearer: str) -> None:
    told = run("auth", "token", "--json", "--for", "pull,push", "--creds", "u:secret-word", f"{bearer}/app").json
    assert told["scheme"] == "Bearer"
    assert "repository:app:pull,push" in told["scopes"]
    assert run("auth", "token", "--for", "fly", f"{bearer}/app").code == 2


@pytest.mark.tells_secrets("it prints a token")
def test_where_there_are_no_tokens(run: Run, registry: str) -> None:
    assert run("auth", "token", f"{registry}/bar").code == 3
    assert run("auth", "token", "--creds", CREDS, f"{registry}/foo").code == 8
    assert run("auth", "token", "--header", "--creds", CREDS, f"{registry}/foo").out.startswith("Authorization: Basic ")
