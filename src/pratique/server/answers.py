"""What the registry answers: error bodies (distribution specification, §Error codes) and documents."""

from __future__ import annotations

import json
from typing import Any, Final

from ..http.message import Response
from ..spec.endpoints import ErrorCode

# Not of the specification; Docker's distribution has them.
UNKNOWN: Final = ErrorCode("UNKNOWN", 500, "unknown error")
PAGINATION_NUMBER_INVALID: Final = ErrorCode("PAGINATION_NUMBER_INVALID", 400, "invalid number of results requested")
# A path that is no end-point.
NOT_AN_ENDPOINT: Final = ErrorCode("UNSUPPORTED", 404, "no end-point of this registry")

JSON: Final = "application/json"


class Rejected(Exception):
    """Ends a request with an error of the specification."""

    def __init__(
        self, error: ErrorCode, message: str = "", *, status: int = 0, headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        super().__init__(error.code)
        self._error = error
        self._message = message
        self._status = status or error.status
        self._headers = headers

    def response(self) -> Response:
        """The answer: the code, what it means, and as detail what is known about this request."""
        entry = {"code": self._error.code, "message": self._error.message}
        if self._message:
            entry["detail"] = self._message
        return document(self._status, {"errors": [entry]}, *self._headers)


def document(status: int, content: Any, *headers: tuple[str, str], media_type: str = JSON) -> Response:
    """An answer with a JSON document."""
    return Response.of(
        status, json.dumps(content, separators=(",", ":")).encode() + b"\n", ("Content-Type", media_type), *headers
    )


def created(location: str, digest: str, *headers: tuple[str, str]) -> Response:
    """The answer to whoever stored something."""
    return Response.of(201, b"", ("Location", location), ("Docker-Content-Digest", digest), *headers)
