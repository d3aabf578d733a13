"""An animal on real sockets: each of its hosts is a port of this machine."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any

from pratique.http.message import Body, Headers, Request, Response

Answering = Callable[[Request], Response]


class Ports(ThreadingHTTPServer):
    """One host of an animal."""

    daemon_threads = False
    block_on_close = True

    def __init__(self, answer: Answering, tls: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer = answer
        self.scheme = "https" if tls else "http"
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    @property
    def origin(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is nothing to speak of."""


class Handler(BaseHTTPRequestHandler):
    """Turns a request on a socket into a Request, and a Response into what is sent."""

    protocol_version = "HTTP/1.1"
    server: Ports
    timeout = 20

    def parse_request(self) -> bool:
        # Whatever the method is, it is the animal's to answer.
        parsed = super().parse_request()
        if parsed:
            setattr(self, f"do_{self.command}", self._answer)
        return parsed

    def _answer(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Request(
            self.command,
            f"{self.server.origin}{self.path}",
            Headers(self.headers.items()),
            Body(lambda: BytesIO(raw), len(raw)) if raw else None,
        )
        with self.server.answer(request) as response:
            content = b"".join(iter(lambda: response.stream.read(1 << 16), b""))
        self.send_response_only(response.status)
        for name, value in response.headers:
            self.send_header(name, value)
        if response.length is None:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""


@contextmanager
def served(answer: Answering, **hosts: ssl.SSLContext | None) -> Iterator[Mapping[str, str]]:
    """Serve under each of these names, with this TLS or without; the result says where."""
    servers = {name: Ports(answer, tls) for name, tls in hosts.items()}
    threads = [threading.Thread(target=server.serve_forever, args=(0.02,)) for server in servers.values()]
    for thread in threads:
        thread.start()
    try:
        yield {name: server.origin for name, server in servers.items()}
    finally:
        for server, thread in zip(servers.values(), threads, strict=True):
            server.shutdown()
            thread.join()
            with suppress(OSError):
                server.server_close()
