"""A manifest under a tag, read, changed and put back while others may do the same.

Where the registry has conditional requests (RFC 9110 §13.1.1) nobody overwrites another; everywhere it is read again afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ..errors import Unreachable
from ..http.message import Response
from ..spec.digest import Digest
from ..spec.manifest import Manifest

MOST_ATTEMPTS: Final = 20  # to change what others change at the same time; of so many writers each has its turn

Condition = tuple[str, str]  # a header field
Read = Callable[[str], tuple[Manifest | None, str | None]]  # what is under a tag, and its ETag
Put = Callable[[str, str, bytes, Condition | None], Response]  # tag, media type, content

_CHANGED_MEANWHILE: Final = 412


class Overtaken(Unreachable):
    """Others came between, however often it was tried."""


def revise(tag: str, change: Callable[[Manifest | None], Manifest], read: Read, put: Put) -> Manifest:
    """Put what `change` makes of a tag's manifest under the tag, until the tag has it: the manifest that it then has.

    `change` is called with whatever is there at the time, None for nothing, and returns it where nothing is to be done.
    Raises Overtaken where others always come between, and what reading, putting and the change raise.
    """
    refused: set[Digest | None] = set()  # what could not be replaced on condition: a manifest, or nothing
    for _ in range(MOST_ATTEMPTS):
        found, etag = read(tag)
        new = change(found)
        if found is not None and new.digest == found.digest:
            return found
        there = found.digest if found else None
        # A server whose condition fails though nothing has changed does not mean what it says.
        condition = None if there in refused else _condition(found, etag)
        if put(tag, new.media_type, new.raw, condition).status == _CHANGED_MEANWHILE:
            refused.add(there)
    raise Overtaken(f"{tag} could not be changed: others change it at the same time", advice="try again later")


def _condition(found: Manifest | None, etag: str | None) -> Condition | None:
    """What must still hold where a manifest is put: that there is none, or the one that was read, by a strong ETag."""
    if found is None:
        return ("If-None-Match", "*")
    return ("If-Match", etag) if etag is not None and etag.startswith('"') else None
