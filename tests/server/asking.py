"""Requests to a registry on a socket, in few words, over one connection as long as it lasts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPMessage
from typing import Any
from urllib.parse import urlsplit

from pratique.server.listen.listener import Listener
from pratique.spec.digest import Digest

PATIENCE = 10  # seconds until a connection without an answer is given up


@dataclass(frozen=True)
class Answer:
    """A response, read."""

    status: int
    headers: HTTPMessage
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)

    @property
    def code(self) -> str:
        """The first error code."""
        return str(self.json["errors"][0]["code"])

    @property
    def location(self) -> str:
        """Path and query of where the answer points."""
        parts = urlsplit(self.headers["Location"])
        return parts.path + (f"?{parts.query}" if parts.query else "")


class Asking:
    """A registry and what one client asks it."""

    def __init__(self, connection: HTTPConnection) -> None:
        self._connection = connection

    def __call__(
        self, method: str, target: str, content: bytes | Iterator[bytes] | None = None, **headers: str
    ) -> Answer:
        """Send a request; `_` in a header's name stands for `-`, and content from an iterator goes in chunks."""
        lines = {name.replace("_", "-"): value for name, value in headers.items()}
        chunked = content is not None and not isinstance(content, bytes)
        self._connection.request(method, target, content, lines, encode_chunked=chunked)
        response = self._connection.getresponse()
        return Answer(response.status, response.headers, response.read())

    def push_blob(self, repository: str, content: bytes, algorithm: str = "sha256") -> Digest:
        """Push a blob by POST and PUT."""
        digest = Digest.of(content, algorithm)
        location = self("POST", f"/v2/{repository}/blobs/uploads/?digest-algorithm={algorithm}", b"").location
        answer = self("PUT", f"{location}?digest={digest}", content, Content_Type="application/octet-stream")
        assert answer.status == 201, answer.content
        return digest


@contextmanager
def asking(listener: Listener) -> Iterator[Asking]:
    """A client of a registry."""
    host, _, port = listener.address.rpartition(":")
    with closing(HTTPConnection(host, int(port), timeout=PATIENCE)) as connection:
        yield Asking(connection)
