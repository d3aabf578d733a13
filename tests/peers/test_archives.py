"""Archives: skopeo reads what we wrote, and we read what skopeo wrote."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from contextlib import closing
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from pratique.http.message import Body
from pratique.image import sample
from pratique.image.sample import Sample
from pratique.spec import media
from pratique.spec.descriptor import Descriptor
from pratique.spec.digest import Digest
from pratique.spec.manifest import Manifest
from pratique.spec.platform import Platform
from pratique.stores.archive import ArchiveTarget, TarFiles
from pratique.stores.base import Source, Target
from pratique.stores.docker_archive import DockerArchive
from pratique.stores.docker_load import DockerArchiveTarget
from pratique.stores.files import FolderFiles
from pratique.stores.layout import Layout
from pratique.stores.tar import Tar

from .conftest import RunsSkopeo

AMD64 = sample.image(Platform("linux", "amd64"), {"hello": b"#!/bin/sh\necho hello\n"})
ARM64 = sample.image(Platform("linux", "arm64"), {"hello": b"#!/bin/sh\necho ahoy\n"})
S390X = sample.image(Platform("linux", "s390x"), {"hello": b"#!/bin/sh\necho moin\n"})
BOTH = sample.index([AMD64, ARM64])
SAMPLES = pytest.mark.parametrize("image", [AMD64, BOTH], ids=["image", "index"])


def push(target: Target, image: Sample, *tags: str) -> None:
    for part in image.below:
        target.push(part.descriptor, Body.of(part.raw).open)
    target.push(image.root.descriptor, Body.of(image.root.raw).open, tags=tags)


def write_oci(path: Path, images: Iterable[tuple[Sample, str]]) -> None:
    target = ArchiveTarget(path, lambda folder: Layout(FolderFiles(folder)))
    for image, tag in images:
        push(target, image, tag)
    target.finish()


def write_docker(path: Path, images: Iterable[tuple[Sample, list[str]]]) -> list[Descriptor]:
    target = DockerArchiveTarget(path)
    for image, tags in images:
        push(target, image, *tags)
    target.finish()
    return [target.converted(image.root.descriptor.digest) for image, _ in images]


def read(source: Source, descriptor: Descriptor) -> bytes:
    with source.open(descriptor) as stream:
        return stream.read()


def succeed(skopeo: RunsSkopeo, *arguments: str | Path) -> str:
    ended = skopeo(*arguments)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def assert_whole(folder: Path, image: Sample) -> None:
    """A folder that skopeo wrote has an image or index with everything below it."""
    for part in (*image.below, image.root):
        names = [part.descriptor.digest.encoded, f"{part.descriptor.digest.encoded}.manifest.json", "manifest.json"]
        assert part.raw in [(folder / name).read_bytes() for name in names if (folder / name).exists()]


def diff_id(image: Sample) -> str:
    document: dict[str, Any] = json.loads(image.below[1].raw)
    [digest] = document["rootfs"]["diff_ids"]
    return str(digest)


# --- OCI archives


@SAMPLES
@pytest.mark.parametrize("name", ["x.tar", "x.tar.gz", "x.tar.zst"])
def test_skopeo_reads_our_oci_archive(image: Sample, name: str, skopeo: RunsSkopeo, tmp_path: Path) -> None:
    write_oci(tmp_path / name, [(image, "1.0")])
    there = f"oci-archive:{tmp_path / name}:1.0"
    assert succeed(skopeo, "inspect", "--raw", there).encode() == image.root.raw
    succeed(skopeo, "copy", "--all", there, f"dir:{tmp_path / 'out'}")
    assert_whole(tmp_path / "out", image)


def test_skopeo_finds_each_of_several_in_our_oci_archive(skopeo: RunsSkopeo, tmp_path: Path) -> None:
    write_oci(tmp_path / "x.tar", [(AMD64, "a"), (ARM64, "b"), (BOTH, "both")])
    for image, tag in ((AMD64, "a"), (ARM64, "b"), (BOTH, "both")):
        assert succeed(skopeo, "inspect", "--raw", f"oci-archive:{tmp_path}/x.tar:{tag}").encode() == image.root.raw


@SAMPLES
def test_we_read_the_oci_archive_of_skopeo(image: Sample, skopeo: RunsSkopeo, tmp_path: Path) -> None:
    push(Layout(FolderFiles(tmp_path / "layout")), image, "1.0")
    succeed(skopeo, "copy", "--all", f"oci:{tmp_path}/layout:1.0", f"oci-archive:{tmp_path}/x.tar:2.0")
    with Tar(tmp_path / "x.tar") as tar:
        layout = Layout(TarFiles(tar))
        assert list(layout.tags()) == ["2.0"]
        assert layout.resolve("2.0").digest == image.root.descriptor.digest
        for part in (*image.below, image.root):
            assert read(layout, part.descriptor) == part.raw


# --- Docker archives


# Debian's skopeo (1.9) reads no Docker archive that gzip packed, whoever wrote it.
@pytest.mark.parametrize("name", ["x.tar", "x.tar.zst"])
def test_skopeo_reads_our_docker_archive(name: str, skopeo: RunsSkopeo, tmp_path: Path) -> None:
    [converted] = write_docker(tmp_path / name, [(AMD64, ["harbour/app:1"])])
    there = f"docker-archive:{tmp_path / name}:harbour/app:1"
    document = json.loads(succeed(skopeo, "inspect", "--raw", there))
    with DockerArchive(tmp_path / name) as archive:
        ours = Manifest.parse(read(archive, archive.resolve("harbour/app:1")), media.DOCKER_MANIFEST)
    assert ours.digest == converted.digest
    # skopeo calls plain layers gzip, and packs them when it copies; apart from that it is the same manifest.
    assert ours.config is not None
    assert document["config"] == ours.config.to_json()
    assert [layer["digest"] for layer in document["layers"]] == [str(layer.digest) for layer in ours.layers]
    assert [layer["size"] for layer in document["layers"]] == [layer.size for layer in ours.layers]
    succeed(skopeo, "copy", there, f"dir:{tmp_path / 'out'}")
    assert (tmp_path / "out" / AMD64.below[1].descriptor.digest.encoded).read_bytes() == AMD64.below[1].raw
    layer = (tmp_path / "out" / diff_id(AMD64).removeprefix("sha256:")).read_bytes()
    assert f"sha256:{hashlib.sha256(layer).hexdigest()}" == diff_id(AMD64)


def test_skopeo_finds_each_of_several_in_our_docker_archive(skopeo: RunsSkopeo, tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    write_docker(path, [(AMD64, ["app:1", "localhost:5000/app:2"]), (ARM64, ["other"]), (S390X, [""])])
    listed = json.loads(succeed(skopeo, "list-tags", f"docker-archive:{path}"))["Tags"]
    with DockerArchive(path) as archive:
        assert listed == list(archive.tags())
    for name, image in (("app:1", AMD64), ("localhost:5000/app:2", AMD64), ("other:latest", ARM64), ("@2", S390X)):
        found = json.loads(succeed(skopeo, "inspect", "--config", f"docker-archive:{path}:{name}"))
        assert found["rootfs"]["diff_ids"] == [diff_id(image)]


def test_we_read_the_docker_archive_of_skopeo(skopeo: RunsSkopeo, tmp_path: Path) -> None:
    push(Layout(FolderFiles(tmp_path / "layout")), AMD64, "1.0")
    succeed(
        skopeo,
        "copy",
        "--additional-tag=localhost/app:2",
        f"oci:{tmp_path}/layout:1.0",
        f"docker-archive:{tmp_path}/x.tar:harbour/app:1",
    )
    [converted] = write_docker(tmp_path / "ours.tar", [(AMD64, ["harbour/app:1"])])
    with DockerArchive(tmp_path / "x.tar") as archive:
        assert list(archive.tags()) == ["docker.io/harbour/app:1", "localhost/app:2"]
        assert archive.resolve("harbour/app:1") == archive.resolve("localhost/app:2") == converted
        manifest = Manifest.parse(read(archive, converted), converted.media_type)
        assert manifest.config is not None
        assert read(archive, manifest.config) == AMD64.below[1].raw
        assert [str(Digest.of(read(archive, layer))) for layer in manifest.layers] == [diff_id(AMD64)]


def test_an_archive_comes_through_a_pipe(skopeo: RunsSkopeo, tmp_path: Path) -> None:
    push(Layout(FolderFiles(tmp_path / "layout")), AMD64, "1.0")
    succeed(skopeo, "copy", f"oci:{tmp_path}/layout:1.0", f"docker-archive:{tmp_path}/x.tar:app:1")
    with closing(BytesIO((tmp_path / "x.tar").read_bytes())) as pipe, DockerArchive(pipe) as archive:
        assert archive.resolve("app:1").media_type == media.DOCKER_MANIFEST
