"""A walk over tars, well made and hostile."""

from __future__ import annotations

import gzip
import io
import subprocess
import tarfile
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pratique.errors import ContentMismatch, InvalidInput
from pratique.image.layers import header
from pratique.image.layers.header import Member
from pratique.image.layers.pieces import Packed
from pratique.image.layers.walk import Walk
from pratique.spec import media
from pratique.spec.descriptor import Descriptor
from pratique.spec.digest import Digest
from pratique.stores.compression import Expansion
from pratique.stores.content import of_bytes
from pratique.stores.header import BLOCK, MOST_EXTENDED_BYTES
from tests.unit.stores.tars import content_of

from .tars import file, folder, layer, link, other, overlaid, symlink

PLAIN = layer(
    folder("a"),
    file("a/b", b"x" * 1500),
    file("é" * 200, b"y"),
    link("l", "a/b"),
    symlink("s" * 150, "t" * 200),
    file("z"),
)


def cut(raw: bytes, size: int) -> Iterator[bytes]:
    return (raw[at : at + size] for at in range(0, len(raw), size))


def kept(raw: bytes, size: int) -> bytes:
    """The members of a tar that is read in pieces, all kept."""
    pieces: list[bytes] = []
    walk = Walk(cut(raw, size), "it", lambda data: pieces.append(bytes(data)))
    for _ in walk:
        walk.keep()
    return b"".join(pieces)


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("size", [1, 511, 512, 700, 5000, 1 << 20])
def test_however_it_is_cut_it_is_the_same(form: int, size: int) -> None:
    name = f"{'d' * 90}/{'n' * 90}"
    raw = layer(file(name, b"x" * 600), file("b"), form=form)
    members = [(member.name, member.size) for member in Walk(cut(raw, size), "it")]
    assert members == [(name.encode(), 600), (b"b", 0)]
    assert raw.startswith(kept(raw, size))
    assert kept(PLAIN, size) == PLAIN.rstrip(b"\0").ljust(len(kept(PLAIN, 1 << 20)), b"\0")


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=700), st.integers(0, len(PLAIN)), st.integers(1, 3000))
def test_damage_is_refused_and_nothing_else(damage: bytes, position: int, size: int) -> None:
    raw = bytearray(PLAIN)
    raw[position : position + len(damage)] = damage
    try:
        for member in Walk(cut(bytes(raw), size), "it"):
            everything(member)
        overlaid(bytes(raw))
    except InvalidInput:
        pass


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([b"0", b"1", b"2", b"5", b"S", b"L", b"K", b"x", b"g", b"V", b"\0", b"7"]),
    st.binary(max_size=100),
    st.binary(max_size=12),
    st.binary(max_size=600),
)
def test_headers_that_are_whole_and_say_anything(kind: bytes, name: bytes, size: bytes, body: bytes) -> None:
    block = bytearray(BLOCK)
    block[:100] = name.ljust(100, b"\0")
    block[124:136] = size.ljust(12, b"\0")
    block[156:157] = kind
    raw = header.sealed(bytes(block)) + body.ljust(1024, b"\0") + layer(file("after"))
    try:
        for member in Walk([raw], "it"):
            everything(member)
        overlaid(raw)
    except InvalidInput:
        pass


JUDGED = [
    layer(
        folder("a"),
        file("a/b", b"x" * 700, mode=0o4755),
        file("é" * 80, b"y", mtime=1.5),
        link("l", "a/b"),
        symlink("s" * 150, "t" * 120),
        other("n", tarfile.CHRTYPE, devmajor=1, devminor=3),
        file("big", b"z", uid=8**9),
        form=form,
    )
    for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT)
]
_DAMAGES = st.lists(
    st.tuples(st.integers(0, 20), st.integers(0, 511), st.sampled_from(b"\0 0178+-_LKxgS\x80\xff")), max_size=3
)


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(JUDGED), _DAMAGES, st.integers(1, 3000))
def test_what_is_read_is_what_tar_reads(raw: bytes, damages: list[tuple[int, int, int]], size: int) -> None:
    """Whatever a header says whose checksum is right: it is refused, or has the names that GNU tar finds."""
    damaged = bytearray(raw)
    for number, place, byte in damages:
        start = number * BLOCK
        block = damaged[start : start + BLOCK]
        if block[257:262] == b"ustar":
            block[place] = byte
            damaged[start : start + BLOCK] = header.sealed(bytes(block))
    try:
        found = [member.name for member in Walk(cut(bytes(damaged), size), "it")]
    except InvalidInput:
        return
    listed = subprocess.run(
        ["tar", "-tPf", "-", "--quoting-style=literal"], input=damaged, capture_output=True, check=False
    )
    if not listed.returncode and b"empty member name" not in listed.stderr:  # which Go takes from the next header
        assert [header.normal(name, "it") for name in listed.stdout.splitlines()] == found


