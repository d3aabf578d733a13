"""Copying, judged by Debian's skopeo: it reads what we wrote to a store, and we read what it wrote there.

Version 1.9.3 copies no index that lists an index. Of a nested index it so reads the manifests one by one, which it can do
by digest in a registry, and by name only elsewhere.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from pratique.image.sample import Sample
from pratique.spec.digest import Digest
from tests.commands import Run

from .cargo import (
    CONTENTS,
    IMAGE,
    IMAGES,
    NESTED,
    STORES,
    Place,
    assert_holds,
    digest,
    manifests,
    parts,
    write_layout,
)
from .conftest import RunsSkopeo

COPIED = {name: sample for name, sample in CONTENTS.items() if sample is not NESTED}

every_store = pytest.mark.parametrize("place", STORES, indirect=True)
every_content = pytest.mark.parametrize("sample", COPIED.values(), ids=list(COPIED))
docker_archive = pytest.mark.parametrize("place", ["docker-archive"], indirect=True)


def copy(skopeo: RunsSkopeo, source: Place | str, target: Place | str) -> None:
    """Copy by skopeo, which may change nothing."""
    words = ["copy", "--all", "--preserve-digests"]
    for side, end in (("src", source), ("dest", target)):
        words += end.settings(side) if isinstance(end, Place) else []
    ran = skopeo(*words, *(end.theirs if isinstance(end, Place) else end for end in (source, target)))
    assert ran.returncode == 0, ran.stderr


def inspect(skopeo: RunsSkopeo, place: Place) -> bytes:
    ran = skopeo("inspect", "--raw", *place.settings(), place.theirs)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.encode()


@every_store
@every_content
def test_skopeo_reads_what_we_wrote(run: Run, skopeo: RunsSkopeo, place: Place, sample: Sample, tmp_path: Path) -> None:
    written = run("copy", *place.options("dest"), write_layout(tmp_path / "source", sample), place.ours)
    assert written.out == f"{place.ours}@{digest(sample)}\n", written.err
    assert inspect(skopeo, place) == sample.root.raw
    copy(skopeo, place, f"dir:{tmp_path / 'read'}")
    assert_holds(tmp_path / "read", *parts(sample))


@every_store
@every_content
def test_we_read_what_skopeo_wrote(run: Run, skopeo: RunsSkopeo, place: Place, sample: Sample, tmp_path: Path) -> None:
    copy(skopeo, write_layout(tmp_path / "source", sample), place)
    read = run("copy", *place.options("src"), place.ours, f"oci:{tmp_path / 'read'}:back")
    assert read.out == f"oci:{tmp_path / 'read'}:back@{digest(sample)}\n", read.err
    assert_holds(tmp_path / "read", *parts(sample))


@every_store
def test_skopeo_reads_the_manifests_of_a_nested_index(
    run: Run, skopeo: RunsSkopeo, place: Place, tmp_path: Path
) -> None:
    written = run("copy", *place.options("dest"), write_layout(tmp_path / "source", NESTED), place.ours)
    assert written.code == 0, written.err
    assert inspect(skopeo, place) == NESTED.root.raw
    if not place.is_registry:
        return
    for number, part in enumerate(manifests(NESTED.below)):
        below = place.called(part.descriptor.digest)
        assert inspect(skopeo, below) == part.raw
        copy(skopeo, below, f"dir:{tmp_path / str(number)}")
        assert_holds(tmp_path / str(number), part)


@docker_archive
@pytest.mark.parametrize("sample", IMAGES.values(), ids=list(IMAGES))
def test_skopeo_reads_our_docker_archive(
    run: Run, skopeo: RunsSkopeo, place: Place, sample: Sample, tmp_path: Path
) -> None:
    """The archive has no manifest, and layers that are not packed: config and layers are compared."""
    written = run("copy", "--json", write_layout(tmp_path / "source", sample), place.ours)
    assert written.code == 0, written.err
    ran = skopeo("copy", place.theirs, f"dir:{tmp_path / 'read'}")
    assert ran.returncode == 0, ran.stderr
    assert_holds(tmp_path / "read", sample.below[1])
    [layer] = json.loads((tmp_path / "read" / "manifest.json").read_text())["layers"]
    content = (tmp_path / "read" / layer["digest"].removeprefix("sha256:")).read_bytes()
    assert _unpacked(content) == gzip.decompress(IMAGE.below[0].raw)


@docker_archive
def test_we_read_the_docker_archive_of_skopeo(run: Run, skopeo: RunsSkopeo, place: Place, tmp_path: Path) -> None:
    """The digest that it has in the archive is the one that our own archive of the image has."""
    source = write_layout(tmp_path / "source", IMAGE)
    ran = skopeo("copy", source, place.theirs)
    assert ran.returncode == 0, ran.stderr
    read = run("copy", place.ours, f"oci:{tmp_path / 'read'}:back")
    assert read.code == 0, read.err
    ours = run("copy", source, f"docker-archive:{tmp_path / 'ours.tar'}:harbour/app:1")
    assert read.out.rpartition("@")[2] == ours.out.rpartition("@")[2]
    assert_holds(tmp_path / "read", IMAGE.below[1])
    plain = Digest.of(gzip.decompress(IMAGE.below[0].raw))
    assert (tmp_path / "read" / "blobs" / "sha256" / plain.encoded).is_file()


def _unpacked(content: bytes) -> bytes:
    return gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
