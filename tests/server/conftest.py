"""Folders for registries: in memory, for those that are pushed to a lot, and on disks that fill or cannot be written to."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

DISK_BYTES = 2 << 20  # of the small disk
READ_ONLY = 1 | 32  # MS_RDONLY, MS_REMOUNT


@pytest.fixture
def quick_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is such a thing: for tests of who comes when, which leave out the disk."""
    memory = Path("/dev/shm")  # noqa: S108
    with TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else tmp_path) as name:
        yield Path(name)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own; only the system's administrator may make one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount(folder)
    try:
        yield folder
    finally:
        ctypes.CDLL(None).umount2(bytes(folder), 2)  # MNT_DETACH


def mount(folder: Path, flags: int = 0) -> None:
    """Mount the small disk there, or, with READ_ONLY, let nobody write to it any more."""
    library = ctypes.CDLL(None, use_errno=True)
    if library.mount(b"none", bytes(folder), b"tmpfs", flags, b"size=%d" % DISK_BYTES) != 0:
        pytest.skip(f"a disk cannot be mounted here: {os.strerror(ctypes.get_errno())}")
