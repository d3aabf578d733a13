"""Layers that live elsewhere by the `urls` in their descriptors (image specification, descriptor.md)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from typing import TypeVar

from ..errors import Error, NotFound
from ..http.message import Request, Stream
from ..http.session import Session
from ..spec.descriptor import Descriptor
from .resuming import ResumingStream

S = TypeVar("S")

Fetch = Callable[[Descriptor, int], AbstractContextManager[Stream]]


def fetching(session: Session[S], confided: Callable[[], bool] = lambda: False) -> Fetch:
    """Gets such content from the first of its URLs that has it, verified; the session is to have no credentials.

    Whoever wrote the manifest chose the URLs, and is perhaps a stranger: they lead to the public network only, unless the
    manifest is `confided` to a registry that is not on it.
    """

    def fetch(descriptor: Descriptor, offset: int) -> AbstractContextManager[Stream]:
        failure: Error = NotFound(f"{descriptor.digest} names no place where it is")
        public_only = not confided()
        for url in descriptor.urls:
            try:
                request = Request("GET", url, public_only=public_only)
                return closing(ResumingStream(session.send, request, descriptor, offset))
            except Error as error:
                failure = error
        raise failure

    return fetch
