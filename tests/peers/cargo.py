"""What is copied between us and the peers, the stores that it lies in, and how what arrived is judged."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pratique.image.sample import Content, Sample, image, index
from pratique.spec import media
from pratique.spec.descriptor import Descriptor
from pratique.spec.digest import Digest
from pratique.spec.platform import Platform
from pratique.stores import compression
from pratique.stores.base import NAMELESS
from pratique.stores.files import FolderFiles
from pratique.stores.layout import Layout
from pratique.values import replace
from tests.stores.contract import SBOM, bare, manifest, push, referrer

USER: Final = "ada"
PASSWORD: Final = "love:lace"
CREDS: Final = f"{USER}:{PASSWORD}"
NAME: Final = "1.0"

AMD64: Final = Platform.parse("linux/amd64")
PLATFORMS: Final = ("linux/amd64", "linux/arm64", "linux/arm/v7")

# --- Content --------------------------------------------------------------------------------------

FILES: Final = {
    "bin/hello": b"#!/bin/sh\necho hello\n",
    "etc/empty": b"",
    "usr/share/bytes": bytes(range(256)) * 700,  # more than a block of anything
}


def _zstd(plain: Sample) -> Sample:
    """The same image, its layer packed by zstd."""
    layer, config = plain.below
    packed = io.BytesIO()
    with compression.packing(packed, compression.ZSTD) as sink:
        sink.write(gzip.decompress(layer.raw))
    zstd = Content.of(packed.getvalue(), f"{media.OCI_LAYER}+zstd")
    return Sample(manifest(config, [zstd.descriptor]), (zstd, config))


def _image(platform: str, **more: bytes) -> Sample:
    return image(Platform.parse(platform), {**FILES, **more, "etc/platform": platform.encode()})


IMAGE: Final = _image("linux/amd64")
INDEX_IMAGES: Final = tuple(map(_image, PLATFORMS))
INDEX: Final = index(INDEX_IMAGES)
NESTED: Final = index([index([_image("linux/arm64"), _image("linux/s390x")]), IMAGE])
ARTIFACT: Final = referrer(IMAGE.root.descriptor, SBOM, b'{"spdxVersion": "SPDX-2.3"}')
ZSTD: Final = _zstd(IMAGE)

CONTENTS: Final = {"image": IMAGE, "index": INDEX, "nested": NESTED, "artifact": ARTIFACT, "zstd": ZSTD}
IMAGES: Final = {"image": IMAGE, "zstd": ZSTD}


STATEMENT: Final = "application/vnd.in-toto+json"
PREDICATE: Final = "in-toto.io/predicate-type"
ATTESTED: Final = "vnd.docker.reference.digest"
ATTESTATION: Final = {"vnd.docker.reference.type": "attestation-manifest"}
NOBODY: Final = Platform.parse("unknown/unknown")


def statement(subject: Descriptor, predicate: str) -> Content:
    """What BuildKit says of an image, and of what else it read."""
    named = {"name": "pkg:docker/app@1", "digest": {"sha256": subject.digest.encoded}}
    document = {"_type": "https://in-toto.io/Statement/v0.1", "predicateType": predicate, "subject": [named]}
    return Content.of_json(document, STATEMENT)


def attestation(subject: Descriptor, *, has_subject: bool) -> Sample:
    """An attestation as BuildKit writes it: of an image's form without `subject`, or an artifact that has it (`oci-artifact`)."""
    predicates = ("https://spdx.dev/Document", "https://slsa.dev/provenance/v0.2")
    statements = [statement(subject, predicate) for predicate in predicates]
    layers = [
        replace(said.descriptor, annotations={PREDICATE: predicate})
        for said, predicate in zip(statements, predicates, strict=True)
    ]
    if has_subject:
        config = Content.of(b"{}", media.OCI_EMPTY)
        kind = "application/vnd.docker.attestation.manifest.v1+json"
        root = manifest(config, layers, artifactType=kind, subject=bare(subject).to_json())
    else:
        diff_ids = [str(said.descriptor.digest) for said in statements]
        document = {**NOBODY.to_json(), "config": {}, "rootfs": {"type": "layers", "diff_ids": diff_ids}}
        config = Content.of_json(document, media.OCI_CONFIG)
        root = manifest(config, layers)
    return Sample(root, (*statements, config))


