"""A folder that pulled files are put into, and nothing outside it, whatever they are called or link to."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal

from ..errors import InvalidInput, Unsupported
from ..image.layers.header import FOLDER, LINK, SYMBOLIC, Member
from ..image.layers.pieces import Packed
from ..image.layers.walk import Walk
from ..spec.digest import Digest, mismatch

Existing = Literal["replace", "keep", "refuse"]

_FILE_MODE: Final = 0o755  # what of a packed file's permissions is taken; its owner can always read and write it
_OWNER: Final = 0o600


class Landing:
    """A folder. `existing` says what becomes of files that are there: they are replaced, kept, or an error."""

    def __init__(self, folder: Path, existing: Existing = "replace") -> None:
        self.folder = folder
        self.existing = existing
        self._known: set[tuple[str, ...]] = set()  # folders that are folders, and no links
        with _told(folder):
            folder.mkdir(parents=True, exist_ok=True)

    def path(self, names: tuple[str, ...]) -> Path:
        """Where a file is put; the folders that it is in are made. Raises InvalidInput where one of them is something else."""
        for count in range(1, len(names)):
            self._enter(names[:count])
        return self.folder.joinpath(*names)

    def check(self, names: tuple[str, ...]) -> None:
        """Raise InvalidInput where what is there is in the way and must stay."""
        path = self.folder.joinpath(*names)
        if self.existing == "refuse" and os.path.lexists(path):
            raise InvalidInput(
                f"{path} is there already", advice="pull into another folder, or say what becomes of old files"
            )

    def keeps(self, path: Path) -> bool:
        """Whether what is at a path stays as it is. Raises InvalidInput for a folder in the place of a file."""
        if not os.path.lexists(path):
            return False
        if stat.S_ISDIR(path.lstat().st_mode):
            raise InvalidInput(f"{path} is a folder, and a file is to be there")
        return self.existing == "keep"

    def unpack(self, packed: Packed, names: tuple[str, ...], digest: Digest | None) -> None:
        """Put the content of a packed folder where the folder belongs.

        Raises InvalidInput for what leads out of the folder and for devices, Unsupported for sparse files, and ContentMismatch
        where the tar has another digest than is said.
        """
        self._enter_all(names)
        with packed.pieces() as pieces:
            hashed = _Hashed(pieces, digest)
            walk = Walk(hashed, packed.what)
            prefix = "/".join(names)
            for member in walk:
                below = _below(member.name, prefix)
                if below:
                    self._unpack(walk, member, (*names, *below), prefix)
        hashed.check(packed.what)

    def _unpack(self, walk: Walk, member: Member, names: tuple[str, ...], prefix: str) -> None:
        if member.is_folder:
            self._enter_all(names)
            return
        path = self.path(names)
        if self.keeps(path):
            return
        with _told(path):
            with suppress(FileNotFoundError):
                path.unlink()
            if member.kind == SYMBOLIC:
                _check_link(member.link, names, walk)
                path.symlink_to(os.fsdecode(member.link))
            elif member.kind == LINK:
                target = self.path((*prefix.split("/"), *_below(member.link, prefix)))
                os.link(target, path, follow_symlinks=False)
            else:
                _write(walk, member, path)

    def _enter_all(self, names: tuple[str, ...]) -> None:
        for count in range(1, len(names) + 1):
            self._enter(names[:count])

    def _enter(self, names: tuple[str, ...]) -> None:
        """See that a folder is there, and no link that might lead elsewhere; make it where there is nothing."""
        if names in self._known:
            return
        path = self.folder.joinpath(*names)
        with _told(path):
            path.mkdir(exist_ok=True)
            if not stat.S_ISDIR(path.lstat().st_mode):
                raise InvalidInput(f"{path} is a link, which is not followed", advice="pull into another folder")
        self._known.add(names)


class _Hashed:
    """Pieces on their way, whose digest is known at the end."""

    def __init__(self, pieces: object, digest: Digest | None) -> None:
        import hashlib

        self._pieces = iter(pieces)  # type: ignore[call-overload]
        self._digest = digest
        self._hashed = hashlib.new(digest.algorithm) if digest else None

    def __iter__(self) -> _Hashed:
        return self

    def __next__(self) -> bytes:
        piece: bytes = next(self._pieces)
        if self._hashed:
            self._hashed.update(piece)
        return piece

    def check(self, what: str) -> None:
        """Raise ContentMismatch where it is not the digest that was said."""
        if self._digest is None or self._hashed is None:
            return
        actual = Digest(self._digest.algorithm, self._hashed.hexdigest())
        if actual != self._digest:
            raise mismatch(what, self._digest, actual)


def _below(name: bytes, prefix: str) -> tuple[str, ...]:
    """The names below the packed folder: most tars name it first."""
    text = os.fsdecode(name)
    if text == prefix:
        return ()
    return tuple(part for part in text.removeprefix(f"{prefix}/").split("/") if part)


def _check_link(link: bytes, names: tuple[str, ...], walk: Walk) -> None:
    """Raise InvalidInput for a link that may lead out of the folder: each part after the first `..` must go down."""
    parts = [part for part in link.split(b"/") if part not in (b"", b".")]
    up = next((count for count, part in enumerate(parts) if part != b".."), len(parts))
    if link.startswith(b"/") or not link or b".." in parts[up:] or up > len(names) - 1:
        raise InvalidInput(
            f"{walk} links {'/'.join(names)[:200]!r} to {os.fsdecode(link)[:200]!r}, which leads out of the folder",
            advice="the artifact was made wrongly or with bad intent",
        )


def _write(walk: Walk, member: Member, path: Path) -> None:
    if not member.is_file or member.kind == FOLDER:
        raise InvalidInput(f"{path} is a device or pipe in the artifact, which is not made")
    if member.is_sparse:
        raise Unsupported(f"{path} is a sparse file in the artifact, which is not unpacked")
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _OWNER)
    with os.fdopen(descriptor, "wb") as file:
        walk.pour(member, file.write)
        os.fchmod(file.fileno(), member.mode & _FILE_MODE | _OWNER)


class _told:  # noqa: N801  (used as a function)
    """Errors of the system as ours."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError):
            raise InvalidInput(f"{self._path} cannot be written: {error.strerror}") from None
