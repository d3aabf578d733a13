"""Run the embedded registry: on disk, in the layout of Docker's own, with an access file or open to everybody."""

from __future__ import annotations

import argparse
import contextlib
import logging
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Final

from ...client.serving import GRACE, Served, Tls, serve
from ...errors import InvalidInput
from ...server.listen.journal import FORMS
from ...server.listen.limits import CONNECTIONS, IDLE
from ...server.storage.collection import GRACE as UNUSED
from .. import options
from ..output import Output

FAULTS: Final = "pratique.server.faults.file"  # the log of faults that happened

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
    level = logging.INFO if output.debug else logging.WARNING
    logging.basicConfig(stream=sys.stderr, level=level, format="pratique: %(message)s")
    if arguments.faults:  # each is told when it happens
        logging.getLogger(FAULTS).setLevel(logging.INFO)
    with ExitStack() as stack:
        served = stack.enter_context(
            serve(
                arguments.address,
                storage=arguments.storage,
                read_only=arguments.read_only,
                sparse=arguments.sparse,
                collecting=arguments.gc,
                access=arguments.access,
                htpasswd=arguments.htpasswd,
                faults=arguments.faults,
                tls=_tls(arguments),
                log=arguments.access_log,
                metrics=arguments.metrics,
                trusted_proxies=arguments.trusted_proxy,
                max_blob=arguments.max_blob,
                max_connections=arguments.max_connections,
                idle=arguments.idle,
                grace=arguments.grace,
            )
        )
        stack.enter_context(_ended_by_signal())
        _report(output, served, arguments.storage)
        served.wait()


def _tls(arguments: argparse.Namespace) -> Tls | None:
    """What the options of TLS come to. Raises InvalidInput where they contradict each other."""
    cert, key, clients = arguments.tls_cert, arguments.tls_key, arguments.tls_client_ca
    if arguments.tls_self_signed:
        if cert or key:
            raise InvalidInput("--tls-self-signed makes a certificate, and --tls-cert names one")
        return Tls(clients=clients)
    if cert:
        return Tls(cert, key, clients)
    if key or clients:
        raise InvalidInput(f"{'--tls-key' if key else '--tls-client-ca'} without --tls-cert")
    return None


def _report(output: Output, served: Served, storage: str | None) -> None:
    access = served.access()
    if output.as_json:
        document = {"address": served.address, "url": served.url, "storage": storage, "scheme": access.scheme}
        output.line_document(document | {"open": access.is_open, **served.facts})
    else:
        kept = f"kept in {storage}" if storage else "nothing is kept"
        output.line(f"listening on {served.url}, {kept}; Ctrl-C ends it")
        for name, value in served.facts.items():
            output.line(f"{name}: {value}")
    output.flush()


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
