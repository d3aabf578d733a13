"""Content that goes on at the next source where one breaks off."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TypeVar

from ..errors import ContentMismatch, Error, InvalidInput
from ..http.message import Stream
from ..spec.descriptor import Descriptor
from ..spec.digest import VerifyingReader
from .base import Source
from .turns import Turns, note

S = TypeVar("S", bound=Source)


class Relay:
    """The content of a descriptor from byte `offset` on, verified where it is read from the beginning to the end.

    `begin` is the number of the source to ask first. What several sources gave is verified as a whole.
    """

    def __init__(self, turns: Turns[S], descriptor: Descriptor, offset: int, begin: int) -> None:
        self._turns = turns
        self._descriptor = descriptor
        self._position = offset
        self._failures: list[str] = []
        self._used: list[int] = []
        self._opened = ExitStack()
        self._stream = self._open(begin)
        self._reader: Stream | VerifyingReader = _Raw(self)
        self.vouched = descriptor.digest if offset == 0 else None
        if offset == 0:
            self._reader = descriptor.digest.reader(_Raw(self), descriptor.size)

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes, or all that is left. Raises ContentMismatch, and the error of the last source."""
        with self._blaming():
            return self._reader.read(size)

    def readinto(self, buffer: bytearray | memoryview, /) -> int:
        """Fill `buffer` as far as one read goes; 0 at the end. Raises what `read` raises."""
        with self._blaming():
            return self._reader.readinto(buffer)

    def close(self) -> None:
        self._opened.close()

    def fill(self, buffer: bytearray | memoryview) -> int:
        """One read of the source of the moment, or of the next where that one fails."""
        while True:
            try:
                count = self._stream.readinto(buffer)
            except Error as error:
                self._go_on(error)
                continue
            self._position += count
            return count

    def _open(self, begin: int) -> Stream:
        def opened(source: S) -> Stream:
            return self._opened.enter_context(source.open(self._descriptor, offset=self._position))

        stream, number = self._turns.first(opened, begin)
        self._used.append(number)
        return stream

    def _go_on(self, error: Error) -> None:
        """Turn to the next source. Raises the error where there is none, or where all of the content has come."""
        number = self._used[-1]
        complete = isinstance(error, ContentMismatch) and self._position >= self._descriptor.size
        if complete or self._turns.is_last(number) or isinstance(error, InvalidInput):
            raise error
        self._failures.append(self._turns.pass_over(number, error))
        self._opened.close()
        self._stream = self._open(number + 1)

    @contextmanager
    def _blaming(self) -> Iterator[None]:
        """An error says what failed before; content that is not what its digest says is held against all who gave of it."""
        try:
            yield
        except ContentMismatch as error:
            for number in self._used:
                self._turns.distrust(number)
            note(error, self._failures)
            raise
        except Error as error:
            note(error, self._failures)
            raise


class _Raw:
    """The unverified bytes of a relay."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    def readinto(self, buffer: bytearray | memoryview, /) -> int:
        return self._relay.fill(buffer)

    def read(self, size: int = -1, /) -> bytes:
        if size < 0:
            return b"".join(iter(lambda: self.read(1 << 20), b""))
        buffer = bytearray(size)
        return bytes(buffer[: self._relay.fill(buffer)])

    def close(self) -> None:
        self._relay.close()
