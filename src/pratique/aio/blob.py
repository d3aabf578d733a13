"""The content of a blob for coroutines: a stream, or a file."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import Self

from anyio import EndOfStream
from anyio.abc import ByteReceiveStream

from ..client import blob as blocking
from ..http.message import Stream as Content
from ..spec.descriptor import Descriptor
from ..spec.digest import Digest
from .face import Face, Held, Threads, later, made, verb


class Stream(ByteReceiveStream):
    """The whole content as a stream of AnyIO; iterated, it gives blocks. Nothing is read before it is wanted.

    The read that would end it raises ContentMismatch where the bytes are not what the digest says. It is closed at the end
    of an `async with` block, and by a read that fails or is cancelled.
    """

    def __init__(self, opening: Callable[[], AbstractContextManager[Content]], threads: Threads) -> None:
        self._opening = opening
        self._held = Held(threads)
        self._opened = ExitStack()
        self._content: Content | None = None

    async def receive(self, max_bytes: int = blocking.BUFFER_BYTES) -> bytes:
        """Some bytes, at most so many. Raises EndOfStream at the end, ClosedResourceError after it was closed."""
        content = self._content or await self._begin()
        try:
            data = await self._held.run(lambda: content.read(max_bytes))
        except BaseException:
            self._close()
            raise
        if not data:
            raise EndOfStream
        return data

    async def aclose(self) -> None:
        """Close it; the connection is used again where all was read."""
        self._close()

    async def __aenter__(self) -> Self:
        await self._begin()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._close()

    def __del__(self) -> None:
        self._close()

    async def _begin(self) -> Content:
        self._content = await self._held.run(lambda: self._opened.enter_context(self._opening()))
        self._held.go_on()
        return self._content

    def _close(self) -> None:
        """Nothing here waits for anybody, so that it is done in place, cancelled or not."""
        self._opened.close()
        self._held.operation.end()


class File(Face[io.BufferedReader]):
    """A file to read and seek in; each jump is a request for a range. Reading raises what `Blob.open` raises.

    It is verified where it is read from its beginning to its end without a jump. A cancelled call closes it.
    """

    def __init__(self, file: io.BufferedReader, threads: Threads) -> None:
        self._held = Held(threads)
        super().__init__(file, self._held)

    async def read(self, size: int | None = -1) -> bytes:
        """So many bytes from here on, or all; fewer at the end."""
        data = await self._held.run(lambda: self.blocking.read(size))
        self._held.go_on()
        return data

    async def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to another place, in bytes from the beginning, from here or from the end; the place from the beginning."""
        return await self._held.run(lambda: self.blocking.seek(offset, whence))

    def tell(self) -> int:
        """Where it is read next, in bytes."""
        return self.blocking.tell()

    async def aclose(self) -> None:
        """Close it."""
        self._close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._close()

    def __del__(self) -> None:
        self._close()

    def _close(self) -> None:
        self.blocking.close()
        self._held.operation.end()


class Blob(Face[blocking.Blob]):
    """A blob of a repository, as `Repository.blob` gives it."""

    open = later(blocking.Blob.open, Stream)
    read = verb(blocking.Blob.read)
    file = made(blocking.Blob.file, File)

    @property
    def descriptor(self) -> Descriptor:
        """Its type, digest and size."""
        return self.blocking.descriptor

    @property
    def digest(self) -> Digest:
        """What it is called."""
        return self.blocking.digest

    @property
    def size(self) -> int:
        """How long it is, in bytes, as the registry says."""
        return self.blocking.size
