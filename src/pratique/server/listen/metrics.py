"""What a registry did and does, in the form of Prometheus (its text exposition format)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from ...http.message import Request, Response
from ..answers import NOT_AN_ENDPOINT, Rejected
from .journal import Entry

PATH: Final = "/metrics"
NONE: Final = "none"  # the end-point of a request that was for none
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
OTHER: Final = "other"  # whatever else a client calls a method: names that it invents are not kept
SECONDS: Final = (0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60, 300)  # bounds of the histogram of durations


class Metrics:
    """Counts what it is told; `handle` answers `GET /metrics`. `connections` says how many there are now."""

    def __init__(self, connections: Callable[[], float]) -> None:
        self._registry = CollectorRegistry()
        by = ("method", "endpoint")
        self._requests = Counter(
            "pratique_requests", "Requests that were answered.", (*by, "status"), registry=self._registry
        )
        self._received = Counter("pratique_received_bytes", "Content of requests.", registry=self._registry)
        self._sent = Counter("pratique_sent_bytes", "Content of answers.", registry=self._registry)
        self._seconds = Histogram(
            "pratique_request_seconds", "From a request's head to the end of its answer.", by, buckets=SECONDS,
            registry=self._registry,
        )  # fmt: skip
        self._uploads = Gauge("pratique_uploads", "Requests under way that bring content.", registry=self._registry)
        Gauge("pratique_connections", "Connections.", registry=self._registry).set_function(connections)

    def tell(self, entry: Entry) -> None:
        """Count an answer that is out."""
        method = entry.method if entry.method in METHODS else OTHER
        endpoint = entry.notes.get("endpoint", NONE)
        self._requests.labels(method, endpoint, str(entry.status)).inc()
        self._seconds.labels(method, endpoint).observe(entry.seconds)
        self._received.inc(entry.received)
        self._sent.inc(entry.sent)

    def watch(self, handle: Callable[[Request], Response]) -> Callable[[Request], Response]:
        """The same handler, its requests with content counted while they are under way."""

        def answer(request: Request) -> Response:
            if request.body is None:
                return handle(request)
            with self._uploads.track_inprogress():
                return handle(request)

        return answer

    def handle(self, request: Request) -> Response:
        """Answer `GET /metrics`, and nothing else."""
        if request.path != PATH or request.method != "GET":
            return Rejected(NOT_AN_ENDPOINT).response()
        return Response.of(200, generate_latest(self._registry), ("Content-Type", CONTENT_TYPE_PLAIN_0_0_4))
