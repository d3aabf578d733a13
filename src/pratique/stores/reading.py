"""Content read from where it is nearest, with errors that say where that is."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from typing import Final, Protocol

from ..errors import ContentMismatch, Misbehaved
from ..http.message import Stream
from ..spec.descriptor import Descriptor
from ..spec.manifest import MOST_MANIFEST_BYTES, Manifest
from .base import Source

_PIECE_BYTES: Final = 1 << 16  # read at a time
_READ: Final = "read from {}"


class Opens(Protocol):
    """Where content can be read, as `Source.open` has it, though it may know no names."""

    def open(self, descriptor: Descriptor, *, offset: int = 0) -> AbstractContextManager[Stream]: ...


def opened(source: Opens, descriptor: Descriptor, offset: int = 0) -> AbstractContextManager[Stream]:
    """Content from byte `offset` on, from where it is nearest: the descriptor (descriptor.md, `data`), or the source."""
    if descriptor.data is None:
        return _blamed(source, source.open(descriptor, offset=offset))
    descriptor.digest.verify(descriptor.data, "the data in a descriptor")
    return closing(io.BytesIO(descriptor.data[offset:]))


@contextmanager
def _blamed(source: Opens, content: AbstractContextManager[Stream]) -> Iterator[Stream]:
    """Content whose errors say where it was read."""
    try:
        with content as stream:
            yield stream
    except ContentMismatch as error:
        if not getattr(error, "__notes__", ()):  # whoever is nearer to it has said so
            error.add_note(_READ.format(source))
        raise


def bytes_of(source: Opens, descriptor: Descriptor) -> bytes:
    """The whole content of a descriptor, whose size was looked at before. Raises NotFound, ContentMismatch."""
    with opened(source, descriptor) as stream:
        return b"".join(iter(lambda: stream.read(_PIECE_BYTES), b""))


def manifest_of(source: Source, descriptor: Descriptor, most_bytes: int = MOST_MANIFEST_BYTES) -> Manifest:
    """The manifest that a descriptor names. Raises NotFound, ContentMismatch, and Misbehaved for what is too large or none."""
    if descriptor.size > most_bytes:
        raise Misbehaved(f"the manifest {descriptor.digest} has {descriptor.size} bytes; at most {most_bytes} are read")
    raw = bytes_of(source, descriptor)
    try:
        return Manifest.parse(raw, descriptor.media_type, descriptor.digest.algorithm)
    except Misbehaved as error:
        error.add_note(_READ.format(source))
        raise
