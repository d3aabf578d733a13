"""A demanding image, written by GNU tar and Debian's umoci: all that a layer may hold, and how it is looked at file by file."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import stat
import subprocess
import tarfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from tests.commands import Run

from .conftest import RunsPeer, RunsSkopeo, find_program

SPARSE: Final = ("--format=posix", "--sparse")
SPARSE_VERSIONS: Final = ("0.0", "0.1", "1.0")
LONG: Final = "usr/share/" + "/".join(["a-long-name" * 5] * 2)  # more than 100 bytes, which is one field of a header
LONGER: Final = "usr/share/" + "/".join(["a-longer-name" * 6] * 5)  # more than 255, which are both
OWNER: Final = (1000, 2_500_000)  # the second is more than seven octal digits
CAPABILITY: Final = bytes.fromhex("0100000200200000000000000000000000000000")  # cap_net_raw=ep
EARLIER: Final = 1_000_000_000

AS_ROOT: Final = os.geteuid() == 0


# --- What is looked at ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Entry:
    """What one path of a file system is; times are in whole seconds, and of folders none: unpacking changes them."""

    kind: str
    mode: int
    owner: tuple[int, int]
    mtime: int
    size: int
    digest: str
    target: str
    device: int
    twins: tuple[bytes, ...]  # the names of one file, where it has several
    attributes: tuple[tuple[str, bytes], ...]


Tree = dict[bytes, Entry]


def survey(folder: Path) -> Tree:
    """Everything that is in a folder, by its path."""
    nodes = {path: path.lstat() for path in folder.rglob("*")}
    names: dict[int, list[bytes]] = {}
    for path, node in nodes.items():
        names.setdefault(node.st_ino, []).append(_name(path, folder))
    return {_name(path, folder): _entry(path, node, names[node.st_ino]) for path, node in nodes.items()}


def _name(path: Path, folder: Path) -> bytes:
    return os.fsencode(path.relative_to(folder))


def _entry(path: Path, node: os.stat_result, names: list[bytes]) -> Entry:
    is_file = stat.S_ISREG(node.st_mode)
    keys = os.listxattr(path, follow_symlinks=False)
    attributes = {key: os.getxattr(path, key, follow_symlinks=False) for key in keys}
    return Entry(
        kind=stat.filemode(node.st_mode)[0],
        mode=stat.S_IMODE(node.st_mode),
        owner=(node.st_uid, node.st_gid),
        mtime=0 if stat.S_ISDIR(node.st_mode) else int(node.st_mtime),
        size=node.st_size if is_file else 0,
        digest=hashlib.sha256(path.read_bytes()).hexdigest() if is_file else "",
        target=str(path.readlink()) if path.is_symlink() else "",
        device=node.st_rdev,
        twins=tuple(sorted(names)) if len(names) > 1 else (),
        attributes=tuple(sorted(attributes.items())),
    )


# --- The image ------------------------------------------------------------------------------------


def fill(folder: Path) -> None:
    """Make what the lowest layer has: owners, modes, times, attributes, devices, links and long names."""
    for name in ("etc", "opt/deep", "var/gone", "bin", "swap/folder", "empty", "tmp", LONG, LONGER):
        (folder / name).mkdir(parents=True)
    for name, content in {
        "etc/a": b"old a\n", "etc/b": b"b\n", "etc/zero": b"", "opt/deep/below": b"x", "var/gone/file": b"y",
        "bin/run": b"#!/bin/sh\n", "swap/file": b"file\n", "swap/folder/in": b"in\n", "swap/link": b"no link\n",
        f"{LONG}/file": b"long\n" * 1000, f"{LONGER}/file": b"longer\n", "etc/schön": "naïve ☃\n".encode(),
        "etc/ two  spaces": b"\n", "etc/new\nline": b"\xff\x00",
    }.items():  # fmt: skip
        (folder / name).write_bytes(content)
    (folder / "latest").symlink_to("etc/a")
    (folder / "etc/long-link").symlink_to(f"../{LONGER}/file")
    (folder / "etc/nowhere").symlink_to("/not/there")
    (folder / "bin/again").hardlink_to(folder / "etc/b")
    (folder / "opt/again").hardlink_to(folder / "etc/b")
    os.mkfifo(folder / "tmp/pipe", 0o640)
    os.mknod(folder / "tmp/null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    os.mknod(folder / "tmp/disk", 0o660 | stat.S_IFBLK, os.makedev(259, 70_000))
    os.lchown(folder / "latest", *OWNER)
    os.chown(folder / "etc/a", *OWNER)
    for name, mode in {"bin/run": 0o4755, "tmp": 0o1777, "opt": 0o2711, "etc/zero": 0o000, "tmp/null": 0o666}.items():
        (folder / name).chmod(mode)
    os.setxattr(folder / "bin/run", "security.capability", CAPABILITY)
    os.setxattr(folder / "etc/a", "user.note", b"any\0 bytes\n\xff=")
    os.setxattr(folder / "opt", "user.folder", b"of a folder")
    os.utime(folder / "etc/b", ns=(EARLIER * 10**9, EARLIER * 10**9 + 123_456_789))
    os.utime(folder / "bin/run", (EARLIER, EARLIER))


def fill_gnu(folder: Path) -> None:
    """Make what GNU's own form has other headers for, and names that are no text."""
    (folder / "gnu" / LONGER).mkdir(parents=True)
    (folder / "gnu" / LONGER / "file").write_bytes(b"gnu\n")
    (folder / "gnu/link").symlink_to("x/" * 100)
    (folder / "gnu/again").hardlink_to(folder / "gnu" / LONGER / "file")
    (folder / "gnu").joinpath(os.fsdecode(b"latin-\xe9")).write_bytes(b"no UTF-8\n")
    os.chown(folder / "gnu/again", *OWNER)


