"""The files of a folder: what appears in it and when, and what can never be reached."""

from __future__ import annotations

import errno
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pratique.errors import InvalidInput, Misbehaved, NotFound
from pratique.stores.files import FolderFiles, read


@pytest.fixture
def files(tmp_path: Path) -> FolderFiles:
    return FolderFiles(tmp_path / "folder")


def write(files: FolderFiles, name: str, content: bytes) -> None:
    with files.create(name) as file:
        file.write(content)


def present(files: FolderFiles) -> set[str]:
    return {path.name for path in files.folder.iterdir()}


@pytest.mark.parametrize("name", ["", "/etc/passwd", "..", "../x", "a/../x", "a//x", "./x", "a/.", "a/", "x\0"])
def test_names_that_lead_elsewhere_are_refused(files: FolderFiles, name: str) -> None:
    for ask in (files.size, files.open, files.remove, lambda name: write(files, name, b"")):
        with pytest.raises(InvalidInput):
            ask(name)
    assert not files.folder.exists()


def test_a_file_appears_when_it_is_whole(files: FolderFiles) -> None:
    with files.create("a/b") as file:
        file.write(b"some")
        with pytest.raises(NotFound):
            files.size("a/b")
        assert files.names("a") == []
        file.write(b"thing")
    assert (read(files, "a/b", 9), files.names(), files.names("a")) == (b"something", ["a"], ["b"])


def test_a_file_that_fails_leaves_nothing(files: FolderFiles) -> None:
    write(files, "a", b"old")

    def interrupted() -> None:
        with files.create("a") as file:
            file.write(b"new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert read(files, "a", 9) == b"old"
    assert present(files) == {"a"}


def test_what_is_read_is_limited(files: FolderFiles) -> None:
    write(files, "a", b"12345")
    assert read(files, "a", 5) == b"12345"
    with pytest.raises(Misbehaved, match="5 bytes; at most 4"):
        read(files, "a", 4)


def test_files_are_opened_at_an_offset_and_several_times(files: FolderFiles) -> None:
    write(files, "a", b"12345")
    with files.open("a", 2) as first, files.open("a") as second:
        assert (second.read(), first.read()) == (b"12345", b"345")


def test_what_is_missing_is_not_found(files: FolderFiles) -> None:
    for ask in (files.size, files.open, files.remove):
        with pytest.raises(NotFound, match="folder has no a/b"):
            ask("a/b")
    assert files.names() == files.names("a") == []


def test_a_link_is_removed_and_not_what_it_leads_to(files: FolderFiles, tmp_path: Path) -> None:
    files.folder.mkdir()
    (tmp_path / "outside").touch()
    (files.folder / "a").symlink_to(tmp_path / "outside")
    with pytest.raises(Misbehaved, match="leads out"):
        files.size("a")
    files.remove("a")
    assert (tmp_path / "outside").exists()


def test_a_folder_whose_name_begins_like_ours_is_outside(files: FolderFiles, tmp_path: Path) -> None:
    (tmp_path / "folder-2").mkdir()
    (tmp_path / "folder-2" / "a").touch()
    files.folder.mkdir()
    (files.folder / "b").symlink_to(tmp_path / "folder-2")
    with pytest.raises(Misbehaved, match="leads out"):
        files.size("b/a")


def test_a_lock_excludes_other_threads(files: FolderFiles) -> None:
    write(files, "count", b"0")
    start = threading.Barrier(4)

    def add(_: int) -> None:
        start.wait()
        for _ in range(20):
            with files.lock():
                write(files, "count", str(int(read(files, "count", 9)) + 1).encode())

    with ThreadPoolExecutor(4) as crew:
        list(crew.map(add, range(4)))
    assert read(files, "count", 9) == b"80"


def test_a_lock_ends_with_what_was_done_under_it(files: FolderFiles) -> None:
    for _ in range(2):
        with pytest.raises(NotFound), files.lock():
            files.size("a")
    assert files.names() == []


def test_only_our_own_unfinished_files_are_swept(files: FolderFiles) -> None:
    files.folder.mkdir()
    for name in (".pratique-0.tmp", ".other.tmp", "pratique.tmp"):
        (files.folder / name).touch()
    os.mkfifo(files.folder / ".pratique-1.tmp")
    write(files, "a", b"")
    assert present(files) - {".pratique-1.tmp"} == {".other.tmp", "pratique.tmp", "a"}


def test_what_there_is_no_room_for_is_named(files: FolderFiles) -> None:
    with pytest.raises(OSError, match="No space left") as caught, files.create("blobs/one"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # as a write says it
    assert str(caught.value.filename).endswith("blobs/one")
    with pytest.raises(OSError, match="No space left") as caught, files.resume("blobs/two"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert str(caught.value.filename).endswith("blobs/two")
