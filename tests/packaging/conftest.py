from __future__ import annotations

from pathlib import Path

import pytest

from .building import TAG, Release, build, checkout, git

FILES = ("README.md", "CHANGELOG.md", "LICENSE", ".gitignore", ".gitattributes", ".git_archival.txt")


@pytest.fixture(scope="session")
def tagged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This checkout, with a tag."""
    folder = tmp_path_factory.mktemp("checkout")
    checkout(folder, "src", "tests", "release", "pyproject.toml", "requirements.lock", *FILES)
    git(folder, "tag", TAG)
    return folder


@pytest.fixture(scope="session")
def release(tagged: Path, tmp_path_factory: pytest.TempPathFactory) -> Release:
    """What is released of it."""
    return build(tagged, tmp_path_factory.mktemp("release"))
