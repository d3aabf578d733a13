"""Copying, judged by Debian's umoci: it unpacks what we wrote to a layout, and we copy what it made.

umoci knows layouts only, and of what is in them version 0.4.7 unpacks images with gzip or no compression: an index is
ambiguous to it, zstd and artifacts have the wrong types. These it lists, keeps and collects the garbage around.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pratique.spec.digest import Digest
from pratique.spec.manifest import Manifest
from tests.commands import Run

from .cargo import (
    ARTIFACT,
    IMAGE,
    INDEX,
    NAME,
    NESTED,
    STORES,
    ZSTD,
    Place,
    assert_holds,
    digest,
    files_of,
    parts,
    write_layout,
)
from .conftest import RunsPeer

every_store = pytest.mark.parametrize("place", STORES, indirect=True)


def regular_files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@every_store
def test_umoci_unpacks_what_came_through_every_store(run: Run, umoci: RunsPeer, place: Place, tmp_path: Path) -> None:
    layout = tmp_path / "layout"
    for words in (
        ("copy", *place.options("dest"), write_layout(tmp_path / "source", IMAGE), place.ours),
        ("copy", *place.options("src"), place.ours, f"oci:{layout}:{NAME}"),
    ):
        assert run(*words).code == 0
    stat = json.loads(umoci("stat", "--json", "--image", f"{layout}:{NAME}"))
    layer = IMAGE.below[0].descriptor
    assert [(each["layer"]["digest"], each["layer"]["size"]) for each in stat["history"]] == [
        (str(layer.digest), layer.size)
    ]
    umoci("raw", "unpack", "--rootless", "--image", f"{layout}:{NAME}", tmp_path / "rootfs")
    assert regular_files(tmp_path / "rootfs") == files_of(IMAGE)


def test_umoci_unpacks_a_bundle_of_an_image_that_a_docker_archive_held(
    run: Run, umoci: RunsPeer, tmp_path: Path
) -> None:
    """Turned back into an OCI manifest: umoci reads no Docker manifests."""
    archive, layout = f"docker-archive:{tmp_path / 'saved.tar'}:app:1", f"oci:{tmp_path / 'layout'}:{NAME}"
    assert run("copy", write_layout(tmp_path / "source", ZSTD), archive).code == 0
    back = run("copy", "--format", "oci", archive, layout)
    assert back.code == 0, back.err
    umoci("unpack", "--rootless", "--image", layout.removeprefix("oci:"), tmp_path / "bundle")
    assert regular_files(tmp_path / "bundle" / "rootfs") == files_of(ZSTD)


def test_umoci_takes_nothing_of_ours_for_garbage(run: Run, umoci: RunsPeer, tmp_path: Path) -> None:
    layout = tmp_path / "layout"
    samples = {"image": IMAGE, "index": INDEX, "nested": NESTED, "zstd": ZSTD, "artifact": ARTIFACT}
    for name, sample in samples.items():
        written = run("copy", write_layout(tmp_path / name, sample), f"oci:{layout}:{name}")
        assert written.code == 0, written.err
    umoci("gc", "--layout", layout)
    assert sorted(umoci("ls", "--layout", layout).split()) == sorted(samples)
    for sample in samples.values():
        assert_holds(layout, *parts(sample))


@every_store
def test_we_copy_what_umoci_made(run: Run, umoci: RunsPeer, place: Place, tmp_path: Path) -> None:
    """An image of two layers: ours, and one that umoci made of files on disk."""
    layout, added = tmp_path / "source", tmp_path / "added"
    write_layout(layout, IMAGE)
    added.mkdir()
    (added / "more").write_bytes(b"more\n")
    umoci("insert", "--rootless", "--image", f"{layout}:{NAME}", "--tag", "made", added, "/opt")
    umoci("config", "--image", f"{layout}:made", "--config.label", "made.by=umoci")
    made = json.loads(umoci("stat", "--json", "--image", f"{layout}:made"))
    layers = [each["layer"]["digest"] for each in made["history"] if each["layer"]]
    assert layers[0] == str(IMAGE.below[0].descriptor.digest)

    there = run("copy", *place.options("dest"), f"oci:{layout}:made", place.ours)
    assert there.code == 0, there.err
    back = run("copy", *place.options("src"), place.ours, f"oci:{tmp_path / 'back'}:{NAME}")
    assert back.code == 0, back.err
    root = Digest.parse(back.out.strip().rpartition("@")[2])
    assert there.out.strip().endswith(str(root))
    manifest = Manifest.parse((layout / "blobs" / "sha256" / root.encoded).read_bytes())
    assert [str(layer.digest) for layer in manifest.layers] == layers
    for descriptor in (manifest.descriptor, *manifest.successors()):
        path = Path("blobs", "sha256", descriptor.digest.encoded)
        assert (tmp_path / "back" / path).read_bytes() == (layout / path).read_bytes()
    umoci("raw", "unpack", "--rootless", "--image", f"{tmp_path / 'back'}:{NAME}", tmp_path / "rootfs")
    assert regular_files(tmp_path / "rootfs") == files_of(IMAGE) | {"opt/more": b"more\n"}


def test_the_tags_of_umoci_are_ours(run: Run, umoci: RunsPeer, tmp_path: Path) -> None:
    layout = tmp_path / "layout"
    write_layout(layout, IMAGE)
    umoci("tag", "--image", f"{layout}:{NAME}", "again")
    copied = run("copy", "--all-tags", "--json", f"oci:{layout}", f"oci:{tmp_path / 'copy'}").json["copied"]
    assert {each["name"]: each["digest"] for each in copied} == {NAME: digest(IMAGE), "again": digest(IMAGE)}
