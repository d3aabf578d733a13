"""Files of the storage: whole or not there, and there to stay once they are said to be.

Paths are text: objects cost a request as much as the system's own work.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from ...stores.files import replacing, sync_folder

Stamp = tuple[int, int]
MOST_LINK_BYTES: Final = 1024  # read of a link; a digest has at most 135
# What a write fails with where nothing more fits: a full disk, a user's share of it, a process's largest file.
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def is_full(error: OSError) -> bool:
    """Whether a write failed because there is no space for it."""
    return error.errno in _FULL


class Changes:
    """Files and folders that are made together. They survive a crash after `sync`, which does for all what costs most."""

    def __init__(self) -> None:
        self._folders: dict[str, None] = {}

    def write(self, path: str, content: bytes, mode: int = 0o666) -> None:
        """Write a file so that it is either whole or not there."""
        self.make_folder(os.path.dirname(path))
        with replacing(Path(path), mode, lasting=False) as file:
            file.write(content)
        self._folders[os.path.dirname(path)] = None

    def move(self, path: str, target: str) -> None:
        """Give a file that is synced another name."""
        self.make_folder(os.path.dirname(target))
        os.replace(path, target)
        self._folders[os.path.dirname(target)] = None

    def make_folder(self, path: str) -> None:
        """Make a folder and those above it where they are not there yet."""
        if os.path.isdir(path):
            return
        above = os.path.dirname(path) or os.curdir
        self.make_folder(above)
        with suppress(FileExistsError):
            os.mkdir(path)
        self._folders[above] = None  # also where another process was quicker: it may not have come so far

    def sync(self) -> None:
        """Make everything so far last."""
        while self._folders:
            folder, _ = self._folders.popitem()
            sync_folder(Path(folder))


@contextmanager
def lasting() -> Iterator[Changes]:
    """Changes that survive a crash once the context has ended well."""
    changes = Changes()
    yield changes
    changes.sync()


def write(path: Path | str, content: bytes, mode: int = 0o666) -> None:
    """Write a file so that it is either whole or not there, and survives a crash once this returns."""
    with lasting() as changes:
        changes.write(str(path), content, mode)


def note(path: str, content: bytes) -> None:
    """Write a small file that nothing depends on; a crash may take it, or what is in it."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    try:
        with open(path, "wb", buffering=0) as file:
            file.write(content)
    except BaseException:
        remove(path)
        raise


def open_file(path: str) -> int | None:
    """A descriptor to read a file by; None where there is none."""
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None


def read_link(path: str) -> bytes | None:
    """What a link holds; None where there is none."""
    descriptor = open_file(path)
    if descriptor is None:
        return None
    try:
        return os.read(descriptor, MOST_LINK_BYTES)
    finally:
        os.close(descriptor)


def read(path: str) -> bytes | None:
    """The content of a file; None where there is none."""
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None


def remove(path: str) -> bool:
    """Remove a file; whether it was there."""
    try:
        os.unlink(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def used(path: str) -> float | None:
    """When a file was last written or renewed, in seconds since the epoch; None where there is none."""
    try:
        return os.stat(path).st_mtime
    except (FileNotFoundError, NotADirectoryError):
        return None


def renew(path: str) -> bool:
    """Say that a file is in use; whether it is there."""
    try:
        os.utime(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def names(folder: str) -> list[str]:
    """The names in a folder, in no order; none where there is no folder."""
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []


def folders(path: str) -> list[str]:
    """A folder and those below it."""
    return [folder for folder, _, _ in os.walk(path)]


def changed(path: str) -> int:
    """When a file or a folder's names last changed, in nanoseconds since the epoch; 0 where it is not there."""
    try:
        return os.stat(path).st_mtime_ns
    except (FileNotFoundError, NotADirectoryError):
        return 0


def stamp(path: str) -> Stamp | None:
    """What tells a file from what stood in its place at another time; None where there is none."""
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_mtime_ns, status.st_ino


def remove_tree(folder: str, first: str) -> None:
    """Remove a folder with all that is in it, and before that the one file that gives it its meaning."""
    if first != folder:
        remove(first)
    shutil.rmtree(folder, ignore_errors=True)


def remove_hollow(folder: str) -> bool:
    """Remove a folder with no files in it or below it; whether it is gone."""
    for below, _, _ in os.walk(folder, topdown=False):
        with suppress(OSError):
            os.rmdir(below)
    return not os.path.exists(folder)


def remove_empty(folder: str, top: str) -> None:
    """Remove a folder that is empty, and those above it below `top` that are empty then."""
    with suppress(OSError):
        while folder != top:
            os.rmdir(folder)
            folder = os.path.dirname(folder)


def size(path: str) -> int:
    """Bytes of a file; 0 for a folder, and where there is nothing."""
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) else 0
