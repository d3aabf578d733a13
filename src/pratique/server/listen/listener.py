"""Where a registry listens."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from ...http.message import Request, Transport
from .certificates import Certificates
from .journal import Observer
from .limits import IDLE, Limits
from .loop import Loop
from .proxies import Proxies
from .service import Service
from .sockets import address_of, bind, bind_path, remove


def never(_: Request) -> bool:
    """No request is quick: each has a thread of its own."""
    return False


class Listener:
    """Serves `handle` on a port; a context manager that begins on entry and ends on exit.

    `port` 0 takes a free one; with `path` it is a Unix socket, and there is no port. With `certificate` (a PEM chain) and
    `key`, or `certificates`, it speaks TLS. `idle` is in seconds, and stands for the one of `limits`. `is_quick` says which
    requests without content the listener's one thread answers itself, because that takes no longer than giving them away.
    `tell` is told of each answer that is out, and `proxies` are those whose word on a request is taken.
    Raises OSError where the port is taken, and InvalidInput for a file that cannot be used.

    `address` is `host:port`, as it stands in a reference, or `unix:PATH`.
    """

    def __init__(
        self,
        handle: Transport,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        path: Path | None = None,
        certificate: Path | None = None,
        key: Path | None = None,
        certificates: Certificates | None = None,
        idle: float = IDLE,
        limits: Limits | None = None,
        is_quick: Callable[[Request], bool] = never,
        tell: Observer | None = None,
        proxies: Proxies | None = None,
    ) -> None:
        if certificate:
            certificates = Certificates(certificate, key)
        self.handle = handle
        self.scheme = "https" if certificates else "http"
        service = Service(
            handle=handle,
            is_quick=is_quick,
            scheme=self.scheme,
            limits=limits or Limits(idle=idle),
            tell=tell,
            proxies=proxies,
        )
        listening = bind_path(path) if path else bind(host, port)
        self.address = address_of(listening)
        self._path = path
        self._path_was = path.stat() if path else None
        self._loop = Loop(service, listening, certificates)
        # Not the thread's own `join`: interrupted by a signal once, it does not wait any more (python/cpython#90882).
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="listener", daemon=True)

    @property
    def connections(self) -> int:
        """How many there are."""
        return self._loop.connections

    @property
    def url(self) -> str:
        """The root of the registry, without a slash at its end; `unix:PATH` where there is no port."""
        return self.address if self._path else f"{self.scheme}://{self.address}"

    def wait(self) -> None:
        """Wait until the listener is closed."""
        self._ended.wait()

    def close(self) -> None:
        """Accept nothing more, let answers under way end within the grace time, and close every connection."""
        if self._path and self._path_was:
            remove(self._path, self._path_was)
        if self._thread.ident is None:
            self._loop.release()
            return
        self._loop.stop()
        self._ended.wait()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._loop.run()
        finally:
            self._ended.set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