@pytest.mark.parametrize("raw", JUDGED, ids=["pax", "gnu"])
def test_what_is_read_is_what_python_reads(raw: bytes) -> None:
    with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
        theirs = [
            (each.name, each.type, each.mode, (each.uid, each.gid), each.linkname, (each.devmajor, each.devminor))
            for each in archive
        ]
    assert theirs == [
        (each.name.decode(), each.kind, each.mode, each.owner, each.link.decode(), each.device)
        for each in Walk([raw], "it")
    ]


@pytest.mark.parametrize("field", [b"+0000644", b"-0000644", b"0_00644\0", b"0o00644\0", b"\t000644\0", b"0000 644"])
def test_numbers_of_headers_are_octal_digits_and_nothing_else(field: bytes) -> None:
    head = bytearray(header.made(b"x").headers)
    head[100:108] = field
    (member,) = Walk([header.sealed(bytes(head))], "it")
    with pytest.raises(InvalidInput, match="in the place of a number"):
        _ = member.mode


def test_headers_of_one_member_and_of_all_are_limited() -> None:
    one = header.extended({"comment": "c" * 900_000})
    assert len(list(Walk([one * 2 + layer(file("a"))], "it"))) == 1
    with pytest.raises(InvalidInput, match="extended headers of more than"):
        list(Walk([one * 3 + layer(file("a"))], "it"))
    overall = [extended(record(f"k{number}", "v" * 9000), b"g") for number in range(2)]
    assert len(list(Walk([overall[0] * 5 + layer(file("a"))], "it"))) == 1
    with pytest.raises(InvalidInput, match="global headers of more than"):
        list(Walk([b"".join(overall) + layer(file("a"))], "it"))


def record(key: str, value: str) -> bytes:
    return header.extended({key: value})[BLOCK:].rstrip(b"\0")


@pytest.mark.parametrize("said", ["²", "٣", "1" * 25, "-1", "x"])
def test_records_that_are_no_numbers_say_nothing(said: str) -> None:
    raw = header.extended({"uid": said, "GNU.sparse.realsize": said}) + layer(file("a", b"x"))
    (member,) = Walk([raw], "it")
    assert (member.owner, member.length) == ((0, 0), 1)


def everything(member: Member) -> None:
    """All that can be asked of a member."""
    _ = member.length, member.mode, member.owner, member.device, member.modified
    header.renamed(member, b"n" * 300, b"t")
    header.retimed(member, 1)


