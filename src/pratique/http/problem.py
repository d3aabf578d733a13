"""What a server says went wrong, read from whatever it sends (distribution specification, §Error codes)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from ..errors import Denied, Error, Misbehaved, NotFound, RateLimited, Unauthorized, Unreachable, Unsupported
from ..expressions import expression
from ..values import frozen
from .message import Request, Response
from .retry import retry_after

MOST_BYTES: Final = 64 << 10  # of an error's body; the rest is not read
MOST_SHOWN_CHARACTERS: Final = 300

# A script that is not closed runs to the end, and a tag has no other in it: no text makes this slow.
_TAGS = expression(r"<(?:script|style)\b.*?(?:</(?:script|style)>|\Z)|<[^<>]*>", re.DOTALL | re.IGNORECASE)
_KINDS: Final[dict[int, type[Error]]] = {
    401: Unauthorized,
    403: Denied,
    404: NotFound,
    405: Unsupported,
    408: Unreachable,
    429: RateLimited,
    501: Unsupported,
}


@frozen
class Problem:
    """The error codes of the specification that an answer names, and its words on one line."""

    codes: tuple[str, ...]
    text: str

    @classmethod
    def of(cls, response: Response) -> Problem:
        """Read an answer's body, within limits, and close it. Raises Unreachable where the body is cut."""
        return cls.parse(response.excerpt(MOST_BYTES))

    @classmethod
    def parse(cls, raw: bytes) -> Problem:
        """Read what is in a body. Raises nothing."""
        import json

        try:
            document = json.loads(raw)
        except (ValueError, RecursionError):
            return cls((), _line(_TAGS.sub(" ", raw.decode("utf-8", "replace"))))
        entries = list(_entries(document))
        codes = tuple(code for entry in entries if isinstance(code := entry.get("code"), str) and code.isprintable())
        return cls(codes[:10], _line("; ".join(filter(None, map(_words, entries)))))

    def __str__(self) -> str:
        return self.text or ", ".join(self.codes)


def status_text(status: int) -> str:
    """`404 Not Found`, or the bare number where the registry of status codes has no name."""
    from http import HTTPStatus

    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def failure(request: Request, response: Response, *, missing: str | None = None) -> Error:
    """The error for an answer that is not what was asked for; closes the answer. `missing` advises on what is not there."""
    problem = Problem.of(response)
    said = f": {problem}" if str(problem) else ""
    message = f"{request} was answered {status_text(response.status)}{said}"
    kind = _KINDS.get(response.status) or (Unreachable if response.status >= 500 else Misbehaved)
    if kind is RateLimited:
        seconds = retry_after(response)
        when = (
            f"try again in {seconds:.0f} s"
            if seconds is not None
            else "try again later, or log in: many registries allow more then"
        )
        return RateLimited(message + _quota(response), retry_after=seconds, advice=when)
    return kind(message, advice=missing if kind is NotFound else None)


def _quota(response: Response) -> str:
    lines = [f"{name.lower()}: {value}" for name, value in response.headers if name.lower().startswith("ratelimit-")]
    return f" ({_line(', '.join(lines))})" if lines else ""


def _entries(document: Any) -> Iterator[dict[str, Any]]:
    """The objects that may hold words: the specification's `errors`, or the document of a server with ways of its own."""
    errors = document.get("errors") if isinstance(document, dict) else None
    candidates: Iterable[Any] = errors if isinstance(errors, list) and errors else [document]
    for candidate in candidates:
        if isinstance(candidate, dict):
            yield candidate
        elif isinstance(candidate, str):
            yield {"message": candidate}


def _words(entry: dict[str, Any]) -> str:
    said = [entry.get(key) for key in ("code", "message", "error", "error_description", "detail", "details")]
    return ": ".join(dict.fromkeys(word for word in said if isinstance(word, str) and word))


def _line(text: str) -> str:
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return line if len(line) <= MOST_SHOWN_CHARACTERS else f"{line[:MOST_SHOWN_CHARACTERS]}…"
