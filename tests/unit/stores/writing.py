"""A process that pushes images into a layout: `python -m tests.unit.stores.writing FOLDER PREFIX COUNT [MOMENT]`.

It says the tag of each image that is done, in one line. With a MOMENT it says so, and waits to be killed, while it writes
its first file with this in its name.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pratique.stores.files import FolderFiles, Writer
from pratique.stores.layout import Layout
from tests.stores.contract import push, single


class Halting(FolderFiles):
    """A folder whose writer stops in the middle of a file."""

    def __init__(self, folder: Path, moment: str) -> None:
        super().__init__(folder)
        self._moment = moment

    @contextmanager
    def create(self, name: str) -> Iterator[Writer]:
        with super().create(name) as file:
            if self._moment in name:
                file.write(b"{")
                say(self._moment)
                sys.stdin.read()
            yield file


def say(line: str) -> None:
    print(line, flush=True)


def main(folder: str, prefix: str, count: str, moment: str = "") -> None:
    files = Halting(Path(folder), moment) if moment else FolderFiles(Path(folder))
    layout = Layout(files)
    for number in range(int(count)):
        tag = f"{prefix}{number}"
        push(layout, single(tag), [tag, "shared"])
        say(tag)


if __name__ == "__main__":
    main(*sys.argv[1:])
