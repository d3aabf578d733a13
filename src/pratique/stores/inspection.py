"""What there is to know of an image or artifact without pulling its layers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from ..errors import Error, Misbehaved, NotFound
from ..spec import media
from ..spec.descriptor import Descriptor
from ..spec.digest import Digest
from ..spec.document import mapping, parse_object, text
from ..spec.manifest import Manifest, is_attestation
from ..spec.platform import Platform
from ..values import field, frozen
from .base import Readable, Source
from .crew import JOBS, in_parallel

if TYPE_CHECKING:
    from datetime import datetime

MOST_CONFIG_BYTES: Final = 8 << 20
MOST_DEPTH: Final = 4  # of indexes within indexes


@frozen
class Image:
    """One image of an index, or the only one; `size` in bytes of manifest, config and layers."""

    descriptor: Descriptor
    platform: Platform | None
    size: int
    layers: tuple[Descriptor, ...]
    created: datetime | None = None
    config: Mapping[str, Any] = field(default_factory=dict, hash=False)


@frozen
class Inspection:
    """A manifest and the images that it stands for; `size` in bytes of all of them, what they share counted once."""

    name: str
    manifest: Manifest
    images: tuple[Image, ...]
    size: int

    @property
    def digest(self) -> Digest:
        """That of the manifest."""
        return self.manifest.digest

    @property
    def created(self) -> datetime | None:
        """When the newest of the images was made, or what the annotation says."""
        moments = [image.created for image in self.images if image.created]
        annotated = _moment(self.manifest.annotations.get("org.opencontainers.image.created"))
        return max(moments, default=annotated)

    @property
    def platforms(self) -> tuple[str, ...]:
        """The platforms of the images, in order and once."""
        return tuple(dict.fromkeys(str(image.platform) for image in self.images if image.platform))


def inspect(source: Readable, name: str | Digest, *, jobs: int = JOBS) -> Inspection:
    """Read a manifest, the manifests below it and their configs, several at once.

    Raises NotFound, Refused, Misbehaved, ContentMismatch, Unreachable.
    """
    manifest = source.manifest(name)
    manifests = list(_images(source, manifest, jobs, MOST_DEPTH))
    images = tuple(in_parallel(lambda entry: image_of(source, *entry), manifests, jobs))
    blobs = {entry.digest: entry.size for below, _ in manifests for entry in (below.descriptor, *below.successors())}
    blobs[manifest.digest] = manifest.descriptor.size
    return Inspection(str(name), manifest, images, sum(blobs.values()))


def single(source: Source, manifest: Manifest, platform: Platform | None = None) -> tuple[Manifest, Platform | None]:
    """One image or artifact: a manifest itself, or of an index the one for a platform, or the only one but attestations.

    With the platform that its index says. Raises NotFound, naming what there is to choose from.
    """
    said = None
    for _ in range(MOST_DEPTH):
        if not manifest.is_index:
            return manifest, said
        listed = [entry for entry in manifest.manifests if not is_attestation(entry)]
        if platform is None and len(listed) != 1:
            raise NotFound(
                f"{manifest.digest} is an index of {len(listed)} images",
                advice=f"choose one by its platform: {manifest.choices}",
            )
        entry = listed[0] if platform is None else manifest.select(platform)
        manifest, said = _below(source, entry), entry.platform or said
    raise Misbehaved(f"the index {manifest.digest} nests more than {MOST_DEPTH} deep")


def _below(source: Source, entry: Descriptor) -> Manifest:
    if isinstance(source, Readable):
        return source.manifest(entry.digest)
    from .reading import manifest_of

    return manifest_of(source, entry)


def config_of(source: Source, manifest: Manifest) -> bytes | None:
    """The config of an image as bytes; None where it has none. Raises Misbehaved for one too large to be one."""
    config = manifest.config
    if config is None:
        return None
    if config.size > MOST_CONFIG_BYTES:
        raise Misbehaved(f"the config {config.digest} has {config.size} bytes; at most {MOST_CONFIG_BYTES} are read")
    from .reading import bytes_of

    return bytes_of(source, config)


def _images(source: Readable, manifest: Manifest, jobs: int, depth: int) -> Iterator[tuple[Manifest, Platform | None]]:
    """The images below a manifest, with the platforms that indexes say they are for; attestations are none."""
    if not manifest.is_index:
        yield manifest, None
        return
    if not depth:
        raise Misbehaved(f"the index {manifest.digest} nests more than {MOST_DEPTH} deep")
    entries = [entry for entry in manifest.manifests if not is_attestation(entry)]
    below = in_parallel(lambda entry: source.manifest(entry.digest), entries, jobs)
    for entry, child in zip(entries, below, strict=True):
        for image, platform in _images(source, child, jobs, depth - 1):
            yield image, platform or entry.platform


def image_of(source: Source, manifest: Manifest, platform: Platform | None = None) -> Image:
    """The image that a manifest is, with its config; the platform is that of its index, or else the config's."""
    config = _read_config(source, manifest)
    if platform is None and config.get("os") and config.get("architecture"):
        platform = Platform.from_json(config)
    blobs = {entry.digest: entry.size for entry in (manifest.descriptor, *manifest.successors())}
    created = _moment(text(config, "created", "image config"))
    return Image(manifest.descriptor, platform, sum(blobs.values()), manifest.layers, created, config)


def _read_config(source: Source, manifest: Manifest) -> Mapping[str, Any]:
    if manifest.config is None or manifest.config.media_type not in media.IMAGE_CONFIGS:
        return {}
    return parse_object(config_of(source, manifest) or b"{}", f"the config {manifest.config.digest}")


def labels(config: Mapping[str, Any]) -> Mapping[str, str]:
    """The labels of an image's config."""
    settings = mapping(config, "config", "image config") or {}
    found = mapping(settings, "Labels", "image config") or {}
    return {key: value for key, value in found.items() if isinstance(value, str)}


def sharing(source: Source, names: Iterable[str], digest: Digest, *, jobs: int = JOBS) -> list[str]:
    """Those of some tags that name a digest; tags that vanish or cannot be read meanwhile are left out."""

    def resolved(name: str) -> Digest | None:
        with suppress(Error):
            return source.resolve(name).digest
        return None

    listed = list(names)
    return [name for name, found in zip(listed, in_parallel(resolved, listed, jobs), strict=True) if found == digest]


def _moment(value: str | None) -> datetime | None:
    """A date of RFC 3339, or None; one without a zone is taken for UTC."""
    from datetime import UTC, datetime

    try:
        moment = datetime.fromisoformat(value or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
