"""Reading from a registry on a socket: the results and the errors are those of the blocking library."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import anyio
import pytest

import pratique
import pratique.aio
from pratique import ContentMismatch, Digest, InvalidInput, Machine, NotFound, Unreachable
from pratique.aio import Registries
from pratique.testing import Embedded, registry

from .conftest import PATIENCE_SECONDS, lines_of

pytestmark = pytest.mark.anyio
BLOCK_BYTES = 1 << 16


async def test_a_repository_is_read(harbour: Embedded, registries: Registries) -> None:
    app = registries.repository(f"{harbour.address}/app")
    assert [tag async for tag in app.tags()] == ["1.0", "1.1", "1.2"]
    assert [name async for name in registries.repositories(harbour.address)] == ["app"]
    with pratique.connect(machine=Machine({})) as blocking:
        same = blocking.repository(f"{harbour.address}/app")
        assert await app.resolve("1.0") == same.resolve("1.0")
        assert await app.manifest("1.0", platform="linux/arm64") == same.manifest("1.0", platform="linux/arm64")
        assert await app.image("1.0", platform="linux/arm64") == same.image("1.0", platform="linux/arm64")
        assert await app.inspect("1.1") == same.inspect("1.1")
    names = [found.name async for found in app.inspections(["1.2", "1.0", "1.1"])]
    assert names == ["1.2", "1.0", "1.1"]
    assert [each async for each in app.referrers("1.0")] == []


async def test_a_store_of_any_kind_is_opened(harbour: Embedded, registries: Registries, tmp_path: Path) -> None:
    layout = f"oci:{tmp_path}/layout"
    reference = f"{harbour.address}/app:1.0"
    await pratique.aio.copy(reference, f"{layout}:1.0", registries=registries)
    async with pratique.aio.open(layout) as store, pratique.aio.open(reference, registries=registries) as same:
        assert isinstance(same, pratique.aio.Repository)
        assert [tag async for tag in store.tags()] == ["1.0"]
        for platform in ("linux/amd64", "linux/arm64"):
            config = await store.config("1.0", platform=platform)
            assert config == await same.config("1.0", platform=platform)
            assert await (await store.blob(config.descriptor.digest)).read() == config.raw
        assert await store.inspect("1.0") == await same.inspect("1.0")
        await store.tag("1.0", "stable")
    async with pratique.aio.open(layout) as store:
        assert [found.name async for found in store.inspections(["stable"])] == ["stable"]
        with pytest.raises(NotFound, match=r"has no '2\.0'"):
            await store.resolve("2.0")
    with pytest.raises(NotFound):
        async with pratique.aio.open(f"docker-archive:{tmp_path}/none.tar"):
            pass


async def test_what_is_written_is_there(harbour: Embedded, registries: Registries) -> None:
    app = registries.repository(f"{harbour.address}/app")
    blob = await app.push_blob(b"content")
    assert await (await app.blob(blob.digest)).read() == b"content"
    manifest = await app.tag("1.0", "stable")
    assert (await app.resolve("stable")).digest == manifest.digest
    assert (await app.delete("stable", dry_run=True)).outcome == "planned"
    assert (await app.delete("stable")).outcome == "deleted"
    assert (await registries.explain(f"{harbour.address}/app:1.0")).permitted


async def test_an_error_is_the_same(harbour: Embedded, registries: Registries) -> None:
    app = registries.repository(f"{harbour.address}/app")
    with pytest.raises(NotFound, match=r"manifests/2\.0 was answered 404"):
        await app.resolve("2.0")
    with pytest.raises(NotFound):
        await app.inspect("2.0")
    with pytest.raises(NotFound):
        _ = [name async for name in registries.repository(f"{harbour.address}/other").tags()]
    with pytest.raises(InvalidInput):
        await app.blob("nonsense")
    with pytest.raises(TypeError, match="nonsense"):
        await app.resolve("1.0", nonsense=1)  # type: ignore[call-arg]
    assert [tag async for tag in app.tags()] == ["1.0", "1.1", "1.2"], "it is of use afterwards"


async def test_connections_are_used_again(harbour: Embedded, registries: Registries) -> None:
    app = registries.repository(f"{harbour.address}/app")
    async for tag in app.tags(page_size=1):
        await app.resolve(tag)
    lines = lines_of(registries)
    assert (len(lines._idle), len(lines._lent)) == (1, 0), "one verb after the other needs one"


async def test_a_page_is_asked_for_when_it_is_wanted(harbour: Embedded, registries: Registries) -> None:
    tags = registries.repository(f"{harbour.address}/app").tags(page_size=1)
    assert harbour.lines == []
    assert [await anext(tags), await anext(tags)] == ["1.0", "1.1"]
    assert len(harbour.requests) == 2
    await tags.aclose()
    with pytest.raises(anyio.ClosedResourceError):
        await anext(tags)
    assert len(harbour.requests) == 2


async def test_a_list_may_be_left_at_any_time(harbour: Embedded, registries: Registries) -> None:
    app = registries.repository(f"{harbour.address}/app")
    async for tag in app.tags():
        assert tag == "1.0"
        break
    async for found in app.inspections(["1.0", "1.1", "1.2"]):
        assert found.name == "1.0"
        break
    del found
    assert (await app.resolve("1.0")).size


async def test_a_stream_is_read_as_slowly_as_one_likes(harbour: Embedded, registries: Registries) -> None:
    """A mebibyte is far more than a block, and less than what is in sockets and buffers on the way."""
    app = registries.repository(f"{harbour.address}/app")
    content = bytes(range(256)) * (16 << 12)
    pushed = await app.push_blob(content)
    blob = await app.blob(pushed.digest)
    before = len(harbour.requests)
    reader = Digest.parse(str(pushed.digest))
    read = 0
    tracemalloc.start()
    try:
        async with blob.open() as stream:
            while read < len(content):
                read += len(await stream.receive(BLOCK_BYTES))
                await anyio.sleep(0)
            with pytest.raises(anyio.EndOfStream):
                await stream.receive()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (read, reader) == (len(content), blob.digest)
    assert peak < 4 << 20, f"{peak} bytes of {len(content)} were in memory"
    assert len(harbour.requests) - before == 1


async def test_a_stream_is_iterated_and_verified(registries: Registries) -> None:
    with registry(faults=[{"endpoint": "blob", "method": "GET", "count": 1, "corrupt": {}}]) as found:
        app = registries.repository(f"{found.address}/app")
        blob = await app.blob((await app.push_blob(b"content" * 1000)).digest)
        damaged = blob.open()
        with pytest.raises(ContentMismatch):
            _ = [block async for block in damaged]
        with pytest.raises(anyio.ClosedResourceError):
            await damaged.receive()
        assert b"".join([block async for block in blob.open()]) == b"content" * 1000
        stream = blob.open()
        await stream.receive(1)
        await stream.aclose()
        with pytest.raises(anyio.ClosedResourceError):
            await stream.receive()


async def test_a_file_is_read_from_anywhere(harbour: Embedded, registries: Registries) -> None:
    app = registries.repository(f"{harbour.address}/app")
    blob = await app.blob((await app.push_blob(bytes(range(256)) * 4000)).digest)
    async with blob.file() as file:
        assert await file.seek(1000 * 256) == 1000 * 256
        assert await file.read(3) == b"\0\1\2"
        assert file.tell() == 1000 * 256 + 3
    with pytest.raises(anyio.ClosedResourceError):
        await file.read()


async def test_only_so_many_are_under_way_at_once(harbour: Embedded, registries: Registries) -> None:
    app = registries.repository(f"{harbour.address}/app")
    registries.limiter = anyio.CapacityLimiter(1)
    most = 0

    async def ask() -> None:
        nonlocal most
        await app.resolve("1.0")
        most = max(most, registries.limiter.borrowed_tokens)

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(ask)
    assert most <= 1
    assert len(lines_of(registries)._idle) == 1


async def test_a_transport_of_one_s_own_is_used() -> None:
    with registry(sockets=False) as found:
        found.push_image("app:1.0")
        async with pratique.aio.connect(machine=Machine({}), transport=found.transport) as registries:
            assert (await registries.repository(f"{found.address}/app").resolve("1.0")).size
        assert len(found.requests) == 1


async def test_a_copy_needs_no_registries(harbour: Embedded, tmp_path: Path) -> None:
    done = await pratique.aio.copy(f"{harbour.address}/app:1.0", f"oci:{tmp_path / 'backup'}:1.0")
    assert done.changed
    results = await pratique.aio.copy_tags(f"oci:{tmp_path / 'backup'}", f"{harbour.address}/again", keep_going=True)
    assert [result.name for result in results] == ["1.0"]


async def test_one_logs_in_and_out(tmp_path: Path) -> None:
    authfile = tmp_path / "auth.json"
    with registry(users={"captain": "aye"}) as found:
        async with pratique.aio.connect(machine=Machine({})) as registries:
            login = await pratique.aio.login(found.address, "captain:aye", registries=registries, authfile=authfile)
            assert login.verified
            with pytest.raises(pratique.Unauthorized):
                await pratique.aio.login(found.address, "captain:no", registries=registries, authfile=authfile)
        assert await pratique.aio.logout(found.address, authfile=authfile) == (str(authfile),)


async def test_cancelled_registries_fail_everything_as_blocking_ones_do(
    harbour: Embedded, registries: Registries
) -> None:
    registries.cancel("it is late")
    with pytest.raises(Unreachable, match="it is late"):
        await registries.repository(f"{harbour.address}/app").resolve("1.0")


async def test_a_registry_is_served_for_the_time_of_a_block(registries: Registries, tmp_path: Path) -> None:
    async with pratique.aio.serve(storage=tmp_path) as served:
        descriptor = await registries.repository(f"{served.address}/app").push_blob(b"content")
        assert descriptor.size == 7
    with pytest.raises(Unreachable):
        await registries.repository(f"{served.address}/app").blob(descriptor.digest)
    await pratique.aio.collect(tmp_path)


async def test_what_is_open_is_read_though_all_threads_are_busy(harbour: Embedded, registries: Registries) -> None:
    """They may be waiting for the very place that an open stream has."""
    app = registries.repository(f"{harbour.address}/app")
    registries.limiter = anyio.CapacityLimiter(1)
    blob = await app.blob((await app.push_blob(bytes(1 << 20))).digest)
    async with blob.open() as stream, blob.file() as file:
        await file.read(1)
        registries.limiter.acquire_on_behalf_of_nowait(harbour)
        with anyio.fail_after(PATIENCE_SECONDS):
            assert sum([len(block) async for block in stream]) == len(await file.read()) + 1 == 1 << 20
        registries.limiter.release_on_behalf_of(harbour)
