"""Content read in parts: from front to back by one opening, and back by another."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from io import BytesIO, UnsupportedOperation

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.errors import ContentMismatch, NotFound
from pratique.http.message import Body, Stream
from pratique.http.passing import Passes
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
    assert recipe.ended == ["_Again", "_Again", "_Again"]


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


class Filed(BytesIO):
    """What the kernel may pass on, until it is verified no more; after `passes` times it has to be read."""

    def __init__(self, content: bytes, passes: int = 100, failure: Exception | None = None) -> None:
        super().__init__(content)
        self._passes = passes
        self._failure = failure
        self.passed = bytearray()
        self.entrusted = 0

    def entrust(self) -> None:
        self.entrusted += 1

    def pass_on(self, target: int, size: int, /) -> int:
        if self._failure is not None:
            raise self._failure
        if not self._passes:
            raise UnsupportedOperation
        self._passes -= 1
        data = self.read(min(size, 7))
        self.passed += data
        return len(data)


def passed(part: Body | None) -> int:
    """How many bytes of a part are passed on."""
    assert part is not None
    with part.open() as stream:
        assert isinstance(stream, Passes)
        return sum(iter(lambda: stream.pass_on(0, 1 << 20), 0))


def test_a_part_is_passed_on_to_its_end_and_no_further() -> None:
    content = Filed(CONTENT)
    with Cursor(lambda: closing(content), BLOB, entrusts=True) as cursor:
        assert passed(cursor.part(0, 90)) == 90
        assert content.passed == CONTENT[:90]
        assert read(cursor.part(90, 100)) == CONTENT[90:100]
        assert passed(cursor.part(100, 200)) == 100
    assert content.passed == CONTENT[:90] + CONTENT[100:]


def test_what_has_to_be_read_is_read_from_where_it_was_passed_on() -> None:
    with Cursor(lambda: closing(Filed(CONTENT, passes=1)), BLOB, entrusts=True) as cursor:
        part = cursor.part(0, 200)
        assert part is not None
        with part.open() as stream:
            assert isinstance(stream, Passes)
            assert stream.pass_on(0, 1 << 20) == 7
            with pytest.raises(UnsupportedOperation):
                stream.pass_on(0, 1 << 20)
            assert stream.read() == CONTENT[7:]


@pytest.mark.parametrize(("content", "actual"), [(CONTENT[:-1], "199 bytes"), (CONTENT + b"!", "more than 200 bytes")])
def test_a_file_that_changes_its_length_while_it_is_passed_on_is_an_error(content: bytes, actual: str) -> None:
    with Cursor(lambda: closing(Filed(content)), BLOB, entrusts=True) as cursor, pytest.raises(ContentFailed) as caught:
        passed(cursor.part(0, 200))
    assert isinstance(caught.value.cause, ContentMismatch)
    assert caught.value.cause.actual == actual


@pytest.mark.parametrize("failure", [OSError(errno.EIO, "the disk"), NotFound("gone"), ValueError()])
def test_a_file_that_cannot_be_read_is_not_the_sockets_fault(failure: Exception) -> None:
    content = Filed(CONTENT, failure=failure)
    with Cursor(lambda: closing(content), BLOB, entrusts=True) as cursor, pytest.raises(ContentFailed) as caught:
        passed(cursor.part(0, 200))
    assert caught.value.cause is failure


@pytest.mark.parametrize("failure", [BlockingIOError(), BrokenPipeError(), OSError(errno.EHOSTUNREACH, "no route")])
def test_a_socket_that_fails_is_not_the_contents_fault(failure: OSError) -> None:
    content = Filed(CONTENT, failure=failure)
    with Cursor(lambda: closing(content), BLOB, entrusts=True) as cursor, pytest.raises(type(failure)) as caught:
        passed(cursor.part(0, 200))
    assert caught.value is failure


def test_only_a_cursor_that_entrusts_says_so_to_what_it_opens() -> None:
    for entrusts in (False, True):
        content = Filed(CONTENT)
        with Cursor(partial(closing, content), BLOB, entrusts=entrusts) as cursor:
            read(cursor.part(0, 200))
        assert content.entrusted == entrusts


def test_a_check_entrusts_nobody() -> None:
    content = Filed(CONTENT)
    with Cursor(lambda: closing(content), BLOB, entrusts=True) as cursor:
        cursor.check()
    assert content.entrusted == 0
