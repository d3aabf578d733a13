"""Packed folders of artifacts that are made wrongly."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from pratique import ContentMismatch, InvalidInput, Registries
from pratique.client.artifacts.pulling import pull_artifact
from tests.unit.stores import tars

from .conftest import GOOD, Wrong


@pytest.mark.parametrize(
    "member",
    [
        tars.entry("../escaped", b"x"),
        tars.entry("folder/../../escaped", b"x"),
        tars.entry("folder/link", kind=tarfile.SYMTYPE, link="../../escaped"),
        tars.entry("folder/link", kind=tarfile.SYMTYPE, link="/etc"),
        tars.entry("folder/link", kind=tarfile.SYMTYPE, link="down/.."),
        tars.entry("folder/link", kind=tarfile.LNKTYPE, link="../escaped"),
        tars.entry("folder/device", kind=tarfile.CHRTYPE),
        tars.entry("folder/pipe", kind=tarfile.FIFOTYPE),
        tars.entry(f"folder/{'x' * 256}", b"x"),
        tars.entry(f"folder/{'x/' * 255}y", b"x"),
    ],
    ids=["name", "dots", "link", "root", "down and up", "hard link", "device", "pipe", "too long", "too deep"],
)
def test_nothing_of_a_bad_folder_is_written(
    wrong: Wrong, registries: Registries, tmp_path: Path, member: bytes
) -> None:
    out = tmp_path / "a" / "out"
    with pytest.raises(InvalidInput):
        pull_artifact(wrong(tars.tar(GOOD, member)), out, registries=registries)
    assert [path for path in (tmp_path / "a").rglob("*") if path != out] == []


def test_what_lies_behind_a_link_of_the_folder_is_not_written(
    wrong: Wrong, registries: Registries, tmp_path: Path
) -> None:
    link = tars.entry("folder/link", kind=tarfile.SYMTYPE, link="..")
    place = wrong(tars.tar(link, tars.entry("folder/link/escaped", b"x")))
    with pytest.raises(InvalidInput, match="links are not followed"):
        pull_artifact(place, tmp_path / "out", registries=registries)
    assert not (tmp_path / "out" / "escaped").exists()


@pytest.mark.parametrize("other", ["folder/nothing", "/etc/passwd", "folder/old", "folder/down"])
def test_another_name_of_what_is_no_file_is_refused_and_what_was_there_stays(
    wrong: Wrong, registries: Registries, tmp_path: Path, other: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "old").write_bytes(b"mine")
    down = tars.entry("folder/down", kind=tarfile.DIRTYPE)
    link = tars.entry("folder/old", kind=tarfile.LNKTYPE, link=other)
    with pytest.raises(InvalidInput, match=r"is the same file as 'folder/.*', which is none"):
        pull_artifact(wrong(tars.tar(GOOD, down, link)), tmp_path, registries=registries)
    assert (tmp_path / "folder" / "old").read_bytes() == b"mine"
    assert {path.name for path in (tmp_path / "folder").iterdir()} == {"old", "good", "down"}


def test_the_same_file_twice_is_the_last_one(wrong: Wrong, registries: Registries, tmp_path: Path) -> None:
    pull_artifact(wrong(tars.tar(GOOD, tars.entry("folder/good", b"last"))), tmp_path, registries=registries)
    assert (tmp_path / "folder" / "good").read_bytes() == b"last"


def test_a_folder_that_calls_itself_otherwise_is_put_where_its_title_says(
    wrong: Wrong, registries: Registries, tmp_path: Path
) -> None:
    pull_artifact(wrong(tars.tar(tars.entry("last/file", b"x")), "first/last"), tmp_path, registries=registries)
    pull_artifact(wrong(tars.tar(tars.entry("file", b"x")), "bare"), tmp_path, registries=registries)
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("file")} == {"first/last/file", "bare/file"}


def test_another_tar_than_it_says_is_not_unpacked(wrong: Wrong, registries: Registries, tmp_path: Path) -> None:
    with pytest.raises(ContentMismatch):
        pull_artifact(wrong(tars.tar(GOOD), digest=f"sha256:{'0' * 64}"), tmp_path, registries=registries)
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_tar_is_refused(wrong: Wrong, registries: Registries, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="is not a tar"):
        pull_artifact(wrong(b"no tar" * 200), tmp_path, registries=registries)
