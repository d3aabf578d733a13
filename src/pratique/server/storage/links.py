"""Links: files that hold a digest."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from ...spec.digest import Digest
from . import disk

MOST_REMEMBERED: Final = 4096  # texts of links


def target(link: str) -> Digest | None:
    """What a link points at; None where there is none, or no digest in it."""
    text = disk.read_link(link)
    return _parse(text) if text else None


@lru_cache(MOST_REMEMBERED)
def _parse(text: bytes) -> Digest | None:
    return Digest.find(text.decode("ascii", "replace").strip())
