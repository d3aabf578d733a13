"""Compressed streams."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.errors import InvalidInput
from pratique.stores.compression import HEAD_BYTES, Expansion, Unpacked, kind, kind_of_name, packing

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
