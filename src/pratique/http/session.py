"""A session: each hop of a request asks its own authenticator, is retried with patience, and is kept within limits."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Final, Generic, Protocol, TypeVar, runtime_checkable

from ..errors import Misbehaved, Unreachable
from ..expressions import expression
from ..values import replace
from ..version import VERSION
from .events import Observer, Redirected, Retried, Sent, Warned, ignore
from .gate import Gate
from .message import Request, Response, Stream, Transport, Unanswered
from .origin import Origin, is_private_address, redact
from .reach import Plain, Reaches, usual
from .retry import Patience

MOST_REDIRECTS: Final = 10
USER_AGENT: Final = f"pratique/{VERSION}"

_FOLLOWED: Final = frozenset({301, 302, 303, 307, 308})
_KEEPING_METHOD: Final = frozenset({307, 308})
# Warning: 299 - "text" (distribution specification, §Warnings)
_WARNING = expression(r'299\s+-\s+"((?:[^"\\]|\\.)*)"')

S = TypeVar("S")
S_contra = TypeVar("S_contra", contravariant=True)


class Authenticator(Protocol[S_contra]):
    """Gets a request answered with whatever permission it needs; `send` delivers one request as it is."""

    def exchange(self, request: Request, scopes: S_contra | None, send: Callable[[Request], Response]) -> Response: ...

    def permission(self, request: Request) -> str | None:
        """The `Authorization` that was last good for a request like this; a secret."""
        ...


@runtime_checkable
class Wired(Protocol):
    """A transport over real sockets: it can find out what a server speaks, and be stopped."""

    def speaks_tls(self, origin: Origin) -> bool: ...
    def cancel(self, reason: str) -> None: ...
    def close(self) -> None: ...


class Session(Generic[S]):
    """Sends requests. Safe to share among threads."""

    def __init__(
        self,
        transport: Transport,
        authenticator: Authenticator[S],
        *,
        reaches: Reaches = usual,
        patience: Patience | None = None,
        gate: Gate | None = None,
        tell: Observer = ignore,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self._transport = transport
        self._authenticator = authenticator
        self._reaches = cache(reaches)
        self._patience = patience or Patience()
        self._tell = tell
        self._clock = clock
        self._stopped = threading.Event()
        self._over = ""  # why there are no further requests
        self._sleep = sleep or self._stopped.wait
        self._gate = gate or Gate(lambda origin: self._reaches(origin).pace, clock=clock, sleep=self._sleep)
        self._schemes: dict[str, str] = {}
        self._warnings: set[str] = set()
        self._peers: dict[Origin, str | None] = {}  # the address that answered last

    def base_url(self, registry: str) -> str:
        """`https://host[:port]` for a registry's endpoint; http where the session is told to speak that to it.

        Where it may fall back to http, on this machine for instance, the server is asked once which of the two it speaks.
        """
        scheme = self._schemes.get(registry)
        if scheme is None:
            scheme = self._schemes[registry] = self._scheme(Origin.of(f"https://{registry}"))
        return f"{scheme}://{registry}"

    def _scheme(self, origin: Origin) -> str:
        plain = self._reaches(origin).plain
        if plain is Plain.FALLBACK and isinstance(self._transport, Wired):
            return "https" if self._transport.speaks_tls(origin) else "http"
        return "http" if plain is Plain.ALWAYS else "https"

    def send(self, request: Request, scopes: S | None = None) -> Response:
        """The answer to a request, redirects followed; each hop has its own origin's permission and nothing else.

        `scopes` are what this operation needs at the registry that it names. Raises Unreachable, Misbehaved, Refused.
        """
        request = request.having("User-Agent", USER_AGENT)
        begun = request.origin.scheme
        for _ in range(MOST_REDIRECTS + 1):
            if (begun, request.origin.scheme) == ("https", "http"):
                response = self.deliver(request)  # whoever is there gets no secret, not even under the registry's name
            else:
                response = self._authenticator.exchange(request, scopes, self.deliver)
            with closing_on_error(response):
                self._report_warnings(response, request.origin)
            target = redirection(request, response)
            if target is None:
                return response
            response.close()
            following = replace(request, url=target)
            self._report_redirect(request, following)
            scopes = scopes if following.origin == request.origin else None
            request = following
        raise Misbehaved(
            f"{request}: more than {MOST_REDIRECTS} redirects", advice="the server sends its clients in circles"
        )

    def deliver(self, request: Request) -> Response:
        """One request as it is, tried again where that is of use; redirects are not followed. Raises Unreachable."""
        attempt = 0
        while True:
            outcome = self._attempt(request)
            if request.once or not self.wait(request, outcome, attempt):
                if isinstance(outcome, Unreachable):
                    raise outcome
                return outcome
            attempt += 1

    def wait(self, request: Request, outcome: Response | Unanswered, attempt: int) -> bool:
        """Wait as long as it takes until a request that came to this is worth another attempt, and close the answer.

        `attempt` counts from 0. False, at once, where another attempt is of no use.
        """
        patience = self._patience_with(request.origin)
        if isinstance(outcome, Response):
            delay = patience.after_answer(request, outcome, attempt)
        else:
            delay = patience.after_failure(request, transient=outcome.transient, attempt=attempt)
        if delay is None:
            return False
        from .problem import status_text

        reason = status_text(outcome.status) if isinstance(outcome, Response) else str(outcome)
        if isinstance(outcome, Response):
            outcome.close()
        self._tell(Retried(str(request), reason, delay))
        self._sleep(delay)
        return True

    def pause(self, seconds: float) -> None:
        """Wait, as it does between two tries; not longer than requests are made."""
        self._sleep(seconds)

    def _patience_with(self, origin: Origin) -> Patience:
        retries = self._reaches(origin).retries
        return self._patience if retries is None else replace(self._patience, retries=retries)

    def is_private(self, registry: str) -> bool:
        """Whether a registry's endpoint has answered from an address that the public network does not reach."""
        peer = self._peers.get(Origin.of(self.base_url(registry)))
        return peer is not None and is_private_address(peer)

    def reserve(self, origin: Origin) -> Callable[[], None] | None:
        """Leave to send content that is still being made: `Gate.reserve`."""
        return self._gate.reserve(origin)

    def permission(self, request: Request) -> str | None:
        """The `Authorization` that was last good for a request like this, for other programs to use; a secret."""
        return self._authenticator.permission(request)

    def cancel(self, reason: str) -> None:
        """Fail everything under way and to come with `reason`, at once."""
        self._over = reason
        self._stopped.set()
        if isinstance(self._transport, Wired):
            self._transport.cancel(reason)

    def close(self) -> None:
        """Close the idle connections; there are no further requests."""
        self._over = self._over or "the connections were closed before"
        if isinstance(self._transport, Wired):
            self._transport.close()

    def _attempt(self, request: Request) -> Response | Unanswered:
        if self._over:
            return Unanswered(f"{request}: {self._over}", transient=False)
        try:
            return self._delivered(request)
        except Unanswered as error:
            return error

    def _delivered(self, request: Request) -> Response:
        leave = self._gate.enter(request.origin)
        started = self._clock()
        try:
            response = self._transport(request)
        except BaseException as error:
            leave()
            self._report_sent(request, started, failure=str(error))
            raise
        self._peers[request.origin] = response.peer
        response.url = request.url
        response.stream = _Watched(response.stream, leave)
        with closing_on_error(response):
            self._report_sent(request, started, response)
        return response

    def _report_sent(
        self, request: Request, started: float, response: Response | None = None, failure: str = ""
    ) -> None:
        scheme = (request.headers.get("Authorization") or "").partition(" ")[0]
        status = response.status if response else None
        challenges = response.headers.all("WWW-Authenticate") if response else ()
        seconds = self._clock() - started
        via = str(self._reaches(request.origin).proxy or "")
        self._tell(Sent(request.method, redact(request.url), scheme, status, seconds, challenges, failure, via))

    def _report_redirect(self, request: Request, following: Request) -> None:
        self._tell(Redirected(redact(request.url), redact(following.url)))
        if (request.origin.scheme, following.origin.scheme) == ("https", "http"):
            self._warn(f"{request.origin} redirects to plain http at {following.origin}; no secret is sent there")

    def _report_warnings(self, response: Response, origin: Origin) -> None:
        for line in response.headers.all("Warning"):
            for text in _WARNING.findall(line):
                shown = "".join(letter for letter in re.sub(r"\\(.)", r"\1", text) if letter.isprintable())
                self._warn(f"{origin.netloc} says: {shown[:500]}")

    def _warn(self, text: str) -> None:
        if text not in self._warnings:
            self._warnings.add(text)
            self._tell(Warned(text))


