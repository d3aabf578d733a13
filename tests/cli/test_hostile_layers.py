"""Layers that somebody made with bad intent, or badly, and every command that reads layers: what is refused, and what is not.

Whatever comes of it is one line and an exit code, in bounded memory, and nothing is left behind.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from pratique.image.layers import header
from pratique.spec import media
from tests.commands import Ran, Run
from tests.unit.image.layers.tars import file, folder, layer, link, other, symlink

GOOD: Final = layer(file("good", b"g"))
REFUSED, TAKEN, MISMATCHED = 2, 0, 5


def extended(records: dict[str, str], kind: bytes = b"x") -> bytes:
    """An extended header, of one member or of all."""
    head = bytearray(header.extended(records))
    head[156:157] = kind
    return header.sealed(bytes(head[:512])) + bytes(head[512:])


def sparse(content: bytes, **records: str) -> bytes:
    said = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "good", "GNU.sparse.realsize": "10"}
    return extended({**said, **records}) + layer(file("s", content.ljust(512, b"\0")))


def chain(count: int) -> bytes:
    """Hard links to hard links: the last one of many leads to the only file."""
    return layer(file("l0", b"x"), *(link(f"l{number}", f"l{number - 1}") for number in range(1, count)))


LONG: Final = "v" * 900_000

# What is in a tar, and what comes of a command that reads it.
TARS: Final[dict[str, tuple[bytes, int]]] = {
    "text": (b"no tar at all" * 100, REFUSED),
    "truncated": (layer(file("a", b"a" * 2000))[:1024], REFUSED),
    "cut within a header": (GOOD + layer(file("b"))[:300], TAKEN),  # after the end of the tar
    "a header cut": (GOOD[:1024] + layer(file("b"))[:300], REFUSED),
    "a damaged header": (GOOD[:1024] + b"x" + layer(file("b"))[1:], REFUSED),
    "a name that leads out": (layer(file("../x", b"1")), REFUSED),
    "a name that leads out within": (layer(file("a/../../x", b"1")), REFUSED),
    "a name from the root": (layer(file("/good", b"1")), TAKEN),
    "a hard link that leads out": (layer(link("a", "../../etc/passwd")), REFUSED),
    "a hard link from the root": (layer(file("good"), link("a", "/good")), TAKEN),
    "a hard link to nothing": (layer(link("a", "nothing")), TAKEN),
    "a hard link to itself": (layer(link("a", "a")), TAKEN),
    "a symbolic link that leads out": (layer(symlink("a", "../../../etc/passwd"), file("a/x", b"1")), TAKEN),
    "a device": (layer(other("a", b"3", devmajor=1, devminor=3)), TAKEN),
    "no name": (layer(file(".")), REFUSED),
    "the same file twice": (layer(file("good", b"1"), file("good", b"22"), folder("d"), file("d", b"3")), TAKEN),
    "whiteouts of everything": (layer(file(".wh."), file(".wh.."), file(".wh..."), file(".wh..wh..opq")), TAKEN),
    "a file in a file": (layer(file("a", b"1"), file("a/b", b"2")), TAKEN),
    "a deep name": (layer(file("a/" * 1500 + "x", b"1")), TAKEN),
    "a long name": (layer(file("n/" * 2500)), REFUSED),
    "a negative size": (header.made(b"x", size=-5).headers, REFUSED),
    "an endless size": (header.made(b"x", size=1 << 62).headers, REFUSED),
    "a size of signs": (extended({"size": "+5"}) + GOOD, REFUSED),
    "digits of another script": (extended({"uid": "²", "GNU.sparse.realsize": "²"}) + GOOD, TAKEN),
    "a date that is none": (extended({"mtime": "soon"}) + GOOD, REFUSED),
    "many extended headers": (extended({"comment": LONG}) * 8 + GOOD, REFUSED),
    "many global headers": (b"".join(extended({f"k{n}": LONG}, b"g") for n in range(8)) + GOOD, REFUSED),
    "a sparse file without end": (sparse(b"1\n0\n0\n", **{"GNU.sparse.realsize": str(1 << 60)}), TAKEN),
    "a sparse file of many places": (sparse(b"999999999999\n0\n"), TAKEN),
    "a sparse file without a map": (sparse(b"junk" * 128), TAKEN),
    "hard links in a row": (chain(2000), TAKEN),
    "hard links in circles": (layer(link("a", "b"), link("b", "a"), link("c", "a")), TAKEN),
}

# What a command says of a layer that it reads without looking into it all: something else than of a tar as such.
OTHERWISE: Final = {
    ("cat", "a sparse file without end"): REFUSED,
    ("cat", "a sparse file of many places"): REFUSED,
    ("cat", "a sparse file without a map"): REFUSED,
    ("cat", "digits of another script"): REFUSED,  # by the standard library, which reads it
    ("export", "a date that is none"): TAKEN,  # members are copied as they stand
    ("flatten", "a date that is none"): TAKEN,
    ("validate", "a date that is none"): TAKEN,
    ("cat", "a date that is none"): TAKEN,
    ("append", "a date that is none"): TAKEN,
    ("layer edit", "a date that is none"): TAKEN,
}


def put(root: Path, raw: bytes, media_type: str, **lies: object) -> dict[str, Any]:
    digest = hashlib.sha256(raw).hexdigest()
    path = root / "blobs" / "sha256" / digest
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw)
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(raw), **lies}


def layout(root: Path, images: dict[str, list[tuple[bytes, bytes]]], **lies: dict[str, object]) -> str:
    """A layout of images; of each layer the tar that it says it is, and how it is packed. Lies are about a last layer."""
    entries = []
    for name, layers in images.items():
        listed = [put(root, packed, media.OCI_LAYER_GZIP) for _, packed in layers]
        listed[-1] |= lies.get(name, {})
        ids = [f"sha256:{hashlib.sha256(raw).hexdigest()}" for raw, _ in layers]
        said = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": ids}}
        config = put(root, json.dumps(said).encode(), media.OCI_CONFIG)
        document = {"schemaVersion": 2, "mediaType": media.OCI_MANIFEST, "config": config, "layers": listed}
        named = {"annotations": {"org.opencontainers.image.ref.name": name}}
        entries.append(put(root, json.dumps(document).encode(), media.OCI_MANIFEST, **named))
    (root / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (root / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": entries}))
    return f"oci:{root}"


def packed(raw: bytes) -> tuple[bytes, bytes]:
    return raw, gzip.compress(raw, 1, mtime=0)


COMMANDS: Final[dict[str, Callable[[str, Path], list[str]]]] = {
    "export": lambda place, folder: ["export", "--output", f"{folder}/out.tar", f"{place}:it"],
    "ls-files": lambda place, _: ["ls-files", "--long", "--digests", f"{place}:it"],
    "cat": lambda place, folder: ["cat", "--output", f"{folder}/out", f"{place}:it", "good"],
    "diff": lambda place, _: ["diff", f"{place}:it", f"{place}:good"],
    "validate": lambda place, _: ["validate", f"{place}:it"],
    "flatten": lambda place, _: ["flatten", f"{place}:it", "--tag", "new"],
    "layer edit": lambda place, _: ["layer", "edit", "--strip", "nothing", f"{place}:it", "--tag", "new"],
    "squash-time": lambda place, _: ["squash-time", "--time", "1", f"{place}:it", "--tag", "new"],
    "recompress": lambda place, _: ["recompress", "--compression", "none", f"{place}:it", "--tag", "new"],
    "append": lambda place, folder: ["append", f"{place}:good", f"{folder}/evil.tar", "--tag", "new"],
}


def files(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}


def tried(run: Run, command: str, place: str, tmp_path: Path, temporary: Path) -> Ran:
    """Run a command; where it fails nothing was made, and nothing is left."""
    before = files(tmp_path)
    done = run(*COMMANDS[command](place, tmp_path))
    assert "internal error" not in done.err
    assert "Traceback" not in done.err
    assert list(temporary.iterdir()) == []
    if done.code and command != "diff":
        assert files(tmp_path) == before
        assert not command.startswith("validate") or "1 problem" in done.out
    return done


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("name", TARS)
@pytest.mark.parametrize("is_lowest", [False, True], ids=["above", "below"])
def test_tars(run: Run, command: str, name: str, is_lowest: bool, tmp_path: Path, temporary: Path) -> None:
    raw, code = TARS[name]
    evil = [packed(raw), packed(layer(file("high")))] if is_lowest else [packed(GOOD), packed(raw)]
    place = layout(tmp_path / "layout", {"it": evil, "good": [packed(GOOD)]})
    (tmp_path / "evil.tar").write_bytes(raw)
    done = tried(run, command, place, tmp_path, temporary)
    code = OTHERWISE.get((command, name), code)
    if command == "diff":
        assert done.code == (code or 1)  # the images differ
    elif command == "recompress":
        assert done.code == TAKEN  # the tar stays as it is, whatever is in it
    elif command == "cat" and not code:
        assert done.code in (TAKEN, 3)  # where there is such a file
    else:
        assert done.code == code
    assert len(done.err.splitlines()) <= 2


# --- What is around the tar

TAR: Final = layer(file("good", b"g" * 3000))
LIES: Final[dict[str, tuple[tuple[bytes, bytes], dict[str, object], int]]] = {
    "a size that is too small": (packed(TAR), {"size": len(packed(TAR)[1]) - 1}, MISMATCHED),
    "a size that is too large": (packed(TAR), {"size": len(packed(TAR)[1]) + 1}, MISMATCHED),
    "another content than the digest's": (packed(TAR), {"damage": True}, MISMATCHED),
    "gzip that is cut": ((TAR, gzip.compress(TAR)[:-9]), {}, REFUSED),
    "gzip that is damaged": ((TAR, gzip.compress(TAR)[:-8] + bytes(8)), {}, REFUSED),
    "no gzip": ((TAR, TAR), {}, TAKEN),
    "zstd in name only": (packed(TAR), {"mediaType": f"{media.OCI_LAYER}+zstd"}, TAKEN),
    "another tar than the diff id's": ((GOOD, packed(TAR)[1]), {}, TAKEN),
}
TOLD: Final = {  # to whoever asks whether it is right
    ("validate", "no gzip"): 7,
    ("validate", "zstd in name only"): 7,
    ("validate", "another tar than the diff id's"): MISMATCHED,
    ("recompress", "another tar than the diff id's"): MISMATCHED,
}


@pytest.mark.parametrize("command", sorted(COMMANDS.keys() - {"append"}))
@pytest.mark.parametrize("name", LIES)
def test_lies(run: Run, command: str, name: str, tmp_path: Path, temporary: Path) -> None:
    evil, lies, code = LIES[name]
    is_damaged = "damage" in lies
    images = {"good": [packed(GOOD)], "it": [evil]}
    place = layout(tmp_path / "layout", images, **({} if is_damaged else {"it": lies}))
    if is_damaged:
        path = tmp_path / "layout" / "blobs" / "sha256" / hashlib.sha256(evil[1]).hexdigest()
        path.write_bytes(gzip.compress(layer(file("good", b"h" * 3000)), 1)[: len(evil[1])].ljust(len(evil[1]), b"x"))
    done = tried(run, command, place, tmp_path, temporary)
    code = TOLD.get((command, name), code)
    assert done.code == (code or 1 if command == "diff" else code), done.err


# --- Memory

MEASURING: Final = """
import re, sys
from pratique.cli.main import main
code = main(sys.argv[1:])
status = open("/proc/self/status").read()
print(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1], file=sys.stderr)
sys.exit(code)
"""
NAMES_BYTES: Final = 450 << 20  # what a command may need for names at most, with all else
LITTLE_BYTES: Final = 120 << 20


def bomb() -> tuple[bytes, bytes]:
    """A file of 4 GiB that is packed into some megabytes; it is refused when a quarter of it was read."""
    zeros = gzip.compress(bytes(64 << 20), 9)
    return b"", gzip.compress(header.made(b"zeros", size=4 << 30).headers) + zeros * 64


def deep() -> tuple[bytes, bytes]:
    """Few files in very many folders, of which none has a member."""
    return packed(layer(*(file(f"{number}/" + "a/" * 1500 + "x") for number in range(300))))


def attributes() -> tuple[bytes, bytes]:
    """Extended attributes of 900 kB for each of many files."""
    return packed(b"".join(extended({"SCHILY.xattr.user.a": LONG}) + layer(file(str(n)))[:512] for n in range(400)))


def headers() -> tuple[bytes, bytes]:
    return packed(extended({"comment": LONG}) * 400 + GOOD)


@pytest.mark.parametrize(
    ("make", "command", "code", "most"),
    [
        (bomb, "ls-files", REFUSED, LITTLE_BYTES),
        (bomb, "recompress", REFUSED, LITTLE_BYTES),
        (deep, "ls-files", REFUSED, NAMES_BYTES),
        (deep, "export", REFUSED, NAMES_BYTES),
        (attributes, "ls-files", REFUSED, NAMES_BYTES),
        (attributes, "export", TAKEN, LITTLE_BYTES),
        (headers, "validate", REFUSED, LITTLE_BYTES),
    ],
)
def test_memory_is_bounded(
    make: Callable[[], tuple[bytes, bytes]], command: str, code: int, most: int, tmp_path: Path, temporary: Path
) -> None:
    place = layout(tmp_path / "layout", {"it": [packed(GOOD), make()]})
    words = COMMANDS[command](place, tmp_path)
    done = subprocess.run([sys.executable, "-c", MEASURING, *words], capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert int(done.stderr.splitlines()[-1]) * 1024 < most
    assert list(temporary.iterdir()) == []