def attested(*, has_subject: bool, images: Sequence[Sample] = INDEX_IMAGES) -> Sample:
    """An index as BuildKit pushes it with provenance: an attestation of each image stands behind them all, for no platform."""
    said = [attestation(bare(each.root.descriptor), has_subject=has_subject) for each in images]
    entries = [each.root.descriptor for each in images]
    entries += [
        replace(
            each.root.descriptor,
            platform=NOBODY,
            annotations={**ATTESTATION, ATTESTED: str(image.root.descriptor.digest)},
        )
        for each, image in zip(said, images, strict=True)
    ]
    document = {
        "schemaVersion": 2,
        "mediaType": media.OCI_INDEX,
        "manifests": [entry.to_json() for entry in entries],
    }
    below = tuple(content for each in (*images, *said) for content in (*each.below, each.root))
    return Sample(Content.of_json(document, media.OCI_INDEX), below)


def parts(sample: Sample) -> tuple[Content, ...]:
    """Everything of it, the root last."""
    return (*sample.below, sample.root)


def digest(sample: Sample) -> str:
    return str(sample.root.descriptor.digest)


def files_of(sample: Sample) -> dict[str, bytes]:
    """The files that went into an image."""
    assert sample in IMAGES.values()
    return {**FILES, "etc/platform": PLATFORMS[0].encode()}


def write_layout(folder: Path, *samples: Sample) -> str:
    """A layout of our library's, each root under NAME, `1`, `2`…; what pratique, skopeo and buildah call the first."""
    layout = Layout(FolderFiles(folder))
    for number, sample in enumerate(samples):
        push(layout, sample, [NAME if number == 0 else str(number)])
    return f"oci:{folder}:{NAME}"


# --- Stores ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """A root in a store, and how each program is told of it.

    `where` is a path, or a repository with its registry; `creds` and `ca` are what that registry asks for.
    """

    kind: str
    where: str
    creds: str = ""
    ca: Path | None = None
    name: str = NAME

    @property
    def is_registry(self) -> bool:
        return self.kind in REGISTRIES

    @property
    def address(self) -> str:
        """The registry's host and port."""
        return self.where.partition("/")[0]

    @property
    def url(self) -> str:
        """The repository, as the specification's paths begin."""
        scheme = "https" if self.ca else "http"
        return f"{scheme}://{self.where.replace('/', '/v2/', 1)}"

    @property
    def ours(self) -> str:
        """As pratique names it."""
        if self.is_registry:
            return f"{self.where}{self._tail}"
        return f"{self.kind}:{self.where}{'' if self.kind == 'dir' else self._tail}"

    @property
    def theirs(self) -> str:
        """As skopeo and buildah name it."""
        return f"docker://{self.ours}" if self.is_registry else self.ours

    @property
    def _tail(self) -> str:
        if self.name == NAMELESS:
            return ""
        if self.kind == "docker-archive":
            return f":harbour/app:{self.name}"
        return f"@{self.name}" if ":" in self.name else f":{self.name}"

    def called(self, name: str | Digest) -> Place:
        """Another root in the same store."""
        return Place(self.kind, self.where, self.creds, self.ca, str(name))

    def options(self, side: str) -> list[str]:
        """What pratique is told about one side of a copy: `src` or `dest`."""
        given = [f"--{side}-creds={self.creds}"] if self.creds else []
        return given + ([f"--{side}-ca-file={self.ca}"] if self.ca else [])

    def settings(self, side: str = "") -> list[str]:
        """What skopeo and buildah are told: about one side, or about the only one."""
        if not self.is_registry:
            return []
        prefix = f"--{side}-" if side else "--"
        given = [f"{prefix}creds={self.creds}"] if self.creds else []
        return [*given, f"{prefix}cert-dir={self.ca.parent}" if self.ca else f"{prefix}tls-verify=false"]


REGISTRIES: Final = ("htpasswd", "tokens", "ours")
FILE_STORES: Final = ("oci", "oci-archive", "dir")
STORES: Final = (*REGISTRIES, *FILE_STORES)


# --- Judging --------------------------------------------------------------------------------------


def assert_holds(folder: Path, *wanted: Content) -> None:
    """A layout or directory, whoever wrote it, has files of these digests, and so of these bytes."""
    found = {Digest.of(path.read_bytes()) for path in folder.rglob("*") if path.is_file()}
    assert {part.descriptor.digest for part in wanted} <= found


def manifests(wanted: Iterable[Content]) -> list[Content]:
    return [part for part in wanted if part.descriptor.is_manifest]
