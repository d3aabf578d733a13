"""How the servers of a program are reached: what it was told, over what the machine has for each host."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING

from ..config import certs, own
from ..config.hosts import Hosts, origin_of
from ..http.events import Observer, Warned
from ..http.origin import Origin
from ..http.reach import Proxy, Reaches

if TYPE_CHECKING:
    from ..config.proxies import Chooses
    from .connection import Settings
    from .machine import Machine
    from .routes import Routes


def reaches(settings: Settings, routes: Routes) -> Reaches:
    """A function from origins to ways. Raises Unsupported for a proxy that is no HTTP proxy, InvalidInput."""
    machine = settings.machine
    return Hosts(
        named=frozenset(origin_of(registry).netloc for registry in settings.named),
        trust=settings.trust,
        plain_http=settings.plain_http,
        proxy=_proxies(settings.proxy, machine, settings.tell),
        folders=certs.default_folders(machine.environ),
        insecure=routes.is_insecure,
        retries=settings.retries,
        wanted=machine.wanted,
    )


def _proxies(told: str | Chooses | None, machine: Machine, tell: Observer) -> Chooses:
    """What was told, or else our own file, or else the machine: it is looked at when a host elsewhere is first asked."""
    if told is not None:
        return _named(told, "the proxy that was given") if isinstance(told, str) else told

    @cache
    def found() -> Chooses:
        from ..config.proxies import Found

        return Found(machine.environ, warn=lambda text: tell(Warned(text)))

    unseen = [own.default_path(machine.environ)]

    def warn_of_readers() -> None:
        with suppress(IndexError):  # another thread has looked
            path = unseen.pop()
            from ..config.files import is_open_to_all

            if is_open_to_all(path):
                tell(Warned(f"{path} has the password of a proxy and can be read by everybody: chmod 600 {path}"))

    def chosen(origin: Origin) -> Proxy | None:
        settings = machine.wanted(origin.netloc)
        if settings and settings.proxy:
            proxy = _named(settings.proxy, settings.sources["proxy"])(origin)
            if proxy and proxy.authorization:
                warn_of_readers()
            return proxy
        return None if origin.is_loopback else found()(origin)

    return chosen


def _named(url: str, source: str) -> Chooses:
    from ..config.proxies import given

    return given(url, source)
