"""The files of an image: listed, compared, and one of them read."""

from __future__ import annotations

import contextlib
import io
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pratique.errors import InvalidInput, NotFound
from pratique.image.layers import header
from pratique.image.layers.files import compare, listing
from pratique.image.layers.lookup import cat
from pratique.spec.digest import Digest
from pratique.values import replace

from .tars import STACKS, Entry, Stack, applied, file, folder, layer, link, names, other, overlaid, packed, symlink


def sparse(records: dict[str, str], raw: bytes) -> bytes:
    return header.extended({f"GNU.sparse.{key}": said for key, said in records.items()}) + layer(file("holes", raw))


NEW_SPARSE = sparse(
    {"major": "1", "minor": "0", "name": "holes", "realsize": "30"}, b"1\n10\n5\n".ljust(512, b"\0") + b"12345"
)
MAPPED_SPARSE = sparse({"map": "10,5,30,0", "size": "30"}, b"12345")
_OLD = bytearray(header.made(b"holes", b"S", size=5).headers)
_OLD[257:265], _OLD[386:410], _OLD[483:495] = b"ustar  \0", b"00000000012\0" + b"00000000005\0", b"00000000036\0"
OLD_SPARSE = header.sealed(bytes(_OLD)) + b"12345".ljust(512, b"\0") + bytes(1024)


@pytest.mark.parametrize("raw", [NEW_SPARSE, MAPPED_SPARSE, OLD_SPARSE], ids=["1.0", "0.1", "old"])
def test_a_sparse_file_is_read_with_its_holes(raw: bytes) -> None:
    assert content([raw], "holes") == bytes(10) + b"12345" + bytes(15)


def content(layers: list[bytes], path: str) -> bytes:
    found = io.BytesIO()
    cat(packed(*layers), path, found.write)
    return found.getvalue()


@settings(max_examples=150, deadline=None)
@given(STACKS)
def test_what_is_listed_and_read_is_what_the_overlay_has(stack: Stack) -> None:
    layers = stack.layers()
    tree = applied(layers)
    found = listing(packed(*layers), digests=True)
    assert sorted(name.decode() for name in found) == sorted(names(overlaid(*layers)))
    for name, node in tree.nodes.items():
        if node.kind == "file":
            assert content(layers, name) == node.content
        elif node.kind == "folder" and not node.is_implied:
            assert found[name.encode()].kind == "folder"


@settings(max_examples=300, deadline=None)
@given(STACKS)
def test_a_listing_is_that_of_the_overlay(stack: Stack) -> None:
    """Hard links included, whose files higher layers took away or replaced."""
    layers = stack.layers()
    assert seen(layers) == seen([overlaid(*layers)])


def seen(layers: list[bytes]) -> list[tuple[object, ...]]:
    found = listing(packed(*layers), digests=True).values()
    return [(each.path, each.kind, each.size, each.mode, each.digest, each.link) for each in found]


def test_a_hard_link_that_took_the_name_of_its_file_leads_to_it() -> None:
    found = listing(packed(layer(file("a", b"old"), link("b", "a")), layer(link("a", "b"))), digests=True)
    assert [(each.path, each.kind, each.digest, each.link) for each in found.values()] == [
        ("a", "link", Digest.of(b"old"), "b"),
        ("b", "file", Digest.of(b"old"), ""),
    ]


def test_hard_links_of_several_layers_to_what_was_replaced_stay_links_of_one_file() -> None:
    layers = [layer(file("a", b"old"), link("b", "a")), layer(link("c", "a")), layer(file("a", b"newer"))]
    found = listing(packed(*layers), digests=True)
    assert [(each.path, each.kind, each.link) for each in found.values()] == [
        ("a", "file", ""),
        ("b", "file", ""),
        ("c", "link", "b"),
    ]


def test_a_hard_link_to_what_was_replaced_is_the_file_that_it_was() -> None:
    lower = layer(file("a", b"old"), link("b", "a"), link("c", "b"), file("z", b"z"), link("y", "z"))
    for upper in (layer(file("a", b"newer")), layer(file(".wh.a"))):
        found = listing(packed(lower, upper), digests=True)
        assert (found[b"b"].kind, found[b"b"].size, found[b"b"].digest) == ("file", 3, Digest.of(b"old"))
        assert (found[b"c"].kind, found[b"c"].link, found[b"c"].digest) == ("link", "b", Digest.of(b"old"))
        assert (found[b"y"].kind, found[b"y"].link) == ("link", "z")
        old = listing(packed(lower), digests=True)
        assert "b" not in [change.path for change in compare(old, found)]
    assert listing(packed(layer(link("x", "none"))))[b"x"].link == "none"


