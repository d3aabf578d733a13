"""From arguments to a session: transport, credentials and rules of this command."""

from __future__ import annotations

import argparse
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache

from ..auth.authenticator import Authenticator
from ..auth.credentials import Credentials
from ..auth.realms import RealmPolicy
from ..auth.scopes import ScopeSet
from ..config import certs, hosts, own, pins
from ..config.files import is_open_to_all
from ..errors import InvalidInput
from ..http.events import Observer, Warned
from ..http.origin import Origin
from ..http.reach import Proxy, Reaches
from ..http.session import Session
from ..http.transport import HttpTransport
from ..http.trust import Trust
from . import options, trace
from .credentials import Stored, told_credentials
from .output import Output
from .routes import of


@contextmanager
def connected(
    arguments: argparse.Namespace,
    output: Output,
    registries: Iterable[str],
    *,
    tell: Observer | None = None,
    credentials: Credentials | None = None,
    pinned: bool = True,
) -> Iterator[Session[ScopeSet]]:
    """A session for the registries that the command names; with --timeout it is cancelled when the time is over."""
    tell = tell or trace.observer(output)
    authenticator = Authenticator(
        credentials or told_credentials(arguments, output, registries) or Stored(arguments, output),
        policy=RealmPolicy(
            overrides=options.overrides(arguments.realm),
            pinned=pins.Pins(pins.default_path(os.environ)).load() if pinned else {},
        ),
        strict=arguments.strict_creds,
        eager=arguments.eager_creds,
        tell=tell,
    )
    of(arguments).load(output)
    ways = reaches(arguments, tell, registries)
    session: Session[ScopeSet] = Session(
        HttpTransport(ways),
        authenticator,
        reaches=ways,
        tell=tell,
    )
    timer = _timer(arguments.timeout, session)
    try:
        yield session
    except BaseException:
        session.cancel("the command is ending")
        raise
    finally:
        if timer is not None:
            timer.cancel()
        session.close()


def reaches(arguments: argparse.Namespace, tell: Observer, registries: Iterable[str] = ()) -> Reaches:
    """How this command reaches its servers: the options, over what the machine has for each host.

    Raises InvalidInput where the options contradict each other, Unsupported for a --proxy that is no HTTP proxy.
    """
    wanted = own.load(os.environ)
    return hosts.Hosts(
        named=frozenset(hosts.origin_of(registry).netloc for registry in registries),
        trust=trust(arguments),
        plain_http=arguments.plain_http,
        proxy=_proxies(arguments.proxy, wanted, tell),
        folders=certs.default_folders(os.environ),
        insecure=of(arguments).is_insecure,
        retries=arguments.retries,
        wanted=wanted,
    )


def _proxies(option: str | None, wanted: own.Wanted, tell: Observer) -> Callable[[Origin], Proxy | None]:
    """What --proxy says, or else our own file, or else the machine: it is looked at when a host elsewhere is first asked."""

    def named(url: str, source: str) -> Callable[[Origin], Proxy | None]:
        from ..config.proxies import given

        return given(url, source)

    @cache
    def found() -> Callable[[Origin], Proxy | None]:
        from ..config.proxies import Found

        return Found(warn=lambda text: tell(Warned(text)))

    unseen = [own.default_path(os.environ)]

    def warn_of_readers() -> None:
        with suppress(IndexError):  # another thread has looked
            path = unseen.pop()
            if is_open_to_all(path):
                tell(Warned(f"{path} has the password of a proxy and can be read by everybody: chmod 600 {path}"))

    def chosen(origin: Origin) -> Proxy | None:
        settings = wanted(origin.netloc)
        if settings and settings.proxy:
            proxy = named(settings.proxy, settings.sources["proxy"])(origin)
            if proxy and proxy.authorization:
                warn_of_readers()
            return proxy
        return None if origin.is_loopback else found()(origin)

    return named(option, "--proxy") if option else chosen


def trust(arguments: argparse.Namespace) -> Trust:
    """The TLS options. Raises InvalidInput where they contradict each other."""
    if arguments.key and not arguments.cert:
        raise InvalidInput("--key without --cert")
    return Trust(arguments.tls_verify, arguments.ca_file, arguments.cert, arguments.key)


def _timer(seconds: float | None, session: Session[ScopeSet]) -> threading.Timer | None:
    if seconds is None:
        return None
    timer = threading.Timer(seconds, session.cancel, [f"the command's time-out of {seconds:g} s has passed"])
    timer.daemon = True
    timer.start()
    return timer
