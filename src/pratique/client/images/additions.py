"""What of this machine becomes a layer: tars, folders, files, and standard input."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import Final

from ...errors import InvalidInput
from ...http.message import Stream
from ...image.layers import folder
from ...image.layers.overlay import END
from ...image.layers.pieces import Packed
from ...image.layers.walk import Walk, Write
from ...values import frozen

STANDARD_INPUT: Final = "-"

_ADDITIONS: Final = (
    "a layer is a tar or a folder; PATH:/PLACE puts any file or folder at a place, which begins with a slash"
)


@frozen
class Addition:
    """What becomes a layer: a tar, packed or not, or with a `place` in the image a file or folder; `-` is standard input."""

    path: str
    place: str | None = None

    @classmethod
    def parse(cls, text: str) -> Addition:
        """Read `TAR`, `FOLDER` or `PATH:PLACE`, where a place begins with a slash. Raises InvalidInput."""
        path, colon, place = text.rpartition(":")
        if colon and place.startswith("/"):
            if path in ("", STANDARD_INPUT):
                raise InvalidInput(f"{text!r} names no file to be put there")
            if ".." in place.split("/"):
                raise InvalidInput(f"{text!r} names a place that is outside of the image")
            return cls(path, place)
        return cls(text)

    def pour(self, write: Write, moment: datetime | None) -> None:
        """Write its tar. Raises NotFound, InvalidInput."""
        is_folder = Path(self.path).is_dir()
        if self.place is not None or is_folder:
            seconds = int(moment.timestamp()) if moment else 0
            place = self.place or "/"
            inside = place.endswith("/") and not is_folder  # a file goes into a place that is named as a folder
            folder.pack({place + Path(self.path).name if inside else place: Path(self.path)}, write, moment=seconds)
            return
        what = f"the layer {self.path}"
        try:
            with Packed(self._opened, what).pieces() as pieces:
                for member in (walk := Walk(_some(pieces, what), what, write)):  # noqa: B007  (each is kept)
                    walk.keep()
        except InvalidInput as error:
            raise InvalidInput(str(error), advice=error.advice() or _ADDITIONS) from None
        write(END)

    def _opened(self) -> AbstractContextManager[Stream]:
        if self.path == STANDARD_INPUT:
            return nullcontext(sys.stdin.buffer)  # type: ignore[arg-type]  # nobody closes it
        try:
            return Path(self.path).open("rb", buffering=0)
        except OSError as error:
            raise InvalidInput(f"the layer {self.path} cannot be read: {error.strerror}") from None


def _some(pieces: Iterator[bytes], what: str) -> Iterator[bytes]:
    """The pieces of a tar. Raises InvalidInput where there are none, as of a program that failed; a tar of nothing has some."""
    is_empty = True
    for piece in pieces:
        is_empty = False
        yield piece
    if is_empty:
        raise InvalidInput(f"{what} is empty, and no tar")
