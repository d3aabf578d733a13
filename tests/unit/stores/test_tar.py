"""Reading a tar where it lies, and refusing one that lies."""

from __future__ import annotations

import io
import os
import tarfile
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.errors import InvalidInput, NotFound
from pratique.stores.compression import Expansion
from pratique.stores.header import MOST_EXTENDED_BYTES
from pratique.stores.tar import MOST_NAME_BYTES, Tar

from .tars import PACKERS, entry, header, raw_member, saved, tar, tar_of

FILES = {"index.json": b"{}", "blobs/sha256/a": b"a" * 700, "empty": b""}
LONG = "blobs/" + "n" * 300


def contents(archive: Tar) -> dict[str, bytes]:
    return {name: archive.read(name, 1 << 20) for name in archive}


@pytest.mark.parametrize("packing", PACKERS)
def test_a_tar_is_read_from_a_file_and_from_a_stream(packing: str, tmp_path: Path) -> None:
    raw = PACKERS[packing](tar_of(FILES))
    with Tar(saved(tmp_path / "x", raw)) as archive:
        assert contents(archive) == FILES
    stream = io.BytesIO(raw)
    with Tar(stream) as archive:
        assert contents(archive) == FILES
    assert not stream.closed


def test_a_tar_is_read_from_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(tar_of(FILES),))
    writer.start()
    with Tar(pipe) as archive:
        assert contents(archive) == FILES
    writer.join()


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_form_of_tar_is_read(form: int) -> None:
    buffer = io.BytesIO()
    name = f"{'d' * 90}/{'n' * 90}" if form == tarfile.USTAR_FORMAT else LONG
    with tarfile.open(fileobj=buffer, mode="w", format=form) as made:
        folder = tarfile.TarInfo("./blobs/")
        folder.type = tarfile.DIRTYPE
        made.addfile(folder)
        member = tarfile.TarInfo(f"./{name}")
        member.size = 3
        made.addfile(member, io.BytesIO(b"abc"))
    with Tar(io.BytesIO(buffer.getvalue())) as archive:
        assert contents(archive) == {name: b"abc"}


@given(st.dictionaries(st.text(st.characters(exclude_characters="/\0.", codec="utf-8"), min_size=1), st.binary()))
def test_what_the_standard_library_writes_is_read(files: dict[str, bytes]) -> None:
    with Tar(io.BytesIO(tar_of(files))) as archive:
        assert contents(archive) == files


@given(st.binary(max_size=2048), st.integers(0, 4096))
def test_damage_is_refused_and_nothing_else(damage: bytes, position: int) -> None:
    raw = bytearray(tar(entry(LONG, b"x" * 600), entry("b", b"y" * 513)))
    raw[position : position + len(damage)] = damage
    try:
        with Tar(io.BytesIO(bytes(raw)), links=True) as archive:
            contents(archive)
    except (InvalidInput, NotFound):
        pass


def test_content_is_read_from_an_offset_on_and_by_several_at_once() -> None:
    with (
        Tar(io.BytesIO(tar_of(FILES))) as archive,
        archive.open("index.json") as first,
        archive.open("index.json", offset=1) as second,
        archive.open("index.json", offset=9) as behind,
    ):
        assert (first.read(1), second.read(), first.read(), behind.read()) == (b"{", b"}", b"}", b"")


def test_a_stream_that_is_closed_is_not_read(tmp_path: Path) -> None:
    with Tar(saved(tmp_path / "x", tar_of(FILES))) as archive:
        with archive.open("index.json") as closed:
            pass
        with pytest.raises(ValueError, match="closed"):
            closed.read()
        with archive.open("index.json") as orphan:
            archive.close()
            with pytest.raises(ValueError, match="closed"):
                orphan.read()


def test_a_file_that_becomes_shorter_is_an_error(tmp_path: Path) -> None:
    path = saved(tmp_path / "x", tar_of(FILES))
    with Tar(path) as archive, archive.open("blobs/sha256/a") as stream:
        os.truncate(path, 1024)
        with pytest.raises(InvalidInput, match="shorter"):
            stream.read()


