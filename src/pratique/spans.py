"""Spans of OpenTelemetry for requests and copies, by its API, which comes with the extra `otel`.

What a span of a request says are the semantic conventions for HTTP clients: https://opentelemetry.io/docs/specs/semconv/http/http-spans/
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from .errors import Unsupported
from .http.events import Event, Observer, Sent, ignore
from .http.origin import Origin
from .version import VERSION

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer, TracerProvider

NAME: Final = "pratique"  # of the instrumentation scope
SCHEMA: Final = "https://opentelemetry.io/schemas/1.37.0"

# Of the answers that say no, those are errors that nobody asked for. A challenge is how a conversation begins, and what is
# not there may have been looked for.
_EXPECTED: Final = frozenset({401, 404})


class Spans:
    """Makes spans. Safe to share among threads.

    `provider` is the program's global one where none is given; `clock` gives nanoseconds since 1970. Raises Unsupported where
    the API of OpenTelemetry is not installed.
    """

    def __init__(self, provider: TracerProvider | None = None, *, clock: Callable[[], int] = time.time_ns) -> None:
        self._tracer = _tracer(provider)
        self._clock = clock

    def observer(self, tell: Observer = ignore) -> Observer:
        """An observer that makes a span of each request that was answered or failed, and tells `tell` of every event.

        Its parent is the span that is current where the request is made: that of a copy, or one of the program's own.
        It ends with the head of the answer; each attempt and each hop of a redirect has one.
        """

        def told(event: Event) -> None:
            if isinstance(event, Sent):
                self._record(event)
            tell(event)

        return told

    @contextmanager
    def copy(self, source: str, target: str) -> Iterator[None]:
        """A span around a copy, current in the threads that take part; an error that ends it stands in it."""
        attributes = {"pratique.source": source, "pratique.target": target}
        with self._tracer.start_as_current_span("copy", attributes=attributes):
            yield

    def _record(self, event: Sent) -> None:
        from opentelemetry.trace import SpanKind, StatusCode

        end = self._clock()
        begun = end - round(event.seconds * 1e9)
        origin = Origin.of(event.url.partition("?")[0])  # in a query, what was left out has a sign that no URL has
        attributes: dict[str, str | int] = {
            "http.request.method": event.method,
            "url.full": event.url,
            "server.address": origin.host,
            "server.port": origin.port,
        }
        if event.status is not None:
            attributes["http.response.status_code"] = event.status
        trouble = _trouble(event)
        if trouble:
            attributes["error.type"] = trouble
        span = self._tracer.start_span(event.method, kind=SpanKind.CLIENT, attributes=attributes, start_time=begun)
        if trouble:
            span.set_status(StatusCode.ERROR, event.failure or None)
        span.end(end)


def _trouble(event: Sent) -> str:
    """The kind of error that a request ended with, or nothing."""
    if event.status is None:
        return "unanswered"
    return str(event.status) if event.status >= 400 and event.status not in _EXPECTED else ""


def _tracer(provider: TracerProvider | None) -> Tracer:
    try:
        from opentelemetry.trace import get_tracer
    except ModuleNotFoundError:
        raise Unsupported(
            "spans need the API of OpenTelemetry, which is not installed", advice="pip install 'pratique[otel]'"
        ) from None
    return get_tracer(NAME, VERSION, provider, SCHEMA)
