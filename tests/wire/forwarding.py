"""A forward proxy on loopback. It has names for ports of this machine, so that no other machine is needed."""

from __future__ import annotations

import base64
import select
import socket
import ssl
from collections.abc import Mapping
from urllib.parse import urlsplit

from .scripted import Server, Wire

RELAYED_BYTES = 1 << 16  # at a time


class Forwarding(Server):
    """Forwards what it is asked to: whole URLs, and tunnels. With `user`, `USER:PASSWORD`, only for who says that.

    `ports` maps `host:port`, as clients name it, to a port of this machine; anything else is answered 502. `seen` has the
    heads of all requests.
    """

    def __init__(
        self, ports: Mapping[str, int], user: str | None = None, tls: ssl.SSLContext | None = None, takes: str = "Basic"
    ) -> None:
        super().__init__(self._forward, tls=tls)
        self._ports = ports
        self._user = user
        self._takes = takes
        self.seen: list[str] = []

    @property
    def lines(self) -> list[str]:
        """The request lines."""
        return [head.splitlines()[0] for head in self.seen]

    def _forward(self, wire: Wire) -> None:
        while head := wire.head():
            self.seen.append(head)
            method, target, _ = head.splitlines()[0].split(" ")
            if not self._admits(head):
                fields = [f"Proxy-Authenticate: {scheme}" for scheme in self._takes.split()]
                wire.answer(b"<html>who?</html>", *fields, status="407 Proxy Authentication Required")
                continue
            place = target if method == "CONNECT" else urlsplit(target).netloc
            port = self._ports.get(place)
            if port is None:
                wire.answer(status="502 Bad Gateway")
                continue
            with socket.create_connection(("127.0.0.1", port)) as server:
                if method == "CONNECT":
                    wire.say("HTTP/1.1 200 Connection established\r\n\r\n")
                else:
                    server.sendall(_as_for_a_server(head) + wire.read(_length(head)))
                _relay(wire.socket, server)
            return

    def _admits(self, head: str) -> bool:
        if self._user is None:
            return True
        wanted = f"Proxy-Authorization: Basic {base64.b64encode(self._user.encode()).decode()}"
        return wanted in head.splitlines()


def _as_for_a_server(head: str) -> bytes:
    """A request's head with the path alone; the connection is closed after it, so that all that follows is relayed."""
    first, *fields = head.splitlines()
    method, target, version = first.split(" ")
    parts = urlsplit(target)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    kept = [field for field in fields if not field.lower().startswith(("proxy-", "connection:"))]
    return "\r\n".join([f"{method} {path} {version}", *kept, "Connection: close", "", ""]).encode("latin-1")


def _length(head: str) -> int:
    """How much content follows a head."""
    return next((int(line.split(": ")[1]) for line in head.splitlines() if line.startswith("Content-Length: ")), 0)


def _relay(client: socket.socket, server: socket.socket) -> None:
    """Copy both ways until one side has ended."""
    while True:
        waiting = isinstance(client, ssl.SSLSocket) and client.pending()
        ready = [client] if waiting else select.select([client, server], [], [])[0]
        for source, target in ((client, server), (server, client)):
            if source in ready:
                data = source.recv(RELAYED_BYTES)
                if not data:
                    return
                target.sendall(data)
