"""Folders and files of this machine as layers: the same content gives the same bytes.

Names are sorted, user and group are 0, the time is one for all, and modes are kept. Extended attributes are not taken.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from ...errors import InvalidInput, NotFound
from ...stores.compression import PIECE_BYTES
from ...stores.header import BLOCK, BLOCK_DEVICE, CHARACTER_DEVICE, FOLDER, LINK, PIPE, SYMBOLIC
from . import header
from .header import Member
from .overlay import END
from .walk import Write

_KINDS: Final = {stat.S_IFCHR: CHARACTER_DEVICE, stat.S_IFBLK: BLOCK_DEVICE, stat.S_IFIFO: PIPE}


def pack(paths: Mapping[str, Path], write: Write, *, moment: int = 0, links: bool = True) -> None:
    """Write files and folders as a tar, each under its name in the image.

    A folder is taken with everything in it, under the empty name as the root. The folders above a name are not written: where
    the image has them they keep their permissions, and links among them stay links; where it has not, who unpacks makes them.
    Symbolic links stay links; a file with several names among these becomes hard links, or without `links` as many files.
    `moment` is in seconds since the epoch.
    Raises NotFound for a path that is not there, InvalidInput for sockets and for what cannot be read or changes meanwhile.
    """
    found: dict[bytes, Path] = {}
    for place, path in paths.items():
        found.update(_below(header.normal(os.fsencode(place), "the list of files"), path))
    first: dict[tuple[int, int], bytes] | None = {} if links else None  # name of a file by device and inode
    for name in sorted(name for name in found if name):
        _put(name, found[name], first, moment, write)
    write(END)


def _below(name: bytes, path: Path) -> Iterator[tuple[bytes, Path]]:
    try:
        mode = path.lstat().st_mode
    except OSError as error:
        raise NotFound(f"{path} cannot be packed: {error.strerror}") from None
    yield name, path
    if stat.S_ISDIR(mode):
        for entry in os.scandir(path):
            inner = os.fsencode(entry.name)
            yield from _below(name + b"/" + inner if name else inner, Path(entry.path))


def _put(name: bytes, path: Path, first: dict[tuple[int, int], bytes] | None, moment: int, write: Write) -> None:
    found = path.lstat()
    if first is not None and stat.S_ISREG(found.st_mode) and found.st_nlink > 1:
        target = first.setdefault((found.st_dev, found.st_ino), name)
        if target != name:
            write(header.made(name, LINK, mode=stat.S_IMODE(found.st_mode), link=target, moment=moment).headers)
            return
    member = _member(name, path, found, moment)
    write(member.headers)
    if member.is_file:
        _pour(path, member.size, write)


def _member(name: bytes, path: Path, found: os.stat_result, moment: int) -> Member:
    mode = stat.S_IMODE(found.st_mode)
    if stat.S_ISREG(found.st_mode):
        return header.made(name, mode=mode, size=found.st_size, moment=moment)
    if stat.S_ISDIR(found.st_mode):
        return header.made(name, FOLDER, mode=mode, moment=moment)
    if stat.S_ISLNK(found.st_mode):
        return header.made(name, SYMBOLIC, mode=0o777, link=os.fsencode(path.readlink()), moment=moment)
    kind = _KINDS.get(stat.S_IFMT(found.st_mode))
    if kind is None:
        raise InvalidInput(f"{path} is a socket, which a layer cannot hold")
    device = (os.major(found.st_rdev), os.minor(found.st_rdev))
    return header.made(name, kind, mode=mode, moment=moment, device=device)


def _pour(path: Path, size: int, write: Write) -> None:
    left = size
    try:
        with path.open("rb", buffering=0) as file:
            while left and (data := file.read(min(left, PIECE_BYTES))):
                write(data)
                left -= len(data)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}") from None
    if left:
        raise InvalidInput(f"{path} became shorter while it was packed")
    write(bytes(-size % BLOCK))
