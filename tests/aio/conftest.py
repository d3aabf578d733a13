"""A registry on a socket, and registries as coroutines have them, under asyncio and trio."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import anyio
import pytest

from pratique import Machine
from pratique.aio import Registries, connect
from pratique.aio.lines import Lines
from pratique.server.faults.fault import Fault
from pratique.testing import Embedded, registry
from pratique.values import replace

PATIENCE_SECONDS = 60.0  # until a test gives up; nothing is judged by it


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
        assert not lines_of(found)._outside._crew, "somebody asked a registry who was no operation: the loop itself"


def lines_of(registries: Registries) -> Lines:
    """The transports of their operations."""
    found = registries.blocking.session._transport
    assert isinstance(found, Lines)
    return found


@contextmanager
def stalling(fault: Mapping[str, Any], **options: Any) -> Iterator[Embedded]:
    """The same registry, whose answers to requests that fit have a byte a second: longer than any test takes."""
    released = threading.Event()
    slow = Fault.of({**fault, "slow": {"rate": 1.0}})
    with ExitStack() as stack:
        found = stack.enter_context(
            registry(faults=[replace(slow, options={"rate": 1.0, "sleep": released.wait})], **options)
        )
        stack.callback(released.set)
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
