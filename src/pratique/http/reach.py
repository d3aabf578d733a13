"""How the server at an origin is reached: whom to trust, whether http may be spoken, through which proxy, how fast."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from ..errors import InvalidInput, Unsupported
from ..values import field, frozen, replace
from .gate import USUAL, Pace
from .origin import DEFAULT_PORTS, Origin
from .trust import Trust

if TYPE_CHECKING:
    from urllib.parse import SplitResult

_SOCKS: Final = frozenset({"socks", "socks4", "socks4a", "socks5", "socks5h"})


class Plain(Enum):
    """Whether http is spoken in place of https to a registry.

    `FALLBACK` is https, and http where the server speaks no TLS; a certificate that is not trusted stays an error.
    """

    NEVER = "never"
    FALLBACK = "fallback"
    ALWAYS = "always"


@frozen
class Proxy:
    """An HTTP proxy. `authorization` is a value for `Proxy-Authorization`, a secret for the proxy alone (RFC 9110 §11.7).

    `source` says who named it; `trust` is for a proxy that is itself reached over TLS.
    """

    origin: Origin
    source: str
    authorization: str | None = field(default=None, repr=False)
    trust: Trust = field(default_factory=Trust)

    @classmethod
    def parse(cls, text: str, source: str) -> Proxy:
        """Read `[http[s]://][user:password@]host[:port]`. Raises InvalidInput, Unsupported; neither shows the password."""
        url = text if "://" in text else f"http://{text}"
        scheme = url.partition(":")[0].lower()
        if scheme in _SOCKS:
            raise Unsupported(f"{source} names a proxy that speaks {scheme}", advice="name one that speaks HTTP")
        parts = _parts(url)
        if parts is None or not parts.hostname:
            raise InvalidInput(
                f"{source} is not the URL of a proxy",
                advice="it looks like http://host:port; in a password, what is not a letter or digit is written as %XX",
            )
        origin = Origin(scheme, parts.hostname, parts.port or DEFAULT_PORTS[scheme])
        return cls(origin, source, _basic(parts.username, parts.password))

    def __str__(self) -> str:
        return str(self.origin)


@frozen
class Reach:
    """How one origin is reached, how fast it is asked, and how often again; `retries` None is as for every other."""

    trust: Trust = field(default_factory=Trust)
    plain: Plain = Plain.NEVER
    proxy: Proxy | None = None
    pace: Pace = USUAL
    retries: int | None = None

    def insecure(self) -> Reach:
        """The same for a host that the user marked as insecure: unverified, and over http where it speaks no TLS."""
        plain = Plain.ALWAYS if self.plain is Plain.ALWAYS else Plain.FALLBACK
        return replace(self, trust=replace(self.trust, verify=False), plain=plain)


Reaches = Callable[[Origin], Reach]


def usual(origin: Origin) -> Reach:
    """Over https, by the system's authorities, without a proxy; a server on this machine may speak http."""
    return Reach(plain=Plain.FALLBACK) if origin.is_loopback else Reach()


def everywhere(**changes: Any) -> Reaches:
    """The usual with these fields of every Reach changed."""
    return lambda origin: replace(usual(origin), **changes)


def _parts(url: str) -> SplitResult | None:
    """The URL of a proxy in parts; None for anything else."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    plain = url.isascii() and url.isprintable() and " " not in url
    bare = parts.path in ("", "/") and not parts.query and not parts.fragment
    return parts if plain and bare and parts.scheme in DEFAULT_PORTS else None


def _basic(username: str | None, password: str | None) -> str | None:
    if username is None and password is None:
        return None
    import base64
    from urllib.parse import unquote

    pair = f"{unquote(username or '')}:{unquote(password or '')}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"
