"""What goes wrong between a registry and its clients: each effect stands before a registry and is one itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from email.utils import formatdate
from io import BytesIO
from typing import Final

from ...errors import InvalidInput
from ...http.message import Body, Request, Response, Stream, Transport, Unanswered
from ...http.problem import status_text
from ...spec.endpoints import DENIED, NAME_UNKNOWN, TOOMANYREQUESTS, UNAUTHORIZED, ErrorCode
from ...values import replace
from ..answers import Rejected

BLOCK: Final = 64 << 10  # bytes read at a time where everything is wanted
SLICE: Final = 0.1  # seconds; how much of a slow answer goes out at a time

# The error codes that go with a status where no other is named.
_CODES: Final = {401: UNAUTHORIZED, 403: DENIED, 404: NAME_UNKNOWN, 429: TOOMANYREQUESTS}


def broken(where: str) -> Unanswered:
    """What ends a request whose connection is cut; a listener closes the connection then."""
    return Unanswered(f"the connection was cut {where}", transient=True)


def refuse(status: int, code: str = "", message: str = "", *challenges: str) -> Response:
    """An error of the specification's form with these lines of `WWW-Authenticate`."""
    usual = _CODES.get(status, ErrorCode("UNKNOWN", status, status_text(status)))
    error = ErrorCode(code, status, message or code) if code else usual
    lines = tuple(("WWW-Authenticate", line) for line in challenges)
    return Rejected(error, "" if code else message, status=status, headers=lines).response()


