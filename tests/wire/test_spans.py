"""A copy between two registries on sockets as a program that uses the library sees it: by spans and by its log."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import pratique
import pratique.testing
from pratique.http.events import Sent
from pratique.testing import Embedded
from tests.registries import push, repository, sample

ACCESS = """
scheme = "bearer"
[users]
captain = "nautilus-20000"
"""
CREDS = "captain:nautilus-20000"


@pytest.fixture
def source() -> Iterator[Embedded]:
    """A registry with an image, for who is known to its token service."""
    with pratique.testing.registry(access=ACCESS) as registry:
        with repository(registry.address, "app", CREDS) as target:
            push(target, sample(), "1")
        yield registry


@pytest.fixture
def target() -> Iterator[Embedded]:
    with pratique.testing.registry() as registry:
        yield registry


def copy(source: Embedded, target: Embedded, spans: pratique.Spans | None = None) -> list[pratique.Event]:
    """Copy the image; what was told meanwhile."""
    heard: list[pratique.Event] = []
    with pratique.connect(source.address, credentials=CREDS, spans=spans, tell=heard.append) as registries:
        pratique.copy(f"{source.address}/app:1", f"{target.address}/app:1", registries=registries)
    return heard


def test_every_request_of_a_copy_is_a_span_below_it(source: Embedded, target: Embedded) -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    heard = copy(source, target, pratique.Spans(provider))
    *requests, whole = exporter.get_finished_spans()
    assert whole.name == "copy"
    assert len(requests) == sum(isinstance(event, Sent) for event in heard) > 10
    assert {span.parent and span.parent.span_id for span in requests} == {whole.context.span_id}
    ports = {(span.attributes or {})["server.port"] for span in requests}
    assert ports == {int(each.address.rpartition(":")[2]) for each in (source, target)}
    said = "".join(str(span.to_json()) for span in (*requests, whole))
    assert "nautilus" not in said
    assert "eyJ" not in said  # a token


def test_the_log_says_what_a_copy_does(source: Embedded, target: Embedded, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "pratique")
    heard = copy(source, target)
    names = {record.name for record in caplog.records}
    assert {"pratique.http.events", "pratique.auth.events", "pratique.transfer.events"} <= names
    requests = [message for message in caplog.messages if " -> " in message]
    assert len(requests) == sum(isinstance(event, Sent) for event in heard) > 10
    assert [record.name for record in caplog.records if record.levelno == logging.INFO] == ["pratique.transfer.events"]
    assert "nautilus" not in caplog.text
    assert "eyJ" not in caplog.text  # a token