def extended(body: bytes, kind: bytes = b"x", size: int | None = None) -> bytes:
    head = bytearray(header.made(b"x", kind, size=len(body) if size is None else size).headers)
    return header.sealed(bytes(head)) + body + bytes(-len(body) % BLOCK)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"not a tar".ljust(600), "not a tar"),
        (PLAIN[:1000], "truncated"),
        (PLAIN[:512] + PLAIN[512:600], "truncated"),
        (extended(b"", size=MOST_EXTENDED_BYTES + 1), "extended header of 1048577 bytes"),
        (extended(b"", b"L", size=1 << 40), "extended header of"),
        (extended(b"10 path=x\n"), "truncated"),
        (extended(b"9 path=x\n"), "truncated"),
        (extended(b"99 path=x\n") + PLAIN, "cannot be read"),
        (extended(b"14 path=a/../b\n", b"g") + PLAIN, "cannot be read"),
        (extended(b"10 path=x\n", b"g") + PLAIN, "one name or size"),
        (extended(b"12 path=a\0b\n") + PLAIN, "is called"),
        (extended(b"13 size=-100\n") + layer(file("q")), "member of '-100' bytes"),
        (extended(b"13 path=../x\n") + PLAIN, "leads out of it"),
        (extended(b"26 GNU.sparse.name=../../\n") + PLAIN, "leads out of it"),
        (layer(file("n/" * 2500)), "has a name of"),
        (header.made(b"x", size=-1).headers, "-1 bytes"),
        (header.made(b"x", size=1 << 70).headers, "bytes"),
    ],
)
def test_what_lies_is_refused(raw: bytes, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        list(Walk([raw], "it"))


def test_the_number_of_members_is_limited() -> None:
    raw = layer(*(file(str(number)) for number in range(10)))
    assert len(list(Walk([raw], "it", most_members=10))) == 10
    with pytest.raises(InvalidInput, match="more than 9 members") as caught:
        list(Walk([raw], "it", most_members=9))
    assert caught.value.advice()


def test_a_bomb_is_stopped() -> None:
    bomb = gzip.compress(bytes(8 << 20))
    packed = Packed(content_of(bomb), "the layer", Expansion(most_ratio=10, free_bytes=1 << 20))
    with pytest.raises(InvalidInput, match="more than 10 times"), packed.pieces() as pieces:
        list(Walk(pieces, "it"))


def test_content_costs_no_memory() -> None:
    raw = header.made(b"big", size=1 << 28).headers
    piece = bytes(1 << 20)
    tracemalloc.start()
    try:
        walk = Walk([raw, *[piece] * 256], "it", lambda _: None)
        for _ in walk:
            walk.keep()
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_a_sparse_file_of_old_keeps_its_map() -> None:
    """An old header of GNU's whose map goes on in a block of its own."""
    block = bytearray(header.made(b"sparse", b"S", size=700).headers)
    block[257:265] = b"ustar  \0"
    block[482] = 1
    block[483:495] = b"00000100000\0"
    more = bytes(504) + b"\0" * 8
    raw = header.sealed(bytes(block)) + more + b"x" * 700 + bytes(324) + layer(file("after", b"y"))
    found = list(Walk(cut(raw, 900), "it"))
    assert [(member.name, member.size, member.length) for member in found] == [
        (b"sparse", 700, 0o100000),
        (b"after", 1, 1),
    ]
    assert kept(raw, 900) == raw[: len(kept(raw, 900))]


def test_what_is_not_what_its_digest_says_is_told_after_the_last_member() -> None:
    """A tar may end before its stream: only that is verified as a whole."""
    raw = PLAIN + b"more"
    descriptor = Descriptor(media.OCI_LAYER, Digest.of(PLAIN + b"else"), len(raw))
    with (
        pytest.raises(ContentMismatch),
        Packed(lambda: of_bytes(raw, descriptor), "the layer").pieces() as pieces,
    ):
        list(Walk(pieces, "it"))


def test_a_reader_that_is_not_read_to_its_end_is_freed() -> None:
    with Packed(content_of(gzip.compress(bytes(64 << 20))), "it").pieces() as pieces:
        next(pieces)


def test_folders_as_they_were_before_they_had_a_type() -> None:
    head = bytearray(header.made(b"old/").headers)
    head[:5], head[156:157] = b"old/\0", b"\0"
    (member,) = Walk([header.sealed(bytes(head)) + bytes(1024)], "it")
    assert (member.is_folder, member.name) == (True, b"old")


def test_content_is_poured_and_left_out() -> None:
    raw = layer(file("a", b"x" * 1500), file("b", b"y"))
    contents: dict[bytes, bytes] = {}
    out: list[bytes] = []
    walk = Walk(cut(raw, 600), "it", lambda data: out.append(bytes(data)))
    for member in walk:
        if member.name == b"a":
            found = io.BytesIO()
            walk.pour(member, found.write)
            contents[member.name] = found.getvalue()
        else:
            walk.keep()
    assert contents == {b"a": b"x" * 1500}
    assert b"".join(out) == layer(file("b", b"y"))[:1024]
