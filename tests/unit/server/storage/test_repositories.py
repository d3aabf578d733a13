"""The folder: distribution's layout, whole files only, damaged content, names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pratique.errors import ContentMismatch, InvalidInput, NotFound
from pratique.server.storage.disk import write
from pratique.server.storage.repositories import Storage
from pratique.spec.digest import Digest

from ..asking import CONFIG, LAYER, Asking, image


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file() and path.parent.name != "locks")
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
    at_sync, at_end = seen
    assert "link" not in at_sync
    assert list(at_sync.values()) == [b"new"]
    assert at_end == {"link": b"new"}


def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths that are synced from now on; those of files are the names that they have then."""
    paths: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda file: paths.append(str(Path(f"/proc/self/fd/{file}").readlink())))
    return paths


def test_a_file_and_the_names_that_lead_to_it_are_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = synced(monkeypatch)
    write(tmp_path / "a" / "b" / "link", b"new")
    temporary, *folders = paths
    assert temporary.endswith(".tmp")
    assert set(folders) == {str(tmp_path), str(tmp_path / "a"), str(tmp_path / "a" / "b")}


def test_what_a_push_is_told_to_be_stored_is_synced(ask: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = synced(monkeypatch)
    digest = ask.push_image("foo/bar", "v1")
    root, repository = str(ask.storage.folder), str(ask.storage.repository("foo/bar"))
    for content in (CONFIG, LAYER, image()):
        assert str(ask.storage.blob_path(Digest.of(content)).parent) in paths
    for link in (
        f"_layers/sha256/{Digest.of(LAYER).encoded}",
        f"_manifests/revisions/sha256/{digest.encoded}",
        "_manifests/tags/v1/current",
        "_manifests/tags",
    ):
        assert f"{repository}/{link}" in paths
    assert {root, f"{root}/docker", f"{root}/docker/registry/v2/repositories/foo"} <= set(paths)
    assert sum("/_uploads/" in path for path in paths) == 2  # each blob before it had its place


def test_a_tag_moves_only_when_what_it_points_at_is_there_for_good(
    ask: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask.push_image("foo/bar", "v1")
    paths = synced(monkeypatch)
    manifest = image(annotations={"a": "b"})
    ask.push_manifest("foo/bar", "v1", manifest)
    digest = Digest.of(manifest)
    current = str(ask.storage.repository("foo/bar") / "_manifests/tags/v1/current")
    before = paths[: next(place for place, path in enumerate(paths) if path.startswith(current))]
    revision = ask.storage.repository("foo/bar") / f"_manifests/revisions/sha256/{digest.encoded}"
    assert {str(ask.storage.blob_path(digest).parent), str(revision), str(revision.parent)} <= set(before)


def test_what_was_deleted_stays_deleted(ask: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = ask.push_image("foo/bar", "v1")
    paths = synced(monkeypatch)
    ask("DELETE", "/v2/foo/bar/manifests/v1")
    assert paths == [str(ask.storage.repository("foo/bar") / "_manifests" / "tags")]
    ask("DELETE", f"/v2/foo/bar/manifests/{digest}")
    assert paths[1:] == [str(ask.storage.repository("foo/bar") / "_manifests/revisions/sha256" / digest.encoded)]


def test_damaged_bytes_are_not_served(ask: Asking) -> None:
    digest = ask.push_image("foo/bar", "v1")
    ask.storage.blob_path(digest).write_bytes(b"damaged")
    with pytest.raises(ContentMismatch):
        ask.storage.find_manifest("foo/bar", "v1")
    assert ask("GET", "/v2/foo/bar/manifests/v1").status == 500


def test_a_manifest_is_read_from_disk_once(ask: Asking) -> None:
    digest = ask.push_image("foo/bar", "v1")
    ask.storage.find_manifest("foo/bar", "v1")
    ask.storage.blob_path(digest).write_bytes(b"damaged")
    assert ask.storage.find_manifest("foo/bar", "v1").raw == image()


def test_whether_a_manifest_is_there_is_looked_up_each_time(ask: Asking) -> None:
    digest = ask.push_image("foo/bar", "v1")
    ask.storage.find_manifest("foo/bar", digest)
    Storage(ask.storage.folder).delete_manifest("foo/bar", digest)
    with pytest.raises(NotFound):
        ask.storage.find_manifest("foo/bar", digest)


def test_a_manifest_pushed_again_under_another_type(ask: Asking) -> None:
    silent = b'{"schemaVersion":2,"a":{}}'
    types = ["application/vnd.one+json", "application/vnd.other+json", "application/vnd.one+json"]
    for media_type in types:
        assert ask("PUT", "/v2/foo/manifests/v1", silent, Content_Type=media_type).status == 201
        assert ask("GET", "/v2/foo/manifests/v1").field("Content-Type") == media_type


def test_an_empty_link_is_none(ask: Asking) -> None:
    ask.push_image("foo/bar", "v1")
    (ask.storage.repository("foo/bar") / "_manifests/tags/v1/current/link").write_bytes(b"")
    assert ask("GET", "/v2/foo/bar/manifests/v1").status == 404


def long_ago(*paths: Path) -> None:
    for path in paths:
        os.utime(path, (1_000_000, 1_000_000))


def is_renewed(*paths: Path) -> bool:
    return all(path.stat().st_mtime > 1_000_000 for path in paths)


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_a_blob_that_is_asked_for_is_in_use(ask: Asking, method: str) -> None:
    digest = ask.push_blob("foo", LAYER)
    used = (ask.storage.blob_path(digest), ask.storage.repository("foo") / f"_layers/sha256/{digest.encoded}/link")
    long_ago(*used)
    assert ask(method, f"/v2/foo/blobs/{digest}").status == 200
    assert is_renewed(*used)


def test_a_blob_that_is_given_to_a_repository_is_in_use(ask: Asking) -> None:
    location = ask("POST", "/v2/foo/blobs/uploads/", b"").field("Location")
    ask("PATCH", location, LAYER)
    long_ago(ask.storage.repository("foo") / "_uploads" / location.rpartition("/")[2] / "data")
    digest = Digest.of(LAYER)
    assert ask("PUT", f"{location}?digest={digest}").status == 201
    assert is_renewed(ask.storage.blob_path(digest))
    long_ago(ask.storage.blob_path(digest))
    ask.storage.link_blob("bar", digest)
    assert is_renewed(ask.storage.blob_path(digest))


def test_what_a_manifest_needs_is_in_use(ask: Asking) -> None:
    ask.push_image("foo/bar", "v1")
    for digest in map(Digest.of, (CONFIG, LAYER)):
        link = ask.storage.repository("foo/bar") / f"_layers/sha256/{digest.encoded}/link"
        long_ago(ask.storage.blob_path(digest), link)
        ask.push_manifest("foo/bar", "v2", image())
        assert is_renewed(ask.storage.blob_path(digest), link)


def test_a_manifest_is_in_use_until_its_tag_goes(ask: Asking) -> None:
    digest = ask.push_image("foo/bar", "v1")
    ask.push_manifest("foo/bar", "v2", image())
    link = ask.storage.repository("foo/bar") / f"_manifests/revisions/sha256/{digest.encoded}/link"
    for request in (
        ("HEAD", f"/v2/foo/bar/manifests/{digest}"),
        ("PUT", "/v2/foo/bar/manifests/v1", image(annotations={"a": "b"})),
        ("DELETE", "/v2/foo/bar/manifests/v2"),
    ):
        long_ago(link)
        assert ask(*request).status < 300
        assert is_renewed(link)


def test_a_blob_that_was_collected_meanwhile_cannot_be_mounted(ask: Asking) -> None:
    digest = ask.push_blob("foo", LAYER)
    ask.storage.blob_path(digest).unlink()
    with pytest.raises(NotFound):
        ask.storage.link_blob("bar", digest)
    assert not ask.storage.knows("bar")


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
