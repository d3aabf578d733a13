"""OCI layouts in a tar."""

from __future__ import annotations

import io
import json
import os
import stat
import tarfile
import threading
from pathlib import Path

import pytest

from pratique.errors import ContentMismatch, InvalidInput, Misbehaved, NotFound, Unsupported
from pratique.image import sample
from pratique.spec import media
from pratique.spec.platform import Platform
from pratique.stores.archive import ArchiveTarget, TarFiles
from pratique.stores.base import Stages, Target
from pratique.stores.files import FolderFiles
from pratique.stores.layout import Layout
from pratique.stores.staging import Destination
from pratique.stores.tar import Tar

from .tars import PACKERS, content_of, entry, saved, tar, tar_of, unpacked

IMAGE = sample.image(Platform("linux", "amd64"), {"hello": b"hi"})
INDEX = sample.index([IMAGE, sample.image(Platform("linux", "arm64"), {"hello": b"ho"})])


def target(destination: Destination) -> ArchiveTarget:
    return ArchiveTarget(destination, lambda folder: Layout(FolderFiles(folder)))


def push(store: Target, image: sample.Sample, *tags: str) -> None:
    for each in image.below:
        store.push(each.descriptor, content_of(each.raw))
    store.push(image.root.descriptor, content_of(image.root.raw), tags=tags)


def written(image: sample.Sample, *tags: str) -> bytes:
    buffer = io.BytesIO()
    store = target(buffer)
    push(store, image, *tags)
    store.finish()
    return buffer.getvalue()


@pytest.mark.parametrize("image", [IMAGE, INDEX], ids=["image", "index"])
@pytest.mark.parametrize("name", ["x.tar", "x.tar.gz", "x.tgz", "x.tar.zst", "x"])
def test_what_is_written_is_read(image: sample.Sample, name: str, tmp_path: Path) -> None:
    store = target(tmp_path / name)
    assert not store.exists(image.root.descriptor)
    push(store, image, "1.0", "latest")
    assert store.exists(image.root.descriptor)
    assert not (tmp_path / name).exists()
    store.finish()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    with Tar(tmp_path / name) as archive:
        layout = Layout(TarFiles(archive))
        assert layout.resolve("1.0").digest == image.root.descriptor.digest
        assert sorted(layout.tags()) == ["1.0", "latest"]
        for each in (*image.below, image.root):
            with layout.open(each.descriptor) as stream:
                assert stream.read() == each.raw


@pytest.mark.parametrize(("name", "packing"), [("x.tgz", "gzip"), ("x.tar.zst", "zstd"), ("x.oci", "")])
def test_the_name_says_how_it_is_packed(name: str, packing: str, tmp_path: Path) -> None:
    store = target(tmp_path / name)
    push(store, IMAGE, "a")
    store.finish()
    assert (tmp_path / name).read_bytes()[:2] == PACKERS[packing](written(IMAGE, "a"))[:2]


def test_the_same_content_is_the_same_archive() -> None:
    first = written(INDEX, "a", "b")
    backwards = sample.Sample(INDEX.root, (*INDEX.below[::-1],))
    assert written(INDEX, "b", "a") == first
    assert sorted(unpacked(written(backwards, "a"))) == sorted(unpacked(first))
    assert list(unpacked(first))[:2] == ["index.json", "oci-layout"]


def test_a_store_is_staged() -> None:
    assert isinstance(target(io.BytesIO()), Stages)
    assert isinstance(target(io.BytesIO()), Target)


def test_what_was_there_is_replaced_at_once(tmp_path: Path) -> None:
    path = saved(tmp_path / "x.tar", written(INDEX, "old"))
    (tmp_path / "link.tar").symlink_to("x.tar")
    store = target(tmp_path / "link.tar")
    push(store, IMAGE, "new")
    assert path.read_bytes() == written(INDEX, "old")
    store.finish()
    assert (tmp_path / "link.tar").is_symlink()
    with Tar(path) as archive:
        assert list(Layout(TarFiles(archive)).tags()) == ["new"]