def test_a_change_says_what_changed() -> None:
    raw: list[Entry] = [
        file("a", b"1"),
        file("b", b"1"),
        symlink("c", "a"),
        file("d"),
        other("e", tarfile.CHRTYPE, devminor=1),
        file("f"),
    ]
    changed: list[Entry] = [
        file("a", b"2", mode=0o755),
        file("b", b"1", uid=1, mtime=5),
        symlink("c", "b"),
        symlink("d", "a"),
        other("e", tarfile.CHRTYPE, devminor=2),
        file("f", pax_headers={"SCHILY.xattr.user.a": "1"}),
    ]
    old, new = (listing(packed(layer(*members)), digests=True) for members in (raw, changed))
    assert {change.path: change.fields for change in compare(old, new)} == {
        "a": ("content", "mode"),
        "b": ("owner",),
        "c": ("link",),
        "d": ("kind", "content", "mode", "link"),
        "e": ("device",),
        "f": ("attributes",),
    }
    assert {change.path: change.fields for change in compare(old, new, times=True)}["b"] == ("owner", "modified")


def test_files_know_their_layers() -> None:
    layers = [
        replace(each, digest=Digest.of(each.what.encode())) for each in packed(layer(file("a")), layer(file("b")))
    ]
    assert {path: each.layer for path, each in listing(layers).items()} == {
        b"a": Digest.of(b"layer 0"),
        b"b": Digest.of(b"layer 1"),
    }


def test_a_listing_says_what_headers_say() -> None:
    raw = layer(
        folder("d", 0o750),
        file("d/f", b"abc", mode=0o4755, uid=8**8, gid=7, mtime=3.5, pax_headers={"SCHILY.xattr.a": "b"}),
        other("n", tarfile.CHRTYPE, devmajor=1, devminor=3),
        link("h", "d/f"),
        symlink("s", "../x"),
    )
    found = listing(packed(raw), digests=True)
    shown = found[b"d/f"]
    assert (shown.path, shown.kind, shown.size, shown.mode, shown.owner) == ("d/f", "file", 3, 0o4755, (8**8, 7))
    assert (shown.modified, shown.digest, shown.attributes) == ("3.5", Digest.of(b"abc"), (("SCHILY.xattr.a", "b"),))
    assert (found[b"d"].path, found[b"n"].device, found[b"h"].link, found[b"s"].link) == ("d/", (1, 3), "d/f", "../x")


def test_a_comparison_tells_what_was_added_removed_and_changed() -> None:
    before = [layer(folder("d"), file("d/a", b"1"), file("d/b", b"2"), file("d/c", b"3"), file("t", mtime=1))]
    after = [*before, layer(file("d/a", b"9"), file("d/.wh.b"), file("d/e", b"4"), file("t", mtime=2))]
    old, new = listing(packed(*before), digests=True), listing(packed(*after), digests=True)
    assert [(change.kind, change.path) for change in compare(old, new)] == [
        ("changed", "d/a"),
        ("removed", "d/b"),
        ("added", "d/e"),
    ]
    assert [change.path for change in compare(old, new, times=True)] == ["d/a", "d/b", "d/e", "t"]
    assert compare(old, old, times=True) == ()


def test_a_hard_link_is_the_same_as_the_file() -> None:
    old = listing(packed(layer(file("a", b"x"), file("b", b"x"))), digests=True)
    new = listing(packed(layer(file("a", b"x"), link("b", "a"))), digests=True)
    assert compare(old, new) == ()


def test_layers_below_the_file_are_not_read() -> None:
    opened: list[str] = []

    def watched(what: str, raw: bytes):  # type: ignore[no-untyped-def]
        (found,) = packed(raw)
        inner = found.content

        def opening():  # type: ignore[no-untyped-def]
            opened.append(what)
            return inner()

        return type(found)(opening, what)

    stack = [
        watched("base", layer(file("a", b"1"))),
        watched("middle", layer(file("b", b"2"))),
        watched("top", layer(file("c"))),
    ]
    found = io.BytesIO()
    cat(stack, "/b", found.write)
    assert (found.getvalue(), opened) == (b"2", ["top", "middle"])
    opened.clear()
    with pytest.raises(NotFound):
        cat([stack[0], watched("gone", layer(file(".wh.a")))], "a", found.write)
    assert opened == ["gone"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("bin/sh", b"dash"),
        ("/usr/bin/sh", b"dash"),
        ("bin/hard", b"dash"),
        ("abs", b"dash"),
        ("up", b"dash"),
        ("usr/bin/../bin/sh", None),
        ("loop", None),
        ("usr/bin", None),
        ("bin/none", None),
        ("bin/sh/x", None),
        ("fifo", None),
    ],
)
def test_links_are_followed_within_the_image(path: str, expected: bytes | None) -> None:
    lower = layer(folder("usr"), folder("usr/bin"), file("usr/bin/dash", b"dash"), symlink("usr/bin/sh", "dash"))
    upper = layer(
        symlink("bin", "usr/bin"),
        link("usr/bin/hard", "usr/bin/dash"),
        symlink("abs", "/bin/sh"),
        symlink("up", "../../../bin/sh"),
        symlink("loop", "loop"),
        other("fifo", tarfile.FIFOTYPE),
    )
    if expected is None:
        with pytest.raises((NotFound, InvalidInput)):
            content([lower, upper], path)
    else:
        assert content([lower, upper], path) == expected


