"""Whoever is cancelled comes back at once, with everything closed that was open, and nobody else notices.

Nothing here is timed: what is not freed would wait far longer than a test may take.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import anyio.abc
import pytest

import pratique.aio
from pratique import Machine, Unreachable
from pratique.aio import Registries
from pratique.testing import Embedded, registry
from tests.wire.scripted import Server, Wire

from .conftest import fill, lines_of, stalling, until

pytestmark = pytest.mark.anyio
LAYER = {"endpoint": "blob", "method": "GET"}


async def cancelled(work: Callable[[], Coroutine[Any, Any, object]], when: Callable[[], object]) -> None:
    """Cancel some work when something is so."""

    async with anyio.create_task_group() as group:
        group.start_soon(work)
        await until(when)
        group.cancel_scope.cancel()


async def assert_free(registries: Registries) -> None:
    """No thread is at work, and no operation has connections."""
    assert lines_of(registries)._lent == {}
    busy = [thread.name for thread in threading.enumerate() if thread.name.startswith("pratique_")]
    assert busy == []
    await until(lambda: registries.limiter.borrowed_tokens == 0)


async def test_a_request_without_an_answer() -> None:
    asked, gone = threading.Event(), threading.Event()

    def silent(wire: Wire) -> None:
        assert wire.head()
        asked.set()
        if not wire.head():
            gone.set()

    with Server(silent) as server:
        address = f"127.0.0.1:{server.port}"
        async with pratique.aio.connect(address, plain_http=True, machine=Machine({})) as registries:
            app = registries.repository(f"{address}/app")
            await cancelled(lambda: app.resolve("1.0"), asked.is_set)
            await until(gone.is_set)
            assert server.connections == 1, "nothing is tried again"
            await assert_free(registries)


async def test_a_copy_in_the_middle(registries: Registries, tmp_path: Path) -> None:
    with stalling({**LAYER, "count": 3}) as harbour:
        target = tmp_path / "backup"
        copying = (f"{harbour.address}/app:1.0", f"oci:{target}:1.0")
        await cancelled(
            lambda: pratique.aio.copy(*copying, registries=registries), lambda: len(harbour.faults.seen) == 3
        )
        await assert_free(registries)
        whole = {f"sha256/{path.name}" for path in target.rglob("blobs/sha256/*")}
        assert {str(path.relative_to(target)) for path in target.rglob("*") if path.is_file()} <= {
            "oci-layout",
            "index.json",
            *(f"blobs/{name}" for name in whole),
        }, "nothing half-written is left"
        assert (await pratique.aio.copy(*copying, registries=registries)).changed, "the next copy goes on"


async def test_a_copy_ends_by_a_limit_of_time(registries: Registries, tmp_path: Path) -> None:
    with stalling(LAYER) as harbour:
        with pytest.raises(TimeoutError):
            with anyio.fail_after(0.2):
                await pratique.aio.copy(f"{harbour.address}/app:1.0", f"oci:{tmp_path / 'o'}", registries=registries)
        await assert_free(registries)


async def test_a_stream_in_the_middle(registries: Registries) -> None:
    with stalling(LAYER) as harbour:
        app = registries.repository(f"{harbour.address}/app")
        blob = await app.blob((await app.push_blob(bytes(1 << 20))).digest)
        async with blob.open() as stream:
            assert await stream.receive(1)
            with anyio.move_on_after(0.1) as scope:
                while True:
                    await stream.receive()
            assert scope.cancelled_caught
            with pytest.raises(anyio.ClosedResourceError):
                await stream.receive()
        await assert_free(registries)
        assert (await app.resolve("1.0")).size


async def test_several_at_once_in_a_flow(registries: Registries) -> None:
    with stalling({"endpoint": "manifest", "method": "GET"}) as harbour:
        app = registries.repository(f"{harbour.address}/app")

        async def read() -> None:
            _ = [found async for found in app.inspections(["1.0", "1.1", "1.2"])]

        await cancelled(read, lambda: len(harbour.faults.seen) >= 3)
        await until(lambda: not [each for each in threading.enumerate() if each.name.startswith("pratique_")])
        await assert_free(registries)


async def test_one_of_two(registries: Registries, tmp_path: Path) -> None:
    """What one is cancelled in the middle of, the other has done; they share connections, tokens and a registry."""
    with stalling({**LAYER, "repository": "other/*"}) as harbour:
        harbour.push_image("other/app:1.0")
        finished: list[bool] = []
        begun = anyio.Event()

        async def other() -> None:
            await begun.wait()
            for tag in ("1.0", "1.1", "1.2"):
                done = await pratique.aio.copy(
                    f"{harbour.address}/app:{tag}", f"oci:{tmp_path / 'good'}:{tag}", registries=registries
                )
                finished.append(done.changed)

        def stalled() -> bool:
            if harbour.faults.seen:
                begun.set()
            return len(finished) == 3

        async with anyio.create_task_group() as group:
            group.start_soon(other)
            await cancelled(
                lambda: pratique.aio.copy(
                    f"{harbour.address}/other/app:1.0", f"oci:{tmp_path / 'bad'}:1.0", registries=registries
                ),
                stalled,
            )
        assert finished == [True, True, True]
        await assert_free(registries)


async def test_who_waits_for_a_token_that_another_asked_for() -> None:
    """Its cancellation is not an answer: the other asks for itself."""
    with stalling({"endpoint": "token", "count": 1}, users={"captain": "aye"}, scheme="bearer") as harbour:
        async with pratique.aio.connect(
            harbour.address, credentials="captain:aye", machine=Machine({}), retries=0
        ) as registries:
            app = registries.repository(f"{harbour.address}/app")
            sizes: list[int] = []
            begun = threading.Event()

            async def resolve() -> None:
                sizes.append((await app.resolve("1.0")).size)

            async with anyio.create_task_group() as group:

                def waits() -> bool:
                    if harbour.faults.seen and not begun.is_set():
                        begun.set()
                        group.start_soon(resolve)
                    return sum(seen.status == 401 for seen in harbour.requests) == 2

                await cancelled(lambda: app.resolve("1.0"), waits)
            assert len(sizes) == 1


async def test_who_waits_to_try_again(harbour: Embedded) -> None:
    fault = {"endpoint": "tags", "answer": {"status": 503, "retry-after": 60}}
    with registry(faults=[fault]) as busy:
        fill(busy)
        async with pratique.aio.connect(machine=Machine({})) as registries:

            async def read() -> None:
                _ = [tag async for tag in registries.repository(f"{busy.address}/app").tags()]

            await cancelled(read, lambda: len(busy.faults.seen) == 1)
            assert len(busy.faults.seen) == 1
            await assert_free(registries)


async def test_who_waits_for_a_thread(harbour: Embedded, registries: Registries) -> None:
    registries.limiter = anyio.CapacityLimiter(1)
    registries.limiter.acquire_on_behalf_of_nowait(harbour)
    with anyio.move_on_after(0.05) as scope:
        await registries.repository(f"{harbour.address}/app").resolve("1.0")
    assert scope.cancelled_caught
    registries.limiter.release_on_behalf_of(harbour)
    assert harbour.requests == []
    await assert_free(registries)


async def test_a_block_that_fails_fails_what_is_under_way() -> None:
    with stalling({"endpoint": "tags"}) as harbour:
        failures: list[str] = []

        async def read(registries: Registries) -> None:
            try:
                _ = [tag async for tag in registries.repository(f"{harbour.address}/app").tags()]
            except Unreachable as error:
                failures.append(str(error))

        async with anyio.create_task_group() as group:
            with suppress(ZeroDivisionError):
                async with pratique.aio.connect(machine=Machine({}), retries=0) as registries:
                    group.start_soon(read, registries)
                    await until(lambda: harbour.faults.seen)
                    raise ZeroDivisionError
        assert len(failures) == 1
        assert "the program is ending" in failures[0]


async def test_a_time_out_of_everything_is_an_error() -> None:
    with stalling({"endpoint": "tags"}) as harbour, pytest.raises(Unreachable, match=r"0\.2 s"):
        async with pratique.aio.connect(machine=Machine({}), retries=0, timeout=0.2) as registries:
            await anext(registries.repository(f"{harbour.address}/app").tags())


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_asyncio_s_own_ways_of_cancelling(registries: Registries, tmp_path: Path) -> None:
    with stalling(LAYER) as harbour:
        copying = (f"{harbour.address}/app:1.0", f"oci:{tmp_path / 'o'}:1.0")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(pratique.aio.copy(*copying, registries=registries), 0.2)
        await assert_free(registries)
        task = asyncio.create_task(pratique.aio.copy(*copying, registries=registries))
        seen = len(harbour.faults.seen)
        await until(lambda: len(harbour.faults.seen) > seen)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await assert_free(registries)
