"""Content from whatever byte on it is wanted next, opened again only where there is no other way."""

from __future__ import annotations

import errno
import hashlib
import io
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext, suppress
from types import TracebackType
from typing import Any, Protocol, runtime_checkable

from ..errors import ContentMismatch
from ..http.message import Body, Stream
from ..http.passing import Passes
from ..spec.descriptor import Descriptor
from ..spec.digest import Digest, mismatch
from .content import PIECE_BYTES, Entrusts


@runtime_checkable
class _Seekable(Protocol):
    def seekable(self) -> bool: ...
    def seek(self, offset: int, /) -> Any: ...


class ContentFailed(Exception):
    """The content could not be read, or is not what it was said to be; `cause` is why. Nothing that sends it takes this
    for a failure of its own."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__(str(cause))
        self.cause = cause


class _Again(Exception):
    """Tells the content's own recipe that what was read of it does not count."""


class Cursor:
    """A recipe's content, read in parts from front to back; going back opens the recipe again.

    What a part hands out is not more than the descriptor's size, and its last bytes are held back until the content has
    ended without an error, so that a store which verifies what it reads can refuse it in time. While it `entrusts`, nothing
    that is read is verified but its size, because whoever gets the bytes verifies them; `check` always does.
    """

    def __init__(
        self, content: Callable[[], AbstractContextManager[Stream]], descriptor: Descriptor, *, entrusts: bool = False
    ) -> None:
        self._content = content
        self._descriptor = descriptor
        self.entrusts = entrusts
        self._stack = ExitStack()
        self._stream: Stream | None = None
        self._position = 0

    def part(self, first: int, last: int) -> Body | None:
        """The bytes from `first` up to `last` as a request's body. It raises ContentFailed when it is read."""
        return Body(lambda: self._at(first, last), last - first) if first < last else None

    def check(self) -> None:
        """Read everything and see whether it is what it should be. Raises ContentMismatch, and what reading raises."""
        digest = self._descriptor.digest
        hashed = hashlib.new(digest.algorithm)
        size = 0
        self._rewind()
        self._stream = stream = self._stack.enter_context(self._content())
        while data := stream.read(PIECE_BYTES):
            hashed.update(data)
            size += len(data)
        self._rewind()
        if size != self._descriptor.size:
            raise _wrong_size(self._descriptor, f"{size} bytes")
        actual = Digest(digest.algorithm, hashed.hexdigest())
        if actual != digest:
            raise mismatch("the content", digest, actual)

    def read(self, buffer: memoryview) -> int:
        """One read from where the cursor is; a part's own. Raises ContentFailed."""
        try:
            count = self._stream.readinto(buffer) if self._stream else 0
        except Exception as error:
            raise ContentFailed(error) from error
        self._moved(count)
        return count

    def pass_on(self, target: int, size: int) -> int:
        """Have the kernel send bytes from where the cursor is, as `Passes` says; a part's own. Raises ContentFailed, too."""
        stream: object = self._stream
        if not isinstance(stream, Passes):
            raise io.UnsupportedOperation("the content is read")
        try:
            count = stream.pass_on(target, size)
        except OSError as error:
            if error.errno == errno.EIO:  # which is the file's; all others are the socket's
                raise ContentFailed(error) from error
            raise
        except Exception as error:
            raise ContentFailed(error) from error
        self._moved(count)
        return count

    def __enter__(self) -> Cursor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream = None
        self._stack.__exit__(kind, error, trace)

    def _at(self, first: int, last: int) -> AbstractContextManager[Stream]:
        try:
            self._go(first)
        except ContentFailed:
            raise
        except Exception as error:
            raise ContentFailed(error) from error
        return nullcontext(_Part(self, last - first))

    def _go(self, position: int) -> None:
        if self._stream is None or position < self._position:
            self._rewind()
            self._stream = self._stack.enter_context(self._content())
            self._position = 0
            if self.entrusts and isinstance(self._stream, Entrusts):
                self._stream.entrust()
            if position and isinstance(self._stream, _Seekable) and self._stream.seekable():
                self._stream.seek(position)
                self._position = position
        buffer = memoryview(bytearray(min(PIECE_BYTES, position - self._position)))
        while self._position < position:
            self.read(buffer[: position - self._position])

    def _rewind(self) -> None:
        if self._stream is not None:
            self._stream = None
            with suppress(_Again):
                self._stack.__exit__(_Again, _Again(), None)

    def _moved(self, count: int) -> None:
        self._position += count
        try:
            self._check_end(count)
        except Exception as error:
            raise ContentFailed(error) from error

    def _check_end(self, count: int) -> None:
        size = self._descriptor.size
        if not count and self._position < size:
            raise _wrong_size(self._descriptor, f"{self._position} bytes")
        if self._position > size or (self._position == size and self._stream and self._stream.read(1)):
            raise _wrong_size(self._descriptor, f"more than {size} bytes")


class _Part:
    """So many bytes from where the cursor is."""

    def __init__(self, cursor: Cursor, size: int) -> None:
        self._cursor = cursor
        self._left = size

    def readinto(self, buffer: bytearray | memoryview, /) -> int:
        view = memoryview(buffer)[: self._left]
        if not view:
            return 0
        count = self._cursor.read(view)
        self._left -= count
        return count

    def pass_on(self, target: int, size: int, /) -> int:
        if not self._left:
            return 0
        count = self._cursor.pass_on(target, min(size, self._left))
        self._left -= count
        return count

    def read(self, size: int = -1, /) -> bytes:
        if size < 0:
            return b"".join(iter(lambda: self.read(PIECE_BYTES), b""))
        buffer = bytearray(min(size, self._left))
        return bytes(buffer[: self.readinto(buffer)])

    def close(self) -> None:
        """The cursor is read on by the next part."""


def _wrong_size(descriptor: Descriptor, actual: str) -> ContentMismatch:
    return ContentMismatch(
        f"{descriptor.digest} should have {descriptor.size} bytes, and the content has {actual}",
        expected=f"{descriptor.size} bytes",
        actual=actual,
    )
