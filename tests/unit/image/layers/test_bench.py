"""Layers that are made, and what is packed into them."""

from __future__ import annotations

import hashlib
import io
import os
import socket
import subprocess
import tarfile
import threading
from contextlib import closing, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest

from pratique.errors import InvalidInput, NotFound, Unsupported
from pratique.http.events import Observer, Warned, ignore
from pratique.image.layers.bench import EARLY_BYTES, Bench, Layer, Packing
from pratique.image.layers.editing import Edit, edit, matcher
from pratique.image.layers.folder import pack
from pratique.image.layers.media import is_distributable, is_layer, layer_type, packed_as
from pratique.image.layers.spool import Unfinished
from pratique.image.layers.walk import Write
from pratique.image.layers.windows import adapt
from pratique.spec.descriptor import Descriptor
from pratique.spec.digest import Digest
from pratique.stores import compression
from pratique.stores.base import Content
from pratique.stores.compression import GZIP, PLAIN, ZSTD, Unpacked
from pratique.stores.content import Early, VerifiedStream
from pratique.stores.memory import Memory

from .tars import applied, file, folder, layer, link, names, packed, symlink

RAW = layer(folder("a"), file("a/b", os.urandom(3000) * 1000))


@pytest.mark.parametrize(
    "packing", [Packing(PLAIN), Packing(), Packing(GZIP, 1), Packing(GZIP, 6), Packing(ZSTD), Packing(ZSTD, 9)]
)
def test_a_layer_is_what_it_says_and_always_the_same(packing: Packing) -> None:
    with Bench() as bench:
        one = bench.make(lambda write: write(RAW), packing=packing)
        two = bench.make(lambda write: [write(RAW[at : at + 777]) for at in range(0, len(RAW), 777)], packing=packing)
        assert one == two
        assert one.diff_id == Digest.of(RAW)
        with bench.open(one.descriptor) as stream:
            raw = stream.read()
        assert (Digest.of(raw), len(raw)) == (one.descriptor.digest, one.descriptor.size)
        assert Unpacked(io.BytesIO(raw), "it").read() == RAW
        assert compression.kind(raw[:4]) == packing.kind
        assert packed_as(one.descriptor.media_type) == packing.kind


@pytest.mark.parametrize("kind", [GZIP, ZSTD])
def test_other_programs_unpack_it(kind: str) -> None:
    with Bench() as bench, bench.open(bench.make(lambda write: write(RAW), packing=Packing(kind)).descriptor) as stream:
        found = subprocess.run([kind, "-dc"], input=stream.read(), stdout=subprocess.PIPE, check=True).stdout
    assert found == RAW


def test_what_fails_while_it_is_made_leaves_nothing() -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    with Bench() as bench:
        for kind in (PLAIN, GZIP, ZSTD):
            with pytest.raises(ZeroDivisionError):
                bench.make(lambda _: 1 / 0, packing=Packing(kind))
        assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
        with pytest.raises(NotFound):
            bench.open(Descriptor("x", Digest.of(b""), 0))


def test_a_layer_that_is_kept_is_read_once() -> None:
    class Counted(Memory):
        count = 0

        def open(self, descriptor: Descriptor, *, offset: int = 0):  # type: ignore[no-untyped-def]
            self.count += 1
            return super().open(descriptor, offset=offset)

    store = Counted()
    descriptor = Descriptor(layer_type(PLAIN), Digest.of(RAW), len(RAW))
    store.push(descriptor, lambda: closing(io.BytesIO(RAW)))
    with Bench() as bench:
        kept = bench.keep(Layer(descriptor, Digest.of(RAW), store))
        assert bench.keep(kept).source is bench
        for _ in range(2):
            with kept.packed().pieces() as pieces:
                assert b"".join(pieces) == RAW
    assert store.count == 1
    with store.open(descriptor) as stream:
        assert isinstance(stream, VerifiedStream)


# --- What is sent before it is whole


LARGE = os.urandom(EARLY_BYTES)  # which grows where it is packed
PLACE: ContextVar[str] = ContextVar("PLACE", default="")


