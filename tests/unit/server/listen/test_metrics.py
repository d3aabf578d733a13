"""Figures of a registry, without sockets."""

from __future__ import annotations

from pratique.http.message import Body, Headers, Request, Response
from pratique.server.listen.journal import Entry
from pratique.server.listen.metrics import Metrics


def figures(metrics: Metrics) -> dict[str, float]:
    with metrics.handle(Request("GET", "http://registry.test/metrics")) as answer:
        lines = answer.read(1 << 20, "the figures").decode().splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}


def entry(method: str, status: int, endpoint: str = "end-3") -> Entry:
    return Entry(
        id="1",
        peer="",
        method=method,
        url="",
        status=status,
        received=3,
        sent=4,
        seconds=0.3,
        notes={"endpoint": endpoint},
    )


def test_what_is_counted() -> None:
    metrics = Metrics(lambda: 7)
    for told in (entry("GET", 200), entry("GET", 200), entry("PUT", 201)):
        metrics.tell(told)
    found = figures(metrics)
    assert found['pratique_requests_total{endpoint="end-3",method="GET",status="200"}'] == 2
    assert found['pratique_requests_total{endpoint="end-3",method="PUT",status="201"}'] == 1
    assert found['pratique_request_seconds_count{endpoint="end-3",method="GET"}'] == 2
    assert found['pratique_request_seconds_bucket{endpoint="end-3",le="0.1",method="GET"}'] == 0
    assert found['pratique_request_seconds_bucket{endpoint="end-3",le="0.5",method="GET"}'] == 2
    assert (found["pratique_received_bytes_total"], found["pratique_sent_bytes_total"]) == (9, 12)
    assert found["pratique_connections"] == 7


def test_names_that_clients_invent_are_not_kept() -> None:
    metrics = Metrics(lambda: 0)
    for number in range(100):
        metrics.tell(entry(f"BREW{number}", 405))
    assert [name for name in figures(metrics) if "BREW" in name] == []


def test_uploads_are_counted_while_they_last() -> None:
    metrics = Metrics(lambda: 0)
    seen: list[float] = []

    def answer(_: Request) -> Response:
        seen.append(figures(metrics)["pratique_uploads"])
        return Response.of(200)

    handle = metrics.watch(answer)
    handle(Request("GET", "http://registry.test/"))
    handle(Request("PUT", "http://registry.test/", Headers(), Body.of(b"x")))
    assert (seen, figures(metrics)["pratique_uploads"]) == ([0, 1], 0)


def test_nothing_else_is_answered() -> None:
    metrics = Metrics(lambda: 0)
    for method, path in (("POST", "/metrics"), ("GET", "/"), ("GET", "/metrics/")):
        assert metrics.handle(Request(method, f"http://registry.test{path}")).status == 404


def test_two_registries_in_one_process() -> None:
    Metrics(lambda: 0).tell(entry("GET", 200))
    assert not any("requests_total" in name for name in figures(Metrics(lambda: 0)))
