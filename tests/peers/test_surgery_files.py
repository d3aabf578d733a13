"""Surgery, judged file by file: of a demanding image umoci, buildah, skopeo and tar find what should be there, and no more."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pytest

from tests.commands import Run

from .ballast import (
    AS_ROOT,
    Entry,
    Tree,
    by_buildah,
    by_skopeo,
    by_tar,
    by_umoci,
    member,
    survey,
    tar,
    untar,
    write_image,
    write_layers,
    write_odd_layer,
)  # fmt: skip
from .conftest import RunsPeer, RunsSkopeo, find_program, succeeding

pytestmark = pytest.mark.skipif(not AS_ROOT, reason="owners and devices are root's to make")

NOON: Final = 1_769_860_800
NEW: Final = b"new content\n" * 1000


@dataclass(frozen=True)
class Hold:
    """A layout of umoci's, with images by their tags; `trees` are what umoci itself unpacks of them."""

    folder: Path
    trees: dict[str, Tree]

    def image(self, tag: str) -> str:
        return f"oci:{self.folder}/layout:{tag}"


@pytest.fixture(scope="module")
def hold(tmp_path_factory: pytest.TempPathFactory) -> Hold:
    """The demanding image, and what some changes of it should come to, written by umoci alone."""
    folder = tmp_path_factory.mktemp("hold")
    home = tmp_path_factory.mktemp("umoci")
    umoci = succeeding(find_program("umoci"), home, [], {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(home)})
    (folder / "layers").mkdir()
    base, *upper = write_layers(folder / "layers")
    other = tar(folder / "other.tar", member("etc"), ("etc/other", b"base\n"), member("bin"), ("bin/run", b"other\n"))
    more = tar(folder / "more.tar", member("new"), ("opt/more", b"more\n"), ("etc/.wh.a", b""))
    images = {
        "whole": [base, *upper],
        "base": [base],
        "other": [other],
        "rebased": [other, upper[0]],
        "low": [base, upper[0]],
        "appended": [base, *upper, more],
        "shorter": [base, *upper[1:]],
    }
    trees = {}
    for tag, layers in images.items():
        image = write_image(umoci, folder / "layout", tag, layers)
        trees[tag] = by_umoci(umoci, image, folder / tag)
    (folder / "new").write_bytes(NEW)
    return Hold(folder, trees)


# --- What is done, and what should come of it -----------------------------------------------------


@dataclass(frozen=True)
class Change:
    """The words of a change of `image`, where HOLD is the folder, and the files that should be there then."""

    words: str
    files: Callable[[Hold], Tree]
    image: str = "whole"
    unread_by: str = ""  # the judge that does not know the form
    to: str = "oci:{}:1"


def whole(hold: Hold) -> Tree:
    return hold.trees["whole"]


def tree(tag: str) -> Callable[[Hold], Tree]:
    return lambda hold: hold.trees[tag]


def with_file(hold: Hold) -> Tree:
    """With what is appended as files of this machine: those of root, as old as 1970."""
    found = survey_of_new(hold)
    folder = Entry("d", 0o755, (0, 0), 0, 0, "", "", 0, (), ())
    return whole(hold) | {b"srv": folder, b"srv/new": found}


def survey_of_new(hold: Hold) -> Entry:
    path = hold.folder / "new"
    path.chmod(0o644)
    os.utime(path, (0, 0))
    return survey(hold.folder)[b"new"]


def stripped(hold: Hold) -> Tree:
    gone = (b"sparse/", b"usr/share")
    return {path: entry for path, entry in whole(hold).items() if not path.startswith(gone)}


def replaced(hold: Hold) -> Tree:
    """With new content for one file, of which all but that stays."""
    new, path = survey_of_new(hold), b"etc/ two  spaces"
    return whole(hold) | {path: replace(whole(hold)[path], size=new.size, digest=new.digest)}


def at_noon(hold: Hold) -> Tree:
    return {path: replace(entry, mtime=0 if entry.kind == "d" else NOON) for path, entry in whole(hold).items()}


