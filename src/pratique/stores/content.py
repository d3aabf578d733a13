"""Content on its way into and out of stores that hold it themselves: verified, in pieces, and inline."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from typing import Final, Protocol, runtime_checkable

from ..errors import ContentMismatch, InvalidInput, Unsupported
from ..http.message import Stream
from ..http.passing import pass_on
from ..spec.descriptor import Descriptor
from ..spec.digest import Digest, VerifyingReader, mismatch
from ..spec.manifest import MOST_MANIFEST_BYTES
from .base import Content, ContentAt
from .files import Partial

PIECE_BYTES: Final = 1 << 20  # read and written at a time


@runtime_checkable
class Vouches(Protocol):
    """A stream that raises ContentMismatch before it ends wrongly, so that nobody need hash its bytes again."""

    @property
    def vouched(self) -> Digest | None:
        """The digest that all of the stream has; None where it does not vouch for any."""
        ...


@runtime_checkable
class Entrusts(Protocol):
    """A stream that verifies its bytes, and need not where whoever they are for does so."""

    def entrust(self) -> None:
        """Leave it to them from now on."""
        ...


@runtime_checkable
class Counts(Protocol):
    """A stream that counts what is read of it, and what went to its reader in another way."""

    def count(self, count: int) -> None:
        """So many bytes more, or fewer where they do not count after all."""
        ...


class Early(Protocol):
    """Content that is sent before all of it is there."""

    def finish(self, descriptor: Descriptor) -> None:
        """Say what the content was, now that it is whole; a push of it sends nothing twice."""
        ...

    def drop(self) -> None:
        """Leave nothing of it behind, unless it was pushed."""
        ...


class VerifiedStream:
    """The content of a descriptor; the read that would have ended it raises ContentMismatch where it is not that."""

    def __init__(self, stream: Stream, descriptor: Descriptor) -> None:
        self._stream = stream
        self._reader: Stream | VerifyingReader = descriptor.digest.reader(stream, descriptor.size)
        self.vouched: Digest | None = descriptor.digest

    def entrust(self) -> None:
        """Verify nothing any more."""
        self._reader, self.vouched = self._stream, None

    def pass_on(self, target: int, size: int, /) -> int:
        """Have the kernel send at most `size` bytes to a socket, as `passing.Passes` says; not where they are verified."""
        if self.vouched is not None:
            raise io.UnsupportedOperation("what is verified is read")
        return pass_on(self._stream, target, size)

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes, or all that is left. Raises ContentMismatch."""
        return self._reader.read(size)

    def readinto(self, buffer: bytearray | memoryview, /) -> int:
        """Fill `buffer` as far as one read goes; 0 at the end. Raises ContentMismatch."""
        return self._reader.readinto(buffer)

    def close(self) -> None:
        self._stream.close()


@contextmanager
def verified(
    opened: Callable[[int], AbstractContextManager[Stream]], size: int, descriptor: Descriptor, offset: int
) -> Iterator[Stream]:
    """What `opened(offset)` gives, verified: its `size` in bytes at once, its digest when it is read from the beginning.

    Raises ContentMismatch, and InvalidInput for an offset that is not in the content.
    """
    if size != descriptor.size:
        raise ContentMismatch(
            f"{descriptor.digest} has {size} bytes; it should have {descriptor.size}",
            expected=f"{descriptor.size} bytes",
            actual=f"{size} bytes",
        )
    if not 0 <= offset <= size:
        raise InvalidInput(f"{descriptor.digest} has {size} bytes; it cannot be read from byte {offset} on")
    with opened(offset) as stream:
        yield stream if offset else VerifiedStream(stream, descriptor)


def of_bytes(raw: bytes, descriptor: Descriptor, offset: int = 0) -> AbstractContextManager[Stream]:
    """Bytes in memory as the content of a descriptor, verified. Raises ContentMismatch, InvalidInput."""

    def opened(start: int) -> AbstractContextManager[Stream]:
        stream = io.BytesIO(raw)
        stream.seek(start)
        return closing(stream)

    return verified(opened, len(raw), descriptor, offset)


def pour(content: Content, descriptor: Descriptor, write: Callable[[memoryview], object]) -> None:
    """Hand the content of a descriptor to `write`, piece by piece. Raises ContentMismatch, after the last piece."""
    buffer = memoryview(bytearray(min(PIECE_BYTES, descriptor.size + 1)))
    with content() as stream:
        vouched = isinstance(stream, Vouches) and stream.vouched == descriptor.digest
        reader = stream if vouched else descriptor.digest.reader(stream, descriptor.size)
        while count := reader.readinto(buffer):
            write(buffer[:count])


def pour_rest(content: ContentAt, descriptor: Descriptor, partial: Partial) -> None:
    """Complete what is there of a descriptor's content. What turns out to be of no use is dropped, and read anew once.

    Raises ContentMismatch where it is not what its digest says even so.
    """
    size, hashed = _there(partial, descriptor)
    if size:
        try:
            _append(content, descriptor, partial, size, hashed)
        except ContentMismatch:
            partial.drop()
        else:
            return
    try:
        pour(lambda: content(0), descriptor, partial.append)
    except ContentMismatch:
        partial.drop()
        raise


def _there(partial: Partial, descriptor: Descriptor) -> tuple[int, hashlib._Hash]:
    hashed, size = hashlib.new(descriptor.digest.algorithm), 0
    with partial.content() as stream:
        while data := stream.read(PIECE_BYTES):
            hashed.update(data)
            size += len(data)
    if size <= descriptor.size:
        return size, hashed
    partial.drop()
    return 0, hashlib.new(descriptor.digest.algorithm)


def _append(content: ContentAt, descriptor: Descriptor, partial: Partial, start: int, hashed: hashlib._Hash) -> None:
    size = start
    if size < descriptor.size:
        buffer = memoryview(bytearray(min(PIECE_BYTES, descriptor.size - size + 1)))
        with content(start) as stream:
            while size <= descriptor.size and (count := stream.readinto(buffer)):
                size += count
                hashed.update(buffer[:count])
                partial.append(buffer[:count])
    actual = Digest(descriptor.digest.algorithm, hashed.hexdigest())
    if size == descriptor.size and actual != descriptor.digest:
        raise mismatch("content", descriptor.digest, actual)
    if size != descriptor.size:
        raise ContentMismatch(
            f"{descriptor.digest} has {size} of {descriptor.size} bytes",
            expected=f"{descriptor.size} bytes",
            actual=f"{size} bytes",
        )


def whole(content: Content, descriptor: Descriptor) -> bytes:
    """The content of a manifest. Raises ContentMismatch, and Unsupported for a manifest that nobody would take."""
    if descriptor.size > MOST_MANIFEST_BYTES:
        raise Unsupported(
            f"the manifest {descriptor.digest} has {descriptor.size} bytes; at most {MOST_MANIFEST_BYTES} are taken"
        )
    pieces = bytearray()
    pour(content, descriptor, pieces.extend)
    return bytes(pieces)


def read_name(name: str | Digest) -> str | Digest:
    """A name, or the digest that it is as text."""
    return name if isinstance(name, Digest) else Digest.find(name) or name