def fill_sparse(folder: Path, name: str) -> None:
    """Make a file of holes: so many that the map of it takes more than one header."""
    (folder / "sparse").mkdir()
    with (folder / "sparse" / name).open("wb") as file:
        for number in range(30):
            file.seek(number * 65_536 + 4096)
            file.write(bytes([number]) * 4096)
        file.truncate(2_000_000)


def write_odd_layer(folder: Path) -> Path:
    """A tar of what tar reads, and one or the other peer does not: GNU's old sparse files, a header for all, a path twice, and
    a time before 1970."""
    path = packed(folder / "sparse-old", partial(fill_sparse, name="old"), "--format=gnu", "--sparse")
    twice = [("odd", b"first\n"), ("odd", b"second, and longer\n")]
    more = tar(folder / "more.tar", member("early", mtime=-86_400), *twice, headers={"comment": "for all"})
    subprocess.run([find_program("tar"), "--concatenate", f"--file={path}", more], check=True)
    return path


def pack(folder: Path, *options: str) -> Path:
    """What GNU tar makes of a folder."""
    path = folder.with_name(f"{folder.name}.tar")
    words = [find_program("tar"), "--create", f"--file={path}", "--sort=name", "--numeric-owner", *options]
    subprocess.run([*words, "--directory", folder, "."], check=True, capture_output=True)
    return path


def member(
    name: str, kind: bytes = tarfile.DIRTYPE, link: str = "", mode: int = 0o755, mtime: int = EARLIER
) -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type, found.linkname, found.mode, found.mtime = kind, link, mode, mtime
    return found


def tar(path: Path, *members: tarfile.TarInfo | tuple[str, bytes], headers: Mapping[str, str] | None = None) -> Path:
    """A tar of folders, links and files, in this order; `headers` are said once for all."""
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT, pax_headers=headers) as archive:
        for each in members:
            if isinstance(each, tarfile.TarInfo):
                archive.addfile(each)
                continue
            file = member(each[0], tarfile.REGTYPE, mode=0o640)
            file.size = len(each[1])
            archive.addfile(file, io.BytesIO(each[1]))
    return path


def packed(folder: Path, filling: Callable[[Path], None], *options: str) -> Path:
    """The tar of a new folder that something was put into."""
    folder.mkdir()
    filling(folder)
    return pack(folder, *options)


