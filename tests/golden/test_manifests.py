"""Manifests as the world's tools write them, byte by byte. This table and its files are only added to.

The structure of each file follows what the tool that it is named for writes (order of fields, spaces, annotations, media
types); names, digests and sizes in it are made up.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from pratique.errors import Unsupported
from pratique.spec import media
from pratique.spec.digest import Digest
from pratique.spec.manifest import Manifest, platforms
from pratique.spec.platform import Platform

FOLDER = Path(__file__).parent / "manifests"


class Golden(NamedTuple):
    """What a file is: the SHA-256 of its bytes, and what must be read out of them."""

    name: str
    sha256: str
    media_type: str
    successors: int
    artifact_type: str = ""
    subject: bool = False

    @property
    def raw(self) -> bytes:
        return (FOLDER / f"{self.name}.json").read_bytes()

    @property
    def manifest(self) -> Manifest:
        return Manifest.parse(self.raw)


SCHEMA_1 = Golden("docker-schema1-signed", "a99875face245909a86fdeb6298ea86bf81832b1801cb494f5105dba2315dfc9", "", 0)
GOLDEN = [
    Golden(
        "buildah-no-media-type",
        "b1102bb6f545c10b8dd1206df8114250a227a9eabd91a91b0be47f4990488f12",
        media.OCI_MANIFEST,
        2,
        media.OCI_CONFIG,
    ),
    Golden(
        "buildkit-attestation",
        "c916fb80609e503d6338da0dd7ac6debdbd9cc5e19f22ceb065672db8f45f67a",
        media.OCI_MANIFEST,
        3,
        media.OCI_CONFIG,
    ),
    Golden(
        "buildkit-attestation-artifact",
        "6ef588f7ce09ed9acbc8137adf96ffe01a25a9234c1151c3f5c44a035b283daf",
        media.OCI_MANIFEST,
        2,
        "application/vnd.docker.attestation.manifest.v1+json",
        subject=True,
    ),
    Golden("buildkit-cache", "8def193a8ad6886823cffe2225f1cf62b865f755bcbba5fd341a09d7e8d4436b", media.OCI_INDEX, 3),
    Golden(
        "cosign-signature",
        "ebd60fd3ebb7869ff8adb8173595a818aa518bacc4efb5e35625bf05112f8bcd",
        media.OCI_MANIFEST,
        2,
        media.OCI_CONFIG,
    ),
    Golden(
        "docker-hub-official-index",
        "f6b929c07d8e6c6ca3a0dd42caf1513a9c852231928c7b23e9cf52a942ac026c",
        media.OCI_INDEX,
        12,
    ),
    Golden(
        "docker-hub-schema2",
        "1a63231b878b0d692a3465383c8a064fbb5412d307b0d3710204eee5ea25cc25",
        media.DOCKER_MANIFEST,
        4,
        media.DOCKER_CONFIG,
    ),
    Golden(
        "docker-manifest-list",
        "cb7b072a0b0c0ed9f6cc632165bb0fa66fa6f680521eaef7b999da9c54ecb5c4",
        media.DOCKER_LIST,
        3,
    ),
    Golden("ecr-buildx-index", "d7823d1ba949d89a0ceeb4deb28347244178290dddec44260998fe94d54abc99", media.OCI_INDEX, 2),
    Golden("empty-index", "dff9de10919148711140d349bf03f1a99eb06f94b03e51715ccebfa7cdc518e2", media.OCI_INDEX, 0),
    Golden(
        "flux-artifact",
        "47a91bd6f088383d738ecd16d341d89035eaf8df4fcd400f9fe4a7f533754bce",
        media.OCI_MANIFEST,
        2,
        "application/vnd.cncf.flux.config.v1+json",
    ),
    Golden(
        "ghcr-homebrew-index", "c05ec3698c93e85b3b368009cf0780b930894b0b734a0322c5e26d348b4010bc", media.OCI_INDEX, 2
    ),
    Golden(
        "harbor-sbom-accessory",
        "4f46ea45f3df633a549a35055af0487462da85181c8444f368ab58ec7b94f104",
        media.OCI_MANIFEST,
        2,
        "application/vnd.goharbor.harbor.sbom.v1",
        subject=True,
    ),
    Golden(
        "helm-chart",
        "0c2f1f4b0108f17e92140830077721126eb92b75a75a001cdad0290c9461ecbe",
        media.OCI_MANIFEST,
        3,
        "application/vnd.cncf.helm.config.v1+json",
    ),
    Golden(
        "notation-signature",
        "98b05c8d5e54d9e4944066160c21b5e9d28bbe5c4672b7f00e81dcc2f4610ba4",
        media.OCI_MANIFEST,
        2,
        "application/vnd.cncf.notary.signature",
        subject=True,
    ),
    Golden("nydus-index", "7c0ebc5b2b7502996d82aece200dd7563e4076e3262db12b726e2cef90788fae", media.OCI_INDEX, 2),
    Golden(
        "oras-artifact",
        "1620a3cdbd42cb011ef4bbd64e9964ea3eccb3f7b17a7196f1aa1331beaa289b",
        media.OCI_MANIFEST,
        2,
        "application/vnd.example.readme",
    ),
    Golden(
        "oras-oci-artifact-manifest",
        "8d5c9d476b4441e87963ae2e95393a60fbb9abd5b151b9f34ece4657243949bf",
        media.OCI_ARTIFACT_MANIFEST,
        1,
        "sbom/example",
        subject=True,
    ),
    Golden(
        "podman-zstd-chunked",
        "e4589c1b1eb5f94f446a60d0c5765aec8023d87ef92a1b4b3843d26ad1aceaab",
        media.OCI_MANIFEST,
        2,
        media.OCI_CONFIG,
    ),
    Golden(
        "quay-schema2",
        "d98ebc0feebb0c2680860616aa259a40518b8563149d408255a0c6a1fedbd5c8",
        media.DOCKER_MANIFEST,
        3,
        media.DOCKER_CONFIG,
    ),
    Golden(
        "sigstore-bundle",
        "354672baf4a7d5b9337f8407a1187cf1d6edc6c275e939450c55ca3c369e4e74",
        media.OCI_MANIFEST,
        2,
        "application/vnd.dev.sigstore.bundle.v0.3+json",
        subject=True,
    ),
    Golden(
        "umoci-index-no-media-type",
        "0f3c694e005160c289f132a79a8ce14d068e2e829972176c8e8a7d6467f473f5",
        media.OCI_INDEX,
        1,
    ),
    Golden(
        "windows-foreign-layers",
        "9f88e705909a1207bffee190742ce4d3f852f0ede79b410df6fe18b0566ae55a",
        media.DOCKER_MANIFEST,
        3,
        media.DOCKER_CONFIG,
    ),
    Golden("windows-index", "27b60130da52d9f497c085d8235aeef660953859bc7aeb7f6fca9c736412138a", media.DOCKER_LIST, 3),
]
BY_NAME = {golden.name: golden for golden in GOLDEN}
each = pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden.name)


def test_every_file_is_in_the_table() -> None:
    assert sorted(path.stem for path in FOLDER.iterdir()) == sorted([SCHEMA_1.name, *BY_NAME])


@each
def test_the_bytes_are_kept(golden: Golden) -> None:
    raw = golden.raw
    manifest = Manifest.parse(raw, "application/json")
    assert manifest.raw is raw
    assert str(manifest.digest) == f"sha256:{golden.sha256}"
    assert manifest.digest == Digest.of(raw)
    assert manifest.descriptor.size == len(raw)


@each
@pytest.mark.parametrize("generic", [True, False])
def test_what_it_is(golden: Golden, generic: bool) -> None:
    manifest = Manifest.parse(golden.raw, "" if generic else golden.media_type)
    assert manifest.media_type == golden.media_type
    assert len(manifest.successors()) == golden.successors
    assert manifest.artifact_type == golden.artifact_type
    assert (manifest.subject is not None) == golden.subject


@each
def test_descriptors_are_written_as_they_were_read(golden: Golden) -> None:
    manifest = golden.manifest
    for descriptor, found in zip(manifest.manifests, manifest.document.get("manifests", []), strict=True):
        assert descriptor.to_json() == found
    for descriptor, found in zip(manifest.layers, manifest.document.get("layers", []), strict=True):
        assert descriptor.to_json() == found


def test_schema_1_is_known_and_refused() -> None:
    assert str(Digest.of(SCHEMA_1.raw)) == f"sha256:{SCHEMA_1.sha256}"
    with pytest.raises(Unsupported, match="schema 1"):
        Manifest.parse(SCHEMA_1.raw, media.DOCKER_SCHEMA_1_SIGNED)


@pytest.mark.parametrize(
    ("name", "there"),
    [
        (
            "docker-hub-official-index",
            ["linux/amd64", "linux/arm/v5", "linux/arm/v7", "linux/arm64/v8", "linux/386", "linux/riscv64"],
        ),
        ("ecr-buildx-index", ["linux/arm64"]),
        ("ghcr-homebrew-index", ["darwin/arm64:macOS 14", "linux/amd64:Ubuntu 22.04.5"]),
        ("windows-index", ["windows/amd64:10.0.20348.2227", "windows/amd64:10.0.17763.5329", "linux/amd64"]),
        ("nydus-index", ["linux/amd64"]),
        ("buildkit-cache", []),
        ("umoci-index-no-media-type", []),
    ],
)
def test_platforms(name: str, there: list[str]) -> None:
    assert platforms(BY_NAME[name].manifest.manifests) == there


@pytest.mark.parametrize(
    ("name", "wish", "position"),
    [
        ("docker-hub-official-index", "linux/amd64", 0),
        ("docker-hub-official-index", "linux/arm", 4),
        ("docker-hub-official-index", "linux/arm64", 6),
        ("docker-hub-official-index", "linux/aarch64", 6),
        ("docker-hub-official-index", "unknown/unknown", 1),
        ("docker-manifest-list", "linux/arm64", 1),
        ("windows-index", "windows/amd64", 0),
        ("windows-index", "windows/amd64:10.0.17763", 1),
        ("windows-index", "linux/amd64", 2),
        ("ghcr-homebrew-index", "darwin/arm64", 0),
        ("ghcr-homebrew-index", "macos/aarch64:macOS 14", 0),
        ("nydus-index", "linux/amd64", 0),
    ],
)
def test_choosing(name: str, wish: str, position: int) -> None:
    index = BY_NAME[name].manifest
    assert index.select(Platform.parse(wish)) == index.manifests[position]


def test_an_image_for_those_who_can_use_its_features() -> None:
    wish = Platform("linux", "amd64", os_features=("nydus.remoteimage.v1",))
    index = BY_NAME["nydus-index"].manifest
    assert index.select(wish) == index.manifests[1]


def test_the_entries_of_a_build_cache_are_blobs() -> None:
    assert not any(entry.is_manifest for entry in BY_NAME["buildkit-cache"].manifest.successors())
    assert all(entry.is_manifest for entry in BY_NAME["docker-hub-official-index"].manifest.successors())


def test_attestations_name_the_image_that_they_are_about() -> None:
    entries = BY_NAME["docker-hub-official-index"].manifest.manifests
    for image, attestation in zip(entries[::2], entries[1::2], strict=True):
        assert attestation.annotations["vnd.docker.reference.digest"] == str(image.digest)
        assert attestation.platform == Platform("unknown", "unknown")


def test_foreign_layers_have_addresses() -> None:
    base = BY_NAME["windows-foreign-layers"].manifest.layers[0]
    assert base.urls == (f"https://mcr.microsoft.com/v2/windows/servercore/blobs/{base.digest}",)


def test_the_empty_descriptor_brings_its_content() -> None:
    for name in ("oras-artifact", "sigstore-bundle", "buildkit-attestation-artifact"):
        config = BY_NAME[name].manifest.config
        assert config is not None
        assert config.media_type == media.OCI_EMPTY
        assert config.digest.verify(config.data or b"") == b"{}"


def test_annotations_are_texts_of_any_kind() -> None:
    assert BY_NAME["ghcr-homebrew-index"].manifest.annotations["org.opencontainers.image.description"] == (
        "Exámple “tool” – with signs"
    )
    assert "\n" in BY_NAME["cosign-signature"].manifest.layers[0].annotations["dev.sigstore.cosign/certificate"]
    assert BY_NAME["podman-zstd-chunked"].manifest.annotations["org.opencontainers.image.base.name"] == ""
