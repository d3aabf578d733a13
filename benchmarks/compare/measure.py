"""What a run of a program takes."""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .registries import Asked

STARTER = Path(__file__).with_name("starter.py")
KEPT = (
    "PATH",
    "LANG",
    "TMPDIR",
)  # of the environment of whoever measures; proxies and settings would change what is measured


class Failed(Exception):
    """A program did not do what it was asked."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run: seconds, seconds of processor, megabytes of memory at most."""

    wall: float
    cpu: float
    memory: float

    def figure(self, name: str) -> float:
        return {"wall": self.wall, "cpu": self.cpu, "memory": self.memory}[name]


@dataclass(slots=True)
class Figures:
    """All runs of one program at one workload; what it asked of the registries, and bytes on the wire, in a run apart."""

    runs: list[Run] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    moved: int = 0

    def median(self, figure: str) -> float:
        """Of `wall`, `cpu` or `memory` of all runs; of whatever else, what was counted.

        That is the number of `requests`, of those with `content`, how often one and the same token was asked for at most,
        `tokens`, and the `moved` bytes.
        """
        tokens = Counter(each.path for each in self.asked if each.is_for_token)
        counted: dict[str, float] = {
            "moved": self.moved,
            "requests": len(self.asked) - tokens.total(),
            "content": sum(each.carries_content for each in self.asked),
            "tokens": max(tokens.values(), default=0),
        }
        return counted[figure] if figure in counted else statistics.median(run.figure(figure) for run in self.runs)

    def to_json(self) -> dict[str, object]:
        """The runs, and what was counted."""
        runs = {figure: [run.figure(figure) for run in self.runs] for figure in ("wall", "cpu", "memory")}
        return runs | {"moved": self.moved, "asked": [str(each) for each in self.asked]}


class Starter:
    """Runs programs by a process that is smaller than they are, each with an empty home."""

    def __init__(self, process: subprocess.Popen[str], folder: Path, authority: Path) -> None:
        self._process = process
        self._said = folder / "said"
        self._environment = environment(folder / "home", authority)

    def run(self, words: Sequence[str]) -> Run:
        """Raises Failed where the exit code is not 0."""
        asked = {"words": list(words), "environment": self._environment, "said": str(self._said)}
        assert self._process.stdin
        assert self._process.stdout
        print(json.dumps(asked), file=self._process.stdin, flush=True)
        took = json.loads(self._process.stdout.readline())
        if code := took.pop("code"):
            raise Failed(f"exit {code} of {' '.join(words)[:300]}: {self._said.read_text()[-500:].strip()}")
        return Run(**took)


def environment(home: Path, authority: Path) -> Mapping[str, str]:
    """What programs see: little, and which authority to trust."""
    home.mkdir(exist_ok=True)
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return kept | {"HOME": str(home), "SSL_CERT_FILE": str(authority)}


@contextlib.contextmanager
def starting(folder: Path, authority: Path) -> Iterator[Starter]:
    """The small process, until the end."""
    words = [sys.executable, "-I", "-S", str(STARTER)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Starter(process, folder, authority)
        finally:
            process.terminate()
