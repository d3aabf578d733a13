"""Tars made on the spot, well and badly."""

from __future__ import annotations

import gzip
import io
import json
import sys
import tarfile
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

from pratique.spec import media
from pratique.spec.descriptor import Descriptor
from pratique.spec.digest import Digest
from pratique.stores.base import Content, Target

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PACKERS: Final[dict[str, Callable[[bytes], bytes]]] = {"": bytes, "gzip": gzip.compress, "zstd": zstd.compress}


def entry(name: str, content: bytes = b"", *, kind: bytes = tarfile.REGTYPE, link: str = "") -> bytes:
    """One member, headers and padding included."""
    member = tarfile.TarInfo(name)
    member.size, member.type, member.linkname = len(content), kind, link
    header = member.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
    return header + content + bytes(-len(content) % 512)


def header(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    """A header that says what it likes."""
    member = tarfile.TarInfo(name)
    member.size, member.type = size, kind
    return member.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")


def raw_member(kind: bytes, content: bytes) -> bytes:
    """A member of a special type, such as an extended header."""
    return header("extended", len(content), kind) + content + bytes(-len(content) % 512)


def tar(*members: bytes) -> bytes:
    """Members with the end of an archive."""
    return b"".join(members) + bytes(1024)


def tar_of(files: Mapping[str, bytes]) -> bytes:
    """An archive of regular files."""
    return tar(*(entry(name, content) for name, content in files.items()))


def unpacked(raw: bytes) -> dict[str, bytes]:
    """The regular files of an archive, as the standard library reads them."""
    with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
        found = {}
        for member in archive.getmembers():
            file = archive.extractfile(member)
            assert file is not None
            found[member.name] = file.read()
        return found


def saved(path: Path, raw: bytes) -> Path:
    """A file with these bytes."""
    path.write_bytes(raw)
    return path


def content_of(raw: bytes) -> Content:
    """A recipe for bytes in memory."""
    return lambda: closing(io.BytesIO(raw))


def docker_image(*layers: bytes, **fields: object) -> tuple[bytes, list[bytes]]:
    """The config of an image of these layers, and the layers."""
    rootfs = {"type": "layers", "diff_ids": [str(Digest.of(layer)) for layer in layers]}
    config = {"architecture": "amd64", "os": "linux", "rootfs": rootfs, **fields}
    return json.dumps(config).encode(), list(layers)


def push_image(
    target: Target,
    config: bytes,
    layers: list[bytes],
    *tags: str,
    config_type: str = media.OCI_CONFIG,
    layer_type: str = media.OCI_LAYER_GZIP,
    manifest_type: str = media.OCI_MANIFEST,
    algorithm: str = "sha256",
) -> Descriptor:
    """Push an image of layers as they are, children first; the descriptor of its manifest."""

    def push(raw: bytes, media_type: str, *names: str) -> Descriptor:
        descriptor = Descriptor(media_type, Digest.of(raw, algorithm), len(raw))
        target.push(descriptor, content_of(raw), tags=names)
        return descriptor

    document = {
        "schemaVersion": 2,
        "mediaType": manifest_type,
        "config": push(config, config_type).to_json(),
        "layers": [push(layer, layer_type).to_json() for layer in layers],
    }
    return push(json.dumps(document).encode(), manifest_type, *tags)
