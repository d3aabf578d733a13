"""A transport without sockets: requests go straight to a `handle(request)` in this process."""

from __future__ import annotations

from collections.abc import Mapping

from .message import Request, Response, Transport, Unanswered
from .origin import Origin


class LocalTransport:
    """Hands each request to the handler of its origin; an origin without one cannot be reached."""

    def __init__(self, handlers: Mapping[Origin, Transport]) -> None:
        self._handlers = dict(handlers)

    def __call__(self, request: Request) -> Response:
        handle = self._handlers.get(request.origin)
        if handle is None:
            raise Unanswered(f"{request}: no connection to {request.origin}", transient=False)
        return handle(request)
