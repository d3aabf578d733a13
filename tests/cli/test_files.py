"""Commands that read, on layouts, archives and directories."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pratique.spec.digest import Digest
from pratique.stores.files import FolderFiles
from pratique.stores.layout import Layout
from tests.commands import Run
from tests.registries import push, sample

INDEX = str(sample().root.descriptor.digest)
OLD = str(sample("old").root.descriptor.digest)
ARM64 = str(sample().below[-1].descriptor.digest)


@pytest.fixture(autouse=True)
def stores(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A layout with two indexes, and one of them in an archive, in a directory and, an image of it, in Docker's archive."""
    monkeypatch.chdir(tmp_path)
    layout = Layout(FolderFiles(Path("layout")))
    push(layout, sample(), "1.0", "latest")
    push(layout, sample("old"), "0.9")
    for target in ("oci-archive:app.tar:1.0", "dir:flat"):
        assert run("copy", "--quiet", "oci:layout:1.0", target).code == 0
    platform = ["--platform", "linux/arm64"]
    assert run("copy", "--quiet", *platform, "oci:layout:1.0", "docker-archive:docker.tar:app:1.0").code == 0


def test_digest(run: Run) -> None:
    for place in ("oci:layout:1.0", "oci-archive:app.tar", "dir:flat", f"oci:layout@{INDEX}"):
        assert run("digest", place).out == f"{INDEX}\n"
        assert run("digest", "--platform", "linux/arm64", place).out == f"{ARM64}\n"
    assert run("digest", "--full-ref", "oci:layout:1.0").out == f"oci:layout@{INDEX}\n"
    found = run("digest", "--json", "oci:layout:1.0").json
    assert found == {"reference": "oci:layout:1.0", "repository": "oci:layout", "digest": INDEX}
    docker = run("digest", "--full-ref", "docker-archive:docker.tar:app:1.0").out.strip()
    assert run("manifest", "get", docker).out == run("manifest", "get", "docker-archive:docker.tar").out


def test_several_of_all_kinds_and_what_fails(run: Run) -> None:
    done = run("digest", "oci:layout:0.9", "oci:layout:2.0", "dir:flat")
    assert done.code == 1
    assert done.out == f"{OLD}  oci:layout:0.9\n{INDEX}  dir:flat\n"
    assert "has no '2.0'; hint: its names: 1.0, latest, 0.9" in done.err


def test_inspect(run: Run) -> None:
    for place in ("oci:layout:1.0", "oci-archive:app.tar:1.0", "dir:flat"):
        found = run("inspect", "--json", place).json
        assert (found["reference"], found["digest"]) == (place, INDEX)
        assert [image["platform"] for image in found["images"]] == ["linux/amd64", "linux/arm64"]
        assert f"Reference                         {place}\n" in run("inspect", place).out
    one = run("inspect", "--json", "--platform", "linux/arm64", "docker-archive:docker.tar").json
    assert [image["platform"] for image in one["images"]] == ["linux/arm64"]


def test_manifests_byte_for_byte(run: Run) -> None:
    raw = sample().root.raw.decode()
    for place in ("oci:layout:1.0", "oci-archive:app.tar", "dir:flat"):
        assert run("manifest", "get", place).out == raw
        assert Digest.of(run("manifest", "get", "--platform", "linux/arm64", place).out.encode()) == Digest.parse(ARM64)
    for place in (f"oci:layout@{ARM64}", f"dir:flat@{ARM64}"):
        assert run("manifest", "head", "--json", place).json["digest"] == ARM64


def test_configs(run: Run) -> None:
    images = ("docker-archive:docker.tar", f"dir:flat@{ARM64}", f"oci-archive:app.tar@{ARM64}")
    configs = [run("config", "get", place).out for place in images]
    assert len({*configs}) == 1
    assert json.loads(configs[0])["architecture"] == "arm64"
    assert run("config", "get", "oci:layout:1.0").code == 3


