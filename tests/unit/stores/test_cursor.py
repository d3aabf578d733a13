"""Content read in parts: from front to back by one opening, and back by another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.errors import ContentMismatch
from pratique.http.message import Body, Stream
from pratique.spec.descriptor import Descriptor
from pratique.spec.digest import Digest
from pratique.stores.cursor import ContentFailed, Cursor

CONTENT = bytes(range(200))
BLOB = Descriptor("application/octet-stream", Digest.of(CONTENT), len(CONTENT))


class Sequential:
    """A stream that cannot seek and gives a few bytes at a time."""

    def __init__(self, content: bytes) -> None:
        self._stream = BytesIO(content)
        self.close = self._stream.close

    def readinto(self, buffer: bytearray | memoryview, /) -> int:
        return self._stream.readinto(memoryview(buffer)[:7])

    def read(self, size: int = -1, /) -> bytes:
        return self._stream.read(min(size, 7) if size >= 0 else -1)


class Recipe:
    """Counts what becomes of its openings."""

    def __init__(self, content: bytes = CONTENT, *, seekable: bool = False) -> None:
        self._content = content
        self._seekable = seekable
        self.opened = 0
        self.ended: list[str] = []

    @contextmanager
    def __call__(self) -> Iterator[Stream]:
        self.opened += 1
        try:
            with closing(BytesIO(self._content) if self._seekable else Sequential(self._content)) as stream:
                yield stream
        except BaseException as error:
            self.ended.append(type(error).__name__)
            raise
        self.ended.append("well")


def read(part: Body | None) -> bytes:
    assert part is not None
    with part.open() as stream:
        return stream.read()


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 200))), st.booleans())
def test_any_part_in_any_order(parts: list[tuple[int, int]], seekable: bool) -> None:
    with Cursor(Recipe(seekable=seekable), BLOB) as cursor:
        for first, last in parts:
            part = cursor.part(first, last)
            if first >= last:
                assert part is None
            else:
                assert read(part) == CONTENT[first:last]


def test_parts_in_turn_are_read_from_one_opening() -> None:
    recipe = Recipe()
    with Cursor(recipe, BLOB) as cursor:
        for first in range(0, 200, 50):
            assert read(cursor.part(first, first + 50)) == CONTENT[first : first + 50]
        assert recipe.ended == []
    assert (recipe.opened, recipe.ended) == (1, ["well"])


def test_nothing_is_opened_before_it_is_read() -> None:
    recipe = Recipe()
    with Cursor(recipe, BLOB) as cursor:
        cursor.part(0, 200)
    assert recipe.opened == 0


def test_a_recipe_is_told_when_it_begins_again() -> None:
    recipe = Recipe()
    with Cursor(recipe, BLOB) as cursor:
        read(cursor.part(0, 100))
        read(cursor.part(50, 200))
        cursor.check()
    assert recipe.ended == ["_Again", "_Again", "well"]


def test_a_failure_is_told_to_the_recipe() -> None:
    recipe = Recipe()

    def fail() -> None:
        with Cursor(recipe, BLOB) as cursor:
            read(cursor.part(0, 100))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert recipe.ended == ["KeyError"]


@pytest.mark.parametrize("seekable", [False, True])
@pytest.mark.parametrize(("content", "actual"), [(CONTENT[:-1], "199 bytes"), (CONTENT + b"!", "more than 200 bytes")])
def test_content_of_another_length(content: bytes, actual: str, seekable: bool) -> None:
    with Cursor(Recipe(content, seekable=seekable), BLOB) as cursor:
        assert read(cursor.part(0, 100)) == CONTENT[:100]
        with pytest.raises(ContentFailed) as caught:
            read(cursor.part(150, 200))
    assert isinstance(caught.value.cause, ContentMismatch)
    assert (caught.value.cause.expected, caught.value.cause.actual) == ("200 bytes", actual)


@pytest.mark.parametrize(
    ("content", "actual"),
    [(CONTENT[:-1], "199 bytes"), (CONTENT + b"!", "201 bytes"), (CONTENT[::-1], str(Digest.of(CONTENT[::-1])))],
)
def test_what_is_wrong_is_found_out(content: bytes, actual: str) -> None:
    with Cursor(Recipe(content), BLOB) as cursor, pytest.raises(ContentMismatch) as caught:
        cursor.check()
    assert caught.value.actual == actual


def test_what_is_right_is_found_out() -> None:
    with Cursor(Recipe(), BLOB) as cursor:
        cursor.check()
