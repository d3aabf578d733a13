"""Digests, and readers that vouch for what they read."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.errors import ContentMismatch, InvalidDigest
from pratique.spec.digest import ALGORITHMS, MOST_CHARACTERS, Digest, VerifyingReader

EMPTY = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
SIX = bytes(range(6))

digests = st.builds(Digest.of, st.binary(max_size=8), st.sampled_from(sorted(ALGORITHMS)))


# The grammar


@given(digests)
def test_a_digest_is_read_as_it_is_written(digest: Digest) -> None:
    assert Digest.parse(str(digest)) == digest


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "sha256",
        "sha256:",
        "sha256:" + "a" * 63,
        "sha256:" + "a" * 65,
        "sha256:" + "A" * 64,
        "sha256:" + "g" * 64,
        "SHA256:" + "a" * 64,
        "sha256:" + "a" * 64 + "\n",
        " sha256:" + "a" * 64,
        "sha512:" + "a" * 64,
        "sha256-" + "a" * 64,
        "sha256:" + "a" * 64 + ":x",
        "sha256:" + "é" * 64,
        "sha256:" + "\N{ARABIC-INDIC DIGIT ONE}" * 64,
        "sha-256+b64u:" + "a" * 43,
        "md5:" + "a" * 32,
        "blake3:" + "a" * 64,
        "sha256::" + "a" * 64,
        "+sha256:" + "a" * 64,
        "../../etc/passwd",
    ],
)
def test_what_is_no_digest(text: str) -> None:
    with pytest.raises(InvalidDigest):
        Digest.parse(text)


def test_the_error_says_which_algorithms_are_known() -> None:
    with pytest.raises(InvalidDigest, match="unknown digest algorithm 'blake3'") as caught:
        Digest.parse("blake3:" + "a" * 64)
    assert caught.value.advice() == "known are sha256, sha512"


@given(st.text())
def test_arbitrary_text_is_a_digest_or_an_error(text: str) -> None:
    try:
        digest = Digest.parse(text)
    except InvalidDigest:
        return
    assert str(digest) == text


@pytest.mark.parametrize("piece", ["a", "a.", "a:", "sha256:", "a+a-", "=", "sha256:a"])
def test_long_text_is_refused_before_it_is_looked_at(piece: str) -> None:
    with pytest.raises(InvalidDigest) as caught:
        Digest.parse(piece * 1_000_000)
    assert len(str(caught.value)) < MOST_CHARACTERS


@pytest.mark.parametrize("algorithm", sorted(ALGORITHMS))
def test_the_digest_of_bytes(algorithm: str) -> None:
    digest = Digest.of(b"ship", algorithm)
    assert str(digest) == f"{algorithm}:{hashlib.new(algorithm, b'ship').hexdigest()}"
    assert len(digest.encoded) == ALGORITHMS[algorithm]


def test_digests_are_values() -> None:
    assert str(Digest.of(b"")) == EMPTY
    assert Digest.parse(EMPTY) == Digest.of(b"")
    assert len({Digest.parse(EMPTY), Digest.of(b"")}) == 1
    assert sorted([Digest.of(b"b", "sha512"), Digest.of(b"b")])[0].algorithm == "sha256"


# Bytes in memory


def test_verify_returns_what_it_vouches_for() -> None:
    assert Digest.of(SIX).verify(SIX) is SIX


def test_verify_names_the_content_and_both_digests() -> None:
    with pytest.raises(ContentMismatch, match="the config is not what its digest says") as caught:
        Digest.of(SIX).verify(b"other", "the config")
    assert caught.value.expected == str(Digest.of(SIX))
    assert caught.value.actual == str(Digest.of(b"other"))


def test_verify_uses_the_digests_own_algorithm() -> None:
    assert Digest.of(SIX, "sha512").verify(SIX) == SIX


# Streams


def all_at_once(reader: VerifyingReader) -> bytes:
    return reader.read()


def byte_by_byte(reader: VerifyingReader) -> bytes:
    return b"".join(iter(lambda: reader.read(1), b""))


def into_a_buffer(reader: VerifyingReader) -> bytes:
    found, buffer = b"", bytearray(4)
    while count := reader.readinto(buffer):
        found += buffer[:count]
    return found


def into_a_view(reader: VerifyingReader) -> bytes:
    found, buffer = b"", memoryview(bytearray(7))
    while count := reader.readinto(buffer):
        found += buffer[:count]
    return found


def both_in_turn(reader: VerifyingReader) -> bytes:
    found, buffer = b"", bytearray(2)
    while True:
        data = reader.read(3)
        count = reader.readinto(buffer)
        if not data and not count:
            return found
        found += data + buffer[:count]


MANNERS = [all_at_once, byte_by_byte, into_a_buffer, into_a_view, both_in_turn]
manners = pytest.mark.parametrize("manner", MANNERS)
Manner = Callable[[VerifyingReader], bytes]


@manners
@pytest.mark.parametrize("algorithm", sorted(ALGORITHMS))
@pytest.mark.parametrize("content", [b"", b"x", SIX, b"ship" * 1000])
def test_the_whole_content_is_read_and_vouched_for(manner: Manner, algorithm: str, content: bytes) -> None:
    reader = Digest.of(content, algorithm).reader(io.BytesIO(content), len(content))
    assert manner(reader) == content


@manners
def test_content_that_is_short(manner: Manner) -> None:
    with pytest.raises(ContentMismatch, match="ended after 4 of 6 bytes") as caught:
        manner(Digest.of(SIX).reader(io.BytesIO(SIX[:4]), 6))
    assert (caught.value.expected, caught.value.actual) == ("6 bytes", "4 bytes")


@manners
def test_content_that_is_empty_where_it_should_not_be(manner: Manner) -> None:
    with pytest.raises(ContentMismatch, match="ended after 0 of 6 bytes"):
        manner(Digest.of(SIX).reader(io.BytesIO(b""), 6))


@manners
def test_content_that_is_long(manner: Manner) -> None:
    with pytest.raises(ContentMismatch, match="more than the 6 bytes"):
        manner(Digest.of(SIX).reader(io.BytesIO(SIX + b"!"), 6))


@manners
def test_content_where_there_should_be_none(manner: Manner) -> None:
    with pytest.raises(ContentMismatch, match="more than the 0 bytes"):
        manner(Digest.of(b"").reader(io.BytesIO(b"!"), 0))


@manners
def test_content_that_is_wrong(manner: Manner) -> None:
    with pytest.raises(ContentMismatch, match="is not what its digest says") as caught:
        manner(Digest.of(SIX).reader(io.BytesIO(b"wrong!"), 6))
    assert caught.value.actual == str(Digest.of(b"wrong!"))


@manners
def test_a_length_that_is_wrong_though_the_bytes_are_right(manner: Manner) -> None:
    with pytest.raises(ContentMismatch):
        manner(Digest.of(SIX).reader(io.BytesIO(SIX), 5))
    with pytest.raises(ContentMismatch):
        manner(Digest.of(SIX).reader(io.BytesIO(SIX), 7))


def test_too_long_content_is_noticed_at_once() -> None:
    reader = Digest.of(SIX).reader(io.BytesIO(bytes(10_000)), 6)
    with pytest.raises(ContentMismatch):
        reader.read(4096)


@pytest.mark.parametrize("content", [SIX[:4], SIX + b"!", b"wrong!"])
def test_an_error_stays(content: bytes) -> None:
    reader = Digest.of(SIX).reader(io.BytesIO(content), 6)
    for _ in range(3):
        with pytest.raises(ContentMismatch):
            reader.read()


def test_the_verified_end_stays() -> None:
    reader = Digest.of(SIX).reader(io.BytesIO(SIX), 6)
    assert reader.read() == SIX
    assert reader.read() == b""
    assert reader.readinto(bytearray(3)) == 0


def test_nothing_wanted_is_nothing_read() -> None:
    stream = io.BytesIO(SIX)
    reader = Digest.of(b"other").reader(stream, 99)
    assert reader.read(0) == b""
    assert reader.readinto(bytearray()) == 0
    assert stream.tell() == 0


def test_all_but_the_end_is_not_yet_vouched_for() -> None:
    reader = Digest.of(SIX).reader(io.BytesIO(b"wrong!"), 6)
    assert reader.read(6) == b"wrong!"
    with pytest.raises(ContentMismatch):
        reader.read(1)


@given(st.binary(max_size=40), st.lists(st.integers(-9, 9), max_size=40))
def test_however_it_is_read_it_is_the_same(content: bytes, sizes: list[int]) -> None:
    """Positive sizes are read, negative ones read into a buffer."""
    reader = Digest.of(content).reader(io.BytesIO(content), len(content))
    found = b""
    for size in sizes:
        if size >= 0:
            found += reader.read(size)
        else:
            buffer = bytearray(-size)
            found += buffer[: reader.readinto(buffer)]
    assert found + reader.read() == content


@given(st.binary(max_size=20), st.binary(max_size=20), st.integers(0, 30))
def test_only_the_right_bytes_of_the_right_length_pass(content: bytes, served: bytes, size: int) -> None:
    reader = Digest.of(content).reader(io.BytesIO(served), size)
    if served == content and size == len(content):
        assert reader.read() == content
    else:
        with pytest.raises(ContentMismatch):
            reader.read()
