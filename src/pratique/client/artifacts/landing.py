"""A folder that pulled files are put into, and nothing outside it, whatever they are called."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

from ...errors import InvalidInput

Existing = Literal["replace", "keep", "refuse"]
EXISTING: Final[tuple[Existing, ...]] = ("replace", "keep", "refuse")

MOST_KNOWN: Final = 4096  # folders that are not looked at again; a packed folder may have any number of them


class Landing:
    """A folder. `existing` says what becomes of files that are there: they are replaced, kept, or an error."""

    def __init__(self, folder: Path, existing: Existing = "replace") -> None:
        self.folder = folder
        self.existing = existing
        self._known: set[tuple[str, ...]] = set()  # folders that are folders, and no links

    def make(self) -> None:
        """See that the folder is there. Raises InvalidInput where something else is."""
        with writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)

    def check(self, names: tuple[str, ...]) -> None:
        """Raise InvalidInput where something is there that must neither be replaced nor kept."""
        path = self.folder.joinpath(*names)
        if self.existing == "refuse" and os.path.lexists(path):
            raise InvalidInput(
                f"{path} is there already", advice="pull into another folder, or say what becomes of old files"
            )

    def path(self, names: tuple[str, ...]) -> Path:
        """Where a file is put; the folders above it are made. Raises InvalidInput where one of them is something else."""
        self.enter(names[:-1])
        return self.folder.joinpath(*names)

    def enter(self, names: tuple[str, ...]) -> None:
        """See that a folder is there with all above it, and that none is a link, which might lead elsewhere."""
        for count in range(1, len(names) + 1):
            self._enter(names[:count])

    def keeps(self, path: Path) -> bool:
        """Whether what is at a path stays as it is. Raises InvalidInput for a folder in the place of a file."""
        if not os.path.lexists(path):
            return False
        if stat.S_ISDIR(path.lstat().st_mode):
            raise InvalidInput(f"{path} is a folder, and a file is to be there")
        return self.existing == "keep"

    def _enter(self, names: tuple[str, ...]) -> None:
        if names in self._known:
            return
        path = self.folder.joinpath(*names)
        with writing(path):
            if not os.path.lexists(path):
                path.mkdir(exist_ok=True)
            if not stat.S_ISDIR(path.lstat().st_mode):
                raise InvalidInput(f"{path} is no folder; links are not followed", advice="pull into another folder")
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known.add(names)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Errors of the system as ours. Raises InvalidInput."""
    try:
        yield
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error.strerror}") from None
