"""What the registry answers: error bodies (distribution specification, §Error codes) and documents."""

from __future__ import annotations

import json
from typing import Any, Final

from ..http.message import Response
from ..spec.endpoints import ErrorCode

# Not of the specification, which has codes for 4xx only; Docker's distribution has it.
UNKNOWN: Final = ErrorCode("UNKNOWN", 500, "unknown error")
# RFC 4918 §11.5: later may be better, and nobody should try again by himself.
NO_SPACE: Final = ErrorCode("UNKNOWN", 507, "the registry has no space left")
# What the specification has no code of its own for.
NOT_AN_ENDPOINT: Final = ErrorCode("UNSUPPORTED", 404, "no end-point of this registry")
BAD_MESSAGE: Final = ErrorCode("UNSUPPORTED", 400, "not a request that is understood here")
NUMBER_INVALID: Final = ErrorCode("UNSUPPORTED", 400, "invalid number of results requested")
QUERY_TOO_LONG: Final = ErrorCode("UNSUPPORTED", 414, "too many parameters in the query")

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
