"""Images of nothing, to put layers on: what `FROM scratch` means in a Dockerfile."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from ..http.message import Body
from ..spec import media
from ..spec.descriptor import Descriptor
from ..spec.digest import Digest
from ..spec.document import encode
from ..spec.manifest import Manifest
from ..spec.platform import Platform
from ..stores.memory import Memory

SCRATCH: Final = "scratch"  # in place of an image


def scratch(platforms: Iterable[Platform]) -> tuple[Memory, Manifest]:
    """A store with an image without layers, or for several platforms an index of such images, and its root."""
    store, listed = Memory(), list(platforms)
    images = [_image(store, platform) for platform in listed]
    if len(images) == 1:
        return store, images[0]
    entries = [
        {**manifest.descriptor.to_json(), "platform": platform.to_json()}
        for manifest, platform in zip(images, listed, strict=True)
    ]
    return store, _manifest(store, media.OCI_INDEX, manifests=entries)


def _image(store: Memory, platform: Platform) -> Manifest:
    rootfs = {"type": "layers", "diff_ids": list[str]()}
    config = encode({**platform.to_json(), "config": {}, "rootfs": rootfs, "history": []})
    return _manifest(store, media.OCI_MANIFEST, config=_put(store, config, media.OCI_CONFIG).to_json(), layers=[])


def _manifest(store: Memory, media_type: str, **fields: Any) -> Manifest:
    raw = encode({"schemaVersion": 2, "mediaType": media_type, **fields})
    _put(store, raw, media_type)
    return Manifest.parse(raw)


def _put(store: Memory, raw: bytes, media_type: str) -> Descriptor:
    descriptor = Descriptor(media_type, Digest.of(raw), len(raw))
    store.push(descriptor, Body.of(raw).open)
    return descriptor
