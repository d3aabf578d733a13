"""A store by the names in it, read: tags, manifests, images, blobs, referrers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from ..errors import InvalidInput, NotFound, Unsupported
from ..spec.descriptor import Descriptor
from ..spec.digest import Digest
from ..spec.manifest import Manifest
from ..spec.platform import Platform, wished
from ..stores.base import Describes, Readable, Refers
from ..values import field, frozen

if TYPE_CHECKING:
    from ..stores.inspection import Image, Inspection
    from .blob import Blob
    from .files import Tagged


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


class Store(ABC):
    """A place with images and artifacts, as `open` gives it: a repository of a registry, a layout, an archive or a directory.

    A `name` is a tag or a digest, as text or as a value; the empty one is the only image of a store of files. Whatever is read
    is verified. Every method may raise Misbehaved, and InvalidInput for what does not parse; NotFound where something is not
    there; ContentMismatch where bytes are not what their digest says; Unsupported where the store cannot do that.
    """

    def __init__(self, place: str) -> None:
        self._place = place

    def __str__(self) -> str:
        return self._place

    def __repr__(self) -> str:
        return f"<store {self}>"

    def tags(self, *, sort: Order | None = None, page_size: int | None = None) -> Iterator[str]:
        """The tags (distribution specification, §Listing tags), page by page as they are wanted; or all of them, sorted.

        `sort` is "name"; "version", the newest first and what is no version last; or "date", the newest image first, for which
        each is read as `inspections` reads it. `page_size` is how many are asked for at a time, where the server takes that.
        """
        if sort is None:
            return self._listed(page_size)
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
            raise NotFound(f"{self._at(name)} has no config")
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

        wanted = parsed(digest)
        source = self._source(wanted)
        if not isinstance(source, Describes):
            raise Unsupported(f"{source} does not know blobs by their digest")
        return Blob(source, source.blob(wanted))

    def referrers(self, name: str | Digest, *, artifact_type: str = "") -> Iterator[Descriptor]:
        """What refers to a manifest (§Listing referrers), by the API or by the tag schema; all, or of one artifact type."""
        found = Digest.find(str(name)) or self.resolve(name).digest
        source = self._source(found)
        if not isinstance(source, Refers):
            raise Unsupported(f"{source} does not know what refers to what", advice="an OCI layout does")
        return source.referrers(found, artifact_type)

    def tag(self, name: str | Digest, *tags: str) -> Manifest:
        """Give what a name stands for further tags; nothing is sent but its manifest. Raises InvalidInput for what is no tag."""
        from ..http.message import Body

        target = self._tagged(tags)
        manifest = target.manifest(name)
        target.push(manifest.descriptor, Body.of(manifest.raw).open, tags=tags)
        return manifest

    # What kinds of store differ in

    @abstractmethod
    def _source(self, name: str | Digest = "") -> Readable:
        """Where a name is read."""

    @abstractmethod
    def _listed(self, page_size: int | None) -> Iterator[str]:
        """The tags in the store's order."""

    @abstractmethod
    def _tagged(self, tags: tuple[str, ...]) -> Tagged:
        """Where names are given. Raises InvalidInput for what can be none, Unsupported."""

    # How

    def _sorted(self, sort: Order, page_size: int | None) -> Iterator[str]:
        """When the first is wanted, all are asked for."""
        tags = self._listed(page_size)
        if sort == "date":
            yield from (found.name for found in self.inspections(tags, by_date=True))
            return
        from ..spec.versions import version_key

        yield from sorted(tags) if sort == "name" else sorted(tags, key=version_key, reverse=True)

    def _single(self, name: str | Digest, platform: str | Platform | None) -> tuple[Manifest, Platform | None]:
        """The manifest of one image, and the platform that its index says. Raises NotFound for an index of several."""
        from ..stores.inspection import single

        source = self._source(name)
        return single(source, source.manifest(name), wished(platform) if platform else None)

    def _at(self, name: str | Digest) -> str:
        """A name in the store, as people write it."""
        separator = "@" if Digest.find(str(name)) else ":"
        return f"{self}{separator}{name}" if name else str(self)


def _made(found: Inspection) -> float:
    return found.created.timestamp() if found.created else _LONG_AGO


def parsed(digest: str | Digest) -> Digest:
    """A digest as a value. Raises InvalidDigest."""
    return Digest.parse(digest) if isinstance(digest, str) else digest