class Answers:
    """The answer is always this one, and the registry hears nothing of the request.

    `retry_after` is seconds or any text; `retry_after_date` the seconds from now of a date. `body` replaces the
    error of the specification's form. `clock` gives seconds since the epoch.
    """

    def __init__(
        self,
        registry: Transport,  # noqa: ARG002  # what every effect is given
        *,
        status: int,
        code: str = "",
        message: str = "",
        body: str = "",
        challenge: str = "",
        retry_after: int | str = "",
        retry_after_date: float | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._status, self._code, self._message, self._body = status, code, message, body
        self._challenges = (challenge,) if challenge else ()
        self._retry_after = str(retry_after)
        self._date = retry_after_date
        self._clock = clock

    def __call__(self, request: Request) -> Response:
        if self._body:
            response = Response.of(self._status, self._body.encode())
        else:
            response = refuse(self._status, self._code, self._message, *self._challenges)
        now = self._clock()
        when = self._retry_after if self._date is None else formatdate(now + self._date, usegmt=True)
        if when:
            response.headers = response.headers.having("Date", formatdate(now, usegmt=True)).having("Retry-After", when)
        return without_content(response) if request.method == "HEAD" else response


class Masks:
    """Whoever is refused is told another status, and only with `challenge` how to be permitted."""

    def __init__(self, registry: Transport, *, status: int = 404, challenge: bool = False) -> None:
        self._registry = registry
        self._status = status
        self._challenge = challenge

    def __call__(self, request: Request) -> Response:
        response = self._registry(request)
        if response.status not in (401, 403):
            return response
        response.close()
        kept = response.headers.all("WWW-Authenticate") if self._challenge else ()
        return refuse(self._status, "", "", *kept)


class Cuts:
    """The connection breaks: `at` says "before" the registry sees a request, "after" it has done its work, in the
    middle of the "answer" or of the "request", when `bytes` of its content have passed."""

    WAYS: Final = ("before", "after", "answer", "request")

    def __init__(self, registry: Transport, *, at: str, bytes: int = 0) -> None:
        if at not in self.WAYS:
            raise InvalidInput(f"at: {at!r} is not one of {', '.join(self.WAYS)}")
        self._registry = registry
        self._at = at
        self._bytes = bytes

    def __call__(self, request: Request) -> Response:
        if self._at == "before":
            raise broken("before the request was looked at")
        if self._at == "request" and request.body is not None:
            request = replace(request, body=_passed(request.body, lambda stream: _Cut(stream, self._bytes, "request")))
        response = self._registry(request)
        if self._at == "after":
            response.close()
            raise broken("before the answer was sent")
        if self._at == "answer" and request.method != "HEAD":
            response.stream = _Cut(response.stream, self._bytes, "answer")
        return response


class Slows:
    """Answers come `delay` seconds late, and their content at `rate` bytes a second."""

    def __init__(
        self,
        registry: Transport,
        *,
        delay: float = 0.0,
        rate: float = 0.0,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._registry = registry
        self._delay = delay
        self._rate = rate
        self._sleep = sleep

    def __call__(self, request: Request) -> Response:
        if self._delay > 0:
            self._sleep(self._delay)
        response = self._registry(request)
        if self._rate > 0 and request.method != "HEAD":
            response.stream = _Slow(response.stream, self._rate, self._sleep)
        return response


class Corrupts:
    """A byte of the content of each answer is another one."""

    def __init__(self, registry: Transport, *, offset: int = 0) -> None:
        self._registry = registry
        self._offset = offset

    def __call__(self, request: Request) -> Response:
        response = self._registry(request)
        if request.method != "HEAD":
            response.stream = _Corrupt(response.stream, self._offset)
        return response


class Fields:
    """Header fields of each answer are set to other values, or removed."""

    def __init__(
        self, registry: Transport, *, set: Mapping[str, str] | None = None, remove: tuple[str, ...] = ()
    ) -> None:
        self._registry = registry
        self._set = dict(set or {})
        self._remove = remove

    def __call__(self, request: Request) -> Response:
        response = self._registry(request)
        for name in self._remove:
            response.headers = response.headers.without(name)
        for name, value in self._set.items():
            response.headers = response.headers.having(name, value)
        return response


def without_content(response: Response) -> Response:
    """The answer to a HEAD."""
    response.close()
    response.stream = BytesIO()
    return response


# --- Content on its way


def _passed(body: Body, through: Callable[[Stream], Stream]) -> Body:
    @contextmanager
    def opened() -> Iterator[Stream]:
        with body.open() as stream:
            yield through(stream)

    return Body(opened, body.size)


class _Passing:
    """A stream that something happens to; subclasses say in `piece` what comes of the next bytes."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._position = 0

    def read(self, size: int = -1, /) -> bytes:
        if size < 0:
            return b"".join(iter(lambda: self.read(BLOCK), b""))
        data = self.piece(size)
        self._position += len(data)
        return data

    def readinto(self, buffer: bytearray | memoryview, /) -> int:
        data = self.read(len(buffer))
        memoryview(buffer)[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._stream.close()

    def piece(self, size: int) -> bytes:
        return self._stream.read(size)


class _Cut(_Passing):
    def __init__(self, stream: Stream, after: int, what: str) -> None:
        super().__init__(stream)
        self._after = after
        self._what = what

    def piece(self, size: int) -> bytes:
        left = self._after - self._position
        data = self._stream.read(min(size, left or 1))
        if data and left <= 0:
            raise broken(f"in the middle of the {self._what}")
        return data


class _Slow(_Passing):
    def __init__(self, stream: Stream, rate: float, sleep: Callable[[float], object]) -> None:
        super().__init__(stream)
        self._rate = rate
        self._sleep = sleep

    def piece(self, size: int) -> bytes:
        data = self._stream.read(min(size, max(1, int(self._rate * SLICE))))
        if data:
            self._sleep(len(data) / self._rate)
        return data


class _Corrupt(_Passing):
    def __init__(self, stream: Stream, offset: int) -> None:
        super().__init__(stream)
        self._offset = offset

    def piece(self, size: int) -> bytes:
        data = self._stream.read(size)
        at = self._offset - self._position
        if 0 <= at < len(data):
            data = data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]
        return data
