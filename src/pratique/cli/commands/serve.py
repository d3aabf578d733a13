"""Run the embedded registry: on disk, in the layout of Docker's own, with an access file or open to everybody."""

from __future__ import annotations

import argparse
import contextlib
import logging
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ...errors import InvalidInput, Unreachable
from ...server.access import Access
from ...server.app import RegistryApp
from ...server.listen import Listener
from ...server.storage import Storage
from .. import options
from ..output import Output

EXAMPLES = """examples:
  pratique serve --storage ./registry
  pratique serve --address 127.0.0.1:0 --json
  pratique serve --address 0.0.0.0:5000 --storage /srv/registry --access access.toml --tls-cert cert.pem --tls-key key.pem

Without --storage everything is gone when it ends. docs/registry.md describes the access file."""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--address", metavar="HOST:PORT", default="127.0.0.1:5000", help="port 0 picks a free one")
    parser.add_argument("--storage", metavar="FOLDER", help="where content is kept")
    parser.add_argument("--access", metavar="FILE", help="who may do what (TOML)")
    parser.add_argument("--tls-cert", metavar="FILE", help="a certificate chain (PEM)")
    parser.add_argument("--tls-key", metavar="FILE", help="its key")
    parser.add_argument("--log", action="store_true", help="print one line a request")
    options.add_global(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, output: Output) -> None:
    host, port = _address(arguments.address)
    if arguments.tls_key and not arguments.tls_cert:
        raise InvalidInput("--tls-key without --tls-cert")
    for file in filter(None, (arguments.tls_cert, arguments.tls_key)):
        _check_readable(file)
    if arguments.log or output.debug:
        logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(message)s")
    access = Access.load(Path(arguments.access)) if arguments.access else Access()
    with _storage(arguments.storage) as folder:
        app = RegistryApp(Storage(folder), access)
        with _listening(arguments, app, host, port) as listener, _ended_by_signal():
            _report(output, listener, access, arguments.storage)
            listener.wait()


def _report(output: Output, listener: Listener, access: Access, storage: str | None) -> None:
    if output.as_json:
        facts = {"address": listener.address, "url": listener.url, "storage": storage, "scheme": access.scheme}
        output.line_document(facts | {"open": not access.users and not access.rules})
    else:
        kept = f"kept in {storage}" if storage else "nothing is kept"
        output.line(f"listening on {listener.url}, {kept}; Ctrl-C ends it")
    output.flush()


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise InvalidInput(f"{text!r} is not HOST:PORT")
    return host.strip("[]") or "0.0.0.0", int(port)  # noqa: S104  (an empty host is every address, as people write it)


@contextlib.contextmanager
def _listening(arguments: argparse.Namespace, app: RegistryApp, host: str, port: int) -> Iterator[Listener]:
    certificate = Path(arguments.tls_cert) if arguments.tls_cert else None
    key = Path(arguments.tls_key) if arguments.tls_key else None
    try:
        listener = Listener(app.handle, host, port, certificate=certificate, key=key)
    except OSError as error:
        raise Unreachable(f"cannot listen on {arguments.address}: {error.strerror or error}") from None
    with listener:
        yield listener


def _check_readable(file: str) -> None:
    try:
        Path(file).read_bytes()
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read: {error.strerror}") from None


@contextlib.contextmanager
def _storage(path: str | None) -> Iterator[Path]:
    if path is not None:
        folder = Path(path)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            raise InvalidInput(f"--storage {path} cannot be written to: {error.strerror}") from None
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="pratique-") as temporary:
        yield Path(temporary)


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
