"""Surgery, judged by others: umoci and skopeo read what came of it, and unpack the files that tar found in our export."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import tarfile
from pathlib import Path

import pytest

from pratique.image.layers.bench import EARLY_BYTES
from tests.commands import Run

from .ballast import member, tar
from .cargo import CREDS, IMAGE, NAME, PASSWORD, USER, write_layout
from .conftest import RunsPeer, RunsSkopeo, StartsRegistry

LONG = "usr/share/" + "/".join(["a-long-name" * 5] * 4)
LAYERS = (
    (
        member("etc"), ("etc/a", b"old a\n"), ("etc/b", b"b\n"), member("etc/link-to-b", tarfile.LNKTYPE, "etc/b", 0o640),
        member("opt"), ("opt/below", b"x"), member("var"), ("var/gone", b"y"),
        member("latest", tarfile.SYMTYPE, "etc/a"), (LONG, b"long\n" * 1000),
    ),
    (("etc/a", b"new a\n"), ("etc/.wh.b", b""), ("opt/.wh..wh..opq", b""), ("opt/above", b"z"), (".wh.var", b"")),
    (("etc/c", b"c\n" * 70_000), member("bin", mode=0o711), ("bin/ünï", b"\xff\x00")),
)  # fmt: skip


@pytest.fixture
def layout(run: Run, umoci: RunsPeer, tmp_path: Path) -> str:
    """An image that umoci began and we put layers on."""
    folder = tmp_path / "layout"
    umoci("init", "--layout", folder)
    umoci("new", "--image", f"{folder}:empty")
    paths = [tmp_path / f"{number}.tar" for number in range(len(LAYERS))]
    for path, layer in zip(paths, LAYERS, strict=True):
        tar(path, *layer)
    done = run("append", f"oci:{folder}:empty", *map(str, paths), "--tag", NAME)
    assert done.code == 0, done.err
    return f"oci:{folder}"


Tree = dict[str, tuple[str, int, bytes]]


def tree(folder: Path) -> Tree:
    """What is in a folder: kind, permissions and content of everything."""
    found: Tree = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = ("link", 0, os.fsencode(path.readlink()))
        elif path.is_dir():
            found[name] = ("folder", path.stat().st_mode, b"")
        else:
            found[name] = ("file", path.stat().st_mode, path.read_bytes())
    return found


def unpacked(umoci: RunsPeer, image: str, folder: Path) -> Tree:
    """What umoci makes of an image of a layout."""
    umoci("raw", "unpack", "--rootless", "--image", image.removeprefix("oci:"), folder)
    return tree(folder)


def test_tar_unpacks_our_export_to_what_umoci_unpacks(run: Run, umoci: RunsPeer, layout: str, tmp_path: Path) -> None:
    file, folder = tmp_path / "files.tar", tmp_path / "files"
    assert run("export", "-o", str(file), f"{layout}:{NAME}").code == 0
    folder.mkdir()
    subprocess.run(["tar", "-xpf", file, "-C", folder], check=True)
    found = tree(folder)
    assert found == unpacked(umoci, f"{layout}:{NAME}", tmp_path / "umoci")
    assert found["etc/link-to-b"][2] == b"b\n"  # whose first name is gone
    assert found["etc/a"][2] == b"new a\n"
    assert {"etc/b", "opt/below", "var"} & set(found) == set()
    listed = {line.rstrip("/") for line in run("ls-files", f"{layout}:{NAME}").out.splitlines()}
    assert {name for name, (kind, *_) in found.items() if kind != "folder"} <= listed <= set(found)


@pytest.mark.parametrize(
    "words",
    [
        ["flatten"],
        ["flatten", "--compression", "none"],
        ["recompress", "--compression", "none"],
        ["recompress", "--compression", "gzip", "--level", "9"],
        ["mutate", "--env", "A=b"],
    ],
    ids=" ".join,
)
def test_umoci_unpacks_the_same_files_of_what_was_changed(
    run: Run, umoci: RunsPeer, layout: str, tmp_path: Path, words: list[str]
) -> None:
    done = run(*words, f"{layout}:{NAME}", "--tag", "changed")
    assert done.code == 0, done.err
    assert unpacked(umoci, f"{layout}:changed", tmp_path / "after") == unpacked(
        umoci, f"{layout}:{NAME}", tmp_path / "before"
    )
    assert run("validate", f"{layout}:changed").code == 0


@pytest.mark.parametrize("words", [["flatten"], ["recompress", "--compression", "zstd"]], ids=" ".join)
def test_skopeo_copies_what_was_changed_and_verifies_it(
    run: Run, skopeo: RunsSkopeo, layout: str, tmp_path: Path, words: list[str]
) -> None:
    done = run(*words, f"{layout}:{NAME}", "--tag", "changed")
    assert done.code == 0, done.err
    copied = f"oci:{tmp_path}/copied:1"
    moved = skopeo("copy", f"{layout}:changed", copied)
    assert moved.returncode == 0, moved.stderr
    assert run("validate", copied).code == 0
    files = [run("ls-files", place).out for place in (f"{layout}:{NAME}", copied)]
    assert files[0] == files[1]


@pytest.mark.parametrize(
    "words", [["flatten"], ["recompress", "--compression", "zstd"], ["mutate", "--cmd", "serve --all"]], ids=" ".join
)
def test_buildah_takes_what_was_changed_into_its_storage(
    run: Run, buildah: RunsPeer, layout: str, tmp_path: Path, words: list[str]
) -> None:
    done = run(*words, f"{layout}:{NAME}", "--tag", "changed")
    assert done.code == 0, done.err
    image = buildah("pull", "--quiet", f"{layout}:changed").strip()
    buildah("push", "--quiet", image, f"oci:{tmp_path}/pushed:1")  # from the files that it unpacked
    files = [run("ls-files", place).out for place in (f"{layout}:changed", f"oci:{tmp_path}/pushed:1")]
    assert files[0] == files[1]
    assert run("diff", "--json", f"{layout}:changed", f"oci:{tmp_path}/pushed:1").json["files"] == []


@pytest.mark.parametrize("compression", ["gzip", "zstd", "none"])
def test_what_their_registry_was_sent_while_it_was_packed_is_what_was_packed(
    run: Run, skopeo: RunsSkopeo, docker_registry: StartsRegistry, tmp_path: Path, compression: str
) -> None:
    registry = docker_registry(users={USER: PASSWORD})
    content = os.urandom(3 * EARLY_BYTES)
    layer = tar(tmp_path / "large.tar", ("large", content))
    words = f"append --creds {CREDS} --compression {compression} --progress json --platform linux/amd64 scratch".split()
    done = run(*words, str(layer), "--to", f"{registry.address}/app:1")
    assert done.code == 0, done.err
    assert json.loads(done.err.splitlines()[0])["event"] == "advanced"
    theirs = ("--src-tls-verify=false", "--src-creds", CREDS, f"docker://{registry.address}/app:1")
    pulled = skopeo("copy", "--dest-decompress", *theirs, f"dir:{tmp_path}/copied")
    assert pulled.returncode == 0, pulled.stderr
    [found] = json.loads((tmp_path / "copied" / "manifest.json").read_bytes())["layers"]
    with tarfile.open(tmp_path / "copied" / found["digest"].removeprefix("sha256:")) as archive:
        file = archive.extractfile("large")
        assert file
        assert file.read() == content
    registry.stop()
    early = [line for line in registry.log if "method=PATCH" in line and "status=202" in line]
    assert len(early) == 1, registry.log


SETTINGS = (
    "--entrypoint /bin/run --cmd serve\\ --all --user 1000:1000 --workdir /srv --stop-signal SIGUSR1 --env A=b=c --env PATH=/bin "
    "--label org.example.name=harbour --port 8080 --volume /data --annotation a=b --created 2026-01-31T12:00:00Z"
)


@pytest.mark.parametrize("form", ["oci", "docker"])
def test_what_several_commands_made_is_taken_by_their_registry_and_read_by_all(
    run: Run,
    skopeo: RunsSkopeo,
    buildah: RunsPeer,
    docker_registry: StartsRegistry,
    tmp_path: Path,
    form: str,
) -> None:
    """One image, six commands in a row; each takes what the one before it left in Debian's registry."""
    there = f"{docker_registry().address}/app"
    (tmp_path / "run").write_bytes(b"#!/bin/sh\n")
    rows = [
        f"copy {write_layout(tmp_path / 'layout', IMAGE)} {there}:0",
        f"append {there}:0 {tmp_path}/run:/bin/run --tag 1",
        f"layer edit --strip usr/** {there}:1 --tag 2",
        f"squash-time --time 2026-01-31T12:00:00Z {there}:2 --tag 3",
        f"mutate {SETTINGS} {there}:3 --tag 4",
        f"flatten {there}:4 --tag 5",
        f"recompress --level 9 {there}:5 --tag 6",
        f"convert --format {form} {there}:6 --tag 7",
    ]
    for row in rows:
        done = run(*shlex.split(row))
        assert done.code == 0, done.err
    shown = skopeo("inspect", "--config", "--tls-verify=false", f"docker://{there}:7")
    config = json.loads(shown.stdout)
    assert config["created"] == "2026-01-31T12:00:00Z"
    assert config["config"] | {"Labels": config["config"]["Labels"]} == {
        "Entrypoint": ["/bin/run"],
        "Cmd": ["serve", "--all"],
        "User": "1000:1000",
        "WorkingDir": "/srv",
        "StopSignal": "SIGUSR1",
        "Env": ["A=b=c", "PATH=/bin"],
        "Labels": {"org.example.name": "harbour"},
        "ExposedPorts": {"8080/tcp": {}},
        "Volumes": {"/data": {}},
    }
    image = buildah("pull", "--quiet", "--tls-verify=false", f"docker://{there}:7").strip()
    seen = json.loads(buildah("inspect", "--type", "image", image))
    assert seen["Docker"]["config"]["Cmd"] == ["serve", "--all"]
    assert seen["OCIv1"]["config"]["Entrypoint"] == ["/bin/run"]
    assert len(seen["OCIv1"]["rootfs"]["diff_ids"]) == 1
    manifest = json.loads(skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{there}:7").stdout)
    assert ("docker" in manifest["mediaType"]) == (form == "docker")
    assert [layer["mediaType"].rpartition(".")[2] for layer in manifest["layers"]] == [
        "gzip" if form == "docker" else "tar+gzip"
    ]
