"""Lines about requests: for people and for programs, and never a secret."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.server.listen.journal import FORMS, Entry, as_json, as_text, is_sane_id

AT = 1_700_000_000.125


def entry(**changed: Any) -> Entry:
    facts: dict[str, Any] = {
        "id": "a-1",
        "peer": "192.0.2.1",
        "method": "GET",
        "url": "http://registry.test/v2/foo/tags/list?n=1",
        "status": 200,
        "received": 1,
        "sent": 20,
        "seconds": 0.5,
        "notes": {"user": "alice", "endpoint": "end-8"},
    }
    return Entry(**facts | changed)


def test_a_line_for_people() -> None:
    assert as_text(entry(), AT) == (
        '2023-11-14T22:13:20.125Z 192.0.2.1 alice "GET http://registry.test/v2/foo/tags/list?n=1" 200 1 20 0.500000 a-1'
    )


def test_a_line_for_programs() -> None:
    assert json.loads(as_json(entry(), AT)) == {
        "time": "2023-11-14T22:13:20.125Z",
        "id": "a-1",
        "peer": "192.0.2.1",
        "user": "alice",
        "method": "GET",
        "url": "http://registry.test/v2/foo/tags/list?n=1",
        "endpoint": "end-8",
        "status": 200,
        "received": 1,
        "sent": 20,
        "seconds": 0.5,
    }


def test_what_is_not_known() -> None:
    unknown = entry(peer="", notes={}, url="", method="-")
    assert ' - - "- " 200' in as_text(unknown, AT)
    found = json.loads(as_json(unknown, AT))
    assert (found["peer"], found["user"], found["endpoint"]) == (None, None, None)


@pytest.mark.parametrize("form", FORMS)
def test_no_secrets(form: str) -> None:
    line = FORMS[form](entry(url="https://u:s3cr3t@registry.test/v2/?n=1&X-Signature=s3cr3t"), AT)
    assert "s3cr3t" not in line


@given(st.text(), st.text(), st.sampled_from(sorted(FORMS)))
def test_a_line_is_one_line(user: str, rest: str, form: str) -> None:
    """No name and no URL can forge a second line."""
    line = FORMS[form](entry(notes={"user": user}, url=f"http://registry.test/{rest}"), AT)
    assert line.splitlines() == [line]


@pytest.mark.parametrize("text", ["a", "0", "3f9a-1", "a" * 128, "req:1/2+3=_."])
def test_ids_that_are_taken_over(text: str) -> None:
    assert is_sane_id(text)


@pytest.mark.parametrize("text", ["", " ", "a b", "a\n", "a" * 129, '"', "ä", "a\x00"])
def test_ids_that_are_not(text: str) -> None:
    assert not is_sane_id(text)
