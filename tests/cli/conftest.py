"""The command line in this process, against the embedded registry on a socket."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.registries import push, repository, sample, serving

ACCESS = """
ping = "open"
[users]
captain = "secret-of-captain"
mate = "secret-of-mate"
[[repositories]]
pattern = "foo"
allow = { captain = ["pull", "push", "delete"], mate = ["pull"] }
[[repositories]]
pattern = "bar"
allow = { anonymous = ["pull"], captain = ["push", "delete"] }
"""
CREDS = "captain:secret-of-captain"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Starts embedded registries; an access file's text gives an address."""
    listeners: list[Any] = []

    def start(access: str = ACCESS, creds: str | None = CREDS, repositories: tuple[str, ...] = ("foo", "bar")) -> str:
        serve = serving(tmp_path / f"registry-{len(listeners)}", access)
        address: str = serve.__enter__().address
        listeners.append(serve)
        for name in repositories:
            with repository(address, name, creds) as target:
                push(target, sample(), "1.0", "latest")
                push(target, sample("old"), "0.9")
        return address

    yield start
    for serve in reversed(listeners):
        serve.__exit__(None, None, None)


@pytest.fixture
def registry(served: Callable[..., str]) -> str:
    """A registry with an open `/v2/`, a closed `foo` and an open `bar`; both have the tags 0.9, 1.0 and latest."""
    return served()
