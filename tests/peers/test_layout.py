"""Layouts and directories between us, Debian's skopeo and Debian's umoci."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pratique.image.sample import Sample, index
from pratique.spec.descriptor import Descriptor
from pratique.spec.platform import Platform
from pratique.stores.base import NAMELESS, Source
from pratique.stores.directory import Directory
from pratique.stores.files import FolderFiles
from pratique.stores.layout import Layout
from tests.commands import Run
from tests.stores.contract import bare, nested, push, several, single

from .conftest import RunsPeer, RunsSkopeo

PLATFORMS = ("linux/amd64", "linux/arm64", "linux/arm/v7")
THREE = index(single("three", Platform.parse(platform)) for platform in PLATFORMS)
SAMPLES = pytest.mark.parametrize("sample", [single(), several(), THREE], ids=["image", "two", "three"])


def layout(folder: Path) -> Layout:
    return Layout(FolderFiles(folder))


def succeeds(ran: subprocess.CompletedProcess[str]) -> str:
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def read(source: Source, descriptor: Descriptor) -> bytes:
    with source.open(descriptor) as stream:
        return stream.read()


def assert_holds(source: Source, sample: Sample, name: str) -> None:
    """The root has its digest under its name, and everything below it is there byte for byte."""
    assert source.resolve(name) == bare(sample.root.descriptor)
    for part in (*sample.below, sample.root):
        assert read(source, part.descriptor) == part.raw


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# --- skopeo ---------------------------------------------------------------------------------------


@SAMPLES
def test_skopeo_writes_from_our_layout_what_we_write_as_a_directory(
    skopeo: RunsSkopeo, tmp_path: Path, sample: Sample
) -> None:
    push(layout(tmp_path / "ours"), sample, ["1.0"])
    push(Directory(tmp_path / "directory"), sample, [NAMELESS])
    succeeds(skopeo("copy", "--all", f"oci:{tmp_path}/ours:1.0", f"dir:{tmp_path}/theirs"))
    assert files(tmp_path / "theirs") == files(tmp_path / "directory")


@SAMPLES
def test_we_read_the_directory_that_skopeo_wrote(skopeo: RunsSkopeo, tmp_path: Path, sample: Sample) -> None:
    push(layout(tmp_path / "ours"), sample, ["1.0"])
    succeeds(skopeo("copy", "--all", f"oci:{tmp_path}/ours:1.0", f"dir:{tmp_path}/theirs"))
    assert_holds(Directory(tmp_path / "theirs"), sample, NAMELESS)
    push(Directory(tmp_path / "theirs"), single("next"), [NAMELESS])
    assert_holds(Directory(tmp_path / "theirs"), single("next"), NAMELESS)


@SAMPLES
def test_we_read_the_layout_that_skopeo_wrote_and_write_on(skopeo: RunsSkopeo, tmp_path: Path, sample: Sample) -> None:
    push(Directory(tmp_path / "ours"), sample, [NAMELESS])
    theirs = tmp_path / "theirs"
    succeeds(skopeo("copy", "--all", f"dir:{tmp_path}/ours", f"oci:{theirs}:1.0"))
    assert_holds(layout(theirs), sample, "1.0")
    assert_holds(layout(theirs), sample, NAMELESS)
    push(layout(theirs), single("second"), ["2.0"])
    assert succeeds(skopeo("inspect", "--raw", f"oci:{theirs}:2.0")).encode() == single("second").root.raw
    succeeds(skopeo("copy", f"oci:{theirs}:2.0", f"oci:{theirs}:3.0"))
    assert layout(theirs).resolve("3.0") == bare(single("second").root.descriptor)
    assert_holds(layout(theirs), sample, "1.0")


def test_skopeo_reads_an_only_image_without_a_name(skopeo: RunsSkopeo, tmp_path: Path) -> None:
    push(layout(tmp_path / "ours"), several(), [NAMELESS])
    assert succeeds(skopeo("inspect", "--raw", f"oci:{tmp_path}/ours")).encode() == several().root.raw
    succeeds(skopeo("copy", "--all", f"oci:{tmp_path}/ours", f"oci:{tmp_path}/theirs"))
    assert_holds(layout(tmp_path / "theirs"), several(), NAMELESS)


def test_skopeo_reads_the_root_of_a_nested_index(skopeo: RunsSkopeo, tmp_path: Path) -> None:
    # Version 1.9 reads no further: it copies no index that lists an index.
    push(layout(tmp_path / "ours"), nested(), ["1.0"])
    push(Directory(tmp_path / "directory"), nested(), [NAMELESS])
    for location in (f"oci:{tmp_path}/ours:1.0", f"dir:{tmp_path}/directory"):
        assert succeeds(skopeo("inspect", "--raw", location)).encode() == nested().root.raw


def test_what_we_deleted_skopeo_does_not_find(skopeo: RunsSkopeo, tmp_path: Path) -> None:
    ours = layout(tmp_path / "ours")
    push(ours, single(), ["1.0", "2.0"])
    ours.delete("2.0")
    assert skopeo("inspect", "--raw", f"oci:{tmp_path}/ours:2.0").returncode != 0
    succeeds(skopeo("inspect", f"oci:{tmp_path}/ours:1.0"))


# --- umoci ----------------------------------------------------------------------------------------


def test_umoci_lists_and_unpacks_what_we_wrote(umoci: RunsPeer, tmp_path: Path) -> None:
    folder = tmp_path / "ours"
    push(layout(folder), single(), ["1.0"])
    push(layout(folder), nested(), ["nested"])
    assert umoci("ls", "--layout", folder).split() == ["1.0", "nested"]
    stat: dict[str, Any] = json.loads(umoci("stat", "--json", "--image", f"{folder}:1.0"))
    layers = [each["layer"]["digest"] for each in stat["history"] if each["layer"]]
    assert layers == [str(single().below[0].descriptor.digest)]
    umoci("raw", "unpack", "--rootless", "--image", f"{folder}:1.0", tmp_path / "rootfs")
    assert (tmp_path / "rootfs" / "hello").read_text() == "#!/bin/sh\necho hello\n"


def test_umoci_collects_no_garbage_where_there_is_none(umoci: RunsPeer, tmp_path: Path) -> None:
    folder = tmp_path / "ours"
    push(layout(folder), single(), ["1.0"])
    push(layout(folder), nested(), ["nested"])
    before = files(folder)
    umoci("gc", "--layout", folder)
    assert set(files(folder)) == set(before)
    layout(folder).delete("nested")
    umoci("gc", "--layout", folder)
    assert_holds(layout(folder), single(), "1.0")
    assert len(files(folder)) == 2 + len(single().below) + 1


def test_we_read_what_umoci_wrote_and_write_on(umoci: RunsPeer, tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    umoci("init", "--layout", folder)
    umoci("new", "--image", f"{folder}:empty")
    manifest = layout(folder).manifest("empty")
    for below in manifest.successors():
        assert len(read(layout(folder), below)) == below.size
    push(layout(folder), several(), ["two"])  # umoci itself tags images only
    push(layout(folder), single("one"), ["one"])
    umoci("tag", "--image", f"{folder}:one", "again")
    assert_holds(layout(folder), single("one"), "again")
    umoci("rm", "--image", f"{folder}:one")
    assert sorted(layout(folder).tags()) == ["again", "empty", "two"]
    assert_holds(layout(folder), several(), "two")
    assert layout(folder).manifest("empty") == manifest


# --- Commands -------------------------------------------------------------------------------------


def test_our_commands_read_and_name_what_skopeo_and_umoci_do(
    skopeo: RunsSkopeo, umoci: RunsPeer, run: Run, tmp_path: Path
) -> None:
    place = f"oci:{tmp_path}/ours"
    push(layout(tmp_path / "ours"), several(), ["1.0"])
    for target in (f"oci-archive:{tmp_path}/theirs.tar:1.0", f"dir:{tmp_path}/theirs"):
        succeeds(skopeo("copy", "--all", f"{place}:1.0", target))
        assert run("manifest", "get", target).out == succeeds(skopeo("inspect", "--raw", target))
    saved = f"docker-archive:{tmp_path}/saved.tar"
    succeeds(skopeo("copy", "--override-arch", "arm64", f"{place}:1.0", f"{saved}:app:1.0"))
    assert run("config", "get", saved).out == succeeds(skopeo("inspect", "--config", "--raw", saved))
    assert run("tags", "--json", saved).json["tags"] == json.loads(succeeds(skopeo("list-tags", saved)))["Tags"]
    assert run("tag", f"{place}:1.0", "1").code == 0
    assert succeeds(skopeo("inspect", "--raw", f"{place}:1")) == run("manifest", "get", f"{place}:1").out
    push(layout(tmp_path / "ours"), single(), ["one"])  # umoci takes an index for several images
    assert run("tag", f"{place}:one", "single").code == 0
    umoci("tag", "--image", f"{tmp_path}/ours:single", "stable")
    assert sorted(run("tags", place).out.split()) == sorted(umoci("list", "--layout", tmp_path / "ours").split())
    assert run("digest", f"{place}:stable").out == f"{single().root.descriptor.digest}\n"
