"""Servers on loopback whose every byte is in the test: each connection is given to the next script."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

PATIENCE_SECONDS = 20.0  # until a test gives up on a thread; nothing is judged by it


class Wire:
    """One connection as a server sees it."""

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected
        self._stream = connected.makefile("rb")

    def head(self) -> str:
        """The next request's head; empty when the client has gone."""
        lines = []
        while (line := self._stream.readline().decode("latin-1").rstrip("\r\n")) != "":
            lines.append(line)
        return "\n".join(lines)

    def read(self, size: int = -1) -> bytes:
        """So many bytes, or all until the client closes."""
        return self._stream.read(size)

    def line(self) -> bytes:
        return self._stream.readline()

    def say(self, *data: str | bytes) -> None:
        """Send this, at once: what a closing server had not sent yet would be lost."""
        self.socket.sendall(b"".join(piece if isinstance(piece, bytes) else piece.encode("latin-1") for piece in data))

    def answer(self, content: bytes = b"", *fields: str, status: str = "200 OK") -> None:
        """A whole answer with its length."""
        lines = (f"HTTP/1.1 {status}", *fields, f"Content-Length: {len(content)}", "", "")
        self.say("\r\n".join(lines), content)

    def reset(self) -> None:
        """Close so that the client is told of an error (RST)."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self) -> None:
        with suppress(OSError):
            self._stream.close()
        with suppress(OSError):
            self.socket.close()


Script = Callable[[Wire], object]


def politely(wire: Wire) -> None:
    """Answer every request with its own request line."""
    while head := wire.head():
        wire.answer(head.splitlines()[0].encode())


class Server:
    """Listens on a port that the kernel chooses. The last script serves all further connections."""

    def __init__(self, *scripts: Script, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        self._scripts = scripts or (politely,)
        self._tls = tls
        self._listener = socket.create_server((host, 0))
        self.host = host
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._failures: list[BaseException] = []
        self._threads = [threading.Thread(target=self._accept)]

    def url(self, path: str = "/", host: str | None = None) -> str:
        return f"{'https' if self._tls else 'http'}://{host or self.host}:{self.port}{path}"

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        with self._lock:
            for connected in self._sockets:
                with suppress(OSError):
                    socket.socket.shutdown(connected, socket.SHUT_RDWR)
        self._threads[0].join(PATIENCE_SECONDS)
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)
            assert not thread.is_alive()
        self._listener.close()
        if error is None and self._failures:
            raise self._failures[0]

    def _accept(self) -> None:
        while True:
            try:
                connected, _ = self._listener.accept()
            except OSError:
                return
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                script = self._scripts[min(self.connections, len(self._scripts) - 1)]
                self.connections += 1
                self._sockets.append(connected)
                thread = threading.Thread(target=self._serve, args=(script, connected))
                self._threads.append(thread)
            thread.start()

    def _serve(self, script: Script, connected: socket.socket) -> None:
        wire = None
        try:
            if self._tls is not None:
                connected = self._tls.wrap_socket(connected, server_side=True, do_handshake_on_connect=False)
                with self._lock:
                    self._sockets.append(connected)
                connected.do_handshake()
            wire = Wire(connected)
            script(wire)
        except OSError:
            pass  # the client went away, as it may
        except BaseException as error:  # the test is told when the server is left
            self._failures.append(error)
        finally:
            if wire is not None:
                wire.close()
            connected.close()


class Running(threading.Thread):
    """A thread whose outcome is asked for: what `work` returned or raised."""

    def __init__(self, work: Callable[[], object]) -> None:
        super().__init__()
        self._work = work
        self._value: object = None
        self._failure: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self._value = self._work()
        except BaseException as error:  # raised again by whoever asks
            self._failure = error

    def outcome(self) -> object:
        self.join(PATIENCE_SECONDS)
        assert not self.is_alive(), "the thread was not freed"
        if self._failure is not None:
            raise self._failure
        return self._value
