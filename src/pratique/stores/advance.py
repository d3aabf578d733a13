"""Content on its way into a repository while it is still being made (distribution specification, §Pushing blobs).

It goes in one PATCH as it comes; when its end has told its digest, a push of the blob has only to name it. An advance is a
favour: where anything goes wrong with it, the blob is pushed like any other, and tells what is wrong.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import copy_context
from typing import TYPE_CHECKING, Final

from ..errors import Error
from ..http.message import Body, Headers, Request, Response, Stream
from ..http.origin import Origin
from ..spec import endpoints
from ..spec.descriptor import Descriptor
from .base import Content
from .upload import Answer, Place, resolve

if TYPE_CHECKING:
    from .uploading import Uploader

GRACE: Final = 2.0  # seconds that are waited for a request that was given up


class Advance:
    """Content that a thread sends; `finish` says what it was, and without that `drop` leaves nothing of it behind."""

    def __init__(self, home: Uploader, content: Content) -> None:
        self._home = home
        self._content = content
        self._place: Place | None = None  # the session, when it has been sent everything
        self._location = ""  # of the session, from its beginning on
        self._size = 0  # bytes that were sent
        self._is_dropped = self._is_taken = False
        self._thread = threading.Thread(
            target=copy_context().run, args=(self._run,), name="pratique-advance", daemon=True
        )
        self._thread.start()

    @property
    def is_under_way(self) -> bool:
        return self._thread.is_alive()

    def finish(self, descriptor: Descriptor) -> None:
        """Say what the content was: a push of that goes on with what was sent."""
        self._home.advances[descriptor.digest] = self

    def take(self, size: int) -> Place | None:
        """The session, when it has been sent all of the content; None where it came to nothing."""
        self._thread.join()
        self._is_taken = self._place is not None and self._size == size
        return self._place if self._is_taken else None

    def drop(self) -> None:
        """Give up what nobody took, and have the registry forget it."""
        if self._is_taken:
            return
        self._is_dropped = True
        self._thread.join(GRACE)
        if self._location and not self._thread.is_alive():
            request = Request("DELETE", self._location, once=True)
            with suppress(Error), self._home.session.send(request, self._home.scopes):
                pass

    def sent(self, count: int) -> None:
        """Count bytes of the content. Raises an exception of its own where nobody wants it any more."""
        self._size += count
        if self._is_dropped:
            raise _Dropped

    @contextmanager
    def _watched(self) -> Iterator[Stream]:
        self._size = 0
        with self._content() as stream:
            yield _Watched(self, stream)

    def _run(self) -> None:
        # What is wrong will be told by the push, which meets the same.
        with suppress(Exception):
            if self._begin():
                self._place = self._send()

    def _begin(self) -> bool:
        """Whether there is a session."""
        request = Request("POST", self._home.url(endpoints.UPLOADS))
        with self._home.session.send(request, self._home.scopes) as response:
            return response.status == 202 and self._stands(response)

    def _send(self) -> Place | None:
        """Send everything into the session, from the beginning each time that this is asked for."""
        headers = Headers([("Content-Type", "application/octet-stream")])
        request = Request("PATCH", self._location, headers, Body(self._watched, None), once=True)
        with self._home.session.send(request, self._home.scopes) as response:
            least = Answer(response.status, response.headers).least_chunk or 0
            is_there = 200 <= response.status < 300 and self._stands(response)
            return Place(self._location, self._size, least) if is_there else None

    def _stands(self, response: Response) -> bool:
        """Learn where the session goes on; False where that is with somebody else, who may take no more than one PUT."""
        location = response.headers.get("Location") or self._location
        found = resolve(response.url, location, self._home.url(endpoints.UPLOADS))
        if not location or Origin.of(found) != self._home.origin:
            return False
        self._location = found
        return True


class _Dropped(Exception):
    """Ends a request whose content nobody wants any more."""


class _Watched:
    """The content of an advance, which counts what is read and ends where that is given up."""

    def __init__(self, advance: Advance, stream: Stream) -> None:
        self._advance = advance
        self._stream = stream

    def read(self, size: int = -1, /) -> bytes:
        data = self._stream.read(size)
        self._advance.sent(len(data))
        return data

    def readinto(self, buffer: bytearray | memoryview, /) -> int:
        count = self._stream.readinto(buffer)
        self._advance.sent(count)
        return count

    def close(self) -> None:
        self._stream.close()
