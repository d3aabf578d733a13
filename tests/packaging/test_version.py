"""The version is that of the tag, whatever form the sources come in."""

from __future__ import annotations

import re
import shutil
import sys
import tarfile
from pathlib import Path
from typing import Final

import pytest

from .building import checkout, commit, git, run

# As much of the project as has to do with its version.
FILES: Final = (
    ".gitattributes", ".git_archival.txt", "pyproject.toml", "README.md", "LICENSE", "release/hook.py",
    "src/pratique/__init__.py", "src/pratique/version.py",
)  # fmt: skip


@pytest.fixture
def untagged(tmp_path: Path) -> Path:
    """A checkout with one commit and no tag."""
    folder = tmp_path / "checkout"
    checkout(folder, *FILES)
    return folder


def version(folder: Path) -> str:
    return run(sys.executable, "-m", "hatchling", "version", cwd=folder).strip()


def archive(untagged: Path) -> Path:
    """What a code host offers for download."""
    folder = untagged.with_name("archive")
    git(untagged, "archive", "-o", untagged.with_name("archive.tar"), "HEAD")
    with tarfile.open(untagged.with_name("archive.tar")) as packed:
        packed.extractall(folder, filter="data")
    return folder


def test_without_a_tag_the_commit_is_told(untagged: Path) -> None:
    assert re.fullmatch(r"0\.dev1\+g[0-9a-f]+", version(untagged))


def test_a_tag_is_the_version(untagged: Path) -> None:
    git(untagged, "tag", "v1.2.3")
    assert version(untagged) == "1.2.3"
    assert version(archive(untagged)) == "1.2.3"


def test_what_comes_after_a_tag_is_on_the_way_to_the_next(untagged: Path) -> None:
    git(untagged, "tag", "v1.2.3")
    commit(untagged)
    assert re.fullmatch(r"1\.2\.4\.dev1\+g[0-9a-f]+", version(untagged))
    assert re.fullmatch(r"1\.2\.4\.dev1\+g[0-9a-f]+", version(archive(untagged)))


def test_a_shallow_clone_has_no_tag_and_tells_the_commit(untagged: Path) -> None:
    git(untagged, "tag", "v1.2.3")
    commit(untagged)
    shallow = untagged.with_name("shallow")
    git(untagged, "clone", "--quiet", "--depth", "1", untagged.as_uri(), shallow)
    assert re.fullmatch(r"0\.dev1\+g[0-9a-f]+", version(shallow))


def test_sources_without_git_can_be_built(untagged: Path) -> None:
    shutil.rmtree(untagged / ".git")
    assert version(untagged) == "0.dev0"
