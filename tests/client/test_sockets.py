"""The library over sockets: by itself, among threads, and stopped."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import pratique
from pratique import Event, InvalidInput, Unreachable
from pratique.http.events import Sent
from pratique.testing import Embedded, registry


@pytest.fixture
def harbour() -> Iterator[Embedded]:
    with registry() as found:
        found.push_image("app:1.0")
        yield found


def test_a_copy_connects_for_itself(harbour: Embedded, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "pratique")
    events: list[Event] = []
    done = pratique.copy(f"{harbour.address}/app:1.0", f"oci:{tmp_path}:1", tell=events.append)
    assert done.changed
    sent = [event for event in events if isinstance(event, Sent)]
    assert len(sent) == len(harbour.requests) > 0
    logged = [record.message for record in caplog.records if record.name == "pratique.http.events"]
    assert sorted(logged) == sorted(map(str, sent))  # each once


def test_one_object_serves_many_threads(harbour: Embedded) -> None:
    with pratique.connect() as registries, ThreadPoolExecutor(16) as crew:
        digest = registries.repository(f"{harbour.address}/app").resolve("1.0").digest

        def ask(number: int) -> bool:
            app = registries.repository(f"{harbour.address}/app")
            app.tag("1.0", f"tag-{number}")
            return app.resolve(f"tag-{number}").digest == digest and app.inspect("1.0").digest == digest

        assert all(crew.map(ask, range(64)))
        assert len([*registries.repository(f"{harbour.address}/app").tags()]) == 65


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"


def test_a_thread_that_waits_is_freed_at_once(silent: str) -> None:
    registries = pratique.connect(silent, plain_http=True, retries=0)
    with ThreadPoolExecutor(1) as crew:
        waiting = crew.submit(registries.repository(f"{silent}/app").resolve, "1.0")
        assert not waiting.done()
        registries.cancel("nobody waits any more")
        with pytest.raises(Unreachable, match="nobody waits any more"):
            waiting.result(30)
    registries.close()


def test_a_time_out_is_of_everything(silent: str) -> None:
    registries = pratique.connect(silent, plain_http=True, timeout=0.1)
    with registries, pytest.raises(Unreachable, match=r"time-out of 0\.1 s"):
        registries.repository(f"{silent}/app").resolve("1.0")


def test_tls_is_verified_by_what_is_trusted() -> None:
    with registry(tls=True) as harbour:
        harbour.push_image("app:1.0")
        name = f"{harbour.address}/app"
        with pratique.connect(retries=0) as registries, pytest.raises(Unreachable, match="certificate"):
            registries.repository(name).resolve("1.0")
        for trust in (pratique.Trust(ca_file=str(harbour.ca_file)), pratique.Trust(verify=False)):
            with pratique.connect(trust=trust) as registries:
                registries.repository(name).resolve("1.0")
        with pytest.raises(InvalidInput), pratique.connect(trust=pratique.Trust(ca_file="nothing")) as registries:
            registries.repository(name).resolve("1.0")


def test_a_registry_is_served(tmp_path: Path, harbour: Embedded) -> None:
    with pratique.serve(storage=tmp_path, tls=pratique.Tls(), metrics="127.0.0.1:0") as served:
        assert (tmp_path.is_dir(), served.url) == (True, f"https://{served.address}")
        assert {*served.facts} == {"ca_file", "fingerprint", "metrics"}
        with pratique.connect(trust=pratique.Trust(ca_file=served.facts["ca_file"])) as registries:
            name = f"{served.address}/app:1.0"
            pratique.copy(f"{harbour.address}/app:1.0", name, registries=registries)
            assert [*registries.repositories(served.address)] == ["app"]
    with pratique.serve(storage=tmp_path, read_only=True) as served, pratique.connect(retries=0) as registries:
        app = registries.repository(f"{served.address}/app")
        assert [*app.tags()] == ["1.0"]
        with pytest.raises(pratique.Error):
            app.tag("1.0", "2")
