"""How each host is reached: what a command was told, over what the machine has for the host."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..http.origin import Origin
from ..http.reach import Plain, Proxy, Reach, usual
from ..http.trust import Trust
from . import certs


def _no_proxy(_: Origin) -> Proxy | None:
    return None


def _unmarked(_: Origin) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Hosts:
    """A function from origins to ways: the `Reaches` of a session and its transport.

    `trust` holds for every host, but its `cert` and `key` are shown only to the hosts that are `named` (`host[:port]`), as
    `plain_http` is spoken only to them. `folders` are those of `certs.d`, `insecure` says whether the user marked a host so.
    """

    named: frozenset[str] = frozenset()
    trust: Trust = field(default_factory=Trust)
    plain_http: bool = False
    proxy: Callable[[Origin], Proxy | None] = _no_proxy
    folders: Iterable[Path] = ()
    insecure: Callable[[Origin], bool] = _unmarked

    def __call__(self, origin: Origin) -> Reach:
        """How an origin is reached. Raises InvalidInput, Unsupported for what the machine has for it and is of no use."""
        is_named = origin.netloc in self.named
        plain = Plain.ALWAYS if self.plain_http and is_named else usual(origin).plain
        reach = Reach(self._trust(origin, is_named=is_named), plain, self._proxy(origin))
        return reach.insecure() if self.insecure(origin) else reach

    def _trust(self, origin: Origin, *, is_named: bool) -> Trust:
        given = self.trust if is_named else self._of_everybody()
        return certs.complete(given, certs.find(self.folders, origin)) if origin.scheme == "https" else given

    def _proxy(self, origin: Origin) -> Proxy | None:
        proxy = self.proxy(origin)
        return replace(proxy, trust=self._of_everybody()) if proxy is not None else None

    def _of_everybody(self) -> Trust:
        return replace(self.trust, cert=None, key=None)
