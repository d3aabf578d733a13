"""A repository and its mirrors as one source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, suppress
from typing import Protocol

from ..errors import Error
from ..http.events import Observer, ignore
from ..http.message import Stream
from ..spec.descriptor import Descriptor
from ..spec.digest import Digest
from ..spec.manifest import MOST_MANIFEST_BYTES, Manifest
from .base import Readable
from .content import of_bytes, whole
from .relay import Relay
from .turns import Turns


class Reads(Readable, Protocol):
    """A repository as far as it is read."""

    def blob(self, digest: Digest) -> Descriptor: ...
    def tags(self, *, limit: int | None = None) -> Iterator[str]: ...
    def referrers(self, subject: Digest, artifact_type: str = "") -> Iterator[Descriptor]: ...


class Mirrored:
    """Repositories in order: mirrors, and last the one that has everything. Safe to share among threads.

    A mirror that fails in any way is passed over. What a manifest names is looked for where the manifest was found, and not
    in the mirrors before. Lists come from the last, for a mirror lists what it happens to have.
    """

    def __init__(self, sources: Sequence[Reads], tell: Observer = ignore) -> None:
        self._turns = Turns(sources, tell)
        self._places: dict[Digest, int] = {}  # where to look for content first

    def __str__(self) -> str:
        return str(self._turns.last)

    def resolve(self, name: str | Digest) -> Descriptor:
        """The descriptor of the manifest that a tag or digest names; a tag is what the first says that has it."""
        found, number = self._turns.first(lambda source: source.resolve(name), self._place(name))
        self._places[found.digest] = number
        return found

    def manifest(self, name: str | Digest) -> Manifest:
        """The manifest that a tag or digest names."""
        found, number = self._turns.first(lambda source: source.manifest(name), self._place(name))
        self._note(found, number)
        return found

    def blob(self, digest: Digest) -> Descriptor:
        """The descriptor of a blob."""
        found, number = self._turns.first(lambda source: source.blob(digest), self._place(digest))
        self._places[digest] = number
        return found

    def open(self, descriptor: Descriptor, *, offset: int = 0) -> AbstractContextManager[Stream]:
        """The content of a descriptor from byte `offset` on; where a mirror breaks off, the next source goes on."""
        if descriptor.is_manifest and descriptor.size <= MOST_MANIFEST_BYTES:
            return of_bytes(self._whole(descriptor), descriptor, offset)
        return closing(Relay(self._turns, descriptor, offset, self._place(descriptor.digest)))

    def tags(self, *, limit: int | None = None) -> Iterator[str]:
        """The tags of the last."""
        return self._turns.last.tags(limit=limit)

    def referrers(self, subject: Digest, artifact_type: str = "") -> Iterator[Descriptor]:
        """The referrers that the last lists."""
        return self._turns.last.referrers(subject, artifact_type)

    def _place(self, name: str | Digest) -> int:
        digest = name if isinstance(name, Digest) else Digest.find(name)
        return self._places.get(digest, 0) if digest else 0

    def _whole(self, descriptor: Descriptor) -> bytes:
        """A manifest, verified before anything of it is given."""

        def read(source: Reads) -> bytes:
            return whole(lambda: source.open(descriptor), descriptor)

        raw, number = self._turns.first(read, self._place(descriptor.digest))
        with suppress(Error):  # whoever wanted it reads it, and says what is wrong with it
            self._note(Manifest.parse(raw, descriptor.media_type, descriptor.digest.algorithm), number)
        return raw

    def _note(self, manifest: Manifest, number: int) -> None:
        self._places[manifest.digest] = number
        for below in manifest.successors():
            self._places.setdefault(below.digest, number)
