"""The file system of several layers as one tar."""

from __future__ import annotations

import io
import itertools
import tarfile
from contextlib import AbstractContextManager
from typing import Any

import pytest
from hypothesis import given, settings

from pratique.errors import InvalidInput
from pratique.image.layers import whiteout
from pratique.image.layers.overlay import overlay
from pratique.image.layers.pieces import Packed
from tests.unit.stores.tars import content_of

from .tars import STACKS, Entry, Stack, applied, file, folder, layer, link, names, other, overlaid, packed, symlink


@settings(max_examples=400, deadline=None)
@given(STACKS)
def test_an_overlay_is_the_layers_applied_one_after_another(stack: Stack) -> None:
    layers = stack.layers()
    assert applied([overlaid(*layers)]).seen() == applied(layers).seen()


@settings(max_examples=100, deadline=None)
@given(STACKS)
def test_an_overlay_names_nothing_twice_and_has_no_whiteouts(stack: Stack) -> None:
    found = names(overlaid(*stack.layers()))
    assert len(found) == len(set(found))
    assert not any(".wh." in name for name in found)


@settings(max_examples=100, deadline=None)
@given(STACKS)
def test_an_overlay_of_overlays_is_the_same(stack: Stack) -> None:
    """So that an image may be flattened in steps."""
    layers = stack.layers()
    lower = overlaid(*layers[:-1])
    assert applied([overlaid(lower, layers[-1])]).seen() == applied([overlaid(*layers)]).seen()
    assert overlaid(overlaid(*layers)) == overlaid(*layers)


def test_links_of_several_layers_to_what_was_replaced_stay_links_of_one_file() -> None:
    lower, middle = layer(file("a", b"old"), link("b", "a")), layer(link("c", "a"))
    for upper in (layer(file("a", b"new")), layer(file(".wh.a"))):
        with tarfile.open(fileobj=io.BytesIO(overlaid(lower, middle, upper))) as archive:
            assert {each.name: each.linkname for each in archive if each.name != "a"} == {"b": "", "c": "b"}


def test_a_single_layer_is_copied_byte_for_byte() -> None:
    raw = layer(folder("a"), file("a/b", b"x" * 3000), symlink("c", "a/b"), link("d", "a/b"))
    assert overlaid(raw).rstrip(b"\0") == raw.rstrip(b"\0")


def test_what_is_special_is_copied_byte_for_byte() -> None:
    """Extended attributes, long names, devices, numbers that are too large for octal digits."""
    attributes = {"SCHILY.xattr.user.key": "value\n=1", "mtime": "12.5"}
    members: list[Entry] = [
        file("é" * 90, b"x", pax_headers=attributes),
        file("n" * 300, b"y"),
        symlink("s", "t" * 300),
        other("null", tarfile.CHRTYPE, devmajor=1, devminor=3),
        other("fifo", tarfile.FIFOTYPE),
        file("big", b"z", uid=8**9, mtime=-5),
    ]
    for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        raw, upper = layer(*members, form=form), layer(file("upper"), form=form)
        made = overlaid(raw, upper)
        assert names(made) == [*names(raw), "upper"]
        assert made.startswith(raw.rstrip(b"\0"))
        assert upper.rstrip(b"\0") in made


def test_a_link_to_a_file_that_is_gone_becomes_the_file() -> None:
    lower = layer(file("a", b"content", mode=0o640), link("b", "a"), link("c", "b"))
    for upper in (layer(file(".wh.a")), layer(file("a", b"other")), layer(folder("a"))):
        found = applied([overlaid(lower, upper)])
        assert found.nodes["b"] is found.nodes["c"]
        assert (found.nodes["b"].content, found.nodes["b"].mode) == (b"content", 0o640)


def test_a_link_of_a_higher_layer_to_a_file_that_goes_later() -> None:
    found = applied([overlaid(layer(file("a", b"x")), layer(link("b", "a")), layer(file(".wh.a")))])
    assert {name: node.content for name, node in found.nodes.items()} == {"b": b"x"}


def test_a_link_that_leads_to_a_link_that_is_gone() -> None:
    lower = layer(file("a", b"x"), link("b", "a"), link("c", "b"))
    found = applied([overlaid(lower, layer(file(".wh.b")))])
    assert found.nodes["a"] is found.nodes["c"]


@pytest.mark.parametrize("order", [1, -1])
def test_a_row_of_links_that_are_gone_is_followed_at_once(order: int) -> None:
    """However long it is, and however it is ordered, a layer is not read again for each."""
    names_ = [f"l{number}" for number in range(500)]
    members = [link(one, two) for two, one in itertools.pairwise(names_)][::order]
    lower = layer(file("l0", b"x"), *members, link("kept", "l499"))
    upper = layer(*(file(f".wh.{name}") for name in names_))
    opened = 0

    def counted() -> AbstractContextManager[Any]:
        nonlocal opened
        opened += 1
        return content_of(lower)()

    pieces: list[bytes] = []
    overlay([Packed(counted, "lower"), *packed(upper)], lambda data: pieces.append(bytes(data)))
    assert {name: node.content for name, node in applied([b"".join(pieces)]).nodes.items()} == {"kept": b"x"}
    assert opened <= 3


def test_links_that_want_a_layer_read_again_and_again_are_refused() -> None:
    """Each leads to one that stands before it, by way of one that stands behind it."""
    count = 100
    backward = [f"b{number}" for number in range(count)]
    members = [link(f"b{number}", f"f{number}") for number in reversed(range(count))]
    members += [link(f"f{number}", f"b{number + 1}") for number in reversed(range(count))]
    lower = layer(link("kept", "b0"), *members)
    upper = layer(
        *(file(f".wh.{name}") for name in (*backward, *(f"f{number}" for number in range(count)), f"b{count}"))
    )
    with pytest.raises(InvalidInput, match="lead through more than 40 others"):
        overlaid(lower, upper)


