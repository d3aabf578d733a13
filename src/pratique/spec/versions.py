"""Tags as versions: the order that people mean when they sort `1.9`, `1.10` and `1.10-rc1`."""

from __future__ import annotations

import re
from typing import Final

from ..expressions import expression

_VERSION: Final = expression(r"v?(\d{1,18}(?:\.\d{1,18})*)(.*)", re.ASCII | re.DOTALL)
_PIECES: Final = expression(r"\d{1,18}|\D+", re.ASCII)

Key = tuple[int, tuple[int, ...], int, tuple[tuple[int, int, str], ...]]


def version_key(tag: str) -> Key:
    """What to sort a tag by: tags that are no versions first, by name; then by number, a release after its candidates."""
    found = _VERSION.fullmatch(tag)
    if found is None:
        return (0, (), 0, _pieces(tag))
    numbers = tuple(int(number) for number in found[1].split("."))
    suffix = found[2]
    return (1, numbers, 0 if suffix.startswith("-") else 1, _pieces(suffix))


def _pieces(text: str) -> tuple[tuple[int, int, str], ...]:
    pieces = _PIECES.findall(text)
    return tuple((0, int(piece), "") if piece.isdigit() else (1, 0, piece) for piece in pieces)
