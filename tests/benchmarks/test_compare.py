"""The program that compares Pratique with other clients: it runs, it counts, and it fails where a count is wrong."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from benchmarks.compare.content import QUICK
from benchmarks.compare.measure import Figures, Run
from benchmarks.compare.programs import EACH, loop
from benchmarks.compare.registries import Asked, Server, asked_of, relayed
from benchmarks.compare.table import Result, costs, speeds
from benchmarks.compare.workload import BEST, Limit, Site, Workload, exactly
from benchmarks.compare.workloads import TABLE
from tests.docs.examples import ROOT

HEAD = Asked("HEAD", "/v2/a/manifests/1", 200)

DOCKER_LOG = '127.0.0.1 - - [21/Nov/2026:23:59:01 +0000] "PUT /v2/a/manifests/1 HTTP/1.1" 201 0 "" "pratique/0.1.0"\n'
OUR_LOG = '2026-11-21T23:59:01.000Z 127.0.0.1 - "GET http://127.0.0.1:5000/v2/a/blobs/sha256:b" 200 0 12 0.001 id\n'
SPACED_LOG = '2026-11-21T23:59:01.000Z 127.0.0.1 - "GET http://127.0.0.1:5000/token?client_id=a (1)" 200 0 9 0.001 id\n'


def result(limit: Limit, asked: list[Asked], ours: float = 2.0, theirs: float = 1.0) -> Result:
    workload = Workload("a workload", lambda *_: None, {"": (limit,)})
    figures = {
        "pratique": Figures([Run(ours, 0.5, 20), Run(9.0, 0.5, 20), Run(ours, 0.5, 20)], asked, moved=3_000_000),
        "crane": Figures([Run(theirs, 0.1, 10)], [HEAD]),
        "skopeo": Figures([Run(4.0, 0.1, 10)], [HEAD]),
        "python -c pass": Figures([Run(0.01, 0.01, 9)]),
    }
    return Result(workload, "ours", "http", figures)


def test_it_runs(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "benchmarks.compare", "--quick", "--registry", "ours", "--no-tls"]
    options = ["--only", "push of one layer", "--folder", str(tmp_path), "--json", str(tmp_path / "found.json")]
    environment = os.environ | {"PATH": os.defpath}
    run = subprocess.run([*words, *options], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert "| push of one layer again | ours | http |" in run.stdout
    found = {each["workload"]: each for each in json.loads((tmp_path / "found.json").read_text())["results"]}
    ours = found["push of one layer"]["figures"]["pratique"]
    assert 1 < len(ours["asked"]) <= 8
    assert ours["moved"] > 8 << 10
    assert len(ours["wall"]) == 1
    assert [each.split()[0] for each in found["push of one layer again"]["figures"]["pratique"]["asked"]] == ["HEAD"]


def test_workloads_have_names_of_their_own() -> None:
    assert len({workload.name for workload in TABLE}) == len(TABLE)


@pytest.mark.parametrize("number", [0, 3])
def test_a_wrong_number_of_requests_is_told(number: int) -> None:
    assert list(result(exactly("requests", 2), [HEAD] * 2).broken(QUICK)) == []
    told = list(result(exactly("requests", 2), [HEAD] * number).broken(QUICK))
    assert told == [f"a workload, ours, http: {number} requests, allowed are 1 to 2"]


def test_the_same_token_twice_is_told() -> None:
    one, other = (Asked("GET", f"/token?scope=repository:{name}:pull", 200) for name in "ab")
    assert list(result(exactly("tokens", 1), [one, HEAD, other]).broken(QUICK)) == []
    assert len(list(result(exactly("tokens", 1), [one, HEAD, one]).broken(QUICK))) == 1


def test_slowness_is_shown_and_fails_nothing() -> None:
    slow, fast = (result(Limit("wall", 0.9, BEST), [], ours) for ours in (2.0, 0.5))
    assert list(slow.broken(QUICK)) == []
    assert "| **2.00 of crane** | 0.9 |" in list(speeds([slow], QUICK))[-1]
    assert "| 0.50 of crane | 0.9 |" in list(speeds([fast], QUICK))[-1]


def test_a_limit_may_be_beside_one_program() -> None:
    assert result(Limit("wall", 0.2, "skopeo"), []).found(Limit("wall", 0.2, "skopeo")) == 0.5
    assert result(Limit("wall", 0.2, "oras"), []).found(Limit("wall", 0.2, "oras")) is None


def test_what_it_costs() -> None:
    line = list(costs([result(Limit("wall", 1.0, BEST), [HEAD])]))[-1]
    assert line == "| a workload | ours | http | 0.50 (crane 0.10) | 20 (crane 10) | 1 (crane 1) | 3.00 (crane 0.00) |"


def test_logs_of_both_registries_are_understood(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("something else\n" + DOCKER_LOG)
    server = Server("http", 0, tmp_path, log)
    assert asked_of([server]) == [Asked("PUT", "/v2/a/manifests/1", 201)]
    with log.open("a") as file:
        file.write(OUR_LOG)
    found = asked_of([server])
    assert found == [Asked("GET", "/v2/a/blobs/sha256:b", 200)]
    assert found[0].carries_content
    log.write_text(log.read_text() + SPACED_LOG)
    assert [each.is_for_token for each in asked_of([server])] == [True]


@pytest.mark.parametrize(
    ("asked", "carries"),
    [
        (Asked("POST", "/v2/a/blobs/uploads/?mount=sha256:b&from=c", 201), False),
        (Asked("POST", "/v2/a/blobs/uploads/?digest=sha256:b", 201), True),
        (Asked("PATCH", "/v2/a/blobs/uploads/1", 202), True),
        (Asked("HEAD", "/v2/a/blobs/sha256:b", 200), False),
        (Asked("GET", "/v2/a/blobs/sha256:b", 401), False),
    ],
)
def test_which_requests_move_content(asked: Asked, carries: bool) -> None:
    assert asked.carries_content is carries


def test_a_relay_counts_both_ways() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = Server("http", listening.getsockname()[1], Path(), Path())
        threading.Thread(target=echo, args=[listening], daemon=True).start()
        with relayed(server) as relay:
            host, port = relay.address.split(":")
            with socket.create_connection((host, int(port))) as client:
                client.sendall(b"x" * 1000)
                client.shutdown(socket.SHUT_WR)
                got = b"".join(iter(lambda: client.recv(4096), b""))
            assert (len(got), relay.moved) == (1000, 2000)


def echo(listening: socket.socket) -> None:
    connection, _ = listening.accept()
    with connection:
        while block := connection.recv(4096):
            connection.sendall(block)


def test_a_loop_stops_at_the_first_failure() -> None:
    words = loop(["sh", "-c", 'echo "$0"; test "$0" != x:b', f"x:{EACH}"], ["a", "b", "c"])
    assert words
    run = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (1, "x:a\nx:b\n")


def test_a_site_is_clean_again(tmp_path: Path) -> None:
    first, second = (Server("http", 0, tmp_path / name, tmp_path / "log") for name in ("first", "second"))
    for server in (first, second):
        for repository in ("kept/a", "copied/a"):
            link = server.folder / "docker/registry/v2/repositories" / repository / "_manifests/tags/1/current/link"
            link.parent.mkdir(parents=True)
            link.write_text("sha256:b")
    site = Site("ours", "http", first, second, first, second, *[None] * 4)  # type: ignore[arg-type]
    object.__setattr__(site, "scratch", tmp_path)
    site.clean()
    assert [first.digest("kept/a", "1"), first.digest("copied/a", "1")] == ["sha256:b", ""]
    assert second.digest("kept/a", "1") == ""
