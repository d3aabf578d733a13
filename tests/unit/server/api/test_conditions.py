"""Requests that depend on what is there."""

from __future__ import annotations

import pytest

from pratique.http.message import Headers
from pratique.server.answers import Rejected
from pratique.server.api.conditions import check_read, check_write, is_conditional
from pratique.spec.digest import Digest

HERE, OTHER = Digest.of(b"here"), Digest.of(b"other")


def fields(name: str, *values: str) -> Headers:
    return Headers((name, value.replace("HERE", str(HERE)).replace("OTHER", str(OTHER))) for value in values)


@pytest.mark.parametrize(
    "values", [('"HERE"',), ('W/"HERE"',), ("*",), ('"OTHER" , "HERE"',), ('"OTHER"', '"HERE"'), ("HERE",)]
)
def test_the_reader_knows_it(values: tuple[str, ...]) -> None:
    answer = check_read(fields("If-None-Match", *values), HERE)
    assert answer
    assert (answer.status, answer.headers.get("ETag")) == (304, f'"{HERE}"')


@pytest.mark.parametrize("value", ['"OTHER"', "", ",", '"*"', '"HERE', "HEREx"])
def test_the_reader_does_not_know_it(value: str) -> None:
    assert check_read(fields("If-None-Match", value), HERE) is None


@pytest.mark.parametrize(
    ("name", "value", "current", "holds"),
    [
        ("If-Match", '"HERE"', HERE, True),
        ("If-Match", '"OTHER", "HERE"', HERE, True),
        ("If-Match", "*", HERE, True),
        ("If-Match", '"OTHER"', HERE, False),
        ("If-Match", 'W/"HERE"', HERE, False),  # a weak tag is not the very same (§8.8.3.2)
        ("If-Match", "", HERE, False),
        ("If-Match", '"HERE"', None, False),
        ("If-Match", "*", None, False),
        ("If-None-Match", "*", None, True),
        ("If-None-Match", '"HERE"', None, True),
        ("If-None-Match", '"OTHER"', HERE, True),
        ("If-None-Match", "*", HERE, False),
        ("If-None-Match", 'W/"HERE"', HERE, False),
    ],
)
def test_a_change(name: str, value: str, current: Digest | None, *, holds: bool) -> None:
    headers = fields(name, value)
    assert is_conditional(headers)
    if holds:
        check_write(headers, current)
        return
    with pytest.raises(Rejected) as caught:
        check_write(headers, current)
    assert caught.value.response().status == 412


def test_a_request_without_conditions() -> None:
    assert not is_conditional(Headers())
    assert check_read(Headers(), HERE) is None
    check_write(Headers(), None)
