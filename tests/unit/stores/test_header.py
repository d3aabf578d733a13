"""What headers of tars say, compared with the standard library's reading."""

from __future__ import annotations

import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.errors import InvalidInput
from pratique.stores.header import (
    BLOCK,
    FILE,
    FOLDER,
    GLOBAL,
    LINK,
    MOST_EXTENDED_BYTES,
    decoded,
    extended_size,
    extension,
    is_whole,
    kind_of,
    link_of,
    name_of,
    number,
    size_of,
)

from .tars import header

NAMES = st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1, max_size=24)


@given(NAMES, NAMES, st.integers(0, (1 << 33) - 1), st.booleans())
def test_a_header_says_what_the_standard_library_wrote(name: str, link: str, size: int, gnu: bool) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.linkname = size, link
    block = member.tobuf(tarfile.GNU_FORMAT if gnu else tarfile.USTAR_FORMAT, "utf-8", "surrogateescape")
    assert is_whole(block)
    assert (decoded(name_of(block)), decoded(link_of(block))) == (name, link)
    assert size_of(block, {}, FILE, "it") == size


@given(st.integers(-(1 << 80), 1 << 80))
def test_numbers_of_any_size(value: int) -> None:
    assert number(tarfile.itn(value, 12, tarfile.GNU_FORMAT)) == value  # type: ignore[attr-defined]


def test_a_number_that_is_none() -> None:
    with pytest.raises(InvalidInput, match="in the place of a number"):
        number(b"12x45\0\0\0")


def test_a_checksum_of_signed_bytes_is_right_as_well() -> None:
    block = bytearray(header("é" * 4, 0))
    signed = sum(byte - 256 if byte > 127 else byte for byte in (*block[:148], *b" " * 8, *block[156:]))
    block[148:156] = b"%06o\0 " % signed
    assert is_whole(bytes(block))
    block[0] ^= 1
    assert not is_whole(bytes(block))


def test_a_block_of_nothing_is_no_header() -> None:
    assert not is_whole(bytes(BLOCK))


def test_a_prefix_is_one_of_ustar_only() -> None:
    member = tarfile.TarInfo(f"{'d' * 90}/{'n' * 90}")
    block = bytearray(member.tobuf(tarfile.USTAR_FORMAT))
    assert name_of(bytes(block)).decode() == member.name
    block[257:265] = b"ustar  \0"  # GNU's have times in its place
    assert name_of(bytes(block)) == b"n" * 90


def test_folders_as_they_were_before_they_had_a_type() -> None:
    untyped, typed = header("old", 0, tarfile.AREGTYPE), header("new", 0)
    assert kind_of(untyped, b"old/") == FOLDER
    assert kind_of(untyped, b"old") == tarfile.AREGTYPE
    assert kind_of(typed, b"new/") == FILE


def test_sizes_of_records_come_first_and_links_have_none() -> None:
    block = header("a", 7)
    assert size_of(block, {"size": "8"}, FILE, "it") == 8
    assert size_of(block, {"size": "8"}, LINK, "it") == 0


@pytest.mark.parametrize("said", ["", "-1", "x", "²", "9" * 19, "1" * 20])
def test_a_size_that_is_none(said: str) -> None:
    with pytest.raises(InvalidInput, match="it has a member of"):
        size_of(header("a", 7), {"size": said}, FILE, "it")


def test_long_names_and_records_are_said_alike() -> None:
    assert extension(tarfile.GNUTYPE_LONGNAME, b"a/b\0\0", "it") == {"path": "a/b"}
    assert extension(tarfile.GNUTYPE_LONGLINK, b"c\0", "it") == {"linkpath": "c"}
    assert extension(tarfile.XHDTYPE, b"10 path=b\n13 linkpath=\n", "it") == {"path": "b", "linkpath": ""}
    assert extension(GLOBAL, b"13 comment=x\n", "it") == {"comment": "x"}


def test_the_parts_of_a_sparse_file_that_are_said_one_by_one_are_all_kept() -> None:
    """GNU tar's first form of them in pax repeats two records for each part, and its second has them as one list."""
    parts = [("GNU.sparse.offset", "0"), ("GNU.sparse.numbytes", "512"), ("GNU.sparse.offset", "4096")]
    said = [("GNU.sparse.size", "5000"), *parts, ("GNU.sparse.numbytes", "10"), ("path", "a")]
    raw = "".join(f"{len(key) + len(value) + 5} {key}={value}\n" for key, value in said).encode()
    assert extension(tarfile.XHDTYPE, raw, "it") == {
        "GNU.sparse.size": "5000",
        "path": "a",
        "GNU.sparse.map": "0,512,4096,10",
    }


def test_no_name_is_that_of_all() -> None:
    with pytest.raises(InvalidInput, match="one name or size"):
        extension(GLOBAL, b"10 path=x\n", "it")


@pytest.mark.parametrize("size", [-1, MOST_EXTENDED_BYTES + 1])
def test_an_extended_header_has_so_many_bytes(size: int) -> None:
    with pytest.raises(InvalidInput, match=f"it has an extended header of {size} bytes"):
        extended_size(header("x", size, tarfile.XHDTYPE), "it")
