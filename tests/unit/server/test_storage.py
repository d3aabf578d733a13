"""The folder: distribution's layout, whole files only, damaged content, names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pratique.errors import ContentMismatch, InvalidInput, NotFound
from pratique.server.storage import Storage, write
from pratique.spec.digest import Digest

from .asking import CONFIG, LAYER, Asking, image


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def test_the_layout_is_distributions(ask: Asking) -> None:
    digest = ask.push_image("foo/bar", "v1")
    root = "docker/registry/v2"
    repository = f"{root}/repositories/foo/bar"
    link = str(digest).encode()
    expected = {
        f"{root}/blobs/sha256/{digest.encoded[:2]}/{digest.encoded}/data": content
        for content in (CONFIG, LAYER, image())
        for digest in [Digest.of(content)]
    }
    for content in (CONFIG, LAYER):
        expected[f"{repository}/_layers/sha256/{Digest.of(content).encoded}/link"] = str(Digest.of(content)).encode()
    for place in (f"revisions/sha256/{digest.encoded}", f"tags/v1/index/sha256/{digest.encoded}", "tags/v1/current"):
        expected[f"{repository}/_manifests/{place}/link"] = link
    assert files(ask.storage.folder) == expected


def test_the_layout_of_an_upload(ask: Asking) -> None:
    location = ask("POST", "/v2/foo/blobs/uploads/", b"").field("Location")
    ask("PATCH", location, LAYER)
    folder = ask.storage.repository("foo") / "_uploads" / location.rpartition("/")[2]
    assert files(folder) == {"data": LAYER, "startedat": b"2023-11-14T22:13:20Z"}


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a" / "link"
    write(path, b"old")

    def fail(_: int) -> None:
        raise OSError

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError):  # noqa: PT011
        write(path, b"new")
    assert files(tmp_path) == {"a/link": b"old"}


def test_a_file_is_whole_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, bytes]] = []
    monkeypatch.setattr(os, "fsync", lambda _: seen.append(files(tmp_path)))
    write(tmp_path / "link", b"new")
    [at_sync] = seen
    assert "link" not in at_sync
    assert list(at_sync.values()) == [b"new"]


def test_damaged_bytes_are_not_served(ask: Asking) -> None:
    digest = ask.push_image("foo/bar", "v1")
    ask.storage.blob_path(digest).write_bytes(b"damaged")
    with pytest.raises(ContentMismatch):
        ask.storage.find_manifest("foo/bar", "v1")
    assert ask("GET", "/v2/foo/bar/manifests/v1").status == 500


def test_pushing_again_heals(ask: Asking) -> None:
    digest = ask.push_blob("foo/bar", LAYER)
    ask.storage.blob_path(digest).write_bytes(b"damaged")
    ask.push_blob("foo/bar", LAYER)
    assert ask.storage.blob_path(digest).read_bytes() == LAYER


def test_a_link_without_content_is_no_blob(ask: Asking) -> None:
    digest = ask.push_blob("foo/bar", LAYER)
    ask.storage.blob_path(digest).unlink()
    assert ask("GET", f"/v2/foo/bar/blobs/{digest}").code == "BLOB_UNKNOWN"


def test_foreign_things_in_the_folder_do_not_disturb(ask: Asking) -> None:
    ask.push_image("foo/bar", "v1")
    tags = ask.storage.repository("foo/bar") / "_manifests" / "tags"
    (tags / ".DS_Store").touch()
    (tags / "half").mkdir()
    (tags.parents[2] / "UPPER").mkdir()
    (tags.parents[2] / "lost+found").mkdir()
    assert ask("GET", "/v2/foo/bar/tags/list").json["tags"] == ["v1"]
    assert ask("GET", "/v2/_catalog").json["repositories"] == ["foo/bar"]


@pytest.mark.parametrize("name", ["..", "../x", "/etc", "a/../b", "", "A", "_x"])
def test_names_are_checked_again(tmp_path: Path, name: str) -> None:
    storage = Storage(tmp_path)
    with pytest.raises(InvalidInput):
        storage.open_blob(name, Digest.of(b""))
    with pytest.raises(InvalidInput):
        storage.tags(name)


@pytest.mark.parametrize("tag", ["..", ".", "a/b", ""])
def test_tags_are_checked_again(tmp_path: Path, tag: str) -> None:
    storage = Storage(tmp_path)
    with pytest.raises(InvalidInput):
        storage.resolve("foo", tag)
    with pytest.raises(InvalidInput):
        storage.delete_tag("foo", tag)


def test_what_is_not_there(tmp_path: Path) -> None:
    storage = Storage(tmp_path)
    for look in (
        storage.tags,
        lambda name: storage.find_manifest(name, "v1"),
        lambda name: storage.resolve(name, "v1"),
    ):
        with pytest.raises(NotFound):
            look("foo")
    assert storage.repositories() == []
    assert list(tmp_path.iterdir()) == []
