"""Where a program begins: `connect`, and what it was given as a value; `open`, for a store of any kind."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..errors import InvalidInput
from ..http.events import Observer, Warned, ignore
from ..http.log import logged
from ..http.trust import Trust
from ..spec.manifest import MOST_MANIFEST_BYTES
from ..spec.reference import parse_registry
from ..stores.locations import Location, open_source
from ..values import field, frozen
from .machine import Machine
from .registries import Registries

if TYPE_CHECKING:
    from ..auth.credentials import Credentials
    from ..config.proxies import Chooses
    from ..http.message import Transport
    from ..http.reach import Reaches
    from ..spans import Spans
    from .credentials import Told
    from .store import Store


@frozen(kw_only=True)
class Settings:
    """What `connect` was given, whose docstring describes it.

    `pinned` keeps to the token services of stored logins. `carrier` makes the transport of each that is made like this, from how
    hosts are reached and a clock, where that is not to be sockets by themselves.
    """

    machine: Machine
    named: frozenset[str] = frozenset()
    credentials: Credentials | None = field(default=None, repr=False)
    strict: bool = False
    eager: bool = False
    pinned: bool = True
    token_services: Mapping[str, str] = field(default_factory=dict)
    plain_http: bool = False
    trust: Trust = field(default_factory=Trust)
    proxy: str | Chooses | None = field(default=None, repr=False)
    retries: int | None = None
    timeout: float | None = None
    most_manifest_bytes: int = MOST_MANIFEST_BYTES
    chunk_size: int | None = None
    transport: Transport | None = None
    carrier: Callable[[Reaches, Callable[[], float]], Transport] | None = None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], object] | None = None
    spans: Spans | None = None
    tell: Observer = ignore


def connect(
    *named: str,
    credentials: Told | None = None,
    strict_credentials: bool = False,
    eager_credentials: bool = False,
    token_services: Mapping[str, str] | None = None,
    plain_http: bool = False,
    trust: Trust | None = None,
    proxy: str | Chooses | None = None,
    timeout: float | None = None,
    retries: int | None = None,
    most_manifest_bytes: int = MOST_MANIFEST_BYTES,
    chunk_size: int | None = None,
    machine: Machine | None = None,
    transport: Transport | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] | None = None,
    spans: Spans | None = None,
    tell: Observer = ignore,
) -> Registries:
    """Registries as this program sees them: without arguments by the machine's own logins, mirrors and certificates.

    Nothing is asked of anybody yet, and nothing global is changed. Use it in a `with` block, or `close` it.

    `named` are registries (`host[:port]`). What is meant for few is for these alone, and never for a host that they lead to:
    a credential, `plain_http`, and the client certificate of `trust`, which also says which authorities to trust.

    `credentials` take the place of the stored ones: `"user:password"` or a Credential for the registries that are named; a
    mapping of `host[:port]` or `host/path` to such; a path of a file of Docker's form; or any object that finds them, of which
    ANONYMOUS finds none. With `strict_credentials` one that is refused is an error for reads, too; with `eager_credentials`
    one is shown where it is merely invited. `token_services` has URLs by registry, in place of those that these name.

    `proxy` is a URL, "none", or a function from origins. `retries` (3) are those after the first try of a request; `timeout` is
    in seconds and of everything: what is under way then fails with Unreachable. `chunk_size` is in bytes of one request,
    `most_manifest_bytes` (4 MiB) in bytes of the longest manifest that is read.

    `machine` is what files and environment say; `transport` carries requests in place of sockets; `clock` (seconds) and `sleep`
    are for tests; `spans` are OpenTelemetry's; `tell` is called with each Event, also from several threads at once.

    Raises InvalidInput for what contradicts itself and for files that cannot be understood, Unsupported for a strange proxy.
    """
    _check_numbers(timeout=timeout, retries=retries, most_manifest_bytes=most_manifest_bytes, chunk_size=chunk_size)
    machine = machine or Machine(warn=lambda text: tell(Warned(text)))
    registries, trust = _checked(named, trust or Trust(), plain_http=plain_http)
    return Registries(Settings(
        machine=machine, named=registries, credentials=_found(credentials, registries, machine),
        strict=strict_credentials, eager=eager_credentials, token_services=token_services or {},
        plain_http=plain_http, trust=trust, proxy=proxy, timeout=timeout, retries=retries,
        most_manifest_bytes=most_manifest_bytes, chunk_size=chunk_size, transport=transport, clock=clock, sleep=sleep,
        spans=spans, tell=logged(spans.observer(tell) if spans else tell),
    ))  # fmt: skip


@contextmanager
def open(
    place: str | Location, *, registries: Registries | None = None, tell: Observer | None = None
) -> Iterator[Store]:
    """A store to read, as `copy` takes it: `oci:PATH`, `oci-archive:PATH`, `docker-archive:PATH`, `dir:PATH` or a repository.

    What the location names is not looked at: names are given to the store's methods. It is closed at the end of a `with` block.
    A repository is a Repository of `registries`, or of those that `connect` finds without arguments; what happens is told to
    `tell`. Raises NotFound, InvalidInput, Misbehaved.
    """
    location = Location.parse(place) if isinstance(place, str) else place
    if location.reference is None:
        from .files import Files

        with open_source(location) as source:
            yield Files(location.place, source)
    elif registries is not None:
        yield registries.repository(location.reference)
    else:
        with connect(tell=tell or ignore) as reached:
            yield reached.repository(location.reference)


def _checked(named: Iterable[str], trust: Trust, *, plain_http: bool) -> tuple[frozenset[str], Trust]:
    """The registries by their one name. Raises InvalidInput where something is meant for some, and none is named."""
    registries = frozenset(map(parse_registry, named))
    if not registries and (plain_http or trust.cert):
        what = "plain http" if plain_http else "a client certificate"
        raise InvalidInput(f"{what} is for registries that are named, and none is")
    return registries, trust


def _check_numbers(**numbers: float | None) -> None:
    """Raise InvalidInput for what is less than there can be; none at all are only `retries`."""
    for keyword, number in numbers.items():
        if number is not None and (number < 0 or (number == 0 and keyword != "retries")):
            least = "not negative" if keyword == "retries" else "more than 0"
            raise InvalidInput(f"{keyword} is {least}, and {number} was given")


def _found(told: Told | None, named: frozenset[str], machine: Machine) -> Credentials | None:
    if told is None:
        return None
    from .credentials import credentials_of

    return credentials_of(told, named, machine.warn)
