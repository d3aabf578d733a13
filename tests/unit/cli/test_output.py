"""How values are written for people."""

from __future__ import annotations

import io
import sys
from datetime import UTC, datetime

import pytest

from pratique.cli import output


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (datetime(2026, 1, 31, 12, 5, 59, tzinfo=UTC), "2026-01-31 12:05"),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01 00:00"),  # what programs in Go write for "never"
        (None, "-"),
    ],
)
def test_a_moment_is_written_to_the_minute(value: datetime | None, text: str) -> None:
    assert output.moment(value) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (None, "-"),
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (999_499, "999 kB"),
        (999_500, "1 MB"),
        (10**15, "1e+03 TB"),
    ],
)
def test_sizes_have_three_digits(count: int | None, text: str) -> None:
    assert output.size(count) == text


@pytest.mark.parametrize(("count", "text"), [(0, "0 blobs"), (1, "1 blob"), (2, "2 blobs")])
def test_only_one_thing_is_singular(count: int, text: str) -> None:
    assert output.counted(count, "blob") == text


def test_a_line_is_told_in_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    pieces: list[str] = []

    class Told(io.StringIO):
        def write(self, text: str, /) -> int:
            pieces.append(text)
            return len(text)

    monkeypatch.setattr(sys, "stderr", Told())
    output.Output().tell("two threads")
    assert [piece for piece in pieces if piece] == ["pratique: two threads\n"]
