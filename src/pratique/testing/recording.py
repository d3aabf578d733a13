"""What was asked of a registry, remembered."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import parse_qs, urlsplit

from ..http.message import Body, Headers, Request, Response, Transport
from ..values import record, replace


@record
class Seen:
    """One request as the registry saw it, its content where that is kept, and the status of its answer.

    `status` is None where there was no answer, or none yet.
    """

    method: str
    url: str
    headers: Headers
    content: bytes = b""
    status: int | None = None

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc

    @property
    def path(self) -> str:
        return urlsplit(self.url).path

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.url).query, keep_blank_values=True)

    @property
    def form(self) -> dict[str, list[str]]:
        return parse_qs(self.content.decode(), keep_blank_values=True)

    @property
    def authorization(self) -> str | None:
        """What was shown, a secret."""
        return self.headers.get("Authorization")

    def __str__(self) -> str:
        return f"{self.method} {self.url} {self.authorization or '-'}"


class Recording:
    """Remembers each request on its way to `registry`; with `content` its content as well, in memory."""

    def __init__(self, registry: Transport, *, content: bool = False) -> None:
        self._registry = registry
        self._keeps_content = content
        self.seen: list[Seen] = []

    def __call__(self, request: Request) -> Response:
        content = b""
        if self._keeps_content and request.body is not None:
            with request.body.open() as stream:
                content = stream.read()
            request = replace(request, body=Body.of(content))
        seen = Seen(request.method, request.url, request.headers, content)
        self.seen.append(seen)
        response = self._registry(request)
        seen.status = response.status
        response.url = request.url
        return response

    def at(self, host: str) -> Sequence[Seen]:
        """What a host saw."""
        return [seen for seen in self.seen if seen.host == host]

    @property
    def lines(self) -> list[str]:
        """Everything that was seen: method, path and scheme of Authorization, for reading in order."""
        return [f"{s.method} {s.host}{s.path} {(s.authorization or '-').split(' ')[0]}" for s in self.seen]
