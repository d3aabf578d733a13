"""A program of coroutines that is never run: type checkers know what everything here is (`tests/examples/test_examples.py`)."""

from __future__ import annotations

import asyncio
from typing import assert_type

import pratique
from pratique import Deletion, Descriptor, Explanation, Failure, Image, Inspection, Login, Manifest, Result
from pratique.aio import (
    Blob,
    File,
    Flow,
    Registries,
    Repository,
    Stream,
    connect,
    copy,
    copy_tags,
    login,
    logout,
    serve,
)


async def read(registries: Registries) -> None:
    app = registries.repository("ghcr.io/org/app")
    assert_type(app, Repository)
    assert_type(app.tags(page_size=10), Flow[str])
    async for tag in app.tags():
        assert_type(tag, str)
    assert_type(await app.resolve("1.2", platform="linux/arm64"), Descriptor)
    assert_type(await app.manifest("1.2"), Manifest)
    assert_type(await app.image("1.2"), Image)
    assert_type([found async for found in app.inspections(["1.2"])], list[Inspection])
    assert_type(await app.delete("1.2", dry_run=True), Deletion)
    assert_type(await registries.explain("ghcr.io/org/app:1.2"), Explanation)
    blob = await app.blob("sha256:00")
    assert_type(blob, Blob)
    assert_type(blob.open(), Stream)
    assert_type(blob.file(), File)
    async with blob.open() as stream:
        assert_type(stream, Stream)
        async for block in stream:
            assert_type(block, bytes)
    async with blob.file() as file:
        assert_type(await file.read(), bytes)
    assert_type(asyncio.create_task(app.resolve("1.2")), asyncio.Task[Descriptor])


async def write() -> None:
    async with connect("ghcr.io", credentials="robot:secret", timeout=60) as registries:
        done = await copy("ghcr.io/org/app:1.2", "oci:backup", registries=registries, referrers=True)
        assert_type(done, Result)
        assert_type(await copy_tags("ghcr.io/org/app", "oci:backup", newest=5), list[Result | Failure])
    assert_type(await login("ghcr.io", "robot:secret"), Login)
    assert_type(await logout("ghcr.io"), tuple[str, ...])
    async with serve() as served:
        assert_type(served.address, str)


async def wrong(registries: Registries) -> None:
    app = registries.repository("ghcr.io/org/app")
    await app.resolve()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await app.resolve(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    connect(nonsense=True)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await copy("a", "b", nonsense=True)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    with pratique.connect() as blocking:
        await copy("a", "b", registries=blocking)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
