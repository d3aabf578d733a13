"""One repository, read and written: tags, manifests, images, blobs, referrers."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from ..errors import InvalidInput, InvalidReference, Misbehaved, NotFound
from ..spec.descriptor import Descriptor
from ..spec.digest import Digest
from ..spec.manifest import Manifest
from ..spec.platform import Platform, wished
from ..spec.reference import Reference, is_tag
from ..values import field, frozen

if TYPE_CHECKING:
    import os

    from ..stores.inspection import Image, Inspection
    from ..stores.mirrored import Mirrored
    from ..stores.registry import Repository as Store
    from .blob import Blob
    from .deletion import Deletion
    from .registries import Registries


Order = Literal["name", "version", "date"]

_LONG_AGO: Final = float("-inf")  # when an image was made that does not say it


@frozen
class Config:
    """The config of an image: what its manifest says of it, and its bytes, never encoded again."""

    descriptor: Descriptor
    raw: bytes = field(repr=False)

    @property
    def document(self) -> Mapping[str, Any]:
        """What it says. Raises Misbehaved for what is no JSON object."""
        from ..spec.document import parse_object

        return parse_object(self.raw, f"the config {self.descriptor.digest}")


class Repository:
    """A repository of a registry, as `Registries.repository` gives it. Safe to share among threads.

    A `name` is a tag or a digest, as text or as a value. Whatever is read is verified, and comes from the mirrors that the
    machine has for it; it is written to the very registry that it names. Every method may raise Unauthorized or Denied (both
    Refused), Unreachable (RateLimited), Misbehaved, and InvalidInput for what does not parse; NotFound where something is not
    there; ContentMismatch where bytes are not what their digest says; Unsupported where the server cannot do that.
    """

    def __init__(self, registries: Registries, reference: Reference) -> None:
        self.registry = reference.registry
        self.name = reference.repository
        self._reference = Reference(reference.registry, reference.repository)
        self._registries = registries
        self._lock = threading.Lock()
        self._sources: dict[bool, Store | Mirrored] = {}

    def __str__(self) -> str:
        return self._reference.place

    def __repr__(self) -> str:
        return f"<repository {self}>"

    # Reading

    def tags(self, *, sort: Order | None = None, page_size: int | None = None) -> Iterator[str]:
        """The tags (distribution specification, §Listing tags), page by page as they are wanted; or all of them, sorted.

        `sort` is "name"; "version", the newest first and what is no version last; or "date", the newest image first, for which
        each is read as `inspections` reads it. `page_size` is how many are asked for at a time, where the server takes that.
        """
        if sort is None:
            return self._source().tags(limit=page_size)
        if sort not in get_args(Order):
            raise InvalidInput(f"tags are not sorted by {sort!r}", advice=f"known are {', '.join(get_args(Order))}")
        return self._sorted(sort, page_size)

    def resolve(self, name: str | Digest, *, platform: str | Platform | None = None) -> Descriptor:
        """What a name stands for: by one HEAD where the server answers that well; or its image for one platform.

        Type, digest and size in bytes; raises NotFound.
        """
        if platform is None:
            return self._source(name).resolve(name)
        manifest = self._source(name).manifest(name)
        return manifest.select(wished(platform)) if manifest.is_index else manifest.descriptor

    def manifest(self, name: str | Digest, *, platform: str | Platform | None = None) -> Manifest:
        """The manifest that a name stands for, byte for byte (§Pulling manifests); or that of its image for one platform."""
        manifest = self._source(name).manifest(name)
        if platform is None or not manifest.is_index:
            return manifest
        return self._source(name).manifest(manifest.select(wished(platform)).digest)

    def config(self, name: str | Digest, *, platform: str | Platform | None = None) -> Config:
        """The config of an image, byte for byte (image specification, config.md).

        Raises NotFound for an index of several images of which none is chosen, and where there is no config.
        """
        from ..stores.inspection import config_of

        manifest, _ = self._single(name, platform)
        raw = config_of(self._source(name), manifest)
        if raw is None or manifest.config is None:
            raise NotFound(f"{self._reference.at(name)} has no config")
        return Config(manifest.config, raw)

    def image(self, name: str | Digest, *, platform: str | Platform | None = None) -> Image:
        """One image: its platform, layers, size in bytes, when it was made, and `config` as a mapping.

        Raises NotFound for an index of several images of which none is chosen.
        """
        from ..stores.inspection import image_of

        return image_of(self._source(name), *self._single(name, platform))

    def inspect(self, name: str | Digest, *, platform: str | Platform | None = None) -> Inspection:
        """What there is to know without the layers: the manifest, and every image that it stands for."""
        from ..stores.inspection import inspect

        chosen = name if platform is None else self.resolve(name, platform=platform).digest
        return inspect(self._source(name), chosen)

    def inspections(self, names: Iterable[str], *, by_date: bool = False) -> Iterator[Inspection]:
        """What there is to know of several, in their order or `by_date`, the newest first; several are asked for at once."""
        from ..stores.crew import in_parallel
        from ..stores.inspection import inspect

        source = self._source()
        found = in_parallel(lambda name: inspect(source, name, jobs=1), names)
        return iter(sorted(found, key=_made, reverse=True)) if by_date else found

    def blob(self, digest: str | Digest) -> Blob:
        """A blob by its digest (§Pulling blobs); its size is asked for by HEAD. Raises NotFound."""
        from .blob import Blob

        wanted = _digest(digest)
        source = self._source(wanted)
        return Blob(source, source.blob(wanted))

    def referrers(self, name: str | Digest, *, artifact_type: str = "") -> Iterator[Descriptor]:
        """What refers to a manifest (§Listing referrers), by the API or by the tag schema; all, or of one artifact type."""
        found = Digest.find(str(name)) or self.resolve(name).digest
        return self._source(found).referrers(found, artifact_type)

    # Writing

    def tag(self, name: str | Digest, *tags: str) -> Manifest:
        """Give what a name stands for further tags; nothing is sent but its manifest. Raises InvalidReference."""
        from ..http.message import Body

        wrong = [tag for tag in tags if not is_tag(tag)]
        if wrong:
            raise InvalidReference(f"{wrong[0]!r} is not a tag")
        target = self._registries.target(self._reference, pushes=True)
        manifest = target.manifest(name)
        target.push(manifest.descriptor, Body.of(manifest.raw).open, tags=tags)
        return manifest

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

    def push_blob(
        self, content: bytes | os.PathLike[str], *, media_type: str = "application/octet-stream"
    ) -> Descriptor:
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
        self._registries.target(self._reference).delete_blob(_digest(digest))

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

    def _sorted(self, sort: Order, page_size: int | None) -> Iterator[str]:
        tags = self.tags(page_size=page_size)
        if sort == "date":
            yield from (found.name for found in self.inspections(tags, by_date=True))
            return
        from ..spec.versions import version_key

        yield from sorted(tags) if sort == "name" else sorted(tags, key=version_key, reverse=True)

    def _source(self, name: str | Digest = "") -> Store | Mirrored:
        """Where it is read: some mirrors are for digests only, and some for tags."""
        by_digest = ":" in str(name)
        with self._lock:
            if by_digest not in self._sources:
                named = self._reference.at(name) if by_digest else self._reference
                self._sources[by_digest] = self._registries.source(named)
            return self._sources[by_digest]

    def _single(self, name: str | Digest, platform: str | Platform | None) -> tuple[Manifest, Platform | None]:
        """The manifest of one image, and the platform that its index says. Raises NotFound for an index of several."""
        from ..stores.inspection import single

        source = self._source(name)
        return single(source, source.manifest(name), wished(platform) if platform else None)


def _made(found: Inspection) -> float:
    return found.created.timestamp() if found.created else _LONG_AGO


def _digest(digest: str | Digest) -> Digest:
    return Digest.parse(digest) if isinstance(digest, str) else digest
