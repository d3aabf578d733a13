"""Files of which artifacts are made, and artifacts that are made wrongly."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pratique import Descriptor, Registries
from pratique.image import artifact
from pratique.testing import Embedded
from tests.unit.stores import tars


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Path]:
    """A folder with some files, where the test is."""
    folder = tmp_path / "files"
    (folder / "manual" / "pages").mkdir(parents=True)
    (folder / "README").write_bytes(b"read me\n")
    (folder / "manual" / "pages" / "one").write_bytes(b"1" * 5000)
    (folder / "manual" / "run").write_bytes(b"#!/bin/sh\n")
    (folder / "manual" / "run").chmod(0o755)
    (folder / "manual" / "first").symlink_to("pages/one")
    (folder / "manual" / "same").hardlink_to(folder / "manual" / "run")
    with contextlib.chdir(folder):
        yield folder


def contents(folder: Path) -> dict[str, Any]:
    """What is below a folder: content and mode of files, targets of links."""
    return {
        str(path.relative_to(folder)): str(path.readlink())
        if path.is_symlink()
        else (path.read_bytes(), oct(path.stat().st_mode & 0o100))
        for path in folder.rglob("*")
        if path.is_symlink() or path.is_file()
    }


GOOD = tars.entry("folder/good", b"good")
Wrong = Callable[..., str]


@pytest.fixture
def wrong(harbour: Embedded, registries: Registries) -> Wrong:
    """Makes an artifact of one packed folder: its tar, its title, and the digest that the tar is said to have."""

    def make(raw: bytes, title: str = "folder", digest: str = "") -> str:
        repository = registries.repository(f"{harbour.address}/wrong")
        layer = repository.push_blob(raw)
        said = {artifact.TITLE: title, artifact.UNPACK: "true"} | ({artifact.UNPACKED: digest} if digest else {})
        repository.push_blob(artifact.EMPTY)
        made = artifact.artifact([Descriptor("a/b", layer.digest, layer.size, annotations=said)])
        repository.push_manifest(made.raw, "1")
        return f"{repository}:1"

    return make
