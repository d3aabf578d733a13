"""Packed folders of artifacts, put where they belong; looked at as a whole before anything of them is written."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO, Final

from ...errors import ContentMismatch, InvalidInput, Unsupported
from ...image import artifact
from ...image.layers.header import Member
from ...image.layers.pieces import Packed
from ...image.layers.walk import Walk
from ...spec.digest import Digest
from ...stores.header import LINK, SYMBOLIC
from ...stores.tar import write_whole
from .landing import Landing, writing

_MODES: Final = 0o755  # what of a file's permissions is taken
_OWNER: Final = 0o600  # its owner can read and write it in any case


class Unpacking:
    """A packed folder, with the names on the way to where it belongs; `digest` is what its tar is said to have."""

    def __init__(self, packed: Packed, names: tuple[str, ...], digest: Digest | None = None) -> None:
        self._packed = packed
        self._names = names
        self._digest = digest

    def judge(self) -> None:
        """Read all of it and write nothing.

        Raises InvalidInput for what leads out of the folder and for devices, Unsupported for sparse files, and
        ContentMismatch where the tar has another digest than is said.
        """
        with self._packed.pieces() as pieces:
            hashed = hashlib.new(self._digest.algorithm if self._digest else "sha256")

            def passing() -> Iterator[bytes]:
                for piece in pieces:
                    hashed.update(piece)
                    yield piece

            for member in Walk(passing(), self._packed.what):
                self._judge(member)
        actual = hashed.hexdigest()
        if self._digest is not None and actual != self._digest.encoded:
            raise ContentMismatch(
                f"{self._packed.what} holds another tar than it says",
                expected=str(self._digest),
                actual=f"{self._digest.algorithm}:{actual}",
                advice="whoever made the artifact did it wrongly; nothing of it was written",
            )

    def unpack(self, landing: Landing) -> None:
        """Write what was judged. Raises InvalidInput for what is in the way."""
        landing.enter(self._names)
        with self._packed.pieces() as pieces:
            walk = Walk(pieces, self._packed.what)
            for member in walk:
                names = self._place(member.name)
                if member.is_folder:
                    landing.enter(names)
                    continue
                path = landing.path(names)
                if not landing.keeps(path):
                    with writing(path):
                        self._write(walk, member, path, landing)

    def _judge(self, member: Member) -> None:
        names = self._place(member.name)
        shown = "/".join(names)[:200]
        if not artifact.is_possible(names):
            raise InvalidInput(f"{self._packed.what} has {shown!r}, which is no name of a file here")
        if member.kind == SYMBOLIC and artifact.leaves(member.link, len(names) - 1):
            raise InvalidInput(
                f"{self._packed.what} links {shown!r} to {os.fsdecode(member.link)[:200]!r}, which leads out of the folder",
                advice="the artifact was made wrongly or with bad intent; nothing of it was written",
            )
        if member.is_folder or member.kind in (SYMBOLIC, LINK):
            return
        if not member.is_file:
            raise InvalidInput(f"{self._packed.what} has {shown!r}, a device or pipe, which is not made")
        if member.is_sparse:
            raise Unsupported(f"{self._packed.what} has {shown!r}, a sparse file, which is not unpacked")

    def _place(self, name: bytes) -> tuple[str, ...]:
        """Where a member belongs. Most tars name the folder itself first, as it is titled or by its last name."""
        parts = tuple(part for part in os.fsdecode(name).split("/") if part)
        for prefix in (self._names, self._names[-1:]):
            if parts[: len(prefix)] == prefix:
                return (*self._names, *parts[len(prefix) :])
        return (*self._names, *parts)

    def _write(self, walk: Walk, member: Member, path: Path, landing: Landing) -> None:
        first = self._first(member, path, landing) if member.kind == LINK else None
        with suppress(FileNotFoundError):
            path.unlink()
        if first is not None:
            os.link(first, path, follow_symlinks=False)
        elif member.kind == SYMBOLIC:
            path.symlink_to(os.fsdecode(member.link))
        else:
            with _created(path, member.mode & _MODES | _OWNER) as file:
                walk.pour(member, partial(write_whole, file))

    def _first(self, member: Member, path: Path, landing: Landing) -> Path:
        """The file that a hard link is another name of. Raises InvalidInput where there is none."""
        names = self._place(member.link)
        first = landing.folder.joinpath(*names)
        if first == path or not os.path.lexists(first) or (first.is_dir() and not first.is_symlink()):
            raise InvalidInput(
                f"{self._packed.what} says that {path.name!r} is the same file as {'/'.join(names)[:200]!r}, which is none",
                advice="the artifact was made wrongly; what stands before that was written",
            )
        return landing.path(names)


def _created(path: Path, mode: int) -> IO[bytes]:
    """A new file with these permissions, and without a buffer."""
    return open(path, "xb", buffering=0, opener=partial(os.open, mode=mode))
