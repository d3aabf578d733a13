"""Through which proxy an origin is reached: the variables of the environment, and `proxies` of Docker's `config.json`."""

from __future__ import annotations

import ipaddress
import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from ..errors import InvalidInput
from ..http.origin import Origin
from ..http.reach import Proxy
from .files import read_json

PROXIES: Final = "proxies"
ON_THIS_MACHINE: Final = "a host on this machine"  # it is reached without one
_SOCKET_OF_DOCKER: Final = "unix:///var/run/docker.sock"

Chooses = Callable[[Origin], Proxy | None]


def is_direct(entries: str, origin: Origin) -> bool:
    """Whether a `NO_PROXY` means this origin, which is then reached without a proxy.

    `host` means the host and everything below it, `.host` and `*.host` only what is below; an address or a network in CIDR
    notation means addresses; each may have a `:port`. `*` means all. Spaces and commas stand between them, and an entry that
    means nothing is passed over.
    """
    found = filter(None, re.split(r"[\s,]+", entries.lower()))
    return any(entry == "*" or _covers(entry, origin) for entry in found)


class Choice(NamedTuple):
    """What one source says: a URL for each scheme as people write it, and a `NO_PROXY`; each with who says so."""

    https: tuple[str, str] | None = None
    http: tuple[str, str] | None = None
    direct: tuple[str, str] | None = None

    def __call__(self, origin: Origin) -> Proxy | None:
        """The proxy for an origin. Raises InvalidInput, Unsupported where what is written is none."""
        written = self._written(origin)
        return None if written is None or self.exempts(origin) else Proxy.parse(*written)

    def exempts(self, origin: Origin) -> str | None:
        """Who says that an origin is reached without the proxy that there is; None where nobody does."""
        if self._written(origin) is None:
            return None
        if origin.is_loopback:
            return ON_THIS_MACHINE
        return self.direct[1] if self.direct and is_direct(self.direct[0], origin) else None

    def _written(self, origin: Origin) -> tuple[str, str] | None:
        return self.https if origin.scheme == "https" else self.http

    def over(self, other: Choice) -> Choice:
        """This, and the other where this says nothing."""
        return Choice(self.https or other.https, self.http or other.http, self.direct or other.direct)


def of_environment(environment: Mapping[str, str]) -> Choice:
    """`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`; in lower case where they are not there in upper case.

    In a program that a web server runs, `HTTP_PROXY` is what a stranger sent as the header field `Proxy`, and is not read.
    """

    def read(*names: str) -> tuple[str, str] | None:
        forms = (form for name in names for form in (name, name.lower()))
        usable = (form for form in forms if not (form == "HTTP_PROXY" and "REQUEST_METHOD" in environment))
        return next(((text, form) for form in usable if (text := environment.get(form, "").strip())), None)

    return Choice(read("HTTPS_PROXY", "ALL_PROXY"), read("HTTP_PROXY", "ALL_PROXY"), read("NO_PROXY"))


def of_docker(path: Path, environment: Mapping[str, str]) -> Choice:
    """What Docker gives to its containers: for the daemon of `DOCKER_HOST`, or else `default`. Raises InvalidInput."""
    proxies = (read_json(path) or {}).get(PROXIES) or {}
    host = environment.get("DOCKER_HOST") or _SOCKET_OF_DOCKER
    name = host if isinstance(proxies, dict) and host in proxies else "default"
    settings = proxies.get(name, {}) if isinstance(proxies, dict) else None
    if not isinstance(settings, dict):
        raise InvalidInput(f"{path}: {PROXIES!r} is not an object of objects")

    def read(*keys: str) -> tuple[str, str] | None:
        return next(
            ((text, f"{path} ({PROXIES}, {key})") for key in keys if (text := _text(path, settings, key))), None
        )

    return Choice(read("httpsProxy", "allProxy"), read("httpProxy", "allProxy"), read("noProxy"))


class Found:
    """What the machine says: the environment, and for what it does not say Docker's file.

    The file is read when a host elsewhere is first asked. One that cannot be understood is passed over, with a warning.
    """

    def __init__(
        self, environment: Mapping[str, str] = os.environ, *, warn: Callable[[str], None] = lambda _: None
    ) -> None:
        self._environment = environment
        self._warn = warn
        self._lock = threading.Lock()
        self._choice: Choice | None = None

    def __call__(self, origin: Origin) -> Proxy | None:
        """The proxy for an origin. Raises InvalidInput, Unsupported where what is written is none."""
        return None if origin.is_loopback else self._load()(origin)

    def exempts(self, origin: Origin) -> str | None:
        """Who says that an origin is reached without the proxy that there is; None where nobody does."""
        return self._load().exempts(origin)

    def _load(self) -> Choice:
        with self._lock:
            if self._choice is None:
                self._choice = of_environment(self._environment).over(self._docker())
            return self._choice

    def _docker(self) -> Choice:
        from .docker import default_path

        try:
            return of_docker(default_path(self._environment), self._environment)
        except InvalidInput as error:
            self._warn(f"{error}; no proxy is taken from it")
            return Choice()


def given(text: str, source: str) -> Chooses:
    """One proxy for everything, this machine too; `none` for none. Raises InvalidInput, Unsupported."""
    proxy = None if text.lower() == "none" else Proxy.parse(text, source)
    return lambda _: proxy


def _covers(entry: str, origin: Origin) -> bool:
    try:
        address = ipaddress.ip_address(origin.host)
    except ValueError:
        return any(port in (None, origin.port) and _is_name(host, origin.host) for host, port in _readings(entry))
    return any(port in (None, origin.port) and _is_in(host, address) for host, port in _readings(entry))


def _readings(entry: str) -> Iterator[tuple[str, int | None]]:
    """An entry as a host, and as a host with a port."""
    yield entry.strip("[]"), None
    host, _, port = entry.rpartition(":")
    if port.isascii() and port.isdigit() and len(port) <= 5 and (":" not in host or host.startswith("[")):
        yield host.strip("[]"), int(port)


def _is_in(text: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    try:
        return address in ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False


def _is_name(text: str, host: str) -> bool:
    name, below = host.removesuffix("."), text.removeprefix("*")
    if below.startswith("."):
        return name.endswith(below) and len(name) > len(below)
    return bool(text) and (name == text or name.endswith(f".{text}"))


def _text(path: Path, settings: Mapping[str, Any], key: str) -> str:
    value = settings.get(key)
    if value is not None and not isinstance(value, str):
        raise InvalidInput(f"{path}: {PROXIES!r} has a {key!r} that is not a string")
    return (value or "").strip()
