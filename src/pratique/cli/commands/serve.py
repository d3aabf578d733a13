"""Run the embedded registry: on disk, in the layout of Docker's own, with an access file or open to everybody."""

from __future__ import annotations

import argparse
import contextlib
import logging
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ...errors import InvalidInput, Unreachable
from ...server.access.admission import watched
from ...server.access.file import load as load_access
from ...server.access.rules import Access
from ...server.api.manifests import MOST_BYTES as MOST_MANIFEST_BYTES
from ...server.app import RegistryApp
from ...server.listen.certificates import Certificates
from ...server.listen.journal import FORMS, Entry, Observer, keep
from ...server.listen.limits import CONNECTIONS, IDLE, Limits
from ...server.listen.listener import Listener, never
from ...server.listen.proxies import Proxies
from ...server.storage.collection import GRACE as UNUSED
from ...server.storage.collection import Collector
from ...server.storage.repositories import Storage
from .. import options
from ..output import Output

if TYPE_CHECKING:
    from ...server.faults.file import Faults

GRACE: Final = 10.0  # seconds that requests under way have to end
UNIX: Final = "unix:"

EXAMPLES = """examples:
  pratique serve --storage ./registry
  pratique serve --address 127.0.0.1:0 --json
  pratique serve --address 0.0.0.0:5000 --storage /srv/registry --access access.toml --tls-cert cert.pem --tls-key key.pem
  pratique serve --tls-self-signed --access-log json --metrics 127.0.0.1:9100
  pratique serve --address unix:/run/registry.sock --storage /srv/registry --trusted-proxy unix --gc 7d

Without --storage everything is gone when it ends. docs/registry.md describes everything here."""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--address",
        metavar="HOST:PORT",
        default="127.0.0.1:5000",
        help="port 0 picks a free one; unix:PATH is a Unix socket",
    )
    parser.add_argument("--storage", metavar="FOLDER", help="where content is kept")
    parser.add_argument("--read-only", action="store_true", help="refuse whatever would change something")
    parser.add_argument("--sparse", action="store_true", help="take manifests whose content was not pushed")
    parser.add_argument(
        "--gc",
        metavar="DURATION",
        type=options.duration,
        nargs="?",
        const=UNUSED,
        help="remove, again and again, what nothing needs and nobody used for so long (24h)",
    )
    who = parser.add_mutually_exclusive_group()
    who.add_argument("--access", metavar="FILE", help="who may do what (TOML)")
    who.add_argument("--htpasswd", metavar="FILE", help="users who may do everything, as `htpasswd -B` writes them")
    parser.add_argument(
        "--faults", metavar="FILE", help="faults on purpose, for tests of clients (TOML; docs/faults.md)"
    )
    _add_tls(parser)
    _add_watching(parser)
    _add_limits(parser)
    options.add_global(parser)
    parser.set_defaults(run=run)