CHANGES: Final = {
    "append a tar": Change("append {image} HOLD/more.tar", tree("appended")),
    "append a tar, zstd": Change("append --compression zstd {image} HOLD/more.tar", tree("appended"), unread_by="umoci"),
    "append a file": Change("append {image} HOLD/new:/srv/new", with_file),
    "flatten": Change("flatten {image}", whole),
    "flatten, plain": Change("flatten --compression none {image}", whole),
    "flatten, zstd": Change("flatten --compression zstd {image}", whole, unread_by="umoci"),
    "rebase": Change("rebase --old HOLD:base --new HOLD:other {image}", tree("rebased"), image="low"),
    "layer rm": Change("layer rm --layer 1 {image}", tree("shorter")),
    "layer rm, empty": Change("layer rm --layer 5 {image}", whole),
    "layer edit --strip": Change("layer edit --strip sparse/** --strip usr/share/** --strip usr/share {image}", stripped),
    "layer edit --replace": Change("layer edit --layer 0 --replace SPACES=HOLD/new {image}", replaced),
    "recompress, gzip": Change("recompress --compression gzip --level 1 {image}", whole),
    "recompress, zstd": Change("recompress --compression zstd {image}", whole, unread_by="umoci"),
    "recompress, plain": Change("recompress --compression none {image}", whole),
    "squash-time": Change(f"squash-time --time {NOON} {{image}}", at_noon),
    "convert": Change("convert --format docker {image}", whole, unread_by="umoci", to="dir:{}"),
    "mutate": Change("mutate --env A=b --workdir /srv {image}", whole),
}  # fmt: skip
JUDGES: Final = ("umoci", "buildah", "skopeo", "tar")


def words_of(change: Change, hold: Hold) -> list[str]:
    values = {"HOLD:": f"oci:{hold.folder}/layout:", "HOLD/": f"{hold.folder}/", "SPACES": "etc/ two  spaces"}
    found = [word.format(image=hold.image(change.image)) for word in change.words.split()]
    for name, value in values.items():
        found = [word.replace(name, value) for word in found]
    return found


CASES: Final = {
    f"{name}, by {judge}": (change, judge)
    for name, change in CHANGES.items()
    for judge in JUDGES
    if judge != change.unread_by
}


@pytest.mark.parametrize(("change", "judge"), CASES.values(), ids=list(CASES))
def test_another_finds_the_files_that_should_be_there(
    run: Run,
    umoci: RunsPeer,
    buildah: RunsPeer,
    skopeo: RunsSkopeo,
    hold: Hold,
    tmp_path: Path,
    change: Change,
    judge: str,
) -> None:
    image = change.to.format(tmp_path / "changed")
    done = run(*words_of(change, hold), "--to", image)
    assert done.code == 0, done.err
    found = {
        "umoci": lambda: by_umoci(umoci, image, tmp_path / "files"),
        "buildah": lambda: by_buildah(buildah, image),
        "skopeo": lambda: by_skopeo(skopeo, image, tmp_path),
        "tar": lambda: by_tar(run, image, tmp_path),
    }[judge]()
    assert found == change.files(hold)
    assert run("validate", image).code == 0


@pytest.mark.parametrize("words", ["flatten", "layer edit --strip nothing", "squash-time --time 0 --only-later"])
def test_tar_unpacks_what_was_made_of_an_odd_layer(
    run: Run, umoci: RunsPeer, skopeo: RunsSkopeo, tmp_path: Path, words: str
) -> None:
    """What umoci or buildah do not read: GNU's old sparse files, headers for all, a path twice, times before 1970."""
    (tmp_path / "layers").mkdir()
    odd = write_odd_layer(tmp_path / "layers")
    (tmp_path / "wanted").mkdir()
    untar(odd, tmp_path / "wanted")
    image = write_image(umoci, tmp_path / "layout", "odd", [odd])
    done = run(*words.split(), image, "--tag", "changed")
    assert done.code == 0, done.err
    wanted = survey(tmp_path / "wanted")
    if words.startswith("squash"):
        wanted = {path: replace(entry, mtime=min(entry.mtime, 0)) for path, entry in wanted.items()}
    changed = f"oci:{tmp_path}/layout:changed"
    assert by_skopeo(skopeo, changed, tmp_path) == wanted
    shutil.rmtree(tmp_path / "files")
    assert by_tar(run, changed, tmp_path) == wanted
