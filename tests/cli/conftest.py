"""The command line in this process, against the embedded registry on a socket."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.commands import Run
from tests.registries import push, repository, sample, serving

from .images import tar

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


@pytest.fixture
def layer(tmp_path: Path) -> Path:
    """A layer that adds two files and takes `hello` away."""
    path = tmp_path / "layer.tar"
    path.write_bytes(tar({"etc/a": b"aaa\n", "etc/b": b"bbb\n", ".wh.hello": b""}))
    return path


@pytest.fixture
def layout(run: Run, registry: str, tmp_path: Path) -> str:
    """A layout with the index under `1.0`."""
    place = f"oci:{tmp_path}/layout"
    assert run("copy", f"{registry}/bar:1.0", f"{place}:1.0").code == 0
    return place


@pytest.fixture
def based(run: Run, layout: str, tmp_path: Path) -> str:
    """The layout with two bases, and an image on the first: for both platforms."""
    files = {"old": {"etc/a": b"old"}, "new": {"etc/a": b"new", "etc/b": b"b"}, "app": {"app": b"app"}}
    for name, content in files.items():
        (tmp_path / f"{name}.tar").write_bytes(tar(content))
    for source, layer, name in (("1.0", "old", "base-1"), ("1.0", "new", "base-2"), ("base-1", "app", "app")):
        done = run("append", f"{layout}:{source}", str(tmp_path / f"{layer}.tar"), "--tag", name)
        assert done.code == 0, done.err
    return layout
