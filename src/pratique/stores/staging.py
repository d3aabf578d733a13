"""A folder that becomes a tar: content is gathered beside the target, which then appears at once and always the same.

The same members make the same archive: they belong to nobody and have no date.
"""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, cast

from ..errors import InvalidInput, Unsupported
from .compression import Writable, kind_of_name, packing
from .files import replacing

Destination = Path | Writable

MODE: Final = 0o444  # of the members: content is not to be changed
MOST_REMOVALS: Final = 3  # of the folder, while somebody who was not told yet writes into it


class Staging:
    """A temporary folder for what will be in a tar.

    `destination` is the path of the tar, packed as its name says (`.tar.gz`, `.tgz`, `.tar.zst`), or a stream, which stays
    open and is not packed. What is at the path is replaced; a pipe or a device is written to.
    """

    def __init__(self, destination: Destination) -> None:
        self._destination = destination
        self._folder: Path | None = None
        self._ended = False
        self._lock = threading.Lock()

    def __str__(self) -> str:
        return f"the archive {self._destination}" if isinstance(self._destination, Path) else "the archive"

    @property
    def folder(self) -> Path:
        """The folder, made when it is first asked for. Raises Unsupported after the end, InvalidInput without a place."""
        with self._lock:
            if self._ended:
                raise Unsupported(f"{self} is finished", advice="put everything into it before it is finished")
            if self._folder is None:
                self._folder = self._make()
            return self._folder

    def files(self) -> list[str]:
        """The names of the files in the folder, sorted; a name with a dot is that of a file which is not whole."""
        files = (path for path in self.folder.rglob("*") if path.is_file() and not path.name.startswith("."))
        return sorted(path.relative_to(self.folder).as_posix() for path in files)

    def finish(self, names: Iterable[str]) -> None:
        """Write the tar of these files of the folder, in this order, and remove the folder."""
        folder = self.folder
        try:
            with _opened(self._destination) as sink, packing(sink, self._packing()) as packed:
                _write(folder, names, packed)
        finally:
            self.discard()

    def discard(self) -> None:
        """Remove the folder and all that is in it; the target stays as it was."""
        with self._lock:
            folder, self._folder, self._ended = self._folder, None, True
        for _ in range(MOST_REMOVALS if folder else 0):
            shutil.rmtree(cast("Path", folder), ignore_errors=True)

    def _make(self) -> Path:
        if not (isinstance(self._destination, Path) and _is_replaced(self._destination)):
            return Path(tempfile.mkdtemp(prefix="pratique-"))
        target = self._destination.resolve()
        try:
            return Path(tempfile.mkdtemp(prefix=f".{target.name[:100]}.", dir=target.parent))
        except OSError as error:
            raise InvalidInput(f"{self} cannot be written: {target.parent}: {error.strerror}") from None

    def _packing(self) -> str:
        return kind_of_name(self._destination.name) if isinstance(self._destination, Path) else ""


def _is_replaced(path: Path) -> bool:
    """Whether a file is put in the place of the path, rather than written to what is there: a pipe or a device."""
    if path.is_dir():
        raise InvalidInput(f"{path} is a folder; an archive is a file")
    return path.is_file() or not path.exists()


@contextmanager
def _opened(destination: Destination) -> Iterator[Writable]:
    if not isinstance(destination, Path):
        yield destination
        destination.flush()
    elif _is_replaced(destination):
        with replacing(destination.resolve()) as file:
            yield file
    else:
        with destination.open("wb") as file:
            yield file


def _write(folder: Path, names: Iterable[str], sink: Writable) -> None:
    with tarfile.open(fileobj=cast("IO[bytes]", sink), mode="w|", format=tarfile.PAX_FORMAT) as archive:
        for name in names:
            member = tarfile.TarInfo(name)
            member.mode = MODE
            with (folder / name).open("rb") as file:
                member.size = os.fstat(file.fileno()).st_size
                archive.addfile(member, file)