def test_an_archive_has_the_permissions_that_the_user_wants(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        store = target(tmp_path / "x.tar")
        push(store, IMAGE, "a")
        store.finish()
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "x.tar").stat().st_mode) == 0o640


def test_what_is_discarded_leaves_nothing(tmp_path: Path) -> None:
    path = saved(tmp_path / "x.tar", b"what was there")
    store = target(path)
    push(store, IMAGE, "a")
    store.discard()
    store.discard()
    assert path.read_bytes() == b"what was there"
    assert [each.name for each in tmp_path.iterdir()] == ["x.tar"]


def test_after_the_end_nothing_is_taken(tmp_path: Path) -> None:
    store = target(tmp_path / "x.tar")
    push(store, IMAGE, "a")
    store.finish()
    with pytest.raises(Unsupported, match="finished"):
        push(store, IMAGE, "b")
    with pytest.raises(Unsupported, match="finished"):
        store.finish()


def test_nothing_makes_no_archive(tmp_path: Path) -> None:
    with pytest.raises(Unsupported, match="nothing was put"):
        target(tmp_path / "x.tar").finish()
    assert list(tmp_path.iterdir()) == []


def test_wrong_content_is_refused(tmp_path: Path) -> None:
    store = target(tmp_path / "x.tar")
    with pytest.raises(ContentMismatch):
        store.push(IMAGE.below[0].descriptor, content_of(b"x" * IMAGE.below[0].descriptor.size))
    assert not store.exists(IMAGE.below[0].descriptor)
    store.discard()


def test_a_failure_while_writing_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path / "x.tar", b"what was there")
    store = target(path)
    push(store, IMAGE, "a")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        store.finish()
    assert path.read_bytes() == b"what was there"
    assert [each.name for each in tmp_path.iterdir()] == ["x.tar"]


def test_places_where_no_archive_can_be(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="is a folder"):
        push(target(tmp_path), IMAGE, "a")
    with pytest.raises(InvalidInput, match="cannot be written"):
        push(target(tmp_path / "nowhere" / "x.tar"), IMAGE, "a")


def test_a_pipe_is_written_to_and_stays_one(tmp_path: Path) -> None:
    pipe, read = tmp_path / "pipe", list[bytes]()
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    store = target(pipe)
    push(store, IMAGE, "a")
    store.finish()
    reader.join()
    assert read == [written(IMAGE, "a")]
    assert pipe.is_fifo()


# --- The files of a tar


def files_of(raw: bytes) -> tuple[Tar, TarFiles]:
    archive = Tar(io.BytesIO(raw))
    return archive, TarFiles(archive)


def test_the_files_of_a_tar() -> None:
    archive, files = files_of(tar_of({"a": b"abc", "b/c/d": b"", "b/e": b"", "bc": b""}))
    with archive:
        assert files.names() == ["a", "b", "bc"]
        assert files.names("b") == ["c", "e"]
        assert files.names("nowhere") == []
        assert files.size("a") == 3
        with files.open("a", 1) as stream:
            assert stream.read() == b"bc"
        with pytest.raises(NotFound, match="no x"):
            files.open("x")
        with pytest.raises(Misbehaved, match="a folder"):
            files.size("b")
        for name in ("../a", "/a", "", "b//e", "./a"):
            with pytest.raises(InvalidInput, match="not the name"):
                files.size(name)


def test_the_files_of_a_tar_do_not_change() -> None:
    archive, files = files_of(tar_of({"a": b"abc"}))
    with archive:
        for change in (lambda: files.create("a"), lambda: files.remove("a"), files.lock):
            with pytest.raises(Unsupported, match="cannot be changed"):
                change()


# --- Layouts that lie


