"""One repository: a store, as registries have it, with manifests and blobs that are put and deleted one by one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..errors import InvalidInput, InvalidReference, Misbehaved
from ..spec.descriptor import Descriptor
from ..spec.digest import Digest
from ..spec.manifest import Manifest
from ..spec.media import OCTETS
from ..spec.reference import Reference, is_tag
from .store import Store, parsed

if TYPE_CHECKING:
    import os

    from ..stores.mirrored import Mirrored
    from ..stores.registry import Repository as Remote
    from .deletion import Deletion
    from .registries import Registries


class Repository(Store):
    """A repository of a registry, as `Registries.repository` gives it. Safe to share among threads.

    A `name` is a tag or a digest, as text or as a value. Whatever is read is verified, and comes from the mirrors that the
    machine has for it; it is written to the very registry that it names. Every method may raise Unauthorized or Denied (both
    Refused), Unreachable (RateLimited), Misbehaved, and InvalidInput for what does not parse; NotFound where something is not
    there; ContentMismatch where bytes are not what their digest says; Unsupported where the server cannot do that.
    """

    def __init__(self, registries: Registries, reference: Reference) -> None:
        super().__init__(reference.place)
        self.registry = reference.registry
        self.name = reference.repository
        self._reference = Reference(reference.registry, reference.repository)
        self._registries = registries
        self._lock = threading.Lock()
        self._sources: dict[bool, Remote | Mirrored] = {}

    def __repr__(self) -> str:
        return f"<repository {self}>"

    # Writing

    def push_manifest(self, content: bytes, *tags: str, media_type: str = "") -> Descriptor:
        """Put a manifest under its digest and under tags (§Pushing manifests); what it needs was pushed before it.

        `media_type` is for documents that do not say theirs. Raises InvalidInput for what is no manifest.
        """
        from ..http.message import Body

        try:
            manifest = Manifest.parse(content, media_type)
        except Misbehaved as error:  # it is the caller's, and no server's
            raise InvalidInput(str(error)) from None
        target = self._registries.target(self._reference, pushes=True)
        target.push(manifest.descriptor, Body.of(content).open, tags=tags)
        return manifest.descriptor

    def push_blob(self, content: bytes | os.PathLike[str], *, media_type: str = OCTETS) -> Descriptor:
        """Put a blob (§Pushing blobs), bytes or a file; what is there already is not sent.

        The descriptor is what a manifest says of it.
        """
        from .blob import described

        descriptor, recipe = described(content, media_type)
        target = self._registries.target(self._reference, pushes=True)
        if not target.exists(descriptor):
            target.push(descriptor, recipe)
        return descriptor

    def delete_blob(self, digest: str | Digest) -> None:
        """Delete a blob (§Deleting blobs), whatever may need it.

        Raises NotFound, Refused, Unreachable, Misbehaved, and Unsupported where the server deletes no blobs.
        """
        self._registries.target(self._reference).delete_blob(parsed(digest))

    def delete(
        self, name: str | Digest, *, manifest: bool = False, missing_ok: bool = False, dry_run: bool = False
    ) -> Deletion:
        """Delete a tag, and only that; or a manifest by its digest, under all its tags (§Deleting manifests).

        With `manifest` that which a tag names, under all its tags. `missing_ok`: what is not there counts as deleted.
        `dry_run` finds out what would be deleted, and deletes nothing. Raises Unsupported where the server deletes no tags, with
        the tags that share the manifest.
        """
        from .deletion import delete

        target = self._registries.target(self._reference)
        return delete(target, self._reference.at(name), manifest=manifest, missing_ok=missing_ok, dry_run=dry_run)

    # How

    def _source(self, name: str | Digest = "") -> Remote | Mirrored:
        """Where it is read: some mirrors are for digests only, and some for tags."""
        by_digest = ":" in str(name)
        with self._lock:
            if by_digest not in self._sources:
                named = self._reference.at(name) if by_digest else self._reference
                self._sources[by_digest] = self._registries.source(named)
            return self._sources[by_digest]

    def _listed(self, page_size: int | None) -> Iterator[str]:
        return self._source().tags(limit=page_size)

    def _tagged(self, tags: tuple[str, ...]) -> Remote:
        wrong = [tag for tag in tags if not is_tag(tag)]
        if wrong:
            raise InvalidReference(f"{wrong[0]!r} is not a tag")
        return self._registries.target(self._reference, pushes=True)