def test_a_member_that_is_missing_or_too_long() -> None:
    with Tar(io.BytesIO(tar_of(FILES))) as archive:
        with pytest.raises(NotFound, match="no member 'nothing'"):
            archive.find("nothing")
        with pytest.raises(InvalidInput, match="700 bytes; at most 699"):
            archive.read("blobs/sha256/a", 699)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (tar(entry("../x")), "outside"),
        (tar(entry("a/../../x")), "outside"),
        (tar(entry("a/..")), "outside"),
        (tar(entry("/etc/passwd")), "outside"),
        (tar(entry("./.")), "without a name"),
        (tar(entry("n" * (MOST_NAME_BYTES + 1))), "longer than"),
        (tar(entry("a"), entry("./a")), "two members 'a'"),
        (tar(entry("a", kind=tarfile.SYMTYPE, link="b"), entry("b")), "a link"),
        (tar(entry("a", kind=tarfile.LNKTYPE, link="b"), entry("b")), "a link"),
        (tar(entry("a", kind=tarfile.CHRTYPE)), "a device"),
        (tar(entry("a", kind=tarfile.BLKTYPE)), "a device"),
        (tar(entry("a", kind=tarfile.FIFOTYPE)), "a device or pipe"),
        (tar(entry("a", kind=b"?")), "unknown type"),
        (tar(header("a", 0, tarfile.GNUTYPE_SPARSE)), "sparse"),
        (tar(raw_member(tarfile.XHDTYPE, b"22 GNU.sparse.major=1\n"), entry("a")), "sparse"),
        (tar(raw_member(tarfile.XGLTYPE, b"10 path=a\n"), entry("b")), "one name"),
        (tar(raw_member(tarfile.XGLTYPE, b"10 size=0\n"), entry("b")), "one name or size"),
        (tar(raw_member(tarfile.XHDTYPE, b"10 size=x\n"), entry("b")), "'x' bytes"),
        (tar(raw_member(tarfile.XHDTYPE, b"11 size=-1\n"), entry("b")), "'-1' bytes"),
        (tar(raw_member(tarfile.XHDTYPE, b"15 size=999999\n"), entry("b")), "truncated"),
        (tar(raw_member(tarfile.XHDTYPE, b"99 path=a\n"), entry("b")), "cannot be read"),
        (tar(raw_member(tarfile.XHDTYPE, b"0 path=a\n"), entry("b")), "cannot be read"),
        (tar(raw_member(tarfile.XHDTYPE, b"9" * 60000), entry("b")), "cannot be read"),
        (tar(raw_member(tarfile.GNUTYPE_LONGNAME, b"../x\0"), entry("b")), "outside"),
        (tar(header("a", -1)), "-1 bytes"),
        (tar(header("a", 1 << 60)), "truncated"),
        (tar(header("a", 1 << 60, tarfile.XHDTYPE)), "extended header of"),
        (tar(header("a", -512, tarfile.XHDTYPE)), "-512 bytes"),
        (tar(header("a", MOST_EXTENDED_BYTES, tarfile.GNUTYPE_LONGNAME)), "truncated"),
        (entry("a", b"x" * 2000)[:-513], "truncated"),
        (entry("a", b"x" * 2000), "truncated"),
        (entry("a", b"x" * 2000) + bytes(511), "truncated"),
        (b"", "not a tar"),
        (b"PK\3\4 not a tar", "not a tar"),
        (b"x" * 5120, "not a tar from its beginning on"),
        (entry("a") + b"x" * 1024, "not a tar at byte 512"),
    ],
)
def test_what_is_not_to_be_trusted_is_refused(raw: bytes, message: str, tmp_path: Path) -> None:
    for source in (saved(tmp_path / "x", raw), io.BytesIO(raw)):
        with pytest.raises(InvalidInput, match=message):
            Tar(source)


