"""The tree of errors: what a script, a person and a library user can rely on."""

from __future__ import annotations

import pytest

from pratique import errors
from pratique.errors import (
    ContentMismatch,
    Denied,
    Error,
    InvalidDigest,
    InvalidInput,
    InvalidReference,
    Misbehaved,
    NotFound,
    ProxyRefused,
    RateLimited,
    Refused,
    Unauthorized,
    Unreachable,
    Unsupported,
)

EXIT_CODES = {
    Error: 1,
    InvalidInput: 2,
    InvalidReference: 2,
    InvalidDigest: 2,
    NotFound: 3,
    Refused: 4,
    Unauthorized: 4,
    Denied: 4,
    ContentMismatch: 5,
    Unreachable: 6,
    RateLimited: 6,
    ProxyRefused: 6,
    Misbehaved: 7,
    Unsupported: 8,
}

PARENTS = {
    InvalidInput: Error,
    InvalidReference: InvalidInput,
    InvalidDigest: InvalidInput,
    NotFound: Error,
    Refused: Error,
    Unauthorized: Refused,
    Denied: Refused,
    ContentMismatch: Error,
    Unreachable: Error,
    RateLimited: Unreachable,
    ProxyRefused: Unreachable,
    Misbehaved: Error,
    Unsupported: Error,
}


def defined() -> list[type[Error]]:
    kinds = [item for item in vars(errors).values() if isinstance(item, type) and issubclass(item, Error)]
    assert all(kind.__module__ == errors.__name__ for kind in kinds)
    return kinds


def made(kind: type[Error], advice: str | None = None) -> Error:
    if issubclass(kind, ContentMismatch):
        return kind("what happened", expected="a", actual="b", advice=advice)
    if issubclass(kind, ProxyRefused):
        return kind("what happened", proxy="http://proxy.test", advice=advice)
    return kind("what happened", advice=advice)


def test_every_error_is_in_the_tree() -> None:
    assert set(defined()) == set(EXIT_CODES) == {Error, *PARENTS}


@pytest.mark.parametrize(("kind", "code"), EXIT_CODES.items())
def test_exit_codes_are_a_promise_to_scripts(kind: type[Error], code: int) -> None:
    assert kind.exit_code == code


@pytest.mark.parametrize(("kind", "parent"), PARENTS.items())
def test_the_branches(kind: type[Error], parent: type[Error]) -> None:
    assert kind.__bases__[0] is parent


@pytest.mark.parametrize("kind", defined())
def test_every_error_says_what_it_means(kind: type[Error]) -> None:
    assert kind.__doc__
    assert kind.__doc__.strip().endswith(".") or "\n" in kind.__doc__
    assert kind.__name__ in (errors.__doc__ or "")


@pytest.mark.parametrize("kind", defined())
def test_message_and_advice(kind: type[Error]) -> None:
    assert str(made(kind)) == "what happened"
    assert made(kind).advice() is None
    assert made(kind, "do this").advice() == "do this"


def test_bad_input_is_a_value_error_for_those_who_know_only_python() -> None:
    with pytest.raises(ValueError, match="what happened"):
        raise InvalidReference("what happened")


def test_a_refusal_carries_what_was_met_and_asked() -> None:
    error = Denied(
        "no", challenges=('Basic realm="r"',), credential="password of 'ada' from --creds", asked="a", wanted="b"
    )
    assert error.challenges == ('Basic realm="r"',)
    assert error.credential == "password of 'ada' from --creds"
    assert (error.asked, error.wanted) == ("a", "b")
    assert Unauthorized("no").credential is None


def test_a_mismatch_carries_both_sides() -> None:
    error = ContentMismatch("changed", expected="5 bytes", actual="6 bytes")
    assert (error.expected, error.actual) == ("5 bytes", "6 bytes")


def test_a_rate_limit_carries_when_to_come_back() -> None:
    assert RateLimited("later", retry_after=1.5).retry_after == 1.5
    assert RateLimited("later").retry_after is None


def test_a_refusing_proxy_is_named_with_what_it_takes() -> None:
    error = ProxyRefused("no", proxy="http://proxy.test", schemes=("Basic",))
    assert (error.proxy, error.schemes) == ("http://proxy.test", ("Basic",))
    assert ProxyRefused("no", proxy="http://proxy.test").schemes == ()


def test_the_place_is_added_on_the_way_up() -> None:
    error = NotFound("no such manifest")
    error.add_note("while copying a to b")
    assert error.__notes__ == ["while copying a to b"]
