"""Lists of tags and repositories: right also where others change the folder, and read again only then."""

from __future__ import annotations

import os
import threading
import tracemalloc
from pathlib import Path

import pytest

from pratique.errors import NotFound
from pratique.server.storage.repositories import Storage

from ..asking import Asking, image
from ..many import make_tags

MANY = 10_000  # tags


def age(folder: Path) -> None:
    """Let a folder look as if nobody had changed it for long; its next change is seen for sure then."""
    for below in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
        os.utime(below, (1_000_000, 1_000_000))


def tags(ask: Asking) -> Path:
    return ask.storage.repository("foo/bar") / "_manifests" / "tags"


def test_tags_are_read_once(ask: Asking) -> None:
    ask.push_image("foo/bar", "v1")
    ask.push_manifest("foo/bar", "v2", image())
    age(ask.storage.folder)
    assert ask.storage.tags("foo/bar") == ["v1", "v2"]
    (tags(ask) / "v1" / "current" / "link").unlink()  # behind its back: the folder of tags is as before
    assert ask.storage.tags("foo/bar") == ["v1", "v2"]
    os.utime(tags(ask))
    assert ask.storage.tags("foo/bar") == ["v2"]


def test_tags_that_another_process_changes(ask: Asking) -> None:
    ask.push_image("foo/bar", "v1")
    other = Storage(ask.storage.folder)
    for method, tag, content, expected in (
        ("PUT", "v2", image(), ["v1", "v2"]),
        ("DELETE", "v1", None, ["v2"]),
        ("PUT", "v0", image(), ["v0", "v2"]),
    ):
        age(ask.storage.folder)
        other.tags("foo/bar")
        assert ask(method, f"/v2/foo/bar/manifests/{tag}", content).status < 300
        assert other.tags("foo/bar") == expected


def test_a_tag_that_is_only_half_there_is_seen_when_it_is_whole(ask: Asking) -> None:
    ask.push_image("foo/bar", "v1")
    link = tags(ask) / "v2" / "current" / "link"
    link.parent.mkdir(parents=True)
    age(ask.storage.folder)
    assert ask.storage.tags("foo/bar") == ["v1"]
    link.write_text("sha256:" + "0" * 64)  # the folder of tags does not change by this
    assert ask.storage.tags("foo/bar") == ["v1", "v2"]


def test_repositories_are_walked_once(ask: Asking) -> None:
    for name in ("b", "a/c", "a"):
        ask.push_image(name, "v1")
    age(ask.storage.folder)
    assert ask.storage.repositories() == ["a", "a/c", "b"]
    folder = ask.storage.repository("b")
    for part in ("_layers", "_manifests"):
        (folder / part).rename(folder / f"{part}.moved")
    age(ask.storage.folder)
    before = folder.parent.stat()
    os.utime(folder, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert ask.storage.repositories() == ["a", "a/c", "b"]  # no time says that anything changed
    os.utime(folder)
    assert ask.storage.repositories() == ["a", "a/c"]


@pytest.mark.parametrize("name", ["new", "a/c/d", "a/new"])
def test_repositories_that_another_process_makes(ask: Asking, name: str) -> None:
    ask.push_image("a/c", "v1")
    other = Storage(ask.storage.folder)
    age(ask.storage.folder)
    assert other.repositories() == ["a/c"]
    ask.push_image(name, "v1")
    assert other.repositories() == sorted(["a/c", name])


def test_a_repository_with_uploads_only_is_none_yet(ask: Asking) -> None:
    ask("POST", "/v2/foo/blobs/uploads/", b"")
    assert ask.storage.repositories() == []
    with pytest.raises(NotFound):
        ask.storage.tags("foo")


def peak(storage: Storage, readers: int) -> int:
    """Bytes of memory that it takes so many readers at once to list many tags for the first time."""
    together = threading.Barrier(readers)

    def read() -> None:
        together.wait()
        assert len(storage.tags("foo")) == MANY

    threads = [threading.Thread(target=read) for _ in range(readers)]
    tracemalloc.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most


def test_many_readers_of_a_long_list_read_it_once(tmp_path: Path) -> None:
    make_tags(tmp_path, "foo", MANY)
    assert peak(Storage(tmp_path), 8) < 2 * peak(Storage(tmp_path), 1)
