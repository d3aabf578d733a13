from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pratique.text import printable


@given(st.text())
def test_nothing_that_steers_a_terminal_is_left(text: str) -> None:
    assert printable(text).isprintable()


def test_what_was_there_can_be_seen() -> None:
    assert printable("é \x1b[31m\nred") == "é \\x1b[31m\\nred"
