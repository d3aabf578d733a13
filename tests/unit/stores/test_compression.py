"""Compressed streams."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.errors import InvalidInput
from pratique.stores.compression import (
    GZIP,
    HEAD_BYTES,
    ZSTD,
    Expansion,
    Unpacked,
    kind,
    kind_of_name,
    packing,
    threads,
)

from .tars import PACKERS


@pytest.mark.parametrize("name", PACKERS)
def test_a_stream_tells_how_it_is_packed(name: str) -> None:
    packed = PACKERS[name](b"content")
    assert kind(packed[:HEAD_BYTES]) == name
    assert Unpacked(io.BytesIO(packed), "it").kind == name


@given(st.sampled_from(sorted(PACKERS)), st.lists(st.binary(min_size=1), max_size=3), st.integers(1, 100))
def test_what_was_packed_is_unpacked(name: str, parts: list[bytes], size: int) -> None:
    """Piece by piece; several packed streams in a row are one (RFC 1952 §2.2, RFC 8878 §3)."""
    content = b"".join(parts)
    if kind(content[:HEAD_BYTES]):
        return
    unpacked = Unpacked(io.BytesIO(b"".join(map(PACKERS[name], parts))), "it")
    assert b"".join(iter(lambda: unpacked.read(size), b"")) == content
    assert unpacked.read() == b""


@pytest.mark.parametrize("name", PACKERS)
def test_the_same_content_is_packed_the_same_and_the_sink_stays_open(name: str) -> None:
    sinks = [io.BytesIO(), io.BytesIO()]
    for sink in sinks:
        with packing(sink, name) as packed:
            packed.write(b"content")
    assert sinks[0].getvalue() == sinks[1].getvalue()
    assert Unpacked(io.BytesIO(sinks[0].getvalue()), "it").read() == b"content"


@pytest.fixture
def one_core() -> Iterator[Callable[[], None]]:
    """Leaves this thread one core from when it is called until the test is over."""
    usable = os.sched_getaffinity(0)
    yield lambda: os.sched_setaffinity(0, {min(usable)})
    os.sched_setaffinity(0, usable)


@pytest.mark.parametrize(("name", "level"), [(GZIP, 1), (GZIP, 3), (GZIP, 6), (ZSTD, 0), (ZSTD, 1), (ZSTD, 9)])
def test_the_bytes_depend_on_the_content_alone(name: str, level: int, one_core: Callable[[], None]) -> None:
    """Not on how many threads pack, nor on how what is written is cut, nor on whether it may change afterwards."""
    content = os.urandom(3 << 20).hex().encode() + b"end"
    sinks = [io.BytesIO() for _ in range(3)]
    with packing(sinks[0], name, level) as packed:
        packed.write(content)
    changing = bytearray(777_777)
    with packing(sinks[1], name, level) as packed:
        for at in range(0, len(content), len(changing)):
            part = content[at : at + len(changing)]
            changing[: len(part)] = part
            packed.write(memoryview(changing)[: len(part)])
    one_core()
    assert threads() == 1
    with packing(sinks[2], name, level) as packed:
        packed.write(memoryview(content))
    assert sinks[0].getvalue() == sinks[1].getvalue() == sinks[2].getvalue()
    assert Unpacked(io.BytesIO(sinks[0].getvalue()), "it").read() == content


def test_a_sink_that_fails_is_told_and_no_thread_stays() -> None:
    class Full(io.RawIOBase):
        def write(self, _: object) -> int:
            raise OSError(28, "No space left on device")

    def fill(name: str) -> None:
        with packing(Full(), name, 1) as packed:
            for _ in range(20):
                packed.write(os.urandom(1 << 20))

    before = threading.active_count()
    for name in (GZIP, ZSTD):
        with pytest.raises(OSError, match="No space"):
            fill(name)
    assert threading.active_count() == before


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("x.tar", ""),
        ("x", ""),
        ("gz", ""),
        ("x.tar.gz", "gzip"),
        ("X.TGZ", "gzip"),
        ("x.tar.zst", "zstd"),
        ("x.tzst", "zstd"),
    ],
)
def test_a_name_says_how_to_pack(name: str, expected: str) -> None:
    assert kind_of_name(name) == expected


def test_expansion_is_bounded_in_bytes_and_as_a_ratio() -> None:
    bounds = Expansion(most_bytes=1000, most_ratio=10, free_bytes=100)
    bounds.check(100, 0, "it")
    bounds.check(1000, 100, "it")
    for unpacked, packed in ((1001, 1000), (101, 10), (101, 0)):
        with pytest.raises(InvalidInput, match=r"^it "):
            bounds.check(unpacked, packed, "it")
