"""The two reports that the project began with, on a real wire: the embedded registry on a socket, and commands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pratique.errors import Denied, Unauthorized
from pratique.http.events import Event, Sent
from tests.commands import Run
from tests.registries import push, repository, sample, serving

CREDS = "username:password"
INDEX = sample().root.descriptor

OPEN_PING = """
ping = "open"
[users]
username = "password"
[[repositories]]
pattern = "foo"
allow = { username = ["pull", "push", "delete"] }
[[repositories]]
pattern = "bar"
allow = { anonymous = ["pull"], username = ["push"] }
"""

DELETE_NEEDS_DELETE = """
scheme = "bearer"
refusal = 403
[users]
username = "password"
[[repositories]]
pattern = "foo/bar"
allow = { username = ["pull", "push", "delete"] }
"""


@pytest.fixture
def open_ping(tmp_path: Path) -> Iterator[str]:
    with serving(tmp_path, OPEN_PING) as listener:
        for name in ("foo", "bar"):
            with repository(listener.address, name, CREDS) as target:
                push(target, sample(), "latest")
        yield listener.address


@pytest.fixture
def tokens(tmp_path: Path) -> Iterator[str]:
    with serving(tmp_path, DELETE_NEEDS_DELETE) as listener:
        with repository(listener.address, "foo/bar", CREDS) as target:
            push(target, sample(), "qux", "other")
        yield listener.address


def sent(run: Run, *words: str) -> list[str]:
    """The requests that a command made, as --debug shows them."""
    shown = run(*words, "--debug").err.splitlines()
    return [line.partition("request: ")[2] for line in shown if "request: " in line]


def test_containers_container_libs_192_lists_tags_of_a_repository_behind_an_open_ping(run: Run, open_ping: str) -> None:
    assert run("tags", "--creds", CREDS, f"{open_ping}/foo").out == "latest\n"
    requests = sent(run, "tags", "--creds", CREDS, f"{open_ping}/foo")
    assert [("[Basic]" in line, "401" in line) for line in requests] == [(False, True), (True, False)]
    assert all("/v2/foo/tags/list" in line for line in requests)


@pytest.mark.parametrize(
    "words",
    [
        ("digest", "REF"),
        ("manifest", "get", "REF"),
        ("inspect", "REF"),
        ("blob", "head", f"REPO@{sample().below[0].descriptor.digest}"),
        ("auth", "explain", "--for", "push", "REPO"),
        ("delete", "REF"),
    ],
)
def test_containers_container_libs_192_for_every_end_point(run: Run, open_ping: str, words: tuple[str, ...]) -> None:
    place = f"{open_ping}/foo"
    named = [word.replace("REF", f"{place}:latest").replace("REPO", place) for word in words]
    refused = run(*named)
    assert refused.code == 4
    assert run(*named, "--creds", CREDS).code == 0


def test_containers_container_libs_192_shows_no_credentials_where_none_are_asked_for(run: Run, open_ping: str) -> None:
    requests = sent(run, "tags", "--creds", CREDS, f"{open_ping}/bar")
    assert len(requests) == 1
    assert "[" not in requests[0].partition(" -> ")[0].partition("://")[2]


def test_containers_container_libs_192_reports_a_wrong_password(run: Run, open_ping: str) -> None:
    refused = run("tags", "--json", "--creds", "username:wrong", f"{open_ping}/foo")
    assert refused.code == Unauthorized.exit_code
    assert refused.error["challenges"] == ['Basic realm="pratique"']
    assert refused.error["credential"] == "password of 'username' from --creds"


def test_google_go_containerregistry_724_deletes_with_the_scope_that_the_403_names(tokens: str) -> None:
    events: list[Event] = []
    with repository(tokens, "foo/bar", CREDS, tell=events.append) as target:
        assert target.resolve("qux").digest == INDEX.digest
        target.delete("qux")
        assert list(target.tags()) == ["other"]
    deletes = [event for event in events if isinstance(event, Sent) and event.method == "DELETE"]
    assert [event.status for event in deletes] == [403, 202]
    assert 'scope="repository:foo/bar:delete"' in deletes[0].challenges[0]
    asked = [event.url for event in events if isinstance(event, Sent) and "/token" in event.url]
    assert len([url for url in asked if "repository:foo/bar:delete" in url]) == 1


def test_google_go_containerregistry_724_reports_who_may_not_delete(run: Run, tmp_path: Path) -> None:
    reader = DELETE_NEEDS_DELETE.replace('"pull", "push", "delete"', '"pull", "push"')
    with serving(tmp_path, reader) as listener:
        with repository(listener.address, "foo/bar", CREDS) as target:
            push(target, sample(), "qux")
        refused = run("delete", "--json", "--creds", CREDS, f"{listener.address}/foo/bar:qux")
    assert refused.code == Denied.exit_code
    assert refused.error["wanted"] == "repository:foo/bar:delete"
    assert refused.error["kind"] == "Denied"
