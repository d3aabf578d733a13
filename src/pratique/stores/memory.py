"""Content in memory: for tests, and for pipelines that never touch a disk."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager

from ..errors import InvalidInput, NotFound
from ..http.message import Stream
from ..spec import media
from ..spec.descriptor import Descriptor
from ..spec.digest import Digest
from ..spec.manifest import Manifest
from .base import NAMELESS, Content, Source
from .content import of_bytes, pour, read_name, whole


class Memory:
    """A store in memory: a source and a target, and it mounts, lists, refers and deletes. Safe to share among threads."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._blobs: dict[Digest, bytes] = {}
        self._manifests: dict[Digest, Manifest] = {}
        self._names: dict[str, Digest] = {}

    def __str__(self) -> str:
        return "memory"

    # Reading

    def resolve(self, name: str | Digest) -> Descriptor:
        """The descriptor of the manifest that a tag or digest names; NAMELESS is what was pushed so last. Raises NotFound."""
        found = self.manifest(name).descriptor
        return Descriptor(found.media_type, found.digest, found.size)

    def manifest(self, name: str | Digest) -> Manifest:
        """The manifest that a tag or digest names. Raises NotFound."""
        name = read_name(name)
        with self._lock:
            digest = name if isinstance(name, Digest) else self._names.get(name)
            found = self._manifests.get(digest) if digest else None
        if found is None:
            raise NotFound(f"{self} has no manifest {name or 'without a name'}")
        return found

    def open(self, descriptor: Descriptor, *, offset: int = 0) -> AbstractContextManager[Stream]:
        """The content of a descriptor from byte `offset` on, or the data in it (descriptor.md, `data`).

        Raises NotFound, InvalidInput; reading raises ContentMismatch.
        """
        raw = descriptor.data if descriptor.data is not None else self._raw(descriptor.digest)
        if raw is None:
            raise NotFound(f"{self} has no {descriptor.digest}")
        return of_bytes(raw, descriptor, offset)

    def blob(self, digest: Digest) -> Descriptor:
        """The descriptor of any content. Raises NotFound."""
        raw = self._raw(digest)
        if raw is None:
            raise NotFound(f"{self} has no {digest}")
        return Descriptor(media.OCTETS, digest, len(raw))

    def tags(self) -> Iterator[str]:
        """The tags, in the order in which they were first pushed."""
        with self._lock:
            return iter([name for name in self._names if name != NAMELESS])

    def referrers(self, subject: Digest, artifact_type: str = "") -> Iterator[Descriptor]:
        """The manifests whose `subject` is this digest, in the order in which they were pushed."""
        with self._lock:
            manifests = list(self._manifests.values())
        for manifest in manifests:
            wanted = not artifact_type or manifest.artifact_type == artifact_type
            if wanted and manifest.subject and manifest.subject.digest == subject:
                yield manifest.descriptor

    # Writing

    def exists(self, descriptor: Descriptor) -> bool:
        """Whether the content is there."""
        raw = self._raw(descriptor.digest)
        return raw is not None and len(raw) == descriptor.size

    def push(self, descriptor: Descriptor, content: Content, *, tags: Sequence[str] = ()) -> None:
        """Put content under its digest, and a manifest under names as well.

        Raises ContentMismatch, Misbehaved for a manifest that is none, and InvalidInput for a blob with tags.
        """
        if descriptor.is_manifest:
            raw = whole(content, descriptor)
            manifest = Manifest.parse(raw, descriptor.media_type, descriptor.digest.algorithm)
            with self._lock:
                self._manifests.setdefault(descriptor.digest, manifest)
                self._name(manifest, tags)
            return
        if tags:
            raise InvalidInput(f"{descriptor.digest} is no manifest ({descriptor.media_type}): it cannot have a tag")
        if not self.exists(descriptor):
            pieces = bytearray()
            pour(content, descriptor, pieces.extend)
            with self._lock:
                self._blobs.setdefault(descriptor.digest, bytes(pieces))

    def mounts_from(self, source: Source) -> bool:
        """Whether content of `source` can be had without copying it: of another memory."""
        return isinstance(source, Memory)

    def mount(self, descriptor: Descriptor, source: Source) -> bool:
        """Take content from another memory, where it was verified; False where that has none."""
        raw = source._raw(descriptor.digest) if isinstance(source, Memory) else None
        if raw is None or len(raw) != descriptor.size or descriptor.is_manifest:
            return False
        with self._lock:
            self._blobs.setdefault(descriptor.digest, raw)
        return True

    def delete(self, name: str | Digest) -> None:
        """Remove a tag, and only that; or a manifest by its digest, under all its tags. Raises NotFound."""
        with self._lock:
            found, name = self.manifest(name), read_name(name)
            if not isinstance(name, Digest):
                del self._names[name]
                return
            del self._manifests[found.digest]
            self._names = {tag: digest for tag, digest in self._names.items() if digest != name}

    def _name(self, manifest: Manifest, tags: Sequence[str]) -> None:
        for tag in tags:
            if tag == NAMELESS and manifest.subject:  # it is found by what it refers to, which may well be the root
                self._names.setdefault(tag, manifest.digest)
            else:
                self._names[tag] = manifest.digest

    def _raw(self, digest: Digest) -> bytes | None:
        with self._lock:
            manifest = self._manifests.get(digest)
            return manifest.raw if manifest else self._blobs.get(digest)
