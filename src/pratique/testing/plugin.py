"""Fixtures for pytest, which finds them by the entry point `pytest11`; nothing is imported before one is used."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .embedded import Embedded


@pytest.fixture
def pratique_registries() -> Iterator[Callable[..., Embedded]]:
    """Makes registries that live as long as the test; its arguments are those of `pratique.testing.registry`."""
    from .embedded import registry

    with ExitStack() as stack:

        def start(**options: Any) -> Embedded:
            return stack.enter_context(registry(**options))

        yield start


@pytest.fixture
def pratique_registry(pratique_registries: Callable[..., Embedded]) -> Embedded:
    """A registry on a port of this machine, open to everybody, with nothing in it."""
    return pratique_registries()
