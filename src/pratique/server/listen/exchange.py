"""One request on a connection and its answer."""

from __future__ import annotations

import socket
import ssl
import time
from typing import Final

from ...http.log import logger
from ...http.message import Request, Response
from ..answers import BAD_MESSAGE, Rejected
from .journal import ID_FIELD, Entry
from .sending import Sender, joined
from .service import Service
from .wire import BLOCK, BadMessage, Content, Head, format_head, has_content

log = logger(__name__)

MOST_DRAINED: Final = 256 << 10  # bytes of unwanted content that are read to keep a connection

# What a socket that does not wait says where there is nothing to read, or no room to write.
NOT_NOW: Final = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Exchange:
    """A request whose head was read (None where it was no head), and what becomes of it.

    First `handle` or `refuse`, then `send_now`, `send` or both. `persistent`: the connection is good for another request.
    """

    def __init__(
        self, service: Service, line: socket.socket, peer: str, head: Head | None, content: Content | None = None
    ) -> None:
        self.persistent = False
        self._service = service
        self._line = line
        self._peer = peer
        self._head = head
        self._content = content
        self._id = service.id_of(head)
        self._begun = time.monotonic()
        self._url = head.target if head else ""
        self._response = Response(0)
        self._start = b""  # the head of an answer that goes out in pieces
        self._short: bytes | None = None  # what is left of one that does not
        self._sent = 0  # bytes of content

    def handle(self, request: Request, *, may_persist: bool) -> None:
        """Let the request be handled. Raises what the handler raises."""
        self._url, self._peer = request.url, request.peer or ""
        try:
            response = self._service.handle(request)
        except BadMessage:  # its content; that will be refused
            raise
        except BaseException:
            self._tell()
            raise
        framed = response.length is not None or not self._is_old  # in HTTP/1.0 only the end of the connection tells
        self.persistent = (
            framed and may_persist and self._wants_more and not self._service.closing and self._is_drainable
        )
        self._prepare(response)

    def refuse(self, bad: BadMessage) -> None:
        """Prepare the answer to a request that is none."""
        self.persistent = False
        self._prepare(Rejected(BAD_MESSAGE, str(bad), status=bad.status).response())

    def send_now(self) -> bool:
        """Send a short answer without waiting; False where something is left for `send`."""
        if self._short is None:
            return False
        try:
            count = self._line.send(self._short)
        except NOT_NOW:
            return False
        except OSError:
            self._end()
            raise
        self._short = self._short[count:]
        if self._short:
            return False
        self._end()
        return True

    def send(self) -> None:
        """Send the answer, waiting for the client as long as that takes. Raises OSError."""
        sender = Sender(self._line)
        try:
            if self._short is not None:
                self._line.sendall(self._short)
            else:
                sender.send(self._start, self._response, chunked=self._is_chunked)
        finally:
            self._sent += sender.sent
            self._end()

    def drain(self) -> None:
        """Read what the client still sends, so that its next request can follow."""
        while self._content is not None and self._content.unread:
            self._content.read(BLOCK)

    @property
    def is_heard(self) -> bool:
        """Whether the client has said everything."""
        return self._head is not None and (self._content is None or self._content.unread == 0)

    @property
    def _wants_more(self) -> bool:
        return self._head is not None and self._head.persistent

    @property
    def _is_old(self) -> bool:
        return self._head is None or self._head.minor == 0

    @property
    def _is_chunked(self) -> bool:
        return self._response.length is None and not self._is_old

    @property
    def _is_drainable(self) -> bool:
        """Whether what the client still sends is known to come, and short enough to be worth the connection."""
        content = self._content
        if content is None or content.unread == 0:
            return True
        return not content.is_awaited and content.unread is not None and content.unread <= MOST_DRAINED

    def _prepare(self, response: Response) -> None:
        self._response = response
        with_content = has_content(self._head.method if self._head else "", response.status)
        try:
            content = joined(response) if with_content else b""
        except BaseException:
            self._end()
            raise
        if with_content and content is not None and len(content) != response.length:
            self.persistent = False  # it ended early: let the client see that at once
        chunked = with_content and self._is_chunked
        start = format_head(response, (ID_FIELD, self._id), chunked=chunked, close=not self.persistent)
        if content is None:
            self._start = start
        else:
            self._short = start + content
            self._sent = len(content)

    def _end(self) -> None:
        self._response.close()
        self._tell()

    def _tell(self) -> None:
        if self._service.tell is None:
            return
        entry = Entry(
            id=self._id,
            peer=self._peer,
            method=self._head.method if self._head else "-",
            url=self._url,
            status=self._response.status,
            received=self._content.received if self._content else 0,
            sent=self._sent,
            seconds=time.monotonic() - self._begun,
            notes=self._response.notes,
        )
        try:
            self._service.tell(entry)
        except Exception:  # a log that is full, say: clients are served all the same
            log.exception("%s was not told", self._id)
