"""What the tests of commands that change images and look into them have in common."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any, Final

from tests.commands import Run
from tests.registries import sample

HELLO: Final = sample().root.descriptor.digest
PLATFORM: Final = ("--platform", "linux/amd64")


def tar(files: dict[str, bytes]) -> bytes:
    """A tar of files by their names."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def digest_of(run: Run, *words: str) -> str:
    """The digest that a command prints of what it made."""
    done = run(*words)
    assert done.code == 0, done.err
    return done.out.strip().rpartition("@")[2]


def config(run: Run, place: str, platform: str = "linux/amd64") -> Any:
    """The config of the image for a platform."""
    found = run("config", "get", "--platform", platform, place)
    assert found.code == 0, found.err
    return found.json


def exported(run: Run, place: str, file: Path) -> dict[str, bytes]:
    """The files of an image with their content, by `export` to a file."""
    done = run("export", "--platform", "linux/amd64", "--output", str(file), place)
    assert done.code == 0, done.err
    with tarfile.open(file) as archive:
        return {each.name: content.read() for each in archive if (content := archive.extractfile(each))}


def files(run: Run, place: str) -> list[str]:
    """The names of all files of an image."""
    found = run("ls-files", *PLATFORM, place)
    assert found.code == 0, found.err
    return found.out.split()
