"""The embedded registry: served over a folder, by an access file and TLS or to everybody; and its folder collected."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, Literal

from ..errors import InvalidInput, NotFound, Unreachable
from ..server.access.admission import watched
from ..server.access.file import load as load_access
from ..server.access.rules import Access
from ..server.api.manifests import MOST_BYTES as MOST_MANIFEST_BYTES
from ..server.app import RegistryApp
from ..server.listen.certificates import Certificates
from ..server.listen.journal import Entry, Observer, keep
from ..server.listen.limits import CONNECTIONS, IDLE, Limits
from ..server.listen.listener import Listener, never
from ..server.listen.proxies import Proxies
from ..server.storage.collection import GRACE as UNUSED
from ..server.storage.collection import Collector
from ..server.storage.garbage import Garbage
from ..server.storage.paths import ROOT
from ..server.storage.repositories import Storage
from ..values import field, frozen

GRACE: Final = 10.0  # seconds that requests under way have to end
UNIX: Final = "unix:"

AnyPath = str | os.PathLike[str]


@frozen
class Tls:
    """How a registry speaks TLS: by a certificate chain and its key (PEM), which are read again when they change.

    Without a `certificate` one is made on the spot, for tests. With `clients`, authorities, only who has a certificate of theirs
    is let in. Raises InvalidInput for a key without a certificate.
    """

    certificate: AnyPath | None = None
    key: AnyPath | None = None
    clients: AnyPath | None = None

    def __post_init__(self) -> None:
        if self.key and not self.certificate:
            raise InvalidInput("a key without a certificate")


@frozen
class Served:
    """A registry that is served: `address` is `host:port`, as it stands in a reference, `url` its root.

    `facts` are what else people need to know: `ca_file` and `fingerprint` of a certificate that was made, and the URL of
    `metrics`.
    """

    listener: Listener = field(repr=False)
    access: Callable[[], Access] = field(repr=False)
    facts: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def address(self) -> str:
        """Where it listens: `host:port`, or `unix:PATH`."""
        return self.listener.address

    @property
    def url(self) -> str:
        """Its root, without a slash at the end."""
        return self.listener.url

    def wait(self) -> None:
        """Wait until it is closed, which a signal may do."""
        self.listener.wait()


@contextmanager
def serve(
    address: str = "127.0.0.1:0",
    *,
    storage: AnyPath | None = None,
    read_only: bool = False,
    sparse: bool = False,
    collecting: float | None = None,
    access: AnyPath | None = None,
    htpasswd: AnyPath | None = None,
    faults: AnyPath | None = None,
    tls: Tls | None = None,
    log: Literal["text", "json"] | None = None,
    metrics: str | None = None,
    trusted_proxies: Collection[str] = (),
    max_blob: int | None = None,
    max_connections: int = CONNECTIONS,
    idle: float = IDLE,
    grace: float = GRACE,
) -> Iterator[Served]:
    """Serve a registry until the end of the block, by threads of its own; for tests there is `pratique.testing` as well.

    `address` is `HOST:PORT`, where port 0 picks a free one, or `unix:PATH`. Content is kept in the folder `storage`; without
    one all is gone at the end. Everybody may do everything unless an `access` file or a file `htpasswd` says otherwise.
    `read_only` refuses whatever would change something, `sparse` takes manifests whose content was not pushed, `collecting`
    removes again and again what nothing needs and nobody used for so many seconds. `faults` go wrong on purpose. `log` prints a
    line a request on standard error; `metrics` is an address for Prometheus. `max_blob` is in bytes, `idle` and `grace` in
    seconds; `trusted_proxies` are addresses or networks.

    Raises InvalidInput for files and addresses that make no sense, Unreachable where nothing can listen there.
    """
    access_of = _access(access, htpasswd)
    with ExitStack() as stack:
        keep_in = Storage(stack.enter_context(_storage(storage, read_only=read_only)))
        app = RegistryApp(keep_in, access_of, sparse=sparse, read_only=read_only, max_blob=max_blob)
        facts: dict[str, str] = {}
        certificates = _certificates(tls, address, stack, facts) if tls else None
        settings = {
            "certificates": certificates,
            "limits": Limits(
                idle=idle,
                grace=grace,
                connections=max_connections,
                content=max(max_blob, MOST_MANIFEST_BYTES) if max_blob else None,
            ),
            "proxies": Proxies([*trusted_proxies]) if trusted_proxies else None,
        }
        listener = _listen(address, app, _before(faults), log, metrics, settings, stack, facts)
        if collecting is not None:
            stack.enter_context(_collecting(Collector(keep_in, collecting)))
        yield Served(listener, access_of, facts)


def collect(storage: AnyPath, *, grace: float = UNUSED, untagged: bool = False, dry_run: bool = False) -> list[Garbage]:
    """Remove what nothing needs any more from the folder of an embedded registry, also while it is served.

    What was used in the last `grace` seconds (24 hours) stays; with `untagged` manifests that no tag leads to go as well.
    A `dry_run` removes nothing. The result is what went, or would. Raises NotFound where the folder has no repositories,
    and InvalidInput where it cannot be collected.
    """
    folder = Path(storage)
    if not (folder / ROOT).is_dir():
        raise NotFound(
            f"{folder} has no repositories: there is no {ROOT} in it", advice="PATH is what --storage of serve names"
        )
    try:
        return list(Collector(Storage(folder), grace, untagged=untagged).collect(dry_run=dry_run))
    except OSError as error:
        raise InvalidInput(f"{error.filename or folder} cannot be collected: {error.strerror}") from None


def _access(file: AnyPath | None, htpasswd: AnyPath | None) -> Callable[[], Access]:
    """Who may do what, as the file says now."""
    if file and htpasswd:
        raise InvalidInput("an access file and a file of users exclude each other")
    if file:
        return watched(load_access, Path(file))
    if htpasswd:
        return watched(Access.of_htpasswd, Path(htpasswd))
    everybody = Access()
    return lambda: everybody


Before = Callable[[Any], Any]  # what stands before a registry


def _before(path: AnyPath | None) -> Before | None:
    """The faults of a file, each of which is told when it happens."""
    if path is None:
        return None
    # Who has none does not wait for them.
    from ..server.faults.file import Faults

    return Faults.load(Path(path)).before


def _listen(
    address: str,
    app: RegistryApp,
    before: Before | None,
    log: str | None,
    metrics: str | None,
    settings: Mapping[str, Any],
    stack: ExitStack,
    facts: dict[str, str],
) -> Listener:
    """The listener, begun; and that of the metrics, if there is to be one."""
    handle = before(app.handle) if before else app.handle
    observers = [keep(log)] if log else []
    listening: list[Listener] = []
    if metrics:
        # It takes some time to import, and few need it.
        from ..server.listen.metrics import Metrics

        figures = Metrics(lambda: sum(each.connections for each in listening))
        handle = figures.watch(handle)
        observers.append(figures.tell)
        facts["metrics"] = f"{_begin(stack, metrics, handle=figures.handle).url}/metrics"
    is_quick = never if before else app.is_quick  # a fault may take its time
    listener = _begin(stack, address, handle=handle, is_quick=is_quick, tell=_all(observers), **settings)
    listening.append(listener)
    return listener


def _begin(stack: ExitStack, address: str, **settings: Any) -> Listener:
    try:
        if address.startswith(UNIX) and address != UNIX:
            listener = Listener(path=Path(address.removeprefix(UNIX)), **settings)
        else:
            host, port = _address(address)
            listener = Listener(host=host, port=port, **settings)
    except OSError as error:
        reason = (error.strerror or str(error)).partition(" (while")[0]  # Python repeats the address there
        raise Unreachable(f"cannot listen on {address}: {reason}") from None
    return stack.enter_context(listener)


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise InvalidInput(f"{text!r} is not HOST:PORT", advice="port 0 picks a free one; unix:PATH is a Unix socket")
    return host.strip("[]") or "0.0.0.0", int(port)  # noqa: S104  (an empty host is every address, as people write it)


def _all(observers: list[Observer]) -> Observer | None:
    def tell(entry: Entry) -> None:
        for observer in observers:
            observer(entry)

    return tell if observers else None


def _certificates(tls: Tls, address: str, stack: ExitStack, facts: dict[str, str]) -> Certificates:
    """What TLS comes to; what people need to know of a certificate that is made goes to `facts`."""
    clients = Path(tls.clients) if tls.clients else None
    if tls.certificate:
        return Certificates(Path(tls.certificate), Path(tls.key) if tls.key else None, clients)
    # It takes a tenth of a second to import.
    from ..server.listen.authority import issue

    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="pratique-tls-"))
    issued = issue(Path(folder), _names(address))
    facts |= {"fingerprint": issued.fingerprint, "ca_file": str(issued.authority)}
    return Certificates(issued.certificate, authorities=clients)


def _names(address: str) -> Iterable[str]:
    """The host of an address, where it is one that a client may call."""
    if address.startswith(UNIX):
        return ()
    host, _ = _address(address)
    return () if host in ("0.0.0.0", "::") else (host,)  # noqa: S104  (every address)


@contextmanager
def _storage(path: AnyPath | None, *, read_only: bool) -> Iterator[Path]:
    if path is not None:
        folder = Path(path)
        (_check_folder if read_only else _make_folder)(folder)
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="pratique-") as temporary:
        yield Path(temporary)


def _check_folder(folder: Path) -> None:
    """A folder that is only read may lie on a disk that cannot be written to."""
    if not folder.is_dir():
        raise InvalidInput(f"the storage {folder} is no folder")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InvalidInput(f"the storage {folder} cannot be written to: {error.strerror}") from None


@contextmanager
def _collecting(collector: Collector) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=collector.run_forever, args=(stop,), name="collector", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(GRACE)
