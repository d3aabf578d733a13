"""What an archive of `docker save` says of its images (Docker's image specification 1.2, §Combined Image JSON).

`manifest.json` lists the images, each with its config, its names and its layers, which are plain tars. There are no manifests,
so one is made on the spot, always the same for the same image.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ..errors import ContentMismatch, InvalidDigest, InvalidReference, Misbehaved
from ..spec import document as reading
from ..spec import media
from ..spec.descriptor import Descriptor
from ..spec.digest import Digest
from ..spec.reference import DEFAULT_TAG, Reference
from ..values import frozen
from . import compression

MOST_LIST_BYTES: Final = 8 << 20  # of manifest.json
MOST_CONFIG_BYTES: Final = 8 << 20
MOST_LAYERS: Final = 4096  # of one image

LIST: Final = "manifest.json"
LEGACY: Final = "repositories"
LAYERS: Final = {
    compression.PLAIN: "application/vnd.docker.image.rootfs.diff.tar",
    compression.GZIP: "application/vnd.docker.image.rootfs.diff.tar.gzip",
    compression.ZSTD: "application/vnd.docker.image.rootfs.diff.tar.zstd",
}


@frozen
class Saved:
    """An image as `manifest.json` has it: the names of members, and the names of the image."""

    config: str
    tags: tuple[str, ...]
    layers: tuple[str, ...]

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Saved:
        """Read an entry of the list. Raises Misbehaved."""
        config = reading.text(document, "Config", LIST)
        if not config:
            raise Misbehaved(f"{LIST} has an image without a config")
        layers = reading.texts(document, "Layers", LIST)
        if len(layers) > MOST_LAYERS:
            raise Misbehaved(f"{LIST} has an image with {len(layers)} layers; at most {MOST_LAYERS} are read")
        return cls(config, reading.texts(document, "RepoTags", LIST), layers)

    def to_json(self) -> dict[str, Any]:
        """The entry as `docker load` reads it."""
        return {"Config": self.config, "RepoTags": list(self.tags), "Layers": list(self.layers)}


def make_manifest(config: Descriptor, layers: Sequence[Descriptor]) -> tuple[Descriptor, bytes]:
    """The Docker manifest (schema 2) of an image, and its descriptor: the same bytes for the same image."""
    document = {
        "schemaVersion": 2,
        "mediaType": media.DOCKER_MANIFEST,
        "config": config.to_json(),
        "layers": [layer.to_json() for layer in layers],
    }
    raw = json.dumps(document, separators=(",", ":")).encode()
    return Descriptor(media.DOCKER_MANIFEST, Digest.of(raw), len(raw)), raw


def diff_ids(config: bytes, what: str) -> list[Digest]:
    """The digests of an image's unpacked layers (image specification, config.md, `rootfs`). Raises Misbehaved."""
    rootfs = reading.mapping(reading.parse_object(config, what), "rootfs", what)
    if rootfs is None:
        raise Misbehaved(f"{what} does not say what its layers are: it has no rootfs")
    try:
        return [Digest.parse(text) for text in reading.texts(rootfs, "diff_ids", what)]
    except InvalidDigest as error:
        raise Misbehaved(f"{what}: {error}") from None


def check_diff_id(expected: Digest, actual: Digest, what: str) -> None:
    """Raises ContentMismatch where a layer does not unpack to what the config says."""
    if actual != expected:
        raise ContentMismatch(
            f"{what} unpacks to {actual}; the config says {expected}", expected=str(expected), actual=str(actual)
        )


def full_name(name: str) -> str | None:
    """A name as Docker understands it, with registry and tag; None where it is none."""
    try:
        reference = Reference.parse(name)
    except InvalidReference:
        return None
    return f"{reference.place}:{reference.tag or DEFAULT_TAG}"
