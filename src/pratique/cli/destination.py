"""Where commands write content: standard output, or a file."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from ..errors import InvalidInput
from ..stores.files import replacing


def add_output(parser: argparse.ArgumentParser) -> None:
    """The file that a command writes to, in place of standard output."""
    parser.add_argument("--output", "-o", metavar="FILE", help="a file, which appears when it is complete")


@contextmanager
def destination(path: str | None) -> Iterator[BinaryIO]:
    """Standard output, or a file that takes its place only when it is complete; a device or a pipe is written to as it is."""
    if path is None:
        yield sys.stdout.buffer
        return
    with ExitStack() as stack:
        try:
            place = Path(path)
            is_special = place.exists() and not place.is_file()
            file = stack.enter_context(place.open("wb") if is_special else replacing(place))
        except OSError as error:
            raise InvalidInput(f"{path} cannot be written: {error.strerror}") from None
        yield file