@contextmanager
def closing_on_error(response: Response) -> Iterator[None]:
    """Close an answer that an error keeps from whoever asked: an observer's error ends what is under way."""
    try:
        yield
    except BaseException:
        response.close()
        raise


def redirection(request: Request, response: Response) -> str | None:
    """Where an answer sends the request (RFC 9110 §15.4); None where it does not. Raises Misbehaved for a target of no use."""
    location = response.headers.get("Location")
    followed = _FOLLOWED if request.method in ("GET", "HEAD") else _KEEPING_METHOD
    if response.status not in followed or location is None:
        return None
    from urllib.parse import urldefrag, urljoin

    try:
        target = urldefrag(urljoin(request.url, location.strip())).url
        Origin.of(target)
    except (ValueError, Misbehaved):
        response.close()
        raise Misbehaved(
            f"{request} was redirected to {redact(location)[:200]!r}, which is no http or https URL"
        ) from None
    return target


class _Watched:
    """A stream that tells when it is closed or read to its end."""

    def __init__(self, stream: Stream, done: Callable[[], None]) -> None:
        self._stream = stream
        self._done = done

    def read(self, size: int = -1, /) -> bytes:
        data = self._stream.read(size)
        if not data and size:
            self._done()
        return data

    def readinto(self, buffer: bytearray | memoryview, /) -> int:
        count = self._stream.readinto(buffer)
        if not count and len(buffer):
            self._done()
        return count

    def close(self) -> None:
        self._done()
        self._stream.close()
