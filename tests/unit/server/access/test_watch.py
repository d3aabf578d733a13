"""Files that are read again when they change."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from pratique.errors import InvalidInput
from pratique.server.access.watch import Watched

from ..asking import Clock


class Reader:
    """Reads a file of one word, and counts how often; further words are the names of files that belong to it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "file"
        self.clock = Clock()
        self.reads = 0

    def __call__(self) -> tuple[str, Iterable[Path]]:
        self.reads += 1
        words = self.path.read_text().split()
        if not words:
            raise InvalidInput(f"{self.path}: is empty")
        return words[0], [self.path, *(self.path.parent / word for word in words[1:])]

    def write(self, text: str) -> None:
        """Put another file in place of this one."""
        new = self.path.with_name("new")
        new.write_text(text)
        new.replace(self.path)

    def later(self, watched: Watched[str], looks: int = 2) -> str:
        """What is known after some looks."""
        for _ in range(looks):
            self.clock.now += 1
            watched()
        return watched()


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    found = Reader(tmp_path)
    found.write("one")
    return found


@pytest.fixture
def watched(reader: Reader) -> Watched[str]:
    made = Watched(reader, clock=reader.clock)
    reader.later(made, 3)
    reader.reads = 0
    return made


def test_what_does_not_change_is_not_read_again(reader: Reader, watched: Watched[str]) -> None:
    assert reader.later(watched, 10) == "one"
    assert reader.reads == 0


def test_a_change_takes_effect_when_it_stood_still_for_a_look(reader: Reader, watched: Watched[str]) -> None:
    reader.write("two")
    assert watched() == "one"
    assert reader.later(watched, 1) == "one"
    assert reader.later(watched, 1) == "two"
    assert reader.reads == 1


def test_nobody_looks_more_than_once_a_second(reader: Reader, watched: Watched[str]) -> None:
    reader.write("two")
    reader.later(watched, 1)
    for _ in range(9):
        reader.clock.now += 0.1
        assert watched() == "one"
    reader.clock.now += 0.2
    assert watched() == "two"


def test_a_file_that_is_being_written_is_left_alone(reader: Reader, watched: Watched[str]) -> None:
    for size in range(1, 6):
        reader.path.write_text("x" * size)
        assert reader.later(watched, 1) == "one"
    assert reader.later(watched, 1) == "xxxxx"
    assert reader.reads == 1


def test_the_same_size_in_the_same_moment(reader: Reader, watched: Watched[str]) -> None:
    before = reader.path.stat()
    reader.write("two")
    os.utime(reader.path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert reader.later(watched) == "two", "it is another file"


def test_a_broken_file_changes_nothing_and_is_told_once(
    reader: Reader, watched: Watched[str], caplog: pytest.LogCaptureFixture
) -> None:
    reader.write("")
    assert reader.later(watched, 10) == "one"
    assert [record.getMessage() for record in caplog.records] == [
        f"{reader.path}: is empty; everything stays as it was"
    ]
    reader.write("two")
    assert reader.later(watched) == "two"


def test_a_value_that_may_not_follow_another(reader: Reader, caplog: pytest.LogCaptureFixture) -> None:
    def check(old: str, new: str) -> None:
        if len(new) < len(old):
            raise InvalidInput("shorter")

    watched = Watched(reader, check=check, clock=reader.clock)
    reader.write("longer")
    assert reader.later(watched, 3) == "longer"
    reader.write("short")
    assert reader.later(watched, 3) == "longer"
    assert "shorter" in caplog.text


def test_further_files_belong_to_it(reader: Reader, watched: Watched[str]) -> None:
    reader.write("two other")
    reader.later(watched, 5)
    reads = reader.reads
    (reader.path.parent / "other").write_text("it is there now")
    reader.later(watched, 5)
    assert reader.reads == reads + 1


def test_what_changed_while_it_was_read_first_is_noticed(reader: Reader) -> None:
    def reading() -> tuple[str, Iterable[Path]]:
        found = reader()
        if reader.reads == 1:
            reader.write("two")
        return found

    watched = Watched(reading, clock=reader.clock)
    assert watched() == "one"
    assert reader.later(watched) == "two"


def test_to_read_now(reader: Reader, watched: Watched[str]) -> None:
    reader.write("two")
    assert watched.refresh() == "two"
    reader.write("")
    with pytest.raises(InvalidInput):
        watched.refresh()
    assert watched() == "two"


def test_the_first_reading_has_to_succeed(reader: Reader) -> None:
    reader.write("")
    with pytest.raises(InvalidInput):
        Watched(reader)
