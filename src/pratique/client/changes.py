"""What can be done to images: each function makes a change for `alter`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from ..errors import InvalidInput
from ..http.message import Stream
from ..image import stack
from ..image.image import Edit
from ..image.image import Image as Images
from ..image.layers import folder
from ..image.layers.bench import PACKING, Bench, Layer, Packing
from ..image.layers.overlay import END
from ..image.layers.pieces import Packed
from ..image.layers.walk import Walk, Write
from ..image.settings import all_of
from ..spec.digest import Digest
from ..values import frozen
from .places import Places

STANDARD_INPUT: Final = "-"

Change = Callable[[Bench, Places], Edit]  # what makes layers or reads other images does so there


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
            return cls(path, place)
        return cls(text)

    def pour(self, write: Write, moment: datetime | None) -> None:
        """Write its tar. Raises NotFound, InvalidInput."""
        if self.place is not None or Path(self.path).is_dir():
            seconds = int(moment.timestamp()) if moment else 0
            folder.pack({self.place or "/": Path(self.path)}, write, moment=seconds)
            return
        with Packed(self._opened, f"the layer {self.path}").pieces() as pieces:
            for member in (walk := Walk(pieces, self.path, write)):  # noqa: B007  (each is kept)
                walk.keep()
        write(END)

    def _opened(self) -> AbstractContextManager[Stream]:
        if self.path == STANDARD_INPUT:
            return nullcontext(sys.stdin.buffer)  # type: ignore[arg-type]  # nobody closes it
        try:
            return open(self.path, "rb", buffering=0)  # type: ignore[return-value]  # noqa: SIM115  (whoever asks closes it)
        except OSError as error:
            raise InvalidInput(f"the layer {self.path} cannot be read: {error.strerror}") from None
