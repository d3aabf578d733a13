"""Directories as skopeo's `dir:` has them, and folders that are none."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from pratique.errors import ContentMismatch, InvalidInput, Misbehaved, NotFound, Unsupported
from pratique.image.sample import Content
from pratique.spec import media
from pratique.spec.descriptor import Descriptor
from pratique.spec.digest import Digest
from pratique.stores.base import NAMELESS
from pratique.stores.directory import Directory
from tests.stores.contract import SIGNATURE, bare, nested, of_layer, push, put, referrer, several, single

IMAGE = single()
INDEX = several()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "directory"


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def file_of(content: Content) -> str:
    suffix = ".manifest.json" if content.descriptor.is_manifest else ""
    return content.descriptor.digest.encoded + suffix


def test_it_is_written_as_skopeo_writes_it(folder: Path) -> None:
    push(Directory(folder), INDEX, [NAMELESS])
    assert (folder / "version").read_text() == "Directory Transport Version: 1.1\n"
    assert (folder / "manifest.json").read_bytes() == INDEX.root.raw
    assert names(folder) == {"version", "manifest.json", *map(file_of, INDEX.below)}
    for part in INDEX.below:
        assert (folder / file_of(part)).read_bytes() == part.raw


def test_a_new_image_takes_the_old_one_away(folder: Path) -> None:
    push(Directory(folder), INDEX, [NAMELESS])
    (folder / "signature-1").write_bytes(b"of the old one")
    (folder / f"{'0' * 64}.signature-2").touch()
    (folder / "notes.txt").touch()
    other = single("other")
    push(Directory(folder), other, [NAMELESS])
    assert names(folder) == {"version", "manifest.json", "notes.txt", *map(file_of, other.below)}


def test_an_old_image_stays_until_the_new_one_is_complete(folder: Path) -> None:
    push(Directory(folder), IMAGE, [NAMELESS])
    put(Directory(folder), INDEX.below[0])
    assert Directory(folder).resolve(NAMELESS) == bare(IMAGE.root.descriptor)


def test_what_is_nested_is_kept(folder: Path) -> None:
    sample = nested()
    push(Directory(folder), sample, [NAMELESS])
    push(Directory(folder), sample, [NAMELESS])
    assert names(folder) == {"version", "manifest.json", *map(file_of, sample.below)}


def test_it_has_no_names(folder: Path) -> None:
    with pytest.raises(Unsupported, match=r"'1\.0'"):
        push(Directory(folder), IMAGE, ["1.0"])
    push(Directory(folder), IMAGE, [NAMELESS])
    with pytest.raises(NotFound, match=r"'1\.0'"):
        Directory(folder).resolve("1.0")


def test_there_is_no_room_for_what_refers_to_the_image(folder: Path) -> None:
    push(Directory(folder), IMAGE, [NAMELESS])
    with pytest.raises(Unsupported, match="refers"):
        push(Directory(folder), referrer(IMAGE.root.descriptor, SIGNATURE), [NAMELESS])
    assert Directory(folder).resolve(NAMELESS) == bare(IMAGE.root.descriptor)


def test_an_artifact_alone_may_refer_to_something(folder: Path) -> None:
    signature = referrer(IMAGE.root.descriptor, SIGNATURE)
    push(Directory(folder), signature, [NAMELESS])
    assert Directory(folder).resolve(NAMELESS) == bare(signature.root.descriptor)


@pytest.mark.parametrize("version", [None, "", "Directory Transport Version: 2.0\n", "x" * 10_000])
def test_a_folder_with_something_else_is_left_alone(folder: Path, version: str | None) -> None:
    folder.mkdir()
    (folder / "precious").touch()
    if version is not None:
        (folder / "version").write_text(version)
    before = names(folder)
    with pytest.raises((InvalidInput, Misbehaved)):
        push(Directory(folder), IMAGE, [NAMELESS])
    assert names(folder) == before


def test_reading_makes_nothing(folder: Path) -> None:
    directory = Directory(folder)
    for name in (NAMELESS, IMAGE.root.descriptor.digest):
        with pytest.raises(NotFound, match=r"manifest\.json"):
            directory.resolve(name)
    assert not folder.exists()


def test_content_that_is_there_is_not_read_again(folder: Path) -> None:
    push(Directory(folder), IMAGE, [NAMELESS])

    def unwanted() -> Any:
        pytest.fail("the source was opened")

    Directory(folder).push(IMAGE.below[0].descriptor, unwanted)


def test_content_that_lies(folder: Path) -> None:
    push(Directory(folder), INDEX, [NAMELESS])
    child, layer = INDEX.below[2], INDEX.below[0]
    (folder / file_of(child)).write_bytes(child.raw.replace(b"2", b"3", 1))
    (folder / file_of(layer)).write_bytes(bytes(len(layer.raw)))
    directory = Directory(folder)
    with pytest.raises(ContentMismatch):
        directory.resolve(child.descriptor.digest)
    for part in (child, layer):
        with pytest.raises(ContentMismatch), directory.open(part.descriptor) as stream:
            stream.read()


def test_a_root_that_is_no_manifest_or_huge(folder: Path) -> None:
    push(Directory(folder), IMAGE, [NAMELESS])
    (folder / "manifest.json").write_bytes(b"[]")
    with pytest.raises(Misbehaved):
        Directory(folder).resolve(NAMELESS)
    with (folder / "manifest.json").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(Misbehaved, match="at most"):
        Directory(folder).resolve(NAMELESS)


@pytest.mark.parametrize("name", ["manifest.json", "layer"])
@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_what_stands_in_the_place_of_a_file(folder: Path, name: str, kind: str) -> None:
    push(Directory(folder), IMAGE, [NAMELESS])
    path = folder / (file_of(IMAGE.below[0]) if name == "layer" else name)
    outside = folder.parent / "outside"
    path.rename(outside)
    if kind == "link":
        path.symlink_to(outside)
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    directory = Directory(folder)
    with pytest.raises(Misbehaved), directory.open(IMAGE.below[0].descriptor if name == "layer" else root(directory)):
        pass


def root(directory: Directory) -> Descriptor:
    return directory.resolve(NAMELESS)


def test_a_root_of_sha512_keeps_its_digest(folder: Path) -> None:
    sample = of_layer(Content.of(b"of sha512", media.OCI_LAYER, algorithm="sha512"), algorithm="sha512")
    push(Directory(folder), sample, [NAMELESS])
    assert Directory(folder).resolve(NAMELESS).digest == sample.root.descriptor.digest
    assert Directory(folder).resolve(Digest.of(sample.root.raw)).digest == Digest.of(sample.root.raw)
    push(Directory(folder), IMAGE, [NAMELESS])
    assert Directory(folder).resolve(NAMELESS).digest == IMAGE.root.descriptor.digest