def _add_tls(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("TLS")
    group.add_argument("--tls-cert", metavar="FILE", help="a certificate chain (PEM); read again when it changes")
    group.add_argument("--tls-key", metavar="FILE", help="its key")
    group.add_argument("--tls-self-signed", action="store_true", help="make a certificate, for tests")
    group.add_argument("--tls-client-ca", metavar="FILE", help="let in only who has a certificate of these authorities")


def _add_watching(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("watching")
    group.add_argument(
        "--access-log",
        metavar="FORM",
        choices=sorted(FORMS),
        nargs="?",
        const="text",
        help="print one line a request on standard error, as text (the default) or json",
    )
    group.add_argument("--metrics", metavar="HOST:PORT", help="serve /metrics for Prometheus there")


def _add_limits(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("limits")
    group.add_argument("--max-blob", metavar="BYTES", type=options.size, help="the largest blob (any size)")
    group.add_argument(
        "--max-connections", metavar="N", type=options.positive, default=CONNECTIONS, help="at once (1000)"
    )
    group.add_argument(
        "--idle", metavar="SECONDS", type=options.seconds, default=IDLE, help="that a client may be silent (60)"
    )
    group.add_argument(
        "--grace", metavar="SECONDS", type=options.seconds, default=GRACE, help="for requests under way at the end (10)"
    )
    group.add_argument(
        "--trusted-proxy",
        metavar="ADDRESS",
        action="append",
        default=[],
        help="an address or network whose X-Forwarded-For, -Proto and -Host are believed; may be repeated",
    )


def run(arguments: argparse.Namespace, output: Output) -> None:
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO if output.debug else logging.WARNING, format="pratique: %(message)s"
    )
    access = _access(arguments)
    with ExitStack() as stack:
        storage = Storage(stack.enter_context(_storage(arguments.storage, read_only=arguments.read_only)))
        app = RegistryApp(
            storage, access, sparse=arguments.sparse, read_only=arguments.read_only, max_blob=arguments.max_blob
        )
        facts: dict[str, Any] = {}
        certificates = _certificates(arguments, stack, facts)
        faults = _faults(arguments.faults)
        listener = _listen(arguments, app, faults, certificates, stack, facts)
        if arguments.gc is not None:
            stack.enter_context(_collecting(Collector(storage, arguments.gc)))
        stack.enter_context(_ended_by_signal())
        _report(output, listener, access(), arguments.storage, facts)
        listener.wait()


def _access(arguments: argparse.Namespace) -> Callable[[], Access]:
    """Who may do what, as the file says now."""
    if arguments.access:
        return watched(load_access, Path(arguments.access))
    if arguments.htpasswd:
        return watched(Access.of_htpasswd, Path(arguments.htpasswd))
    everybody = Access()
    return lambda: everybody


def _faults(path: str | None) -> Faults | None:
    """The faults of a file, each of which is told when it happens."""
    if path is None:
        return None
    # Who has none does not wait for them.
    from ...server.faults import file as faults

    faults.log.setLevel(logging.INFO)
    return faults.Faults.load(Path(path))


# --- Sockets


def _listen(
    arguments: argparse.Namespace,
    app: RegistryApp,
    faults: Faults | None,
    certificates: Certificates | None,
    stack: ExitStack,
    facts: dict[str, Any],
) -> Listener:
    """The listener, begun; and that of the metrics, if there is to be one."""
    handle = faults.before(app.handle) if faults else app.handle
    observers = [keep(arguments.access_log)] if arguments.access_log else []
    listening: list[Listener] = []
    if arguments.metrics:
        # It takes some time to import, and few need it.
        from ...server.listen.metrics import Metrics

        metrics = Metrics(lambda: sum(each.connections for each in listening))
        handle = metrics.watch(handle)
        observers.append(metrics.tell)
        facts["metrics"] = f"{_begin(stack, arguments.metrics, handle=metrics.handle).url}/metrics"
    listener = _begin(
        stack,
        arguments.address,
        handle=handle,
        certificates=certificates,
        limits=_limits(arguments),
        is_quick=never if faults else app.is_quick,  # a fault may take its time
        tell=_all(observers),
        proxies=Proxies(arguments.trusted_proxy) if arguments.trusted_proxy else None,
    )
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


def _limits(arguments: argparse.Namespace) -> Limits:
    return Limits(
        idle=arguments.idle,
        grace=arguments.grace,
        connections=arguments.max_connections,
        content=max(arguments.max_blob, MOST_MANIFEST_BYTES) if arguments.max_blob else None,
    )


def _all(observers: list[Observer]) -> Observer | None:
    def tell(entry: Entry) -> None:
        for observer in observers:
            observer(entry)

    return tell if observers else None


# --- TLS


def _certificates(arguments: argparse.Namespace, stack: ExitStack, facts: dict[str, Any]) -> Certificates | None:
    """What the options of TLS come to; what people need to know of a certificate that is made goes to `facts`."""
    clients = Path(arguments.tls_client_ca) if arguments.tls_client_ca else None
    if arguments.tls_self_signed:
        if arguments.tls_cert or arguments.tls_key:
            raise InvalidInput("--tls-self-signed makes a certificate, and --tls-cert names one")
        # It takes a tenth of a second to import.
        from ...server.listen.authority import issue

        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="pratique-tls-"))
        issued = issue(Path(folder), _names(arguments.address))
        facts |= {"fingerprint": issued.fingerprint, "ca_file": str(issued.authority)}
        return Certificates(issued.certificate, authorities=clients)
    if not arguments.tls_cert:
        if arguments.tls_key or clients:
            raise InvalidInput(f"{'--tls-key' if arguments.tls_key else '--tls-client-ca'} without --tls-cert")
        return None
    return Certificates(Path(arguments.tls_cert), Path(arguments.tls_key) if arguments.tls_key else None, clients)


def _names(address: str) -> Iterable[str]:
    """The host of an address, where it is one that a client may call."""
    if address.startswith(UNIX):
        return ()
    host, _ = _address(address)
    return () if host in ("0.0.0.0", "::") else (host,)  # noqa: S104  (every address)


# --- Around it


def _report(output: Output, listener: Listener, access: Access, storage: str | None, facts: Mapping[str, Any]) -> None:
    if output.as_json:
        document = {"address": listener.address, "url": listener.url, "storage": storage, "scheme": access.scheme}
        output.line_document(document | {"open": access.is_open, **facts})
    else:
        kept = f"kept in {storage}" if storage else "nothing is kept"
        output.line(f"listening on {listener.url}, {kept}; Ctrl-C ends it")
        for name, value in facts.items():
            output.line(f"{name}: {value}")
    output.flush()


@contextlib.contextmanager
def _storage(path: str | None, *, read_only: bool) -> Iterator[Path]:
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
        raise InvalidInput(f"--storage {folder} is no folder")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InvalidInput(f"--storage {folder} cannot be written to: {error.strerror}") from None


@contextlib.contextmanager
def _collecting(collector: Collector) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=collector.run_forever, args=(stop,), name="collector", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(GRACE)


@contextlib.contextmanager
def _ended_by_signal() -> Iterator[None]:
    """SIGTERM ends it as Ctrl-C does, and neither is an error."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        return
    finally:
        signal.signal(signal.SIGTERM, before)
