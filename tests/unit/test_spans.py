"""Spans of OpenTelemetry for what an observer is told."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from pratique.errors import Unreachable, Unsupported
from pratique.http.events import Event, Sent, Warned
from pratique.spans import Spans
from pratique.version import VERSION

NOW = 1_800_000_000_000_000_000


class Traced:
    """Spans, and those that have ended."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.spans = Spans(provider, clock=lambda: NOW)

    @property
    def ended(self) -> Sequence[ReadableSpan]:
        return self._exporter.get_finished_spans()


@pytest.fixture
def traced() -> Traced:
    return Traced()


def sent(status: int | None, failure: str = "") -> Sent:
    return Sent("GET", "https://registry.test/v2/app/tags/list?n=…", "", status, 0.25, (), failure)


def test_a_request_is_a_span_as_the_conventions_for_clients_say(traced: Traced) -> None:
    traced.spans.observer()(sent(200))
    [span] = traced.ended
    assert (span.name, span.kind, span.status.status_code) == ("GET", SpanKind.CLIENT, StatusCode.UNSET)
    assert (span.start_time, span.end_time) == (NOW - 250_000_000, NOW)
    assert dict(span.attributes or {}) == {
        "http.request.method": "GET",
        "url.full": "https://registry.test/v2/app/tags/list?n=…",
        "server.address": "registry.test",
        "server.port": 443,
        "http.response.status_code": 200,
    }
    assert span.instrumentation_scope is not None
    assert (span.instrumentation_scope.name, span.instrumentation_scope.version) == ("pratique", VERSION)


@pytest.mark.parametrize(
    ("event", "trouble"),
    [
        (sent(401), None),
        (sent(404), None),
        (sent(403), "403"),
        (sent(503), "503"),
        (sent(None, "no route"), "unanswered"),
    ],
)
def test_an_answer_that_nobody_wanted_is_an_error(traced: Traced, event: Sent, trouble: str | None) -> None:
    traced.spans.observer()(event)
    [span] = traced.ended
    assert (span.attributes or {}).get("error.type") == trouble
    assert span.status.status_code is (StatusCode.ERROR if trouble else StatusCode.UNSET)
    assert span.status.description == (event.failure or None)


def test_the_next_observer_is_told_of_everything(traced: Traced) -> None:
    heard: list[Event] = []
    tell = traced.spans.observer(heard.append)
    for event in (sent(200), Warned("old")):
        tell(event)
    assert heard == [sent(200), Warned("old")]
    assert len(traced.ended) == 1


def test_a_copy_is_the_parent_of_its_requests(traced: Traced) -> None:
    tell = traced.spans.observer()
    with traced.spans.copy("registry.test/a:1", "oci:b:1"):
        tell(sent(200))
    tell(sent(200))
    inside, copy, outside = traced.ended
    assert (copy.name, copy.kind, copy.parent) == ("copy", SpanKind.INTERNAL, None)
    assert dict(copy.attributes or {}) == {"pratique.source": "registry.test/a:1", "pratique.target": "oci:b:1"}
    assert inside.parent == copy.context
    assert outside.parent is None


def test_a_copy_that_fails_has_its_error(traced: Traced) -> None:
    with pytest.raises(Unreachable), traced.spans.copy("a", "b"):
        raise Unreachable("GET https://registry.test/: no route")
    [span] = traced.ended
    assert span.status.status_code is StatusCode.ERROR
    assert [event.name for event in span.events] == ["exception"]


def test_without_the_extra_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", None)
    with pytest.raises(Unsupported) as caught:
        Spans()
    assert caught.value.advice() == "pip install 'pratique[otel]'"
