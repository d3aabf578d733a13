"""Regular expressions that are compiled late."""

from __future__ import annotations

import re

import pytest

from pratique.expressions import expression


def test_it_does_what_a_compiled_one_does() -> None:
    number = expression(r"(?P<sign>[+-]?)\d+", re.ASCII)
    found = number.fullmatch("-12")
    assert found is not None
    assert found["sign"] == "-"
    assert number.fullmatch("12x") is None
    assert number.fullmatch("٣") is None  # the flags count
    assert number.findall("1 +2") == ["", "+"]
    assert number.sub("n", "1 and 2") == "n and n"
    assert number.pattern == r"(?P<sign>[+-]?)\d+"


def test_it_takes_bytes() -> None:
    assert expression(rb"a+").fullmatch(b"aa")


def test_nothing_is_compiled_before_it_is_used() -> None:
    broken = expression("(")
    with pytest.raises(re.error, match="unterminated"):
        broken.fullmatch("")


def test_a_method_is_looked_up_once() -> None:
    words = expression(r"\w+")
    assert words.fullmatch is words.fullmatch
    assert "fullmatch" in vars(words)
