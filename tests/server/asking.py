"""Requests to a registry on a socket, in few words, over one connection as long as it lasts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection

from pratique.http.message import Headers
from pratique.spec.digest import Digest
from tests.unit.server.asking import Answer

PATIENCE = 10  # seconds until a connection without an answer is given up


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
        return Answer(response.status, Headers(response.headers.items()), response.read())

    def push_blob(self, repository: str, content: bytes, algorithm: str = "sha256") -> Digest:
        """Push a blob by POST and PUT."""
        digest = Digest.of(content, algorithm)
        location = self("POST", f"/v2/{repository}/blobs/uploads/?digest-algorithm={algorithm}", b"").location
        answer = self("PUT", f"{location}?digest={digest}", content, Content_Type="application/octet-stream")
        assert answer.status == 201, answer.content
        return digest


@contextmanager
def asking(address: str) -> Iterator[Asking]:
    """A client of the registry at `host:port`."""
    with closing(HTTPConnection(address, timeout=PATIENCE)) as connection:
        yield Asking(connection)
