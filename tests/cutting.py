"""A proxy on this machine that cuts connections, and what is needed to push through it."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pratique.auth.authenticator import Authenticator
from pratique.auth.scopes import ScopeSet
from pratique.http.events import Event, Sent
from pratique.http.reach import Plain, everywhere
from pratique.http.retry import Patience
from pratique.http.session import Session
from pratique.http.transport import HttpTransport
from pratique.stores.registry import Repository
from pratique.stores.sessions import KeptSessions
from pratique.stores.uploading import UploadOptions

PATIENCE_SECONDS = 20.0  # until a test gives up on a thread; nothing is judged by it
RESET = struct.pack("ii", 1, 0)


class Cutting:
    """Carries bytes to `target` and back. Each number of `cuts` is how many bytes of a client go through until the
    connection breaks; connections that end before leave it to the next."""

    def __init__(self, target: str, cuts: Iterable[int] = ()) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self.cuts = list(cuts)
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> Cutting:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join(PATIENCE_SECONDS)
        for connected in self._sockets:
            with suppress(OSError):
                connected.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)
            assert not thread.is_alive()
        for connected in (self._listener, *self._sockets):
            connected.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
            except OSError:
                return
            self._sockets += [client, server]
            for work in (self._upwards, self._downwards):
                thread = threading.Thread(target=work, args=(client, server))
                self._threads.append(thread)
                thread.start()

    def _upwards(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(1 << 16):
                passed, is_cut = self._passed(len(data))
                server.sendall(data[:passed])
                if is_cut:  # at once, also for a client whose next bytes have no room any more
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                    client.close()
                    break
        for connected in (server, client):
            with suppress(OSError):
                connected.shutdown(socket.SHUT_RDWR)

    def _downwards(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(1 << 16):
                client.sendall(data)
        with suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)

    def _passed(self, size: int) -> tuple[int, bool]:
        with self._lock:
            if not self.cuts:
                return size, False
            if size < self.cuts[0]:
                self.cuts[0] -= size
                return size, False
            return self.cuts.pop(0), True


@contextmanager
def pushing(
    address: str, name: str = "foo", chunk: int | None = None, cache: Path | None = None, retries: int = 8
) -> Iterator[tuple[Repository, list[str]]]:
    """A repository on plain http that nobody waits for, and the requests that are made of it."""
    requests: list[str] = []

    def tell(event: Event) -> None:
        if isinstance(event, Sent):
            requests.append(f"{event.method} {event.status}")

    session: Session[ScopeSet] = Session(
        HttpTransport(),
        Authenticator(),
        reaches=everywhere(plain=Plain.ALWAYS),
        patience=Patience(retries=retries),
        tell=tell,
        sleep=lambda _: None,
    )
    uploads = UploadOptions(chunk, KeptSessions(cache) if cache else None)
    try:
        yield Repository(session, address, name, uploads=uploads), requests
    finally:
        session.close()
