"""JSON from strangers: what is let in, and how what is not is told."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.errors import Misbehaved
from pratique.spec import document

DEEP = 100_000


def complaint(read: Callable[[], object]) -> str:
    """What the error says; nothing where there is none."""
    try:
        read()
    except Misbehaved as error:
        return str(error)
    return ""


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), values, max_size=4))
def test_objects_are_read(value: dict[str, Any]) -> None:
    assert document.parse_object(json.dumps(value).encode(), "it") == value


@given(st.binary(max_size=60) | st.text(alphabet='{}[]":,0123456789eE+-. \\untrfals', max_size=60).map(str.encode))
def test_arbitrary_bytes_are_an_object_or_an_error(raw: bytes) -> None:
    said = complaint(lambda: document.parse_object(raw, "it"))
    assert said.startswith("it is not ") or isinstance(document.parse_object(raw, "it"), dict)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b"null",
        b"1",
        b'"text"',
        b"[]",
        b"[{}]",
        b"{",
        b"{}{}",
        b"{},",
        b"{'a': 1}",
        b'{"a": 1,}',
        b"<html><body>Sign in</body></html>",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": 01}',
        b'{"a": "\n"}',
        b'{"a": "\\x"}',
        b'{"a": "\xff"}',
        b'{"a": "\xc0\x80"}',
        b'{"a": "\xed\xa0\x80"}',
        b"\x00",
        b"{}\x00",
        "{}".encode("utf-16"),
        "{}".encode("utf-16-le"),
        "{}".encode("utf-16-be"),
        "{}".encode("utf-32"),
        "{}".encode("utf-8-sig"),
    ],
)
def test_what_is_no_object(raw: bytes) -> None:
    with pytest.raises(Misbehaved, match=r"^the manifest is not"):
        document.parse_object(raw, "the manifest")


@pytest.mark.parametrize(
    "raw",
    [
        b"[" * DEEP,
        b"[" * DEEP + b"]" * DEEP,
        b'{"a":' * DEEP,
        b'{"a":' * DEEP + b"1" + b"}" * DEEP,
        b'{"a":[' * DEEP + b"]}" * DEEP,
    ],
)
def test_what_nests_too_deeply(raw: bytes) -> None:
    with pytest.raises(Misbehaved, match="nested too deeply"):
        document.parse_object(raw, "it")


def test_a_number_of_a_million_digits() -> None:
    with pytest.raises(Misbehaved):
        document.parse_object(b'{"a": ' + b"9" * 1_000_000 + b"}", "it")


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a": 1, "a": 2}',
        b'{"a": 1, "\\u0061": 1}',
        b'{"b": {"a": 1, "a": 1}}',
        b'{"b": [{"a": 1, "c": {}, "a": 1}]}',
    ],
)
def test_a_name_that_is_there_twice(raw: bytes) -> None:
    """One client would read the first value and another the last: two documents under one digest."""
    with pytest.raises(Misbehaved, match="one name twice"):
        document.parse_object(raw, "it")


def test_one_name_in_several_objects_is_all_right() -> None:
    assert document.parse_object(b'{"a": {"a": [{"a": 1}, {"a": 2}]}}', "it")["a"]["a"][1] == {"a": 2}


def test_the_error_shows_little_of_what_came() -> None:
    with pytest.raises(Misbehaved) as caught:
        document.parse_object(b"<html>" + b"x" * 100_000, "it")
    assert "<html>" in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    "raw", [b"hunter2", b'{"token": "hunter2"', b'["hunter2"]', b'{"hunter2": NaN}', b'{"hunter2":1,"hunter2":2}']
)
def test_the_error_shows_nothing_of_a_secret(raw: bytes) -> None:
    with pytest.raises(Misbehaved) as caught:
        document.parse_object(raw, "it", secret=True)
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


# Fields


def test_absent_and_null_fields() -> None:
    for fields in ({}, {"a": None}):
        assert document.text(fields, "a", "it") == ""
        assert document.text(fields, "a", "it", default="b") == "b"
        assert document.line(fields, "a", "it") == ""
        assert document.texts(fields, "a", "it") == ()
        assert document.mapping(fields, "a", "it") is None
        assert document.mappings(fields, "a", "it") == ()


def test_fields_of_the_right_type() -> None:
    assert document.text({"a": "ü\n"}, "a", "it") == "ü\n"
    assert document.line({"a": "b c"}, "a", "it") == "b c"
    assert document.texts({"a": ["b", ""]}, "a", "it") == ("b", "")
    assert document.mapping({"a": {"b": 1}}, "a", "it") == {"b": 1}
    assert document.mappings({"a": [{}, {"b": 1}]}, "a", "it") == ({}, {"b": 1})


READERS = [
    (document.text, [1, True, 1.5, [], {}]),
    (document.line, [1, True, [], {}, "a\nb", "\x1b[2J", "é", "\ud800", "\x7f"]),
    (document.texts, ["a", 1, {}, [1], ["a", None], [[]]]),
    (document.mapping, ["a", 1, [], [{}], False]),
    (document.mappings, ["a", 1, {}, [1], [{}, None], [[]]]),
]


@pytest.mark.parametrize(("reader", "value"), [(reader, value) for reader, wrong in READERS for value in wrong])
def test_fields_of_another_type(reader: Any, value: object) -> None:
    with pytest.raises(Misbehaved, match=r"^the config: 'a' is not .* but ") as caught:
        reader({"a": value}, "a", "the config")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("reader", [reader for reader, _ in READERS])
@pytest.mark.parametrize(
    "bomb", [b"[" * 900 + b"]" * 900, b'{"a":' * 900 + b"1" + b"}" * 900, b"9" * 4000, b'"' + b"x" * 1_000_000 + b'"']
)
def test_the_error_survives_a_value_that_cannot_be_shown(reader: Any, bomb: bytes) -> None:
    try:
        fields = document.parse_object(b'{"a":' + bomb + b"}", "it")
    except Misbehaved:
        return  # this Python does not read as deep as that
    assert len(complaint(lambda: reader(fields, "a", "it"))) < 200


def below(frames: int, call: Callable[[], str]) -> str:
    """The call's result, from further down the stack."""
    return call() if frames == 0 else below(frames - 1, call)


