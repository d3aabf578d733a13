"""Requests and responses (RFC 9110), the same for the client and for the embedded registry."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, closing
from types import TracebackType
from typing import Final, Protocol

from ..errors import Error, Misbehaved, Unreachable
from ..values import field, frozen, record, replace
from .origin import Origin, redact, split

# Header fields whose values are never shown.
SECRET_FIELDS: Final = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie"})


class Stream(Protocol):
    """Bytes that come once."""

    def read(self, size: int = ..., /) -> bytes: ...
    def readinto(self, buffer: bytearray | memoryview, /) -> int: ...
    def close(self) -> None: ...


class Headers:
    """Header fields in the order of their lines; every line is kept, and names compare without case."""

    __slots__ = ("_lines", "_values")

    def __init__(self, lines: Iterable[tuple[str, str]] = ()) -> None:
        self._lines = tuple(lines)
        self._values: dict[str, tuple[str, ...]] | None = None  # by name in lower case, once somebody asks

    def get(self, name: str) -> str | None:
        """The value of the first line with this name."""
        found = self.all(name)
        return found[0] if found else None

    def all(self, name: str) -> tuple[str, ...]:
        """The values of every line with this name."""
        if self._values is None:
            self._values = self._sorted()
        return self._values.get(name.lower(), ())

    def having(self, name: str, value: str) -> Headers:
        """These fields with `name` set to one value."""
        return Headers((*self.without(name), (name, value)))

    def without(self, name: str) -> Headers:
        """These fields without any line of this name."""
        unwanted = name.lower()
        return Headers((key, value) for key, value in self._lines if key.lower() != unwanted)

    def _sorted(self) -> dict[str, tuple[str, ...]]:
        values: dict[str, list[str]] = {}
        for key, value in self._lines:
            values.setdefault(key.lower(), []).append(value)
        return {key: tuple(found) for key, found in values.items()}

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._lines)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and bool(self.all(name))

    def __repr__(self) -> str:
        shown = ((key, "…" if key.lower() in SECRET_FIELDS else value) for key, value in self._lines)
        return f"Headers({list(shown)})"


@frozen
class Body:
    """A recipe for a request's content: it can be opened again after a challenge or a failure.

    `size` in bytes, or None where only the end of the stream tells.
    """

    open: Callable[[], AbstractContextManager[Stream]] = field(repr=False)
    size: int | None

    @classmethod
    def of(cls, content: bytes) -> Body:
        """A body of bytes in memory."""
        return cls(lambda: closing(io.BytesIO(content)), len(content))


@frozen
class Request:
    """One request. `public_only` forbids the transport to connect to an address that is not public.

    `once` forbids everybody below to send its body a second time: what arrived of it has to be asked for first. `peer` is
    the IP address that it came from, where a server got it through a socket.
    """

    method: str
    url: str
    headers: Headers = field(default_factory=Headers)
    body: Body | None = None
    public_only: bool = False
    once: bool = False
    peer: str | None = None

    @property
    def origin(self) -> Origin:
        return Origin.of(self.url)

    @property
    def path(self) -> str:
        return split(self.url).path

    @property
    def target(self) -> str:
        """Path and query, as the request line has them."""
        parts = split(self.url)
        return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def having(self, name: str, value: str) -> Request:
        """The same request with a header field set."""
        return replace(self, headers=self.headers.having(name, value))

    def without(self, name: str) -> Request:
        """The same request without a header field."""
        return replace(self, headers=self.headers.without(name))

    def __str__(self) -> str:
        return f"{self.method} {redact(self.url)}"


@record
class Response:
    """One answer. Its content comes once; whoever gets a response closes it.

    `peer` is the IP address that answered, where a socket was involved; behind a proxy it is what `tunnel.behind` knows.
    `notes` are for a server's own log, and never sent.
    """

    status: int
    headers: Headers = field(default_factory=Headers)
    stream: Stream = field(default_factory=io.BytesIO, repr=False)
    url: str = ""
    peer: str | None = None
    notes: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, status: int, content: bytes = b"", *headers: tuple[str, str]) -> Response:
        """A response with content in memory."""
        return cls(status, Headers((*headers, ("Content-Length", str(len(content))))), io.BytesIO(content))

    @property
    def length(self) -> int | None:
        """`Content-Length` in bytes; None where it is absent or not a number."""
        value = (self.headers.get("Content-Length") or "").strip()
        return int(value) if value.isascii() and value.isdigit() and len(value) < 20 else None

    def read(self, limit: int, what: str) -> bytes:
        """The whole content, and the response closed.

        Raises Misbehaved for more than `limit` bytes, at once where the length is announced; `what` names the content.
        """
        with self:
            if (self.length or 0) > limit:
                raise _too_long(what, limit, f"{self.length} bytes")
            content = self.excerpt(limit + 1)
        if len(content) > limit:
            raise _too_long(what, limit, "more")
        return content

    def excerpt(self, limit: int) -> bytes:
        """At most the first `limit` bytes of the content, and the response closed."""
        content = bytearray()
        with self:
            while len(content) < limit and (data := self.stream.read(min(limit - len(content), 1 << 16))):
                content += data
        return bytes(content)

    def close(self) -> None:
        """Give the connection back, or up where unread content remains."""
        self.stream.close()

    def __enter__(self) -> Response:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Transport(Protocol):
    """Carries one request to one server and brings its answer; nothing of it follows, retries, decodes or remembers.

    Raises Unreachable (or its Unanswered) where no answer came. A registry's `handle(request)` has this shape, too.
    """

    def __call__(self, request: Request, /) -> Response: ...


class Unanswered(Unreachable):
    """A transport had no answer to bring; `transient` says whether the same request may well succeed a moment later."""

    def __init__(self, message: str, *, transient: bool, advice: str | None = None) -> None:
        super().__init__(message, advice=advice)
        self.transient = transient


class Interrupted(Unanswered):
    """A request whose body goes only `once` was refused, and there is a permission that it was not shown yet.

    The next request is shown it; `refusal` is the error that would stand if there were none.
    """

    def __init__(self, refusal: Error) -> None:
        super().__init__(str(refusal), transient=True)
        self.refusal = refusal


def _too_long(what: str, limit: int, size: str) -> Misbehaved:
    return Misbehaved(f"{what} has {size}; at most {limit} bytes are read")
