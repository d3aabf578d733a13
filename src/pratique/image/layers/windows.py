"""Layers for Windows: their files lie in `Files`, beside `Hives` for the registry, and say who may use them.

Windows takes no other layer (microsoft/hcsshim, `pkg/ociwclayer`; the record is that of microsoft/go-winio, `backuptar`).
"""

from __future__ import annotations

from typing import Final

from ...stores.header import FOLDER, LINK
from . import header
from .header import Member
from .overlay import END
from .pieces import Packed
from .walk import Walk, Write

SYSTEM: Final = "windows"  # as an image's `os`

_FILES: Final = b"Files"
_HIVES: Final = b"Hives"
_OWN: Final = frozenset({_FILES, _HIVES, b"UtilityVM"})

# A security descriptor in base64: all users own it, as `O:BUG:BU` has it, and may run it therefore.
_DESCRIPTOR: Final = "AQAAgBQAAAAkAAAAAAAAAAAAAAABAgAAAAAABSAAAAAhAgAAAQIAAAAAAAUgAAAAIQIAAA=="
_OF_USERS: Final = {"MSWINDOWS.rawsd": _DESCRIPTOR}


def adapt(layer: Packed, write: Write) -> None:
    """Write a layer so that Windows takes it; one that is for Windows already stays as it is. Raises as `overlay` does."""
    is_adapted = False
    with layer.pieces() as pieces:
        for member in (walk := Walk(pieces, layer.what, write)):
            if member.name.partition(b"/")[0] in _OWN and not is_adapted:
                walk.keep()
                continue
            if not is_adapted:
                is_adapted = True
                walk.put(b"".join(header.made(name, FOLDER, mode=0o555).headers for name in (_FILES, _HIVES)))
            if member.name:
                walk.keep(_within(member).headers)
    write(END)


def _within(member: Member) -> Member:
    """A member in `Files`, which users may use."""
    told = header.with_records(member, {**member.records, **_OF_USERS})
    link = _FILES + b"/" + member.link if member.kind == LINK else None
    return header.renamed(told, _FILES + b"/" + member.name, link)
