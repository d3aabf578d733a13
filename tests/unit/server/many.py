"""A repository of very many tags, made in little time."""

from __future__ import annotations

import os
from pathlib import Path

from pratique.server.storage.repositories import Storage

LINK = "sha256:" + "0" * 64


def make_tags(folder: Path, repository: str, count: int) -> list[str]:
    """Fill a storage with tags, each a symbolic link to one and the same; returns their names in order."""
    one = folder / "one"
    (one / "current").mkdir(parents=True)
    (one / "current" / "link").write_text(LINK)
    tags = Path(Storage(folder).paths.tags(repository))
    tags.mkdir(parents=True)
    names = [f"v{number:07}" for number in range(count)]
    opened = os.open(tags, os.O_RDONLY)
    try:
        for name in names:
            os.symlink(one, name, dir_fd=opened)
    finally:
        os.close(opened)
    os.utime(tags, (1_000_000, 1_000_000))  # as if nobody had changed it for long
    return names
