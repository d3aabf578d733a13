"""A registry without sockets, and a machine without files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

import pratique
from pratique import Event, Machine, Registries
from pratique.testing import Embedded, registry

CREDS = "captain:aye"
RULES = {
    "open/**": {"anonymous": ["pull"], "captain": ["pull", "push", "delete"]},
    "**": {"captain": ["pull", "push", "delete"]},
}

Connects = Callable[..., Registries]


@pytest.fixture
def harbour() -> Iterator[Embedded]:
    """A registry in this process: `open/...` is for everybody to read, the rest is the captain's."""
    with registry(sockets=False, users={"captain": "aye"}, rules=RULES) as found:
        found.push_image("open/app:1.0")
        found.push_image("app:1.0")
        yield found


@pytest.fixture
def events() -> list[Event]:
    """What was told."""
    return []


@pytest.fixture
def connect(harbour: Embedded, events: list[Event]) -> Iterator[Connects]:
    """`pratique.connect` to the registry, as the captain unless something else is said, on a machine that has nothing."""
    with ExitStack() as stack:

        def connect(*named: str, **options: Any) -> Registries:
            usual = {"machine": Machine({}), "transport": harbour.transport, "tell": events.append, "retries": 0}
            if "credentials" not in options:
                named, options = named or (harbour.address,), {**options, "credentials": CREDS}
            return stack.enter_context(pratique.connect(*named, **{**usual, **options}))

        yield connect


@pytest.fixture
def registries(connect: Connects) -> Registries:
    """The registry as its captain sees it."""
    return connect()
