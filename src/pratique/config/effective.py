"""What holds for a host in the end, and who says so: for people who wonder."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from ..http.reach import Plain, Reach
from ..http.retry import RETRIES
from ..http.trust import Trust
from ..values import frozen
from .proxies import ON_THIS_MACHINE
from .settings import Settings

DEFAULT: Final = "default"
SYSTEM: Final = "the system's"
CERTS_D: Final = "certs.d"

SCHEMES: Final[Mapping[Plain, str]] = {
    Plain.NEVER: "https",
    Plain.FALLBACK: "https, or http where the server speaks no TLS",
    Plain.ALWAYS: "http",
}


@frozen
class Effective:
    """One setting: its value as JSON has it, and where that was found."""

    name: str
    value: Any
    source: str


def settings_of(
    reach: Reach,
    *,
    options: Collection[str],
    wanted: Settings | None,
    marked: str,
    chunk_size: int | None,
    exempting: str | None = None,
) -> Iterator[Effective]:
    """The settings of a host that is reached like this.

    `options` are those of the command that were given, `wanted` is what our own file says, `marked` is the rule that marks the
    host as insecure, if one does, and `exempting` who says that it is reached without the proxy that there is.
    """
    said = wanted.sources if wanted else {}

    def of(name: str, fallback: str = DEFAULT) -> str:
        return f"--{name}" if name in options else said.get(name.replace("-", "_"), fallback)

    trust, proxy = reach.trust, reach.proxy
    here = ON_THIS_MACHINE if reach.plain is Plain.FALLBACK else DEFAULT
    yield Effective("scheme", SCHEMES[reach.plain], marked or of("plain-http", here))
    yield Effective("verify", trust.verify, "--no-tls-verify" if "tls-verify" in options else marked or DEFAULT)
    yield Effective("ca-file", trust.ca_file, of("ca-file")) if trust.ca_file else _authorities(trust)
    yield Effective("cert", trust.cert, of("cert", CERTS_D if trust.cert else DEFAULT))
    named_by = proxy.source if proxy else of("proxy", exempting or DEFAULT)
    yield Effective("proxy", str(proxy) if proxy else None, named_by)
    yield Effective("retries", RETRIES if reach.retries is None else reach.retries, of("retries"))
    yield Effective("requests-at-once", reach.pace.at_once, of("requests-at-once"))
    yield Effective("requests-a-second", reach.pace.a_second, of("requests-a-second"))
    yield Effective("chunk-size", chunk_size, of("chunk-size"))


def _authorities(trust: Trust) -> Effective:
    usual, source = _system()
    return Effective("authorities", [*usual, *trust.authorities], CERTS_D if trust.authorities else source)


def _system() -> tuple[list[str], str]:
    """The authorities that everybody trusts here, and who says so."""
    named = {name: os.environ[name] for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if os.environ.get(name)}
    return list(named.values()) or [SYSTEM], " and ".join(named) or DEFAULT