def test_blobs(run: Run) -> None:
    layer = run("manifest", "get", "--json", f"oci:layout@{ARM64}").json["manifest"]["layers"][0]
    for kind in ("oci:layout", "oci-archive:app.tar", "dir:flat"):
        place = f"{kind}@{layer['digest']}"
        assert run("blob", "head", "--json", place).json["size"] == layer["size"]
        assert run("blob", "get", "--output", "blob", place).code == 0
        assert str(Digest.of(Path("blob").read_bytes())) == layer["digest"]
    assert run("blob", "get", "oci:layout:1.0").code == 2
    missing = run("blob", "get", f"dir:flat@{Digest.of(b'nothing')}")
    assert (missing.code, missing.out) == (3, "")
    assert f"the directory flat has no blob {Digest.of(b'nothing')}" in missing.err


def test_a_blob_that_is_not_its_digest_is_not_kept(run: Run) -> None:
    layer = run("manifest", "get", "--json", f"oci:layout@{ARM64}").json["manifest"]["layers"][0]["digest"]
    blob = Path("layout/blobs/sha256") / layer.removeprefix("sha256:")
    blob.write_bytes(blob.read_bytes()[:-1] + b"!")
    assert run("blob", "get", "--output", "blob", f"oci:layout@{layer}").code == 5
    assert not Path("blob").exists()


def test_tags(run: Run) -> None:
    assert run("tags", "oci:layout").out == "1.0\nlatest\n0.9\n"
    assert run("tags", "--sort", "version", "--limit", "1", "oci:layout").out == "1.0\n"
    assert run("tags", "docker-archive:docker.tar").out == "docker.io/library/app:1.0\n"
    full = run("tags", "oci:layout", "oci-archive:app.tar").out
    assert full == "oci:layout:1.0\noci:layout:latest\noci:layout:0.9\noci-archive:app.tar:1.0\n"
    assert run("digest", "-", stdin=full).code == 0
    details = run("tags", "--details", "--json", "oci:layout").json
    assert details["repository"] == "oci:layout"
    assert [entry["digest"] for entry in details["tags"]] == [INDEX, INDEX, OLD]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["tags", "dir:flat"], 8, "the directory flat has no names"),
        (["tags", "oci:layout:1.0"], 2, "names what is in a store; hint: the store is oci:layout"),
        (["tags", "oci:nowhere"], 3, "no OCI layout at nowhere"),
        (["digest", "oci:layout"], 3, "has 3 images; hint: name one of: 1.0, latest, 0.9"),
        (["digest", "docker-archive:docker.tar:2.0"], 3, "hint: its images: docker.io/library/app:1.0"),
        (["digest", "https://r.test/app"], 2, "is a URL"),
        (["digest", "docker-daemon:app"], 2, "this kind of store is not known here"),
        (["tag", "oci-archive:app.tar:1.0", "2"], 8, "the archive app.tar cannot be changed"),
        (["tag", "docker-archive:docker.tar", "2"], 8, "cannot be given '2'"),
        (["tag", "dir:flat", "2"], 8, "cannot keep the name '2'"),
        (["delete", "oci:layout:1.0"], 8, "this command is for registries"),
        (["manifest", "delete", f"oci:layout@{INDEX}"], 8, "this command is for registries"),
        (["blob", "delete", f"oci:layout@{INDEX}"], 8, "this command is for registries"),
    ],
)
def test_what_cannot_be_says_so_in_one_line(run: Run, words: list[str], code: int, message: str) -> None:
    done = run(*words)
    assert (done.code, done.out, len(done.err.splitlines())) == (code, "", 1)
    assert message in done.err


def test_what_is_in_a_layout_gets_further_names(run: Run) -> None:
    done = run("tag", "oci:layout:1.0", "1", "stable")
    assert done.out == f"oci:layout:1@{INDEX}\noci:layout:stable@{INDEX}\n"
    assert run("digest", "oci:layout:stable").out == f"{INDEX}\n"
    assert run("tag", "--json", "oci:layout:0.9", "1").json == {
        "repository": "oci:layout", "digest": OLD, "tags": ["1"]
    }  # fmt: skip
    assert run("tags", "oci:layout").out.split() == ["1.0", "latest", "0.9", "stable", "1"]


def test_a_short_name_is_no_location_of_files(run: Run) -> None:
    assert run("digest", "--short-names", "oci:layout:1.0").out == f"{INDEX}\n"