def write_layers(folder: Path) -> list[Path]:
    """The tars of the demanding image, lowest first. Only root can make what is in them."""
    sparse = [
        packed(folder / f"sparse-{version}", partial(fill_sparse, name=version), *SPARSE, f"--sparse-version={version}")
        for version in SPARSE_VERSIONS
    ]
    return [
        packed(folder / "base", fill, "--format=posix", "--xattrs", "--xattrs-include=*"),
        packed(folder / "gnu", fill_gnu, "--format=gnu"),
        *sparse,
        tar(folder / "nothing.tar"),
        tar(
            folder / "top.tar",
            ("etc/a", b"new a\n"), ("etc/.wh.b", b""), ("etc/.wh.schön", b""), ("opt/.wh..wh..opq", b""),
            ("opt/above", b"z"), ("var/.wh.gone", b""), member("swap"), member("swap/file"),
            ("swap/file/in", b"a folder now\n"), ("swap/folder", b"a file now\n"),
            member("swap/link", tarfile.SYMTYPE, "file/in"), member("linked"),
            member("linked/below", tarfile.LNKTYPE, "bin/run", 0o4755), member("linked/same", tarfile.LNKTYPE, "etc/a", 0o640),
            ("tmp/.wh.disk", b""),
        ),
    ]  # fmt: skip


def write_image(umoci: RunsPeer, layout: Path, tag: str, layers: Iterable[Path]) -> str:
    """An image of tars, that umoci puts into a layout: nothing of it is ours."""
    image = f"{layout}:{tag}"
    if not layout.exists():
        umoci("init", "--layout", layout)
    umoci("new", "--image", image)
    umoci("config", "--image", image, "--config.env", "HOME=/", "--config.cmd", "/bin/run")
    for layer in layers:
        umoci("raw", "add-layer", "--image", image, layer)
    return f"oci:{image}"


# --- The judges -----------------------------------------------------------------------------------


def lay(layer: Path, folder: Path) -> None:
    """Put a plain tar over a folder by GNU tar, after what its whiteouts say."""
    with tarfile.open(layer) as archive:
        for each in archive:
            path = folder / each.name
            if path.name == ".wh..wh..opq":
                for below in path.parent.iterdir():
                    remove(below)
            elif path.name.startswith(".wh."):
                remove(path.with_name(path.name.removeprefix(".wh.")))
            elif not each.isdir() and path.is_dir() and not path.is_symlink():
                remove(path)
    untar(layer, folder, "--exclude=.wh.*")


def remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def untar(path: Path, folder: Path, *options: str) -> None:
    """Unpack with owners, modes and attributes."""
    words = [find_program("tar"), "--extract", f"--file={path}", f"--directory={folder}", "--preserve-permissions"]
    words += ["--same-owner", "--numeric-owner", "--xattrs", "--xattrs-include=*", "--warning=no-timestamp", *options]
    subprocess.run(words, check=True)


def by_umoci(umoci: RunsPeer, image: str, folder: Path) -> Tree:
    umoci("raw", "unpack", "--image", image.removeprefix("oci:"), folder)
    return survey(folder)


def by_buildah(buildah: RunsPeer, image: str) -> Tree:
    """What is in a container of it."""
    found = buildah("pull", "--quiet", image).strip()
    container = buildah("from", "--quiet", found).strip()
    return survey(Path(buildah("mount", container).strip()))


def by_skopeo(skopeo: RunsSkopeo, image: str, folder: Path) -> Tree:
    """What tar makes of the layers that skopeo copied and unpacked, one over the other."""
    copied = skopeo("copy", "--dest-decompress", image, f"dir:{folder}/copied")
    assert copied.returncode == 0, copied.stderr
    manifest = json.loads((folder / "copied" / "manifest.json").read_bytes())
    (folder / "files").mkdir()
    for layer in manifest["layers"]:
        lay(folder / "copied" / layer["digest"].partition(":")[2], folder / "files")
    return survey(folder / "files")


def by_tar(run: Run, image: str, folder: Path) -> Tree:
    """What tar makes of our export."""
    path, files = folder / "export.tar", folder / "files"
    done = run("export", "-o", str(path), image)
    assert done.code == 0, done.err
    files.mkdir()
    untar(path, files)
    return survey(files)
