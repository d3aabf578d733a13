"""Surgery, judged by others: umoci and skopeo read what came of it, and unpack the files that tar found in our export."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.commands import Run

from .cargo import NAME
from .conftest import RunsPeer, RunsSkopeo


def tar(*members: tarfile.TarInfo | tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for each in members:
            if isinstance(each, tarfile.TarInfo):
                archive.addfile(each)
                continue
            name, content = each
            member = tarfile.TarInfo(name)
            member.size, member.mode, member.uid, member.gid = len(content), 0o640, os.getuid(), os.getgid()
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def member(name: str, kind: bytes, link: str = "", mode: int = 0o755) -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type, found.linkname, found.mode, found.uid, found.gid = kind, link, mode, os.getuid(), os.getgid()
    return found


LONG = "usr/share/" + "/".join(["a-long-name" * 5] * 4)
LAYERS = (
    tar(
        member("etc", tarfile.DIRTYPE), ("etc/a", b"old a\n"), ("etc/b", b"b\n"),
        member("etc/link-to-b", tarfile.LNKTYPE, "etc/b"),
        member("opt", tarfile.DIRTYPE), ("opt/below", b"x"), member("var", tarfile.DIRTYPE), ("var/gone", b"y"),
        member("latest", tarfile.SYMTYPE, "etc/a"), (LONG, b"long\n" * 1000),
    ),
    tar(("etc/a", b"new a\n"), ("etc/.wh.b", b""), ("opt/.wh..wh..opq", b""), ("opt/above", b"z"), (".wh.var", b"")),
    tar(("etc/c", b"c\n" * 70_000), member("bin", tarfile.DIRTYPE, mode=0o711), ("bin/ünï", b"\xff\x00")),
)  # fmt: skip


@pytest.fixture
def layout(run: Run, umoci: RunsPeer, tmp_path: Path) -> str:
    """An image that umoci began and we put layers on."""
    folder = tmp_path / "layout"
    umoci("init", "--layout", folder)
    umoci("new", "--image", f"{folder}:empty")
    paths = [tmp_path / f"{number}.tar" for number in range(len(LAYERS))]
    for path, layer in zip(paths, LAYERS, strict=True):
        path.write_bytes(layer)
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
