"""Uploads that several processes go on with; each `Uploads` stands for one."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from pratique.errors import ContentMismatch, NotFound
from pratique.server.storage import disk
from pratique.server.storage import uploads as module
from pratique.server.storage.repositories import Storage
from pratique.server.storage.uploads import OutOfOrder, Uploads
from pratique.spec.digest import Digest


class Chunk(io.BytesIO):
    """A stream; `pause` is called before its second read, by whoever came between."""

    def __init__(self, content: bytes, pause: object = None) -> None:
        super().__init__(content)
        self._reads = 0
        self._pause = pause

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        self._reads += 1
        if self._reads == 2 and callable(self._pause):
            self._pause()
        return super().readinto(memoryview(buffer)[:3])


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(tmp_path)


def process(storage: Storage) -> Uploads:
    return Uploads(Storage(storage.folder), clock=lambda: 0.0)


def content(storage: Storage, digest: Digest) -> bytes:
    with storage.open_blob("foo", digest) as file:
        return file.read()


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_processes_take_turns(storage: Storage, algorithm: str) -> None:
    one, other = process(storage), process(storage)
    session = one.begin("foo", algorithm).id
    pieces = [b"first ", b"second ", b"third ", b"fourth"]
    start = 0
    for piece, uploads in zip(pieces, (one, other, one, other), strict=True):
        uploads.find("foo", session).append(Chunk(piece), start)
        start += len(piece)
        assert {each.find("foo", session).size for each in (one, other)} == {start}
    digest = Digest.of(b"".join(pieces), algorithm)
    one.finish("foo", one.find("foo", session), digest)
    assert content(storage, digest) == b"".join(pieces)
    with pytest.raises(NotFound):
        other.find("foo", session)


def test_a_chunk_that_does_not_fit_what_another_process_wrote(storage: Storage) -> None:
    one, other = process(storage), process(storage)
    upload = one.begin("foo")
    other.find("foo", upload.id).append(Chunk(b"some"))
    with pytest.raises(OutOfOrder, match="stands at 4 bytes"):
        upload.append(Chunk(b"more"), 0)
    assert upload.size == 4


@pytest.mark.parametrize("is_asked", [True, False])
def test_of_two_processes_only_one_goes_on(storage: Storage, is_asked: bool) -> None:
    one, other = process(storage), process(storage)
    upload = one.begin("foo")

    def come_between() -> None:
        other.find("foo", upload.id).append(Chunk(b"XYZ"))
        if is_asked:  # the first process, how far the upload is
            assert one.find("foo", upload.id).size == 6

    with pytest.raises(OutOfOrder):
        upload.append(Chunk(b"abcdef", come_between))
    assert (storage.repository("foo") / "_uploads" / upload.id / "data").read_bytes() == b"abcXYZ"
    other.finish("foo", other.find("foo", upload.id), Digest.of(b"abcXYZ"))
    assert content(storage, Digest.of(b"abcXYZ")) == b"abcXYZ"


def test_nothing_is_added_to_what_another_process_has_finished(storage: Storage) -> None:
    one, other = process(storage), process(storage)
    upload = one.begin("foo")
    digest = Digest.of(b"abc")

    def come_between() -> None:
        other.finish("foo", other.find("foo", upload.id), digest)

    with pytest.raises(NotFound):
        upload.append(Chunk(b"abcdef", come_between))
    assert content(storage, digest) == b"abc"


def test_the_newest_request_wins_in_one_process(storage: Storage) -> None:
    uploads = process(storage)
    upload = uploads.begin("foo")

    def come_between() -> None:
        uploads.find("foo", upload.id).append(Chunk(b"XYZ"), 3)

    with pytest.raises(OutOfOrder):
        upload.append(Chunk(b"abcdef", come_between), 0)
    uploads.finish("foo", upload, Digest.of(b"abcXYZ"))
    assert content(storage, Digest.of(b"abcXYZ")) == b"abcXYZ"


def test_a_wrong_digest_ends_a_session(storage: Storage) -> None:
    uploads = process(storage)
    upload = uploads.begin("foo")
    upload.append(Chunk(b"some"))
    with pytest.raises(ContentMismatch):
        uploads.finish("foo", upload, Digest.of(b"other"))
    with pytest.raises(NotFound):
        uploads.find("foo", upload.id)
    assert not storage.blob_path(Digest.of(b"other")).exists()
    assert not storage.blob_path(Digest.of(b"some")).exists()


def test_a_collector_may_be_quicker_than_the_end_of_a_session(storage: Storage) -> None:
    upload = process(storage).begin("foo")
    upload.append(io.BytesIO(b"layer"))

    def adopt(data: Path) -> None:
        storage.adopt_blob("foo", Digest.of(b"layer"), data)
        disk.remove_tree(str(data.parent), str(data))  # without its data it is a leftover

    upload.finish(Digest.of(b"layer"), adopt)
    assert content(storage, Digest.of(b"layer")) == b"layer"


def test_sessions_that_are_not_remembered_go_on(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_REMEMBERED", 2)
    uploads = process(storage)
    first = uploads.begin("foo")
    first.append(Chunk(b"abc"))
    for _ in range(5):
        uploads.begin("foo")
    again = uploads.find("foo", first.id)
    assert again is not first
    again.append(Chunk(b"def"), 3)
    uploads.finish("foo", again, Digest.of(b"abcdef"))
    assert content(storage, Digest.of(b"abcdef")) == b"abcdef"
