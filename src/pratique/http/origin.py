"""Origins (RFC 6454): the scheme, host and port that a secret belongs to."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from ..errors import Misbehaved
from ..values import frozen

if TYPE_CHECKING:
    import ipaddress

DEFAULT_PORTS: Final = {"https": 443, "http": 80}

# Query parameters that say what is asked. Others may be signatures that are as good as a password.
_SPOKEN: Final = frozenset(
    {"n", "last", "mount", "from", "digest", "scope", "service", "account", "artifactType", "client_id", "ns"}
)

_OCTETS: Final = frozenset(map(str, range(256)))  # of an IPv4 address, as they may be written (RFC 3986 §3.2.2)
_HEXADECIMAL: Final = frozenset("0123456789abcdef")
_FOREIGN: Final = frozenset("@[]\\")  # what no name of a host has
_MARKED: Final = _FOREIGN | frozenset("?#")  # with none of them there is nothing in a URL that people must not see


@frozen
class Parts:
    """An absolute http or https URL in parts (RFC 3986 §3), without its fragment; `port` is None where it is not said."""

    scheme: str
    host: str
    port: int | None
    path: str
    query: str


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
        name = self.host.removesuffix(".")
        if name == "localhost" or name.endswith(".localhost"):
            return True
        if _is_ipv4(self.host):
            return self.host.startswith("127.")
        address = _address(self.host)
        return address is not None and address.is_loopback

    @property
    def is_private(self) -> bool:
        """Whether the host is, by name or literal address, one that the public network does not reach."""
        return self.is_loopback or is_private_address(self.host)

    def __str__(self) -> str:
        return f"{self.scheme}://{self.netloc}"


def is_address(text: str) -> bool:
    """Whether `text` is an IP address, with or without brackets."""
    return _is_ipv4(text) or _address(text) is not None


def is_private_address(text: str) -> bool:
    """Whether `text` is an IP address (with or without brackets) that the public network does not reach."""
    address = _address(text)
    return address is not None and not address.is_global


@lru_cache(maxsize=1024)
def split(url: str) -> Parts:
    """An absolute http or https URL in parts. Raises Misbehaved for any other text."""
    parts = _parts(url) if url.isascii() and url.isprintable() and " " not in url else None
    if parts is None:
        raise Misbehaved(f"not a usable http or https URL: {redact(url)[:200]!r}")
    return parts


def redact(url: str) -> str:
    """The URL for people's eyes: no user info, and no value of a query parameter that might be a secret."""
    if url.isprintable() and _MARKED.isdisjoint(url):
        return url
    from urllib.parse import parse_qsl, urlsplit, urlunsplit

    try:
        parts = urlsplit(url)
        netloc = parts.netloc.rpartition("@")[2]
        pairs = parse_qsl(parts.query, keep_blank_values=True)
    except ValueError:
        return "(a malformed URL)"
    query = "&".join(f"{key}={value if key in _SPOKEN else '…'}" for key, value in pairs)
    return urlunsplit((parts.scheme, netloc, parts.path, query, ""))


def _parts(url: str) -> Parts | None:
    scheme, _, rest = url.partition("#")[0].partition("://")
    before, _, query = rest.partition("?")
    authority, slash, path = before.partition("/")
    found = _host_and_port(authority.lower())
    if found is None or scheme.lower() not in DEFAULT_PORTS:
        return None
    return Parts(scheme.lower(), *found, slash + path, query)


def _host_and_port(authority: str) -> tuple[str, int | None] | None:
    """The host and, where it is said, the port; None where there is anything else, or an address in disguise."""
    if authority.startswith("["):
        host, bracket, rest = authority[1:].partition("]")
        before, _, port = rest.partition(":")
        usable = bool(bracket) and ":" in host and _FOREIGN.isdisjoint(host) and is_address(host) and not before
    else:
        host, _, port = authority.partition(":")
        usable = bool(host) and _FOREIGN.isdisjoint(authority) and not _is_disguised(host)
    if not usable or (port and not (port.isdigit() and len(port) <= 5 and int(port) <= 65535)):
        return None
    return host, int(port) if port else None


@lru_cache(maxsize=1024)
def _origin(url: str) -> Origin:
    parts = split(url)
    return Origin(parts.scheme, parts.host, parts.port or DEFAULT_PORTS[parts.scheme])


def _is_ipv4(text: str) -> bool:
    octets = text.split(".")
    return len(octets) == 4 and _OCTETS.issuperset(octets)


def _is_disguised(host: str) -> bool:
    """Whether a resolver would read the host as an IPv4 address in one of its old spellings: `2130706433`, `0x7f.1`."""
    last = host.removesuffix(".").rpartition(".")[2]
    is_number = last.isdigit() or (last.startswith("0x") and _HEXADECIMAL.issuperset(last[2:]))
    return is_number and not _is_ipv4(host)


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
