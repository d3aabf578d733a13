"""Digests (image specification, descriptor.md §Digests) and readers that verify them."""

from __future__ import annotations

import re
from typing import Final, Protocol

from ..errors import ContentMismatch, InvalidDigest
from ..expressions import expression
from ..values import frozen

# The registered algorithms and the length of their encoded part in characters.
ALGORITHMS: Final = {"sha256": 64, "sha512": 128}

_GRAMMAR = expression(r"[a-z0-9]+(?:[+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+", re.ASCII)
_HEXADECIMAL: Final = frozenset("0123456789abcdef")
MOST_CHARACTERS: Final = 512  # a digest longer than this is refused before it is looked at


class Readable(Protocol):
    """What a verifying reader reads from."""

    def read(self, size: int = ..., /) -> bytes: ...
    def readinto(self, buffer: bytearray | memoryview, /) -> int: ...


@frozen(order=True)
class Digest:
    """The name of content: an algorithm and the encoded hash. `str()` gives `algorithm:encoded`."""

    algorithm: str
    encoded: str

    @classmethod
    def parse(cls, text: str) -> Digest:
        """Read `algorithm:encoded`.

        Raises InvalidDigest for what the grammar forbids and for algorithms that are not registered.
        """
        algorithm, _, encoded = text.partition(":")
        if len(encoded) == ALGORITHMS.get(algorithm) and _HEXADECIMAL.issuperset(encoded):
            return cls(algorithm, encoded)
        raise _refusal(text)

    @classmethod
    def of(cls, content: bytes, algorithm: str = "sha256") -> Digest:
        """The digest of bytes in memory."""
        import hashlib  # loads OpenSSL, which names alone do not need

        return cls(algorithm, hashlib.new(algorithm, content).hexdigest())

    @classmethod
    def find(cls, text: str | None) -> Digest | None:
        """The digest that a text is; None where it is none, or there is no text."""
        try:
            return cls.parse(text or "")
        except InvalidDigest:
            return None

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.encoded}"

    def verify(self, content: bytes, what: str = "content") -> bytes:
        """Return `content`, or raise ContentMismatch when it is not what this digest names."""
        actual = Digest.of(content, self.algorithm)
        if actual != self:
            raise mismatch(what, self, actual)
        return content

    def reader(self, stream: Readable, size: int) -> VerifyingReader:
        """A reader of `stream` that raises ContentMismatch where digest or size (bytes) are not as said."""
        return VerifyingReader(stream, self, size)


class VerifyingReader:
    """Reads a stream to its end and vouches for it.

    The error comes with the read that would have ended the stream (or run past its size), so whoever read to the end
    without an error holds exactly the bytes that the digest names.
    """

    def __init__(self, stream: Readable, digest: Digest, size: int) -> None:
        self._stream = stream
        self._digest = digest
        import hashlib

        self._hash = hashlib.new(digest.algorithm)
        self._left = size
        self._size = size

    def readinto(self, buffer: bytearray | memoryview) -> int:
        """Fill `buffer` as far as one read goes; 0 at the verified end. Raises ContentMismatch."""
        if not buffer:
            return 0
        count = self._stream.readinto(buffer)
        self._account(memoryview(buffer)[:count])
        return count

    def read(self, size: int = -1) -> bytes:
        """Read at most `size` bytes, or to the verified end. Raises ContentMismatch."""
        if size is None or size < 0:
            return b"".join(iter(lambda: self.read(1 << 20), b""))
        if size == 0:
            return b""
        data = self._stream.read(size)
        self._account(data)
        return data

    def _account(self, data: bytes | memoryview) -> None:
        self._left -= len(data)
        if self._left < 0:
            raise ContentMismatch(
                f"more than the {self._size} bytes that {self._digest} should have",
                expected=f"{self._size} bytes",
                actual=f"more than {self._size} bytes",
            )
        self._hash.update(data)
        if not data:
            self._finish()

    def _finish(self) -> None:
        if self._left > 0:
            got = self._size - self._left
            raise ContentMismatch(
                f"{self._digest} ended after {got} of {self._size} bytes",
                expected=f"{self._size} bytes",
                actual=f"{got} bytes",
            )
        actual = Digest(self._digest.algorithm, self._hash.hexdigest())
        if actual != self._digest:
            raise mismatch("content", self._digest, actual)


def mismatch(what: str, expected: Digest, actual: Digest) -> ContentMismatch:
    """The error for content that is not what its digest says."""
    return ContentMismatch(
        f"{what} is not what its digest says: expected {expected}, found {actual}",
        expected=str(expected),
        actual=str(actual),
        advice="whatever holds it, or something on the way, changed the bytes; nothing of them was kept",
    )


def _refusal(text: str) -> InvalidDigest:
    """Why a text is not a digest, or not one that can be verified."""
    if len(text) > MOST_CHARACTERS or not _GRAMMAR.fullmatch(text):
        return InvalidDigest(
            f"not a digest: {text[:80]!r}", advice="a digest looks like sha256: and 64 hexadecimal digits"
        )
    algorithm = text.partition(":")[0]
    length = ALGORITHMS.get(algorithm)
    if length is None:
        return InvalidDigest(f"unknown digest algorithm {algorithm!r}", advice=f"known are {', '.join(ALGORITHMS)}")
    return InvalidDigest(f"a {algorithm} digest has {length} lower-case hexadecimal digits: {text[:80]!r}")
