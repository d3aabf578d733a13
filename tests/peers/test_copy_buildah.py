"""Copying, judged by Debian's buildah: it pulls what we wrote into its storage, and we read what it pushes from there.

Its storage unpacks layers. So an image that went through it has the config that it came with, and so the digests of its
plain layers, but not the manifest; only what `manifest push --all` copies from a registry keeps its digests. Version 1.28.2
takes an image for its platform out of an index, though not out of an index in that, and no artifacts.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from pratique.image.sample import Sample
from pratique.spec import media
from pratique.spec.digest import Digest
from tests.commands import Run

from .cargo import (
    IMAGE,
    IMAGES,
    INDEX,
    NESTED,
    PLATFORMS,
    REGISTRIES,
    STORES,
    ZSTD,
    Place,
    assert_holds,
    digest,
    manifests,
    parts,
    write_layout,
)
from .conftest import RunsPeer

PLAIN = Digest.of(gzip.decompress(IMAGE.below[0].raw))

every_store = pytest.mark.parametrize("place", [*STORES, "docker-archive"], indirect=True)
every_registry = pytest.mark.parametrize("place", REGISTRIES, indirect=True)
every_image = pytest.mark.parametrize("sample", IMAGES.values(), ids=list(IMAGES))


def pull(buildah: RunsPeer, place: Place | str) -> str:
    """Pull into buildah's storage; the value is the id there, which is the digest of the config."""
    if isinstance(place, str):
        return buildah("pull", "--quiet", place).strip()
    return buildah("pull", "--quiet", *place.settings(), place.theirs).strip()


def pulled_digest(buildah: RunsPeer, image: str) -> str:
    """The digest of the manifest that buildah remembers."""
    return str(json.loads(buildah("inspect", "--type", "image", image))["FromImageDigest"])


@every_store
@every_image
def test_buildah_pulls_what_we_wrote(run: Run, buildah: RunsPeer, place: Place, sample: Sample, tmp_path: Path) -> None:
    """The plain layer that it gives back is the one that went in, byte for byte; of a Docker archive it makes a manifest."""
    written = run("copy", *place.options("dest"), write_layout(tmp_path / "source", sample), place.ours)
    assert written.code == 0, written.err
    image = pull(buildah, place)
    assert image == sample.below[1].descriptor.digest.encoded
    if place.kind != "docker-archive":
        assert pulled_digest(buildah, image) == digest(sample)
    buildah("push", "--quiet", "--disable-compression", image, f"dir:{tmp_path / 'read'}")
    assert_holds(tmp_path / "read", sample.below[1])
    assert Digest.of((tmp_path / "read" / PLAIN.encoded).read_bytes()) == PLAIN


@pytest.mark.parametrize("place", STORES, indirect=True)
@pytest.mark.parametrize("sample", [INDEX, NESTED], ids=["index", "nested"])
def test_buildah_finds_its_platform_in_our_index(
    run: Run, buildah: RunsPeer, place: Place, sample: Sample, tmp_path: Path
) -> None:
    """Each of the index; of the nested one the image that stands in the outer. A second from one `dir:` is too much for it."""
    written = run("copy", *place.options("dest"), write_layout(tmp_path / "source", sample), place.ours)
    assert written.code == 0, written.err
    configs = [
        part.descriptor.digest.encoded for part in sample.below if part.descriptor.media_type == media.OCI_CONFIG
    ]
    every = sample is INDEX and place.kind != "dir"
    platforms = (
        dict(zip(PLATFORMS, configs, strict=True))
        if every
        else {PLATFORMS[0]: IMAGE.below[1].descriptor.digest.encoded}
    )
    for platform, config in platforms.items():
        found = buildah("pull", "--quiet", "--policy=always", "--platform", platform, *place.settings(), place.theirs)
        assert found.strip() == config


@pytest.mark.parametrize(
    ("place", "sample"),
    [*((kind, sample) for kind in STORES for sample in (IMAGE, ZSTD)), ("docker-archive", IMAGE)],
    ids=[*(f"{kind}-{name}" for kind in STORES for name in ("image", "zstd")), "docker-archive-image"],
    indirect=["place"],
)
def test_we_read_what_buildah_pushed(run: Run, buildah: RunsPeer, place: Place, sample: Sample, tmp_path: Path) -> None:
    """It puts no image that came with zstd into a Docker archive."""
    image = pull(buildah, write_layout(tmp_path / "source", sample))
    told = tmp_path / "digest"
    buildah("push", "--quiet", "--digestfile", told, *place.settings(), image, place.theirs)
    read = run("copy", *place.options("src"), place.ours, f"oci:{tmp_path / 'read'}:back")
    assert read.code == 0, read.err
    if place.kind != "docker-archive":
        assert read.out.strip().rpartition("@")[2] == told.read_text()
    assert_holds(tmp_path / "read", sample.below[1])
    layers = [path.read_bytes() for path in (tmp_path / "read" / "blobs" / "sha256").iterdir()]
    assert PLAIN in [Digest.of(gzip.decompress(layer) if layer[:2] == b"\x1f\x8b" else layer) for layer in layers]


@every_registry
def test_we_read_the_index_that_buildah_made(run: Run, buildah: RunsPeer, place: Place, tmp_path: Path) -> None:
    """Of the images of ours, which it copies as they are; the index is its own."""
    written = run("copy", *place.options("dest"), write_layout(tmp_path / "source", INDEX), place.ours)
    assert written.code == 0, written.err
    buildah("manifest", "create", "made")
    images = manifests(INDEX.below)
    for part in images:
        buildah("manifest", "add", *place.settings(), "made", place.called(part.descriptor.digest).theirs)
    told, made = tmp_path / "digest", place.called("made")
    buildah(
        "manifest",
        "push",
        "--all",
        "--quiet",
        "--format=oci",
        "--digestfile",
        told,
        *place.settings(),
        "made",
        made.theirs,
    )
    read = run("copy", "--json", *place.options("src"), made.ours, f"oci:{tmp_path / 'read'}:back")
    assert read.code == 0, read.err
    assert read.json["digest"] == told.read_text()
    assert_holds(tmp_path / "read", *INDEX.below)
    root = Digest.parse(read.json["digest"])
    document = json.loads((tmp_path / "read" / "blobs" / "sha256" / root.encoded).read_bytes())
    assert [entry["digest"] for entry in document["manifests"]] == [str(part.descriptor.digest) for part in images]


@pytest.mark.parametrize("place", REGISTRIES, indirect=True)
def test_buildah_pushes_a_list_of_ours_elsewhere(run: Run, buildah: RunsPeer, place: Place, tmp_path: Path) -> None:
    """From a registry of ours into a layout, by `manifest push --all`; we read every image with its digest."""
    written = run("copy", *place.options("dest"), write_layout(tmp_path / "source", INDEX), place.ours)
    assert written.code == 0, written.err
    buildah("manifest", "create", "made")
    buildah("manifest", "add", "--all", *place.settings(), "made", place.theirs)
    buildah("manifest", "push", "--all", "--quiet", *place.settings(), "made", f"dir:{tmp_path / 'read'}")
    assert_holds(tmp_path / "read", *parts(INDEX)[:-1])
    read = run("copy", f"dir:{tmp_path / 'read'}", f"oci:{tmp_path / 'layout'}:back")
    assert read.code == 0, read.err
    assert_holds(tmp_path / "layout", *INDEX.below)
