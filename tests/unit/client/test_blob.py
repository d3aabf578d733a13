"""Blobs: whole and verified, or as files to seek in."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique import Blob, ContentMismatch, Descriptor, Digest, InvalidInput, Registries
from pratique.client import blob as module
from pratique.http.message import Stream
from pratique.testing import Embedded

CONTENT = bytes(range(256)) * 8


class Shelf:
    """A source of one blob, which notes from where it was opened and how many are open."""

    def __init__(self, content: bytes = CONTENT) -> None:
        self.content = content
        self.offsets: list[int] = []
        self.open_ones = 0

    def resolve(self, name: str | Digest) -> Descriptor:
        raise AssertionError(name)

    def open(self, descriptor: Descriptor, *, offset: int = 0) -> AbstractContextManager[Stream]:
        self.offsets.append(offset)
        return self._opened(offset)

    @contextmanager
    def _opened(self, offset: int) -> Iterator[Stream]:
        self.open_ones += 1
        try:
            with closing(io.BytesIO(self.content[offset:])) as stream:
                yield stream
        finally:
            self.open_ones -= 1


def shelved(content: bytes = CONTENT) -> tuple[Shelf, Blob]:
    shelf = Shelf(content)
    return shelf, Blob(shelf, Descriptor("application/octet-stream", Digest.of(content), len(content)))


@given(
    st.lists(
        st.tuples(
            st.sampled_from([io.SEEK_SET, io.SEEK_CUR, io.SEEK_END]), st.integers(-3000, 3000), st.integers(-1, 999)
        )
    )
)
def test_it_is_read_as_any_file(steps: list[tuple[int, int, int]]) -> None:
    """Whatever is sought and read, it is what a file in memory gives."""
    shelf, blob = shelved()
    with pytest.MonkeyPatch.context() as patch, io.BytesIO(CONTENT) as model:
        patch.setattr(module, "BUFFER_BYTES", 16)
        patch.setattr(module, "SKIPPED_BYTES", 100)
        file = blob.file()
        for whence, offset, size in steps:
            base = {io.SEEK_SET: 0, io.SEEK_CUR: model.tell(), io.SEEK_END: len(CONTENT)}[whence]
            if base + offset >= 0:
                assert file.seek(base + offset) == model.seek(base + offset)
            assert file.read(size) == model.read(size)
            assert file.tell() == model.tell()
        file.close()
    assert shelf.open_ones == 0


def test_reading_it_through_takes_one_request() -> None:
    shelf, blob = shelved()
    with blob.file() as file:
        assert file.read() == CONTENT
        assert file.read() == b""
    assert shelf.offsets == [0]


def test_a_short_jump_forward_takes_no_request_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BUFFER_BYTES", 16)
    monkeypatch.setattr(module, "SKIPPED_BYTES", 100)
    shelf, blob = shelved()
    with blob.file() as file:
        file.read(10)
        file.seek(90)
        assert file.read(5) == CONTENT[90:95]
        assert shelf.offsets == [0]
        file.seek(1000)
        assert file.read(5) == CONTENT[1000:1005]
        file.seek(0)
        assert file.read(5) == CONTENT[:5]
    assert shelf.offsets == [0, 1000, 0]


def test_beyond_the_end_there_is_nothing() -> None:
    shelf, blob = shelved()
    with blob.file() as file:
        file.seek(len(CONTENT) + 5)
        assert file.read() == b""
        with pytest.raises(ValueError, match="below zero"):
            file.seek(-1)
    assert shelf.offsets == []


def test_an_empty_one() -> None:
    _, blob = shelved(b"")
    with blob.file() as file:
        assert (file.read(), blob.read()) == (b"", b"")


def test_only_so_much_is_read_into_memory() -> None:
    shelf, blob = shelved()
    assert blob.read(most_bytes=len(CONTENT)) == CONTENT
    with pytest.raises(InvalidInput, match="at most 100 are read"):
        blob.read(most_bytes=100)
    assert shelf.offsets == [0]


def test_a_layer_is_a_file_for_tarfile(harbour: Embedded, registries: Registries) -> None:
    app = registries.repository(f"{harbour.address}/app")
    layer = app.blob(app.image("1.0", platform="linux/arm64").layers[0].digest)
    with layer.file() as file, tarfile.open(fileobj=file) as tar:
        assert tar.getnames() == ["hello"]
    assert layer.size == len(layer.read())


def test_other_content_than_the_digest_says_is_an_error(harbour: Embedded, registries: Registries) -> None:
    app = registries.repository(f"{harbour.address}/app")
    digest = app.push_blob(json.dumps({"a": 1}).encode()).digest
    blob = app.blob(digest)
    wrong = Blob(blob._source, Descriptor("application/octet-stream", digest, blob.size - 1))
    with pytest.raises(ContentMismatch):
        wrong.read()
    with pytest.raises(ContentMismatch):
        wrong.file().read()
