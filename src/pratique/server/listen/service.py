"""What all connections of a listener have in common."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable, Iterator
from contextlib import nullcontext

from ...http.message import Body, Request, Transport
from ...spec.reference import is_registry
from ...values import field, record
from .journal import ID_FIELD, Observer, is_sane_id
from .limits import Limits
from .proxies import Proxies
from .wire import BadMessage, Content, Head


@record(kw_only=True)
class Service:
    """Whom connections serve, and how. `tell` is told of each answer that is out, `proxies` are those that are believed.

    `is_quick` says whether a request without content is answered so fast that all others can wait for it.
    """

    handle: Transport
    is_quick: Callable[[Request], bool]
    scheme: str
    limits: Limits
    tell: Observer | None = None
    proxies: Proxies | None = None
    closing: bool = False
    _prefix: str = field(default_factory=lambda: secrets.token_hex(6))
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def id_of(self, head: Head | None) -> str:
        """The id of a request: the one that it has, or a new one."""
        given = head.headers.get(ID_FIELD) if head else None
        return given if given and is_sane_id(given) else f"{self._prefix}-{next(self._numbers)}"

    def request(self, head: Head, content: Content | None, peer: str) -> Request:
        """The request with its absolute URL (RFC 9112 §3.3). Raises BadMessage where it has none."""
        hosts = head.headers.all("Host")
        if len(hosts) != 1 or not is_registry(hosts[0]):
            raise BadMessage(400, "a request has one Host")
        url = head.target
        if url.startswith("/"):
            url = f"{self.scheme}://{hosts[0]}{url}"
        elif not url.startswith(f"{self.scheme}://"):
            raise BadMessage(400, "not a request target of this server")
        body = Body(lambda: nullcontext(content), content.size) if content is not None else None
        request = Request(head.method, url, head.headers, body, peer=peer or None)
        return self.proxies.see(request) if self.proxies else request