def test_a_file_that_is_not_there_or_is_none(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no archive"):
        Tar(tmp_path / "nothing")
    with pytest.raises(InvalidInput, match="directory"):
        Tar(tmp_path)


def test_links_are_followed_within_the_archive() -> None:
    raw = tar(
        entry("layers/a", b"a"),
        entry("top/layer.tar", kind=tarfile.SYMTYPE, link="../layers/a"),
        entry("hard", kind=tarfile.LNKTYPE, link="top/layer.tar"),
        entry("dangling", kind=tarfile.SYMTYPE, link="nowhere"),
        entry("circle", kind=tarfile.SYMTYPE, link="circle"),
    )
    with Tar(io.BytesIO(raw), links=True) as archive:
        assert archive.read("hard", 1) == b"a"
        assert "hard" in archive
        assert list(archive) == ["layers/a"]
        with pytest.raises(NotFound, match="dangling"):
            archive.find("dangling")
        with pytest.raises(InvalidInput, match="circle"):
            archive.find("circle")


@pytest.mark.parametrize("link", ["../x", "a/../../x", "/etc/passwd", "..", ".", ""])
@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_links_out_of_the_archive_are_refused(link: str, kind: bytes) -> None:
    with pytest.raises(InvalidInput, match=r"leads out|without a name"):
        Tar(io.BytesIO(tar(entry("a", kind=kind, link=link))), links=True)


def test_a_name_is_taken_once_by_links_too() -> None:
    for pair in (
        [entry("a"), entry("a", kind=tarfile.LNKTYPE, link="b")],
        [entry("a", kind=tarfile.SYMTYPE, link="b")] * 2,
    ):
        with pytest.raises(InvalidInput, match="two members"):
            Tar(io.BytesIO(tar(*pair)), links=True)


def test_members_are_counted_and_so_are_folders_and_extended_headers() -> None:
    for members in ([entry("a"), entry("b")], [entry("a", kind=tarfile.DIRTYPE)] * 2, [raw_member(b"x", b"")] * 2):
        with pytest.raises(InvalidInput, match="more than 1 members") as caught:
            Tar(io.BytesIO(tar(*members)), most_headers=1)
        assert caught.value.advice()


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
def test_a_bomb_is_found_before_it_fills_the_disk(packing: str) -> None:
    raw = PACKERS[packing](tar(entry("a", bytes(4 << 20))))
    for expansion, message in (
        (Expansion(most_bytes=1 << 20), "longer than 1048576 bytes"),
        (Expansion(most_ratio=10, free_bytes=1 << 20), "more than 10 times"),
    ):
        with pytest.raises(InvalidInput, match=message):
            Tar(io.BytesIO(raw), expansion=expansion)


def test_a_stream_has_an_end_even_where_it_is_not_packed() -> None:
    with pytest.raises(InvalidInput, match="longer than 1024"):
        Tar(io.BytesIO(tar_of(FILES)), expansion=Expansion(most_bytes=1024))


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
def test_a_bomb_does_not_fill_the_memory(packing: str) -> None:
    raw = PACKERS[packing](bytes(64 << 20))
    tracemalloc.start()
    try:
        with pytest.raises(InvalidInput):
            Tar(io.BytesIO(raw), expansion=Expansion(most_bytes=48 << 20))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 << 20


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
@pytest.mark.parametrize("damage", [lambda raw: raw[:-5], lambda raw: raw[:8] + b"\xff" * 8 + raw[16:]])
def test_damaged_compression_is_refused(packing: str, damage: Callable[[bytes], bytes]) -> None:
    with pytest.raises(InvalidInput, match=f"not whole as {packing}"):
        Tar(io.BytesIO(damage(PACKERS[packing](tar_of(FILES)))))


def test_a_wrong_checksum_of_gzip_is_refused() -> None:
    raw = bytearray(PACKERS["gzip"](tar_of(FILES)))
    raw[-8] ^= 1
    with pytest.raises(InvalidInput, match="not whole as gzip"):
        Tar(io.BytesIO(bytes(raw)))