def test_a_folder_that_comes_twice_in_a_layer_is_as_it_was_said_last() -> None:
    for layers in (
        [layer(file("x")), layer(folder("a", 0o700), folder("a", 0o711))],
        [layer(folder("a", 0o700), folder("a", 0o711))],
    ):
        assert applied([overlaid(*layers)]).nodes["a"].mode == 0o711


def test_names_may_be_deep(monkeypatch: pytest.MonkeyPatch) -> None:
    deep = "a/" * 1500 + "x"
    assert names(overlaid(layer(file(deep)), layer(file("b")))) == [deep, "b"]
    assert names(overlaid(layer(file("b")), layer(file(deep)))) == ["b", deep]
    monkeypatch.setattr(whiteout, "MOST_KEPT_BYTES", 5 << 20)
    with pytest.raises(InvalidInput, match="names of more than"):
        overlaid(layer(), layer(*(file(f"{number}/{deep}") for number in range(3))))


def test_the_names_of_all_layers_count_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whiteout, "MOST_KEPT_BYTES", 1500)
    many = [layer(*(file(f"{number}-{each}") for each in range(5))) for number in range(4)]
    overlaid(*many[:2])
    overlaid(*[many[0]] * 10)  # the same names count once
    with pytest.raises(InvalidInput, match="names of more than"):
        overlaid(*many)
    with pytest.raises(InvalidInput, match="names of more than"):  # by the folders alone
        overlaid(layer(), *(layer(file(f"{number}/b/c/d/e/f")) for number in range(2)))


def test_links_in_circles_end() -> None:
    lower = layer(link("a", "b"), link("b", "a"), link("c", "a"))
    assert names(overlaid(lower, layer(file(".wh.a"), file(".wh.b")))) == []


def test_a_folder_stands_first_with_what_was_said_last() -> None:
    raw = overlaid(layer(folder("a", 0o755), file("a/b")), layer(folder("a", 0o700), file("a/c")))
    assert names(raw) == ["a", "a/b", "a/c"]
    assert applied([raw]).nodes["a"].mode == 0o700


def test_what_is_in_a_folder_behind_a_link_leaves_the_link() -> None:
    """`lib` is a link in many images; a layer that has `lib/x` and no folder `lib` of its own means what the link leads to."""
    lower = layer(folder("usr"), folder("usr/lib"), symlink("lib", "usr/lib"))
    assert names(overlaid(lower, layer(file("lib/x")))) == ["usr", "usr/lib", "lib", "lib/x"]
    assert names(overlaid(lower, layer(folder("lib"), file("lib/x")))) == ["usr", "usr/lib", "lib", "lib/x"]
    assert applied([overlaid(lower, layer(folder("lib")))]).nodes["lib"].kind == "folder"


def test_a_file_that_became_a_folder_without_a_word_is_gone() -> None:
    assert names(overlaid(layer(file("a"), file("b")), layer(file("a/x")))) == ["b", "a/x"]


@pytest.mark.parametrize(
    ("lower", "upper"),
    [([], [file("n" * 600)]), ([], [folder("n")]), ([link("b", "gone"), link("c", "gone")], [file(".wh.gone")])],
)
def test_names_are_limited(lower: list[Entry], upper: list[Entry], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whiteout, "MOST_KEPT_BYTES", 511)
    with pytest.raises(InvalidInput, match="names of more than 511 bytes"):
        overlaid(layer(*lower), layer(*upper))


def test_what_other_file_systems_kept_for_themselves_is_left_out() -> None:
    lower = layer(file("a"), file(".wh..wh.plnk/x"), file(".wh..wh.aufs"))
    assert names(overlaid(lower, layer(file(".wh..wh.orph")))) == ["a"]


def test_names_from_the_root_are_written_without_it() -> None:
    raw = layer(folder("/a"), file("./a/b", b"x"), file("/" + "n" * 200, b"y"), link("/c", "/a/b"))
    found = names(overlaid(raw))
    assert found == ["a", "./a/b", "n" * 200, "c"]
    assert b"/a/b\0" not in overlaid(raw).replace(b"./a/b\0", b"")


@pytest.mark.parametrize(
    "member", [file("../x"), file("a/../../x"), link("a", "../../etc/passwd"), file("a/.."), file(".")]
)
def test_what_leads_out_is_refused(member: Entry) -> None:
    with pytest.raises(InvalidInput, match=r"layer 0 (names|has a member without)"):
        overlaid(layer(member))


def test_a_name_that_comes_twice_stays_twice_and_the_last_wins() -> None:
    raw = layer(file("a", b"1"), link("b", "a"), file("a", b"2"))
    assert {name: node.content for name, node in applied([overlaid(raw)]).nodes.items()} == {"a": b"2", "b": b"1"}


def test_what_a_global_header_says_does_not_reach_the_next_layer() -> None:
    buffer = io.BytesIO()
    with tarfile.open(
        fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT, pax_headers={"uname": "somebody", "comment": "x"}
    ) as archive:
        archive.addfile(tarfile.TarInfo("a"))
        archive.addfile(tarfile.TarInfo("b"))
    with tarfile.open(fileobj=io.BytesIO(overlaid(buffer.getvalue(), layer(file("c"))))) as archive:
        assert archive.pax_headers == {}
        assert [member.uname for member in archive] == ["somebody", "somebody", ""]
