"""One request to an end-point, its parameters checked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Final
from urllib.parse import parse_qs

from ...auth.scopes import NO_SCOPES, ScopeSet, repository_scopes
from ...errors import InvalidDigest
from ...http.message import Body, Request, Stream
from ...http.origin import split
from ...spec.digest import Digest
from ...spec.endpoints import (
    DIGEST_INVALID,
    MANIFEST_INVALID,
    MANIFEST_UNKNOWN,
    NAME_INVALID,
    PULL,
    Endpoint,
    ErrorCode,
)
from ...spec.reference import is_repository, is_tag
from ...values import frozen
from ..answers import QUERY_TOO_LONG, UNKNOWN, Rejected

MOST_FIELDS: Final = 100  # of a query
BLOCK: Final = 64 << 10


class BodyFailed(Exception):
    """Reading the content of a request failed; the cause is whoever sends it to hear, not the log."""


@frozen
class Call:
    """A request, the end-point that it is for, and what was read from its path."""

    __slots__ = ("__dict__",)  # what is cached

    request: Request
    endpoint: Endpoint
    parameters: Mapping[str, str]
    permits: Callable[[ScopeSet], bool] = NO_SCOPES.covers  # what whoever asks may do beside it

    @property
    def repository(self) -> str:
        """The repository's name; `check` has seen it."""
        return self.parameters["name"]

    @property
    def url(self) -> str:
        """The root of the registry, as the client called it."""
        return str(self.request.origin)

    @property
    def path(self) -> str:
        """The path of the request."""
        return self.request.path

    @cached_property
    def query(self) -> Mapping[str, list[str]]:
        """The parameters of the query. Raises Rejected for more of them than any request needs."""
        try:
            return parse_qs(split(self.request.url).query, keep_blank_values=True, max_num_fields=MOST_FIELDS)
        except ValueError:
            raise Rejected(QUERY_TOO_LONG, f"at most {MOST_FIELDS}") from None

    def asked(self, name: str) -> str | None:
        """The first value of a parameter of the query."""
        return next(iter(self.query.get(name, ())), None)

    @property
    def digest(self) -> Digest:
        """The digest in the path. Raises Rejected."""
        return parse_digest(self.parameters["digest"])

    @property
    def reference(self) -> Digest | str:
        """The digest or tag in the path. Raises Rejected."""
        text = self.parameters["reference"]
        if ":" in text:
            return parse_digest(text)
        if not is_tag(text):
            error = MANIFEST_INVALID if self.request.method == "PUT" else MANIFEST_UNKNOWN
            raise Rejected(error, f"not a tag: {text[:80]!r}")
        return text

    def may_pull(self, repository: str) -> bool:
        """Whether whoever asks may also pull from another repository."""
        return self.permits(repository_scopes(repository, *PULL))

    def check(self) -> None:
        """Raise Rejected for a name that the specification does not allow."""
        for name in filter(None, (self.parameters.get("name"), self.asked("from"))):
            if not is_repository(name):
                raise Rejected(NAME_INVALID, f"not a repository name: {name[:80]!r}")


@contextmanager
def open_content(request: Request) -> Iterator[Stream]:
    """Open a request's content. What goes wrong in reading it comes out as BodyFailed."""
    body = request.body or Body.of(b"")
    with body.open() as stream:
        yield _Content(stream)


def read_content(request: Request, limit: int, what: str, error: ErrorCode = UNKNOWN) -> bytes:
    """A request's content of at most `limit` bytes. Raises Rejected for more; `what` names it."""
    too_long = Rejected(error, f"{what} has at most {limit} bytes", status=413)
    if request.body and (request.body.size or 0) > limit:
        raise too_long
    raw = bytearray()
    with open_content(request) as stream:
        while data := stream.read(min(BLOCK, limit + 1 - len(raw))):
            raw += data
            if len(raw) > limit:
                raise too_long
    return bytes(raw)


def parse_digest(text: str) -> Digest:
    """A digest from a request. Raises Rejected."""
    try:
        return Digest.parse(text)
    except InvalidDigest as error:
        raise Rejected(DIGEST_INVALID, str(error)) from None


class _Content:
    """The content of a request, its failures marked."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def read(self, size: int = -1, /) -> bytes:
        try:
            return self._stream.read(size)
        except Exception as error:
            raise BodyFailed from error

    def readinto(self, buffer: bytearray | memoryview, /) -> int:
        try:
            return self._stream.readinto(buffer)
        except Exception as error:
            raise BodyFailed from error

    def close(self) -> None:
        self._stream.close()