class Noted:
    """A target that is sent content early, reads it, and notes what becomes of it."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.read: list[bytes] = []
        self.reading: list[threading.Thread] = []

    def advance(self, content: Content, tell: Observer) -> Early:
        tell(Warned(f"begun in {PLACE.get()}"))

        def read() -> None:
            with suppress(Unfinished), content() as stream:
                self.read.append(stream.read())

        self.reading.append(threading.Thread(target=read))
        self.reading[-1].start()
        return self

    def finish(self, descriptor: Descriptor) -> None:
        self.notes.append(str(descriptor.digest))

    def drop(self) -> None:
        self.notes.append("dropped")

    def __enter__(self) -> Noted:
        return self

    def __exit__(self, *_: object) -> None:
        for each in self.reading:
            each.join()


@pytest.mark.parametrize("kind", [PLAIN, GZIP, ZSTD])
def test_a_large_layer_is_sent_while_it_grows_and_then_named(kind: str) -> None:
    told: list[str] = []
    PLACE.set("a place")
    with Noted() as target, Bench() as bench:
        bench.send_to(target, lambda event: told.append(str(event)))
        made = bench.make(lambda write: write(LARGE), packing=Packing(kind))
        assert target.notes == [str(made.descriptor.digest)]
        [reading] = target.reading
        reading.join()
        assert Digest.of(target.read[0]) == made.descriptor.digest
    assert target.notes[1:] == ["dropped"], "unless it was pushed, which is for the target to know"
    assert told == ["warning: begun in a place"]


def test_what_is_small_or_not_known_to_be_wanted_or_only_kept_is_not_sent() -> None:
    with Noted() as target, Bench() as bench:
        elsewhere = bench.make(lambda write: write(LARGE))
        bench.send_to(target, ignore)
        bench.make(lambda write: write(LARGE[:-1000]), packing=Packing(PLAIN))
        bench.make(lambda write: write(LARGE), is_wanted=False)
        with Bench() as other:
            other.send_to(target, ignore)
            other.keep(elsewhere)
    assert target.reading == []


def test_what_is_made_twice_is_named_once() -> None:
    with Noted() as target, Bench() as bench:
        bench.send_to(target, ignore)
        made = [bench.make(lambda write: write(LARGE)) for _ in range(2)]
        assert target.notes == [str(made[0].descriptor.digest)]
    assert target.notes[1:] == ["dropped"] * 2


@pytest.mark.parametrize(("error", "notes"), [(ZeroDivisionError, ["dropped"]), (KeyboardInterrupt, [])])
def test_what_fails_is_dropped_and_who_interrupts_does_not_wait_for_that(
    error: type[BaseException], notes: list[str]
) -> None:
    def pour(write: Write) -> None:
        write(LARGE)
        raise error

    def make() -> None:
        with Bench() as bench:
            bench.send_to(target, ignore)
            bench.make(pour, packing=Packing(PLAIN))

    with Noted() as target:
        with pytest.raises(error):
            make()
        assert target.notes == notes
    assert target.read == [], "its end was not read"


def test_types_of_layers() -> None:
    for kind in (PLAIN, GZIP, ZSTD):
        assert packed_as(layer_type(kind)) == kind
    for kind in (PLAIN, GZIP):
        assert packed_as(layer_type(kind, docker=True)) == kind
    with pytest.raises(Unsupported, match="zstd"):
        layer_type(ZSTD, docker=True)
    assert not is_layer("application/vnd.oci.image.layer.v1.tar+gzip+encrypted")
    assert not is_distributable("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip")
    with pytest.raises(Unsupported):
        packed_as("application/json")


# --- Folders


def folder_with_everything(path: Path) -> Path:
    (path / "d" / "e").mkdir(parents=True)
    (path / "d" / "run").write_bytes(b"#!/bin/sh\n")
    (path / "d" / "run").chmod(0o751)
    (path / "d" / ("n" * 150)).write_bytes(b"long")
    (path / "d" / "é").write_bytes(b"")
    (path / "link").symlink_to("d/run")
    (path / "twin").hardlink_to(path / "d" / "run")
    os.mkfifo(path / "fifo")
    return path


def packed_folder(path: Path, *, moment: int = 0) -> bytes:
    out = io.BytesIO()
    pack({"/": path}, out.write, moment=moment)
    return out.getvalue()


def test_a_folder_is_packed_the_same_wherever_and_whenever(tmp_path: Path) -> None:
    one, two = folder_with_everything(tmp_path / "one"), folder_with_everything(tmp_path / "two")
    for each in two.rglob("*"):
        os.utime(each, (1, 1), follow_symlinks=False)
    raw = packed_folder(one, moment=7)
    assert raw == packed_folder(two, moment=7)
    with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
        members = archive.getmembers()
    assert [each.name for each in members] == sorted(each.name for each in members)
    assert {(each.uid, each.gid, each.uname, each.mtime) for each in members} == {(0, 0, "", 7)}
    modes = {each.name: (each.type, each.mode) for each in members}
    assert modes["d/run"] == (tarfile.REGTYPE, 0o751)
    assert modes["twin"][0] == tarfile.LNKTYPE
    assert modes["link"][0] == tarfile.SYMTYPE
    assert modes["fifo"][0] == tarfile.FIFOTYPE


def test_tar_unpacks_what_was_packed(tmp_path: Path) -> None:
    source, out = folder_with_everything(tmp_path / "source"), tmp_path / "out"
    out.mkdir()
    subprocess.run(["tar", "-C", out, "-xpf", "-"], input=packed_folder(source), check=True)
    for each in source.rglob("*"):
        found = out / each.relative_to(source)
        assert found.is_symlink() == each.is_symlink()
        if each.is_file():
            assert found.read_bytes() == each.read_bytes()
            assert found.stat().st_mode == each.stat().st_mode
    assert (out / "twin").samefile(out / "d" / "run")


def test_files_get_names_and_the_folders_above_them_stay_as_the_image_has_them(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"x")
    out = io.BytesIO()
    pack({"/lib/bin/x": tmp_path / "x", "y": tmp_path / "x"}, out.write)
    assert names(out.getvalue()) == ["lib/bin/x", "y"]  # `lib` may be a link, and `tmp` open to all
    with pytest.raises(InvalidInput, match="leads out"):
        pack({"../x": tmp_path / "x"}, out.write)
    with pytest.raises(NotFound, match="cannot be packed"):
        pack({"x": tmp_path / "none"}, out.write)


def test_windows_finds_files_where_it_looks_for_them() -> None:
    raw = layer(
        folder("a"), file("a/x", b"x" * 1000), link("a/y", "a/x"), symlink("a/z", "x"), file("a/.wh.w"), file("n" * 99)
    )
    out = io.BytesIO()
    adapt(packed(raw)[0], out.write)
    with tarfile.open(fileobj=io.BytesIO(out.getvalue())) as archive:
        members = archive.getmembers()
        assert archive.extractfile("Files/a/x").read() == b"x" * 1000  # type: ignore[union-attr]
    files = ["a", "a/x", "a/y", "a/z", "a/.wh.w", "n" * 99]
    assert [each.name for each in members] == ["Files", "Hives", *(f"Files/{name}" for name in files)]
    assert [each.linkname for each in members if each.linkname] == ["Files/a/x", "x"]
    assert {each.pax_headers.get("MSWINDOWS.rawsd", "")[:12] for each in members[2:]} == {"AQAAgBQAAAAk"}
    again = io.BytesIO()
    adapt(packed(out.getvalue())[0], again.write)
    assert again.getvalue() == out.getvalue()


def test_a_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("s")
        with pytest.raises(InvalidInput, match="is a socket"):
            packed_folder(tmp_path)


# --- Changes within a layer


def changed(raw: bytes, changes: Edit) -> tuple[bytes, bool]:
    out = io.BytesIO()
    (it,) = packed(raw)
    is_changed = edit(it, changes, out.write)
    return out.getvalue(), is_changed


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("etc/a", ["etc/a", "etc/a/b"], ["etc/ab", "x/etc/a"]),
        ("/etc/*.conf", ["etc/a.conf"], ["etc/a/b.conf"]),
        ("**/*.pyc", ["a.pyc", "a/b/c.pyc"], ["a.py"]),
        ("a/**", ["a/b", "a/b/c"], ["a", "ab"]),
        ("a?", ["ab"], ["a", "a/"]),
        ("a[b]", ["a[b]"], ["ab"]),
    ],
)
def test_patterns(pattern: str, matching: list[str], other: list[str]) -> None:
    matches = matcher([pattern])
    assert all(matches(name.encode()) for name in matching)
    assert not any(matches(name.encode()) for name in other)


def test_members_are_stripped_and_whiteouts_stay() -> None:
    raw = layer(folder("a"), file("a/x"), file("a/.wh.y"), file("a/.wh..wh..opq"), file("b"))
    assert names(changed(raw, Edit(strip=("a/x",)))[0]) == ["a", "a/.wh.y", "a/.wh..wh..opq", "b"]
    assert names(changed(raw, Edit(strip=("a",)))[0]) == ["b"]
    same, is_changed = changed(raw, Edit(strip=("c",)))
    assert (same.rstrip(b"\0"), is_changed) == (raw.rstrip(b"\0"), False)


@pytest.mark.parametrize(
    ("paths", "said"),
    [
        (["d"], "'d' is a folder"),
        (["e"], "'e' is a folder"),
        (["a/x"], "'a' is no folder"),
        (["b/x/y"], "'b' is no folder"),
    ],
    ids=" ".join,
)
def test_no_file_takes_the_place_of_a_folder_or_is_in_a_file(paths: list[str], said: str) -> None:
    raw = layer(file("a"), link("b", "a"), folder("d"), file("e/f"))
    with pytest.raises(InvalidInput, match=said):
        changed(raw, Edit(replace=dict.fromkeys(paths, b"new")))
    assert changed(raw, Edit(strip=("a", "b", "d", "e"), replace=dict.fromkeys(paths, b"new")))[1]


def test_a_file_is_put_into_a_folder_or_what_a_link_leads_to() -> None:
    made, _ = changed(layer(folder("d"), symlink("s", "d")), Edit(replace={"d/x": b"1", "s/y": b"2"}))
    assert names(made) == ["d", "s", "d/x", "s/y"]


@pytest.mark.parametrize(
    "words",
    [
        {"strip": ("../a",)},
        {"strip": ("",)},
        {"strip": ("/",)},
        {"replace": {"a/../../b": b""}},
        {"replace": {"": b""}},
        {"replace": {"a": b"", "a/b": b""}},
    ],
    ids=str,
)
def test_edits_of_what_can_be_no_file(words: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as caught:
        Edit(**words)
    assert "bad intent" not in str(caught.value.advice())


def test_content_is_replaced_in_its_place_with_its_mode_and_owner() -> None:
    long = "n" * 200
    raw = layer(
        file("a", b"x" * 600, mode=0o4711, uid=5), link("b", "a"), file(long, b"1", mtime=1.5), symlink("s", "a")
    )
    made, is_changed = changed(raw, Edit(replace={"/a": b"new", long: b"2" * 1000, "s": b"3", "d/new": b"4"}))
    with tarfile.open(fileobj=io.BytesIO(made)) as archive:
        found = archive.getmembers()
        assert [each.name for each in found] == ["a", long, "s", "b", "d/new"] or is_changed
        by = {each.name: each for each in found}
        assert (by["a"].mode, by["a"].uid, by["a"].size) == (0o4711, 5, 3)
        assert by[long].mtime == 1.5
    nodes = applied([made]).nodes
    assert {name: nodes[name].content for name in ("a", "b", long, "s", "d/new")} == {
        "a": b"new",
        "b": b"x" * 600,  # a hard link to what was replaced keeps what it had
        long: b"2" * 1000,
        "s": b"3",
        "d/new": b"4",
    }


def test_times_are_set_for_all_or_for_what_is_later() -> None:
    raw = layer(file("old", mtime=5.25, pax_headers={"atime": "1", "SCHILY.xattr.a": "b"}), file("new", mtime=2**34))
    for only_later, expected in ((False, [10, 10]), (True, [5.25, 10])):
        made, is_changed = changed(raw, Edit(moment=10, only_later=only_later))
        with tarfile.open(fileobj=io.BytesIO(made)) as archive:
            assert [each.mtime for each in archive] == expected
            assert archive.getmembers()[0].pax_headers["SCHILY.xattr.a"] == "b"
        assert is_changed
        assert not changed(made, Edit(moment=10, only_later=only_later))[1]


def test_the_digest_is_of_what_is_read() -> None:
    assert Digest.of(RAW).encoded == hashlib.sha256(RAW).hexdigest()
