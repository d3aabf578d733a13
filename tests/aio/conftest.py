"""A registry on a socket, and registries as coroutines have them, under asyncio and trio."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

import anyio
import pytest

from pratique import Machine
from pratique.aio import Registries, connect
from pratique.testing import Embedded, registry

PATIENCE_SECONDS = 60.0  # until a test gives up; nothing is judged by it
STALL = {"slow": {"rate": 1.0}}  # a byte a second: longer than any test takes

Opens = Callable[..., AbstractAsyncContextManager[Embedded]]
Connects = Callable[..., Registries]


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    backend: str = request.param
    return backend


@pytest.fixture
def harbour() -> Iterator[Embedded]:
    """A registry that has `app:1.0`, `app:1.1` and `app:1.2`."""
    with registry() as found:
        fill(found)
        yield found


@pytest.fixture
async def registries() -> AsyncIterator[Registries]:
    """What a machine without any files reaches."""
    async with connect(machine=Machine({}), retries=0) as found:
        yield found


@asynccontextmanager
async def stalling(**fault: Any) -> AsyncIterator[Embedded]:
    """The same registry with answers that never come to their end, for whatever requests fit."""
    async with AsyncExitStack() as stack:
        found = stack.enter_context(registry(faults=[{**fault, **STALL}]))
        fill(found)
        yield found


def fill(found: Embedded) -> None:
    for tag in ("1.0", "1.1", "1.2"):
        found.push_image(f"app:{tag}", {"hello": tag.encode()})


async def until(condition: Callable[[], object]) -> None:
    """Wait until something is so."""
    with anyio.fail_after(PATIENCE_SECONDS):
        while not condition():
            await anyio.sleep(0.01)
