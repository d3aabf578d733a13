"""Our own file, `config.toml`: what somebody wants of Pratique for every host, or for one.

```toml
[default]                        # every host
retries = 5

[hosts."registry.example:5000"]  # one host, over the default
proxy = "http://proxy.example:3128"   # or "none"
plain-http = true
ca-file = "registry.pem"         # beside this file, or an absolute path; trusted in place of the system's authorities
retries = 1                      # tries after the first
requests-at-once = 4
requests-a-second = 10
chunk-size = 8388608             # bytes of an upload in one request
credentials = "helper:pass"      # or "file:PATH" or "none": here and nowhere else
```
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from ..errors import InvalidReference
from ..spec.reference import parse_registry
from ..values import field, fields, frozen, replace
from .hosts import origin_of
from .tables import Table

DEFAULT, HOSTS = "default", "hosts"
NONE: Final = "none"  # no proxy, or no credentials
HELPER, FILE = "helper", "file"  # where credentials are

MOST_RETRIES: Final = 100
MOST_REQUESTS_AT_ONCE: Final = 1000
MOST_REQUESTS_A_SECOND: Final = 100_000
LEAST_CHUNK_BYTES: Final = 1 << 10
MOST_CHUNK_BYTES: Final = 1 << 40


@frozen(kw_only=True)
class Settings:
    """What is wanted for one host; None where nothing is said. `sources` tells by field where each was found."""

    proxy: str | None = field(default=None, repr=False)  # may have a password
    plain_http: bool | None = None
    ca_file: str | None = None
    retries: int | None = None
    requests_at_once: int | None = None
    requests_a_second: int | None = None
    chunk_size: int | None = None
    credentials: str | None = None
    sources: Mapping[str, str] = field(default_factory=dict)

    def over(self, other: Settings) -> Settings:
        """These, and the other where these say nothing."""
        said = {name: getattr(self, name) for name in KEYS.values() if getattr(self, name) is not None}
        return replace(other, **said, sources={**other.sources, **self.sources})


KEYS: Final[Mapping[str, str]] = {name.replace("_", "-"): name for name in fields(Settings) if name != "sources"}


class OwnFile:
    """The file as a function from a host to its settings. Hosts are `host[:port]`, as in references."""

    def __init__(
        self, path: Path, default: Settings | None = None, hosts: Mapping[str, Settings] | None = None
    ) -> None:
        self.path = path
        self._default = default or Settings()
        self._hosts = hosts or {}

    @classmethod
    def load(cls, path: Path) -> OwnFile:
        """Read the file; where there is none, nothing is said. Raises InvalidInput, naming the file and the key."""
        table = Table.load(path)
        if table is None:
            return cls(path)
        table.check((DEFAULT, HOSTS))
        hosts = table.table(HOSTS)
        named = {_host(hosts, key): _read(hosts.table(key), f'[{HOSTS}."{key}"]') for key in hosts.values}
        return cls(path, _read(table.table(DEFAULT), f"[{DEFAULT}]"), named)

    def __call__(self, host: str) -> Settings:
        """What is wanted for a host."""
        return self._hosts.get(origin_of(host).netloc, Settings()).over(self._default)

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts that have settings of their own."""
        return tuple(self._hosts)


def _host(hosts: Table, key: str) -> str:
    try:
        return origin_of(parse_registry(key)).netloc
    except InvalidReference:
        hosts.refuse(key, "is not HOST[:PORT]")


def _read(table: Table, where: str) -> Settings:
    table.check(tuple(KEYS))
    said = {KEYS[key]: READERS[key](table, key) for key in table.values}
    return Settings(**said, sources=dict.fromkeys(said, f"{table.path} {where}"))


Reader = Callable[[Table, str], Any]


def _number(least: int, most: int) -> Reader:
    return lambda table, key: table.number(key, least, most)


def _proxy(table: Table, key: str) -> str:
    from ..http.reach import Proxy

    url = table.text(key)
    if url != NONE:
        Proxy.parse(url, f"{table.path}: {table.where}{key}")
    return url


def _ca_file(table: Table, key: str) -> str:
    return str(table.path.parent / Path(table.text(key)).expanduser())


def _credentials(table: Table, key: str) -> str:
    said = table.text(key)
    kind, _, rest = said.partition(":")
    if said == NONE or (kind == HELPER and rest):
        return said
    if kind != FILE or not rest:
        table.refuse(key, f"is none of {HELPER}:NAME, {FILE}:PATH, {NONE}")
    return f"{FILE}:{table.path.parent / Path(rest).expanduser()}"


READERS: Final[Mapping[str, Reader]] = {
    "proxy": _proxy,
    "plain-http": lambda table, key: table.flag(key),
    "ca-file": _ca_file,
    "retries": _number(0, MOST_RETRIES),
    "requests-at-once": _number(1, MOST_REQUESTS_AT_ONCE),
    "requests-a-second": _number(1, MOST_REQUESTS_A_SECOND),
    "chunk-size": _number(LEAST_CHUNK_BYTES, MOST_CHUNK_BYTES),
    "credentials": _credentials,
}
