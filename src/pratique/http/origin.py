"""Origins (RFC 6454): the scheme, host and port that a secret belongs to."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, parse_qsl, urlsplit, urlunsplit

from ..errors import Misbehaved
from ..values import frozen

if TYPE_CHECKING:
    import ipaddress

DEFAULT_PORTS: Final = {"https": 443, "http": 80}

# Query parameters that say what is asked. Others may be signatures that are as good as a password.
_SPOKEN: Final = frozenset(
    {"n", "last", "mount", "from", "digest", "scope", "service", "account", "artifactType", "client_id", "ns"}
)

_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)


@frozen(order=True)
class Origin:
    """Where a URL leads. Two URLs share secrets only if all three are the same."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> Origin:
        """The origin of an absolute http or https URL. Raises Misbehaved for any other text."""
        return _origin(url)

    @property
    def netloc(self) -> str:
        """`host[:port]`, the port left out where it is the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if DEFAULT_PORTS[self.scheme] == self.port else f"{host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether the host is this machine by name or by literal address."""
        name, address = self.host.removesuffix("."), _address(self.host)
        return name == "localhost" or name.endswith(".localhost") or (address is not None and address.is_loopback)

    @property
    def is_private(self) -> bool:
        """Whether the host is, by name or literal address, one that the public network does not reach."""
        return self.is_loopback or is_private_address(self.host)

    def __str__(self) -> str:
        return f"{self.scheme}://{self.netloc}"


def is_address(text: str) -> bool:
    """Whether `text` is an IP address, with or without brackets."""
    return _address(text) is not None


def is_private_address(text: str) -> bool:
    """Whether `text` is an IP address (with or without brackets) that the public network does not reach."""
    address = _address(text)
    return address is not None and not address.is_global


def split(url: str) -> SplitResult:
    """An absolute http or https URL in parts. Raises Misbehaved for any other text."""
    return _parts(url)


def redact(url: str) -> str:
    """The URL for people's eyes: no user info, and no value of a query parameter that might be a secret."""
    try:
        parts = urlsplit(url)
        netloc = parts.netloc.rpartition("@")[2]
        pairs = parse_qsl(parts.query, keep_blank_values=True)
    except ValueError:
        return "(a malformed URL)"
    query = "&".join(f"{key}={value if key in _SPOKEN else '…'}" for key, value in pairs)
    return urlunsplit((parts.scheme, netloc, parts.path, query, ""))


@lru_cache(maxsize=1024)
def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise Misbehaved(f"not a URL: {redact(url)[:200]!r} ({error})") from None
    printable = url.isascii() and url.isprintable() and " " not in url
    usable = parts.scheme in DEFAULT_PORTS and parts.hostname and parts.username is None and printable
    if not usable or _is_disguised(parts.hostname or ""):
        raise Misbehaved(f"not a usable http or https URL: {redact(url)[:200]!r}")
    return parts


@lru_cache(maxsize=1024)
def _origin(url: str) -> Origin:
    parts = _parts(url)
    return Origin(parts.scheme, parts.hostname or "", parts.port or DEFAULT_PORTS[parts.scheme])


def _is_disguised(host: str) -> bool:
    """Whether a resolver would read the host as an IPv4 address in one of its old spellings: `2130706433`, `0x7f.1`."""
    last = host.removesuffix(".").rpartition(".")[2]
    return _NUMBER.fullmatch(last) is not None and _address(host) is None


@lru_cache(maxsize=1024)
def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    if ":" not in text and not text[-1:].isdigit():  # most hosts are names, and the module takes long to load
        return None
    import ipaddress

    try:
        address = ipaddress.ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, ipaddress.IPv6Address) else address
