"""What stands between a connection through a proxy and its server: CONNECT, TLS within TLS, and who is behind."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, Final, NoReturn

from ..errors import Misbehaved, ProxyRefused
from ..expressions import expression
from ..version import VERSION
from .answer import Cut, Incoming, Malformed, read_head
from .message import Headers, Unanswered
from .origin import Origin, is_private_address
from .problem import status_text
from .reach import Proxy

RECORD_BYTES: Final = 17 << 10  # read at a time: a TLS record with all that belongs to it (RFC 8446 §5.2)

_QUOTED = expression(r'"(?:[^"\\]|\\.)*"')
_SCHEME = expression(r"(?:^|,)\s*([a-z][a-z0-9-]*)(?=\s*(?:,|$)|\s+[^\s=])", re.IGNORECASE)
# What a proxy answers for somebody else: it may well be otherwise a moment later (RFC 9110 §15.6).
_PASSING: Final = frozenset({429, 500, 502, 503, 504})
# Names that no public network knows (RFC 6761 §6.3, RFC 6762 §3, RFC 8375; ICANN on `.internal`, 2024).
_NEVER_PUBLIC: Final = (".localhost", ".local", ".internal", ".home.arpa")


@lru_cache(maxsize=1024)
def behind(host: str, look_up: Callable[..., Iterable[Any]] = socket.getaddrinfo) -> str | None:
    """Who answers behind a proxy, as far as can be known here: its address where that is private, else its name.

    The proxy looks the name up for itself. None for a host that is not known here and has a name that is never public.
    """
    try:
        addresses = [str(address[0]) for *_, address in look_up(host, None)]
    except (OSError, ValueError):
        name = f".{host.removesuffix('.')}"
        return None if name.rfind(".") == 0 or name.endswith(_NEVER_PUBLIC) else host
    return next(filter(is_private_address, addresses), host)


def tunnel(connected: socket.socket, proxy: Proxy, origin: Origin, request: str) -> None:
    """Have a proxy connect to an origin (RFC 9110 §9.3.6); `request` is what an error says was asked.

    Raises ProxyRefused, Unanswered, Misbehaved, OSError.
    """
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    place = f"{host}:{origin.port}"
    lines = [f"CONNECT {place} HTTP/1.1", f"Host: {place}", f"User-Agent: pratique/{VERSION}"]
    if proxy.authorization is not None:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    connected.sendall("\r\n".join([*lines, "", ""]).encode("ascii"))
    status, headers = _answer(connected, proxy, request)
    if not 200 <= status < 300:
        refuse(proxy, request, status, headers, place)


def refuse(proxy: Proxy, request: str, status: int, headers: Headers, place: str) -> NoReturn:
    """Raise the error for a proxy that does not let a request pass: ProxyRefused, or Unanswered where it may do so later."""
    named = f"{request}: the proxy {proxy} ({proxy.source})"
    if status in (401, 407):  # some say 401 of a wrong password
        schemes = tuple(dict.fromkeys(name for line in headers.all("Proxy-Authenticate") for name in _schemes(line)))
        takes = f"; it takes {', '.join(schemes)}" if schemes else ""
        message = f"{named} wants to know who asks ({status_text(status)}{takes})"
        raise ProxyRefused(message, advice=_advice(proxy, schemes), proxy=str(proxy), schemes=schemes)
    message = f"{named} answered {status_text(status)} and does not connect to {place}"
    if status in _PASSING:
        raise Unanswered(message, transient=True)
    advice = "it may be that it admits other hosts or ports only; NO_PROXY or --proxy none goes around it"
    raise ProxyRefused(message, advice=advice, proxy=str(proxy))


def _answer(connected: socket.socket, proxy: Proxy, request: str) -> tuple[int, Headers]:
    incoming = Incoming(connected)
    try:
        answer = read_head(incoming)
        if answer.status > 599:
            raise Malformed(f"{answer.status} is no status")
        if 200 <= answer.status < 300 and incoming.waiting:  # it is for us to speak first, in TLS
            raise Malformed("something followed the head")
    except Cut as error:
        message = f"{request}: the proxy {proxy} ({proxy.source}) closed the connection ({error})"
        raise Unanswered(message, transient=True) from error
    except Malformed as error:
        message = f"{request}: the proxy {proxy} ({proxy.source}) did not answer in HTTP ({error})"
        raise Misbehaved(message) from error
    return answer.status, answer.headers


def _schemes(line: str) -> list[str]:
    return _SCHEME.findall(_QUOTED.sub("", line))


def _advice(proxy: Proxy, schemes: tuple[str, ...]) -> str:
    if schemes and "basic" not in (scheme.lower() for scheme in schemes):
        return "only Basic is spoken to proxies; a local proxy that knows the other may stand between"
    if proxy.authorization is not None:
        return f"the user and password in {proxy.source} are not the right ones"
    origin = proxy.origin
    return f"give a user and password in its URL: {origin.scheme}://USER:PASSWORD@{origin.netloc}"


class Layer:
    """TLS within the TLS of a proxy, as much of a socket as an exchange needs; closing it is left to whoever has the socket."""

    def __init__(self, connected: socket.socket, context: ssl.SSLContext, host: str) -> None:
        self._socket = connected
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._run(self._tls.do_handshake)

    def sendall(self, data: bytes | memoryview) -> None:
        """Send all of it. Raises OSError."""
        view = memoryview(data).cast("B")
        while view:
            view = view[self._run(self._tls.write, view) :]

    def recv(self, size: int) -> bytes:
        """Read what there is, at least one byte; nothing at the end. Raises OSError."""
        buffer = bytearray(size)
        return bytes(buffer[: self.recv_into(memoryview(buffer))])

    def recv_into(self, buffer: memoryview) -> int:
        """The same into a buffer; 0 at the end. Raises OSError."""
        try:
            return int(self._run(self._tls.read, len(buffer), buffer))
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return 0

    def _run(self, step: Callable[..., Any], *arguments: Any) -> Any:
        while True:
            try:
                result = step(*arguments)
            except ssl.SSLWantReadError:
                self._flush()
                data = self._socket.recv(RECORD_BYTES)
                self._incoming.write(data) if data else self._incoming.write_eof()
            else:
                self._flush()
                return result

    def _flush(self) -> None:
        if data := self._outgoing.read():
            self._socket.sendall(data)