def nested(depth: int) -> bytes:
    return b'{"a":' + b"[" * depth + b"]" * depth + b"}"


def is_read(raw: bytes) -> bool:
    return not complaint(lambda: document.parse_object(raw, "it"))


def test_the_error_needs_no_more_of_the_stack_than_reading_did() -> None:
    deepest = next(depth for depth in range(2000, 0, -1) if is_read(nested(depth)))
    fields = document.parse_object(nested(deepest - 3), "it")
    assert "but a list" in below(20, lambda: complaint(lambda: document.text(fields, "a", "it")))


@given(st.dictionaries(st.just("a"), values))
def test_any_value_is_the_right_type_or_an_error(fields: dict[str, Any]) -> None:
    for reader, _ in READERS:
        said = complaint(lambda reader=reader: reader(fields, "a", "it"))  # type: ignore[misc]
        assert not said or said.startswith("it: 'a' is not")


@given(st.lists(st.dictionaries(st.text(), values, max_size=2), max_size=3))
def test_lists_of_objects_are_read(value: list[dict[str, Any]]) -> None:
    assert document.parse_objects(json.dumps(value).encode(), "list") == tuple(value)


@pytest.mark.parametrize("raw", [b"{}", b"[1]", b"[{}, []]", b"null", b"", b"[{}", b'[{"a": 1, "a": 2}]', b"[" * DEEP])
def test_what_is_no_list_of_objects(raw: bytes) -> None:
    said = complaint(lambda: document.parse_objects(raw, "the list"))
    assert said.startswith(("the list is not JSON", "the list is not a JSON list of objects"))
