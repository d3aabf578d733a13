"""Secrets do not slip out."""

from __future__ import annotations

import copy
import dataclasses
import io
import json
import logging
import pickle
import pprint
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.auth.challenge import Challenge
from pratique.auth.credentials import Credential
from pratique.auth.proof import basic_proof, token_proof
from pratique.auth.scopes import NO_SCOPES
from pratique.auth.secret import Secret
from pratique.auth.tokens import Token, TokenService

TEXT = "hunter2"
SECRET = Secret(TEXT)


@dataclasses.dataclass
class Holder:
    secret: Secret


@pytest.mark.parametrize(
    "shown",
    [
        repr(SECRET),
        str(SECRET),
        f"{SECRET}",
        f"{SECRET!r:>20}",
        f"{SECRET!s}",
        f"{SECRET!a}",
        "{}".format(SECRET),  # noqa: UP032
        "%s %r" % (SECRET, SECRET),  # noqa: UP031
        str([SECRET]),
        str({SECRET: SECRET}),
        repr(Holder(SECRET)),
        pprint.pformat(Holder(SECRET)),
        repr(Credential("ada", SECRET)),
        str(Credential("ada", SECRET, source="a file")),
        repr(Token(SECRET, NO_SCOPES, 0, 0)),
        repr(basic_proof(Challenge("basic"), Credential("ada", SECRET), fresh=True)),
        repr(
            token_proof(
                Challenge("bearer"),
                None,
                TokenService("https://r.test", None),
                Token(SECRET, NO_SCOPES, 0, 0),
                fresh=True,
            )
        ),
        str(ValueError(SECRET)),
    ],
)
def test_not_as_text(shown: str) -> None:
    assert TEXT not in shown
    assert "aGVudGVy" not in shown


def test_only_where_it_is_asked_for() -> None:
    assert SECRET.reveal() == TEXT


def test_a_format_that_text_would_know() -> None:
    with pytest.raises(TypeError) as caught:
        f"{SECRET:>20}"
    assert TEXT not in str(caught.value)


def test_not_in_a_log() -> None:
    stream = io.StringIO()
    log = logging.Logger("test")
    log.addHandler(logging.StreamHandler(stream))
    log.warning("%s %r %s", SECRET, SECRET, {"secret": SECRET})
    assert "Secret(…)" in stream.getvalue()
    assert TEXT not in stream.getvalue()


def test_not_in_a_traceback_with_its_variables() -> None:
    def fail(secret: Secret) -> None:
        held = Holder(secret)
        raise ValueError(held)

    with pytest.raises(ValueError, match="Secret") as caught:
        fail(SECRET)
    shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert "secret = Secret(…)" in shown
    assert TEXT not in shown


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_not_in_a_pickle(protocol: int) -> None:
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(Holder(SECRET), protocol)


def test_not_as_json() -> None:
    with pytest.raises(TypeError):
        json.dumps(SECRET)


def test_it_has_no_dictionary_to_look_into() -> None:
    assert not hasattr(SECRET, "__dict__")


def test_a_copy_is_itself() -> None:
    assert copy.copy(SECRET) is SECRET
    assert copy.deepcopy(Holder(SECRET)).secret is SECRET
    assert dataclasses.asdict(Holder(SECRET)) == {"secret": SECRET}


def test_equality() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != Secret("ab")
    assert Secret("ü") == Secret("ü")
    assert Secret("a") != "a"
    assert Secret("a") != b"a"
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2


@given(st.text(alphabet=st.characters(), max_size=5), st.text(alphabet=st.characters(), max_size=5))
def test_equality_is_that_of_the_text(one: str, other: str) -> None:
    assert (Secret(one) == Secret(other)) == (one == other)
    assert bool(Secret(one)) == bool(one)


def test_the_strange_text_of_another_encoding_is_compared_too() -> None:
    assert Secret("\udcff") == Secret("\udcff")
    assert Secret("\udcff") != Secret("\udcfe")
