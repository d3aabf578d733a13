"""The command line in this process, against the embedded registry on a socket."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pratique.cli.main import main
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


@dataclass(frozen=True)
class Ran:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        return json.loads(self.err.splitlines()[-1])["error"]


Run = Callable[..., Ran]


@pytest.fixture
def run(capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command: its exit code and what it printed; `stdin` is what it reads."""

    def run(*words: str, stdin: str = "") -> Ran:
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        try:
            code = main(words)
        except SystemExit as ended:
            code = int(ended.code or 0)
        sys.stdout.flush()
        captured = capfdbinary.readouterr()
        return Ran(code, captured.out.decode(), captured.err.decode())

    return run


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
