"""Releases, built for tests from a copy of this checkout: while tests run, somebody may edit it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from pratique.values import frozen

ROOT: Final = Path(__file__).parents[2]
TAG: Final = "v9.8.7"

# Who commits in a test, whatever the machine says.
WHO: Final = ("-c", "user.name=captain", "-c", "user.email=captain@example.org", "-c", "commit.gpgsign=false")


@frozen
class Release:
    """The files of a build."""

    folder: Path

    @property
    def wheel(self) -> Path:
        return self._only("*.whl")

    @property
    def source(self) -> Path:
        return self._only("*.tar.gz")

    @property
    def single(self) -> Path:
        return self._only("*.pyz")

    @property
    def bill(self) -> Path:
        return self._only("*.cdx.json")

    @property
    def version(self) -> str:
        return self.wheel.name.split("-")[1]

    def _only(self, pattern: str) -> Path:
        [found] = self.folder.glob(pattern)
        return found


def checkout(folder: Path, *names: str) -> None:
    """Copy these files and folders of this checkout into a repository of git with one commit."""
    for name in names:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    commit(folder)


def git(folder: Path, *words: str | Path) -> str:
    """What git says in a folder."""
    return run("git", *WHO, *words, cwd=folder)


def commit(folder: Path) -> None:
    """Commit what was added, if anything was."""
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "sail on")


def build(checkout: Path, folder: Path) -> Release:
    """Make everything of a checkout that is released."""
    said = run(sys.executable, "-W", "error", "-m", "release", folder, cwd=checkout)
    assert said.splitlines() == sorted(map(str, folder.iterdir()))
    return Release(folder)


def run(*words: str | Path, cwd: Path | None = None, **variables: str) -> str:
    """What a program printed to standard output; it must end well."""
    environment = {**os.environ, **variables}
    done = subprocess.run([*map(str, words)], cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
    return done.stdout
