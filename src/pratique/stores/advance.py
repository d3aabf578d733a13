"""Content on its way into a repository while it is still being made (distribution specification, §Pushing blobs).

It goes in one PATCH as it comes; when its end has told its digest, a push of the blob has only to name it. An advance is a
favour: where anything goes wrong with it, the blob is pushed like any other, and that tells what is wrong.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import copy_context
from typing import TYPE_CHECKING, Final

from ..errors import Error
from ..http.events import Observer
from ..http.message import Body, Headers, Request, Response, Stream
from ..http.origin import Origin
from ..spec import endpoints, media
from ..spec.descriptor import Descriptor
from .base import Content
from .content import Counts
from .events import Advanced
from .upload import Answer, Place, resolve

if TYPE_CHECKING:
    from .uploading import Uploader

GRACE: Final = 2.0  # seconds that are waited for a request that was given up


class Advance:
    """Content that a thread sends; `finish` says what it was, and without that `drop` leaves nothing of it behind.

    The thread ends with the content, with the session of requests, or with the next bytes after `drop`. It `gives_back` the leave
    that it had, and waits for nobody but who makes the content.
    """

    def __init__(self, home: Uploader, content: Content, tell: Observer, give_back: Callable[[], object]) -> None:
        self._home = home
        self._content = content
        self._give_back = give_back
        self._location = ""  # of the session, from its beginning on
        self._place: Place | None = None  # the session, when it has been sent everything
        self._is_dropped = self._is_taken = False
        self._counting = threading.Lock()
        self._size = 0  # bytes that were sent
        self._count: Callable[[int], object] = lambda count: tell(Advanced(count))
        self._thread = threading.Thread(
            target=copy_context().run, args=(self._run,), name="pratique-advance", daemon=True
        )
        self._thread.start()

    def finish(self, descriptor: Descriptor) -> None:
        """Say what the content was: a push of that goes on with what was sent."""
        self._home.advances[descriptor.digest] = self

    def take(self, descriptor: Descriptor, content: Content) -> Place | None:
        """The session, when it has been sent all of a descriptor's content; None where it came to nothing.

        From now on what is sent counts as read from `content`.
        """
        with content() as stream:
            self._count_by(stream.count if isinstance(stream, Counts) else _ignore)
            self._thread.join()
            # Less was sent where an answer came too early.
            self._is_taken = self._place is not None and self._size == descriptor.size and not self._is_dropped
            if not self._is_taken:
                self._count_by(_ignore)
        return self._place if self._is_taken else None

    def drop(self) -> None:
        """Give up what nobody took, and have the registry forget it."""
        if self._is_taken:
            return
        self._is_dropped = True
        self._thread.join(GRACE)
        self._count_by(_ignore)
        if self._location and not self._thread.is_alive():
            request = Request("DELETE", self._location, once=True)
            with suppress(Error), self._home.session.send(request, self._home.scopes):
                pass

    def sent(self, count: int) -> None:
        """Count bytes of the content. Raises an exception of its own where nobody wants it any more."""
        with self._counting:
            if count:
                self._count(count)
            self._size += count
        if self._is_dropped:
            raise _Dropped

    def _count_by(self, count: Callable[[int], object]) -> None:
        """Have somebody else count what was and will be sent."""
        with self._counting:
            before, self._count = self._count, count
            if self._size:
                before(-self._size)
                count(self._size)

    @contextmanager
    def _watched(self) -> Iterator[Stream]:
        self.sent(-self._size)
        with self._content() as stream:
            yield _Watched(self, stream)

    def _run(self) -> None:
        try:
            self._place = self._send() if self._begin() else None
            self._home.takes_unfinished = self._place is not None
        except Error:  # the push will meet the same, and tell it
            self._home.takes_unfinished = False
        except BaseException:  # noqa: S110 - whoever makes the content or is told of it has ended this
            pass
        finally:
            self._give_back()

    def _begin(self) -> bool:
        """Whether there is a session."""
        request = Request("POST", self._home.url(endpoints.UPLOADS), once=True)
        with self._home.session.send(request, self._home.scopes) as response:
            return response.status == 202 and self._stands(response)

    def _send(self) -> Place | None:
        """Send everything into the session, from the beginning each time that this is asked for."""
        headers = Headers([("Content-Type", media.OCTETS)])
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


def _ignore(_: int) -> None:
    """Who does not count."""