def layout_of(**replaced: bytes) -> dict[str, bytes]:
    return {
        **unpacked(written(IMAGE, "a")),
        **{f"{name}.json": raw for name, raw in replaced.items()},
    }


def test_a_blob_that_is_not_its_digest() -> None:
    layer = IMAGE.below[0].descriptor
    files = layout_of()
    files[f"blobs/sha256/{layer.digest.encoded}"] = b"x" * layer.size
    archive, tree = files_of(tar_of(files))
    with archive, Layout(TarFiles(archive)).open(layer) as stream, pytest.raises(ContentMismatch):
        stream.read()
    assert str(tree) == "the archive"


def test_a_blob_of_another_size() -> None:
    layer = IMAGE.below[0].descriptor
    files = layout_of()
    files[f"blobs/sha256/{layer.digest.encoded}"] += b"x"
    archive, tree = files_of(tar_of(files))
    with archive, pytest.raises(ContentMismatch), Layout(tree).open(layer):
        pass


@pytest.mark.parametrize(
    "index",
    [
        b"[" * 100_000,
        b"{}",
        b'{"manifests":[{"digest":"../../etc/passwd","size":1,"mediaType":"a"}]}',
        json.dumps({"manifests": [{"digest": "sha256:" + "0" * 64, "size": -1, "mediaType": "a"}]}).encode(),
    ],
    ids=["deep", "empty", "path", "size"],
)
def test_an_index_that_is_none(index: bytes) -> None:
    archive, tree = files_of(tar_of(layout_of(index=index)))
    with archive, pytest.raises((Misbehaved, NotFound)):
        Layout(tree).resolve("a")


def test_an_index_that_is_far_too_large() -> None:
    raw = PACKERS["gzip"](
        tar(entry("oci-layout", b'{"imageLayoutVersion":"1.0.0"}'), entry("index.json", bytes(64 << 20)))
    )
    archive, tree = files_of(raw)
    with archive, pytest.raises(Misbehaved, match="bytes; at most"):
        Layout(tree).resolve("a")


def test_a_tar_that_is_no_layout() -> None:
    archive, tree = files_of(tar_of({"etc/passwd": b""}))
    with archive, pytest.raises(NotFound, match="no OCI layout"):
        Layout(tree).resolve("a")


def test_an_index_that_refers_to_itself() -> None:
    name = "0" * 64
    listing = {"mediaType": media.OCI_INDEX, "digest": f"sha256:{name}", "size": 300}
    raw = json.dumps({"schemaVersion": 2, "mediaType": media.OCI_INDEX, "manifests": [listing]}).encode().ljust(300)
    listed = json.dumps(
        {"manifests": [{**listing, "annotations": {"org.opencontainers.image.ref.name": "a"}}]}
    ).encode()
    archive, tree = files_of(tar_of({**layout_of(index=listed), f"blobs/sha256/{name}": raw}))
    with archive:
        layout = Layout(tree)
        with pytest.raises(ContentMismatch):
            layout.manifest("a")
        with pytest.raises(NotFound):
            layout.resolve("b")


def test_what_docker_saves_is_an_oci_archive_too() -> None:
    """Docker from 25 on: a layout with a `manifest.json` beside it, and members for its folders."""
    root = IMAGE.root.descriptor
    names = {"io.containerd.image.name": "docker.io/library/app:1", "org.opencontainers.image.ref.name": "1"}
    index = {"schemaVersion": 2, "manifests": [{**root.to_json(), "annotations": names}]}
    files = layout_of(index=json.dumps(index).encode(), manifest=b"[]")
    folders = [entry(name, kind=tarfile.DIRTYPE) for name in ("blobs/", "blobs/sha256/")]
    archive, tree = files_of(tar(*folders, *(entry(name, raw) for name, raw in files.items())))
    with archive:
        layout = Layout(tree)
        for name in ("1", "docker.io/library/app:1", ""):
            assert layout.resolve(name).digest == root.digest
