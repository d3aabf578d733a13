"""What a listener puts up with from its clients."""

from __future__ import annotations

from typing import Final

from ...values import frozen

IDLE: Final = 60.0  # seconds that a client may be silent, between requests and in the middle of one's content
HEAD: Final = 20.0  # seconds from the first byte of a request's head, or of a TLS handshake, to the last
GRACE: Final = 0.5  # seconds that answers under way have to end when the listener is closed
SPARE: Final = 1.0  # seconds after which an idle connection may be closed to make room for another
CONNECTIONS: Final = 1000  # at once
REQUESTS: Final = 10_000  # on one connection, after which the client opens another


@frozen(kw_only=True)
class Limits:
    """Times in seconds; `content` in bytes of one request, or None for any length."""

    idle: float = IDLE
    head: float = HEAD
    grace: float = GRACE
    spare: float = SPARE
    connections: int = CONNECTIONS
    requests: int = REQUESTS
    content: int | None = None
