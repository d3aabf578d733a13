"""Small images, made on the spot: complete enough to be pulled, loaded and looked into."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import tarfile
import zlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from ..spec import media
from ..spec.descriptor import Descriptor
from ..spec.digest import Digest
from ..spec.platform import Platform
from ..values import frozen

MOST_STORED_BYTES: Final = 0xFFFF  # of one block
GZIP_HEAD: Final = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"  # no name, no date, no system

EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)


@frozen
class Content:
    """Content and its descriptor."""

    descriptor: Descriptor
    raw: bytes

    @classmethod
    def of(cls, raw: bytes, media_type: str, *, platform: Platform | None = None, algorithm: str = "sha256") -> Content:
        """Bytes with the descriptor that fits."""
        return cls(Descriptor(media_type, Digest.of(raw, algorithm), len(raw), platform), raw)

    @classmethod
    def of_json(cls, document: Mapping[str, Any], media_type: str, *, platform: Platform | None = None) -> Content:
        """A document with the descriptor that fits."""
        return cls.of(json.dumps(document, indent=2).encode(), media_type, platform=platform)


@frozen
class Sample:
    """An image or an index: its root and everything below it, children first."""

    root: Content
    below: tuple[Content, ...]


def image(
    platform: Platform,
    files: Mapping[str, bytes],
    *,
    created: datetime = EPOCH,
    labels: Mapping[str, str] | None = None,
) -> Sample:
    """An OCI image of one layer with these files (image specification, manifest.md, config.md and layer.md)."""
    archive = _archive(files, created)
    layer = Content.of(stored(archive), media.OCI_LAYER_GZIP)
    config = Content.of_json(_config(platform, archive, created, labels or {}), media.OCI_CONFIG)
    document = {
        "schemaVersion": 2,
        "mediaType": media.OCI_MANIFEST,
        "config": config.descriptor.to_json(),
        "layers": [layer.descriptor.to_json()],
    }
    return Sample(Content.of_json(document, media.OCI_MANIFEST, platform=platform), (layer, config))


def index(images: Iterable[Sample], annotations: Mapping[str, str] | None = None) -> Sample:
    """An OCI index of images (image specification, image-index.md)."""
    listed = list(images)
    document: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": media.OCI_INDEX,
        "manifests": [each.root.descriptor.to_json() for each in listed],
    }
    if annotations:
        document["annotations"] = dict(annotations)
    below = tuple(content for each in listed for content in (*each.below, each.root))
    return Sample(Content.of_json(document, media.OCI_INDEX), below)


def stored(content: bytes) -> bytes:
    """Bytes as a gzip member that is not compressed (RFC 1951 §3.2.4, RFC 1952): compressors differ, and so would digests."""
    blocks = [content[start : start + MOST_STORED_BYTES] for start in range(0, len(content), MOST_STORED_BYTES)] or [
        b""
    ]
    body = b"".join(
        struct.pack("<BHH", number == len(blocks), len(block), len(block) ^ 0xFFFF) + block
        for number, block in enumerate(blocks, 1)
    )
    return GZIP_HEAD + body + struct.pack("<LL", zlib.crc32(content), len(content) & 0xFFFFFFFF)


def _archive(files: Mapping[str, bytes], created: datetime) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in sorted(files.items()):
            member = tarfile.TarInfo(name)
            member.size, member.mode, member.mtime = len(content), 0o755, int(created.timestamp())
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def _config(platform: Platform, archive: bytes, created: datetime, labels: Mapping[str, str]) -> dict[str, Any]:
    moment = created.isoformat().replace("+00:00", "Z")
    return {
        "created": moment,
        **platform.to_json(),
        "config": {"Cmd": ["/hello"], "Labels": dict(labels)},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(archive).hexdigest()}"]},
        "history": [{"created": moment, "created_by": "pratique"}],
    }
