"""Images for tests, in memory, of layers as tars."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pratique.http.message import Body
from pratique.image.edited import Edited, edit
from pratique.image.image import Edit, Image
from pratique.image.layers.bench import Bench
from pratique.image.sample import stored
from pratique.image.stack import export
from pratique.spec import media
from pratique.spec.descriptor import Descriptor
from pratique.spec.digest import Digest
from pratique.spec.manifest import Manifest
from pratique.spec.platform import Platform
from pratique.stores.memory import Memory
from pratique.stores.reading import manifest_of
from pratique.transfer.copy import copy

AMD64 = Platform.parse("linux/amd64")


def put(store: Memory, raw: bytes, media_type: str, *tags: str) -> Descriptor:
    descriptor = Descriptor(media_type, Digest.of(raw), len(raw))
    store.push(descriptor, Body.of(raw).open, tags=tags)
    return descriptor


def put_image(
    store: Memory,
    layers: Sequence[bytes],
    *tags: str,
    platform: Platform = AMD64,
    settings: dict[str, Any] | None = None,
    history: list[dict[str, Any]] | None = None,
    annotations: dict[str, str] | None = None,
    docker: bool = False,
) -> Manifest:
    """Push an image of gzipped layers; each has a step of the history where that is not given."""
    told = [{"created_by": f"step {number}"} for number in range(len(layers))] if history is None else history
    config = {
        **platform.to_json(),
        "config": settings or {},
        "rootfs": {"type": "layers", "diff_ids": [str(Digest.of(raw)) for raw in layers]},
        "history": told,
        "org.example.unknown": [1, {"a": None}],
    }
    layer_type = "application/vnd.docker.image.rootfs.diff.tar.gzip" if docker else media.OCI_LAYER_GZIP
    manifest: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": media.DOCKER_MANIFEST if docker else media.OCI_MANIFEST,
        "config": put(
            store, json.dumps(config).encode(), media.DOCKER_CONFIG if docker else media.OCI_CONFIG
        ).to_json(),
        "layers": [put(store, stored(raw), layer_type).to_json() for raw in layers],
        **({"annotations": annotations} if annotations else {}),
    }
    raw = json.dumps(manifest).encode()
    put(store, raw, manifest["mediaType"], *tags)
    return Manifest.parse(raw)


def put_index(store: Memory, entries: Sequence[dict[str, Any]], *tags: str, **fields: object) -> Manifest:
    document = {"schemaVersion": 2, "mediaType": media.OCI_INDEX, "manifests": list(entries), **fields}
    raw = json.dumps(document).encode()
    put(store, raw, media.OCI_INDEX, *tags)
    return Manifest.parse(raw)


def entry(manifest: Manifest, platform: Platform | None = None, **fields: object) -> dict[str, Any]:
    described = Descriptor(manifest.media_type, manifest.digest, len(manifest.raw), platform)
    return {**described.to_json(), **fields}


def read(store: Memory, manifest: Manifest) -> Image:
    return Image.read(store, manifest)


def edited(store: Memory, manifest: Manifest, change: Edit, *wanted: Platform) -> Edited:
    return edit(store, manifest, change, wanted)


def copied(made: Edited) -> tuple[Memory, Image]:
    """What an edit made in a store of its own, by a copy that verifies everything; and the image there."""
    target = Memory()
    copy(made, made.root.digest, target, ["it"])
    return target, Image.read(target, manifest_of(target, target.resolve("it")))


def exported(image: Image) -> bytes:
    """The tar of an image's files."""
    pieces: list[bytes] = []
    with Bench() as bench:
        export(bench, image, lambda data: pieces.append(bytes(data)))
    return b"".join(pieces)


def layer_of(bench: Bench, raw: bytes) -> Any:
    return bench.make(lambda write: write(raw))
