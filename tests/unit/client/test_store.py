"""Stores of every kind, opened by their locations and read by the same methods."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import pratique
from pratique import ContentMismatch, Digest, InvalidInput, NotFound, Registries, Repository, Unsupported
from pratique.image.sample import Sample, image, index
from pratique.spec.platform import Platform
from pratique.testing import Embedded
from tests.registries import push

AMD64, ARM64 = "linux/amd64", "linux/arm64"
PLACES = ["oci", "oci-archive", "dir", "docker-archive"]


def sample(greeting: str = "hello") -> Sample:
    return index([image(Platform.parse(each), {"greeting": greeting.encode()}) for each in (AMD64, ARM64)])


ROOT = sample().root.descriptor


@pytest.fixture
def layout(tmp_path: Path) -> str:
    """A layout with two images: 1.0, which is the latest as well, and old."""
    from pratique.stores.files import FolderFiles
    from pratique.stores.layout import Layout

    store = Layout(FolderFiles(tmp_path / "layout"))
    push(store, sample(), "1.0", "latest")
    push(store, sample("old"), "old")
    return f"oci:{tmp_path}/layout"


@pytest.fixture
def at(layout: str, tmp_path: Path) -> Callable[[str], str]:
    """The first image of the layout, for one platform, in a store of some kind: its location."""

    def at(kind: str) -> str:
        place = f"{kind}:{tmp_path}/{kind}"
        name = {"dir": "", "docker-archive": ":app:1.0"}.get(kind, ":1.0")
        pratique.copy(f"{layout}:1.0", place + name, platforms=[ARM64])
        return place

    return at


@pytest.mark.parametrize("kind", PLACES)
def test_every_store_is_read_alike(at: Callable[[str], str], kind: str) -> None:
    with pratique.open(at(kind)) as store:
        manifest = store.manifest("")
        assert store.resolve("").digest == manifest.digest == Digest.of(manifest.raw)
        assert store.manifest(manifest.digest).raw == store.manifest(str(manifest.digest)).raw == manifest.raw
        assert str(store.image("").platform) == ARM64
        assert store.config("").document == store.image("").config
        found = store.inspect("")
        assert (found.digest, found.platforms) == (manifest.digest, (ARM64,))
        for part in manifest.successors():
            blob = store.blob(part.digest)
            assert (blob.size, Digest.of(blob.read())) == (part.size, part.digest)
        for ask in (store.blob, store.resolve, store.manifest):
            with pytest.raises(NotFound):
                ask(Digest.of(b"nothing"))


@pytest.mark.parametrize(
    ("kind", "names"),
    [("oci", ["1.0"]), ("oci-archive", ["1.0"]), ("docker-archive", ["docker.io/library/app:1.0"])],
)
def test_names_are_listed_and_are_names(at: Callable[[str], str], kind: str, names: list[str]) -> None:
    with pratique.open(at(kind)) as store:
        assert [*store.tags()] == [*store.tags(sort="date")] == names
        assert [store.resolve(name) for name in names] == [store.resolve("")]


def test_a_directory_has_no_names(at: Callable[[str], str]) -> None:
    with pratique.open(at("dir")) as store, pytest.raises(Unsupported, match="has no names"):
        store.tags()


def test_an_archive_comes_from_standard_input(
    at: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pratique.open(at("oci-archive")) as store:
        there = store.inspect("1.0")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO((tmp_path / "oci-archive").read_bytes())))
    with pratique.open("oci-archive:-") as store:
        assert store.inspect("1.0") == there


def test_one_platform_of_an_index_in_a_layout(layout: str) -> None:
    with pratique.open(f"{layout}:not-looked-at") as store:
        assert str(store) == layout
        assert repr(store) == f"<store {layout}>"
        assert store.resolve("1.0").digest == ROOT.digest
        one = store.resolve("1.0", platform=ARM64)
        assert (
            store.manifest("1.0", platform=ARM64).digest
            == one.digest
            == store.manifest("1.0").select(Platform.parse(ARM64)).digest
        )
        assert store.inspect("1.0").platforms == (AMD64, ARM64)
        with pytest.raises(NotFound, match="is an index of 2 images"):
            store.config("1.0")


def test_tags_of_a_layout_are_sorted(layout: str) -> None:
    with pratique.open(layout) as store:
        assert [*store.tags()] == ["1.0", "latest", "old"]
        assert [*store.tags(sort="version")] == ["1.0", "old", "latest"]
        assert [found.name for found in store.inspections(["old", "1.0"])] == ["old", "1.0"]


def test_a_name_that_is_not_there_is_told_with_those_that_are(layout: str, tmp_path: Path) -> None:
    with pratique.open(layout) as store:
        with pytest.raises(NotFound) as raised:
            store.inspect("2.0")
        assert raised.value.advice() == "its names: 1.0, latest, old"
        with pytest.raises(NotFound, match="has 3 images"):
            store.manifest("")
    with pratique.open(f"oci:{tmp_path}/nowhere") as store, pytest.raises(NotFound, match="no OCI layout at"):
        store.tags()
    assert not (tmp_path / "nowhere").exists()


def test_a_layout_knows_what_refers_and_an_archive_of_docker_does_not(
    layout: str, at: Callable[[str], str], tmp_path: Path
) -> None:
    from pratique.artifacts import attach

    (tmp_path / "note").write_text("a note")
    attached = attach(f"{layout}:1.0", [str(tmp_path / "note")], artifact_type="text/x-note").descriptor
    with pratique.open(layout) as store:
        assert [each.digest for each in store.referrers("1.0")] == [attached.digest]
        assert [*store.referrers(ROOT.digest, artifact_type="text/x-other")] == []
    with pratique.open(at("docker-archive")) as store, pytest.raises(Unsupported, match="what refers to what"):
        store.referrers("")


def test_what_is_in_a_layout_gets_further_names(layout: str) -> None:
    with pratique.open(layout) as store:
        assert store.tag("1.0", "1", "stable").digest == ROOT.digest
        assert store.tag(ROOT.digest, "old").digest == ROOT.digest
    with pratique.open(layout) as store:
        assert {tag: store.resolve(tag).digest for tag in store.tags()} == dict.fromkeys(
            ["1.0", "latest", "1", "stable", "old"], ROOT.digest
        )
        for wrong in ("", "two\nlines"):
            with pytest.raises(InvalidInput, match=r"a name is not empty|not a name"):
                store.tag("1.0", "fine", wrong)
        assert "fine" not in store.tags()


@pytest.mark.parametrize("kind", ["oci-archive", "docker-archive", "dir"])
def test_what_is_written_whole_gets_no_further_names(at: Callable[[str], str], kind: str, tmp_path: Path) -> None:
    place = at(kind)
    before = {path: path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file()}
    with pratique.open(place) as store, pytest.raises(Unsupported, match="cannot"):
        store.tag("", "2")
    assert {path: path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file()} == before


def test_what_is_read_of_files_is_verified(layout: str, tmp_path: Path) -> None:
    with pratique.open(layout) as store:
        layer = store.image("1.0", platform=ARM64).layers[0].digest
        for digest in (layer, ROOT.digest):
            file = tmp_path / "layout" / "blobs" / digest.algorithm / digest.encoded
            file.write_bytes(file.read_bytes()[:-1] + b"!")
        with pytest.raises(ContentMismatch):
            store.blob(layer).read()
        for ask in (store.manifest, store.inspect, store.config, store.image):
            with pytest.raises(ContentMismatch):
                ask("1.0")


def test_a_repository_is_a_store_of_the_registries_that_were_given(harbour: Embedded, registries: Registries) -> None:
    with pratique.open(f"{harbour.address}/app:1.0", registries=registries) as store:
        assert isinstance(store, Repository)
        assert [*store.tags()] == ["1.0"]
    assert [*store.tags()] == ["1.0"]  # whoever made the registries closes them


def test_what_is_no_location_is_told(tmp_path: Path) -> None:
    for text in ("oci:", "docker-daemon:app", "dir:"):
        with pytest.raises(InvalidInput), pratique.open(text):
            pass
    with pytest.raises(NotFound, match="there is no archive"), pratique.open(f"docker-archive:{tmp_path}/none.tar"):
        pass
