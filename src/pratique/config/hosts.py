"""How each host is reached: what a command was told, over what our own file says, over what the machine has for the host."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from ..http.gate import MOST_REQUESTS_AT_ONCE, Pace
from ..http.origin import Origin
from ..http.reach import Plain, Proxy, Reach, usual
from ..http.trust import Trust
from ..spec.reference import endpoint_of
from ..values import field, frozen, replace
from . import certs
from .own import Wanted, nothing

if TYPE_CHECKING:
    from .settings import Settings


def origin_of(registry: str) -> Origin:
    """The origin of a registry that is named as people do, over https: its `netloc` is what names of a host mean."""
    return Origin.of(f"https://{endpoint_of(registry)}")


def _no_proxy(_: Origin) -> Proxy | None:
    return None


def _unmarked(_: Origin) -> bool:
    return False


@frozen
class Hosts:
    """A function from origins to ways: the `Reaches` of a session and its transport.

    `trust` holds for every host, but its `cert` and `key` are shown only to the hosts that are `named` (`host[:port]`), as
    `plain_http` is spoken only to them. `folders` are those of `certs.d`, `insecure` says whether the user marked a host so,
    `wanted` is what our own file says.
    """

    named: frozenset[str] = frozenset()
    trust: Trust = field(default_factory=Trust)
    plain_http: bool = False
    proxy: Callable[[Origin], Proxy | None] = _no_proxy
    folders: Iterable[str | os.PathLike[str]] = ()
    insecure: Callable[[Origin], bool] = _unmarked
    retries: int | None = None
    wanted: Wanted = nothing

    def __call__(self, origin: Origin) -> Reach:
        """How an origin is reached. Raises InvalidInput, Unsupported for what the machine has for it and is of no use."""
        wanted = self.wanted(origin.netloc)
        is_named = origin.netloc in self.named
        trust = self.trust if is_named else self._of_everybody()
        plain = Plain.ALWAYS if self.plain_http and is_named else usual(origin).plain
        reach = Reach(trust, plain, self._proxy(origin), retries=self.retries)
        if wanted is not None:
            reach = _over(reach, wanted)
        if origin.scheme == "https":
            reach = replace(reach, trust=certs.complete(reach.trust, certs.find(self.folders, origin)))
        return reach.insecure() if self.insecure(origin) else reach

    def _proxy(self, origin: Origin) -> Proxy | None:
        proxy = self.proxy(origin)
        return replace(proxy, trust=self._of_everybody()) if proxy is not None else None

    def _of_everybody(self) -> Trust:
        return replace(self.trust, cert=None, key=None)


def _over(told: Reach, wanted: Settings) -> Reach:
    """What a command was told, and for the rest what is wanted for the host."""
    plain = told.plain
    if plain is not Plain.ALWAYS and wanted.plain_http is not None:
        plain = Plain.ALWAYS if wanted.plain_http else Plain.NEVER
    return replace(
        told,
        trust=replace(told.trust, ca_file=told.trust.ca_file or wanted.ca_file),
        plain=plain,
        pace=Pace(wanted.requests_at_once or MOST_REQUESTS_AT_ONCE, wanted.requests_a_second),
        retries=wanted.retries if told.retries is None else told.retries,
    )
