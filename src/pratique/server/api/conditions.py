"""Conditional requests (RFC 9110 §13). What is there is known by its digest, which is also its entity tag."""

from __future__ import annotations

from typing import Final

from ...http.message import Headers, Response
from ...spec.digest import Digest
from ...spec.endpoints import ErrorCode
from ..answers import Rejected

# The specification has no code for it.
FAILED: Final = ErrorCode("UNSUPPORTED", 412, "a condition of the request does not hold")


def etag(digest: Digest) -> str:
    """The entity tag of content (RFC 9110 §8.8.3)."""
    return f'"{digest}"'


def is_conditional(headers: Headers) -> bool:
    """Whether a request depends on what is there."""
    return "If-Match" in headers or "If-None-Match" in headers


def check_read(headers: Headers, current: Digest) -> Response | None:
    """The answer where the reader knows what is there already: 304. Raises Rejected where If-Match does not hold."""
    _check_match(headers, current)
    if not _is_known(headers, current):
        return None
    return Response(304, Headers((("Docker-Content-Digest", str(current)), ("ETag", etag(current)))))


def check_write(headers: Headers, current: Digest | None) -> None:
    """Raise Rejected where If-Match or If-None-Match forbid a change to what is there, or to nothing."""
    _check_match(headers, current)
    if _is_known(headers, current):
        raise Rejected(FAILED, f"If-None-Match: there is {current}")


def _check_match(headers: Headers, current: Digest | None) -> None:
    lines = headers.all("If-Match")
    if lines and not _names(lines, current, weak=False):
        raise Rejected(FAILED, f"If-Match: there is {current or 'nothing'}")


def _is_known(headers: Headers, current: Digest | None) -> bool:
    lines = headers.all("If-None-Match")
    return bool(lines) and _names(lines, current, weak=True)


def _names(lines: tuple[str, ...], current: Digest | None, *, weak: bool) -> bool:
    """Whether a list of entity tags names what is there; `weak` ones do not where it has to be the very same."""
    tags = [tag.strip() for tag in ",".join(lines).split(",")]
    if tags == ["*"]:
        return current is not None
    if weak:
        tags = [tag.removeprefix("W/") for tag in tags]
    # Older clients leave the quotes out.
    return current is not None and not {etag(current), str(current)}.isdisjoint(tags)
