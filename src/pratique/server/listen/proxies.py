"""What proxies in front of the registry say of a request: only those that are trusted, and only what can be used."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Final

from ...errors import InvalidInput
from ...http.message import Headers, Request
from ...http.origin import DEFAULT_PORTS
from ...spec.reference import is_registry
from ...values import replace

UNIX: Final = "unix"  # whoever reaches the Unix socket

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Proxies:
    """Trusted proxies: addresses, networks, or `unix` for whoever reaches a Unix socket. Raises InvalidInput for others."""

    def __init__(self, trusted: Iterable[str]) -> None:
        words = set(trusted)
        self._trusts_socket = UNIX in words
        self._networks = tuple(map(_network, words - {UNIX}))

    def see(self, request: Request) -> Request:
        """The request as the client made it that stands behind trusted proxies; any other as it is.

        X-Forwarded-For, -Proto and -Host; the last of several values is the one that the nearest proxy wrote.
        """
        if not self._trusts(request.peer):
            return request
        own, _, rest = request.url.partition("://")
        origin, _, rest = rest.partition("/")
        scheme = _last(request.headers, "X-Forwarded-Proto").lower() or own
        host = _last(request.headers, "X-Forwarded-Host") or origin
        if scheme not in DEFAULT_PORTS or not is_registry(host):
            return request
        return replace(request, url=f"{scheme}://{host}/{rest}", peer=self._client(request))

    def _client(self, request: Request) -> str | None:
        """The nearest address that is no trusted proxy's."""
        nearest = request.peer
        for value in reversed(",".join(request.headers.all("X-Forwarded-For")).split(",")):
            if not self._trusts(nearest) or not _is_address(value.strip()):
                break
            nearest = value.strip()
        return nearest

    def _trusts(self, peer: str | None) -> bool:
        if peer is None:
            return self._trusts_socket
        address = ipaddress.ip_address(peer.partition("%")[0])
        return any(address in network for network in self._networks)


def _network(text: str) -> _Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise InvalidInput(f"not the address or network of a proxy: {error}", advice=f"or {UNIX!r}") from None


def _last(headers: Headers, name: str) -> str:
    return ",".join(headers.all(name)).rpartition(",")[2].strip()


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