def test_a_folder_in_place_of_a_link_leads_nowhere() -> None:
    lower = layer(file("usr/lib/x", b"1"), symlink("lib", "usr/lib"))
    assert content([lower], "lib/x") == content([lower, layer(file("lib/y"))], "lib/x") == b"1"
    with pytest.raises(NotFound):
        content([lower, layer(folder("lib"))], "lib/x")


def test_of_a_name_that_comes_twice_the_last_is_read() -> None:
    raw = layer(file("a", b"longer"), file("a", b"new"))
    assert (content([raw], "a"), listing(packed(raw))[b"a"].size) == (b"new", 3)


def test_of_names_that_come_twice_the_last_counts_whatever_it_is() -> None:
    raw = layer(
        folder("d"),
        file("d", b"now a file"),
        file("f", b"x"),
        folder("f"),
        file("a", b"1"),
        link("b", "a"),
        file("a", b"2"),
    )
    assert content([raw], "d") == b"now a file"
    assert content([raw], "b") == b"1"  # what `a` was when the link was made
    with pytest.raises(InvalidInput, match="is a folder"):
        content([raw], "f")


@pytest.mark.parametrize("path", ["../a", "a/../a", ".."])
def test_a_path_that_leads_upwards_is_refused(path: str) -> None:
    with pytest.raises(InvalidInput, match="leads out of the image") as caught:
        content([layer(file("a"))], path)
    assert "root of the image" in str(caught.value.advice())


def test_where_a_link_leads_to_nothing_it_is_said_to_what() -> None:
    with pytest.raises(NotFound, match="no file 'a': it leads to 'd/none'"):
        content([layer(symlink("a", "d/none"))], "a")


@settings(max_examples=200, deadline=None)
@given(
    st.text("0123456789,-+_\n x²", max_size=40).map(str.encode) | st.binary(max_size=40),
    st.integers(0, 30),
    st.sampled_from(["1.0", "0.1", "old"]),
)
def test_a_map_of_a_sparse_file_that_says_anything(damage: bytes, position: int, form: str) -> None:
    if form == "0.1":
        records = {"map": damage.decode("utf-8", "surrogateescape").replace("\0", ""), "size": "30"}
        raw = bytearray(sparse(records, b"12345"))
    else:
        raw = bytearray({"1.0": NEW_SPARSE, "old": OLD_SPARSE}[form])
        position += raw.index({"1.0": b"1\n10\n5\n", "old": b"00000000012\0"}[form])
        raw[position : position + len(damage)] = damage
    if form == "old":
        raw[:512] = header.sealed(bytes(raw[:512]))
    with contextlib.suppress(InvalidInput, NotFound):
        assert len(content([bytes(raw)], "holes")) < 1 << 30


def test_opaque_folders_hide_what_is_below_but_not_beside() -> None:
    lower, upper = layer(file("d/a"), file("e", b"1")), layer(file("d/.wh..wh..opq"), file("d/b", b"2"))
    assert content([lower, upper], "d/b") == b"2"
    assert content([lower, upper], "e") == b"1"
    with pytest.raises(NotFound):
        content([lower, upper], "d/a")


@pytest.mark.parametrize(
    "form", ["gnu", "posix --sparse-version=0.0", "posix --sparse-version=0.1", "posix --sparse-version=1.0"]
)
def test_sparse_files_are_copied_as_they_stand_and_read_whole(form: str, tmp_path: Path) -> None:
    """Written by GNU tar; with more holes than one header has places for."""
    assert shutil.which("tar")
    path = tmp_path / "holes"
    with path.open("wb") as sparse:
        for number in range(40):
            sparse.seek(number * 200_000)
            sparse.write(b"data %d" % number)
        sparse.truncate(9_000_000)
    kind, *more = form.split()
    raw = subprocess.run(
        ["tar", "-C", tmp_path, "-cSf", "-", f"--format={kind}", *more, "holes"], check=True, stdout=subprocess.PIPE
    ).stdout
    if len(raw) > 1 << 20:
        pytest.skip("the file system has no holes")
    whole = overlaid(layer(file("below")), raw, layer(file("above", b"x")))
    assert raw.rstrip(b"\0") in whole
    assert content([whole], "holes") == path.read_bytes()
    assert listing(packed(whole))[b"holes"].size == 9_000_000
    out = tmp_path / "out"
    out.mkdir()
    subprocess.run(["tar", "-C", out, "-xf", "-"], input=whole, check=True)
    assert (out / "holes").read_bytes() == path.read_bytes()
