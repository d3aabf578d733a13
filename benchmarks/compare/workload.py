"""What a workload is: what programs are asked, what is done around it, and what Pratique may take."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from .content import Sizes, Stock, tags_of
from .measure import Failed, Starter
from .programs import Layout, Many, Program, Remote, Words
from .registries import DOCKER, OURS, Address, Server

MOST_MEGABYTES = 80  # that any copy may take
COPIED = "copied"  # the first part of the names of copies


@dataclass(frozen=True, slots=True)
class Site:
    """Where a workload is run: two registries of a kind, what is in the first one, and a folder for layouts.

    Programs are given the addresses `source` and `target`, behind which the two are.
    """

    kind: str
    scheme: str
    first: Server
    second: Server
    source: Address
    target: Address
    stock: Stock
    scratch: Path
    starter: Starter
    pratique: Program

    @property
    def servers(self) -> tuple[Server, Server]:
        return self.first, self.second

    @property
    def layout(self) -> Layout:
        """A layout that is not there yet."""
        return Layout(self.scratch / "layout", "1")

    @property
    def bundle(self) -> Path:
        """A folder that is not there yet, for what is unpacked."""
        return self.scratch / "bundle"

    def copied(self, source: Layout | Remote, target: Remote) -> None:
        """Copy something beforehand."""
        words = self.pratique.copy(source, target)
        assert words
        self.starter.run(words)

    def clean(self) -> None:
        """Forget all copies."""
        self.second.forget()
        self.first.forget(COPIED)
        for folder in (self.layout.folder, self.bundle):
            shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Limit:
    """What Pratique may take: at most `most` of a figure, or of what another program takes, if one is named.

    `most` may depend on how much there is. `beside` is a program's name, or BEST for the best of all peers. What is `exact`
    fails the whole run; it is at least `least`, too, so that a log that was not understood is no success.
    """

    figure: str
    most: float | Callable[[Sizes], int]
    beside: str = ""
    exact: bool = False
    least: float = 0

    def most_of(self, sizes: Sizes) -> float:
        return self.most(sizes) if callable(self.most) else self.most


def exactly(figure: str, most: float | Callable[[Sizes], int]) -> Limit:
    """A number of requests that fails the whole run."""
    return Limit(figure, most, exact=True, least=1)


BEST = "best"
MEMORY = Limit("memory", MOST_MEGABYTES)


def nothing(_: Site) -> None:
    """Nothing has to be done."""


@dataclass(frozen=True, slots=True)
class Workload:
    """A row of the table. `setup` is done once, `before` each run; `check` looks at what a program did.

    `limits` are by scheme; those of "" hold for both.
    """

    name: str
    words: Callable[[Program, Site], Words | None]
    limits: Mapping[str, tuple[Limit, ...]]
    setup: Callable[[Site], None] = nothing
    before: Callable[[Site], None] = nothing
    check: Callable[[Site], None] = nothing
    kinds: tuple[str, ...] = (DOCKER, OURS)
    most_rounds: int = 100  # fewer where one round takes a minute

    def limits_for(self, scheme: str) -> tuple[Limit, ...]:
        return (*self.limits.get(scheme, ()), *self.limits.get("", ()))


def many(site: Site, repository: str, number: int) -> Many:
    """So many tags of a repository of the source, and the file that has them."""
    found = Remote(site.source, repository)
    tags = tags_of(number)
    written = site.scratch / "references"
    written.write_text("".join(f"{found.at_tag(tag)}\n" for tag in tags))
    return Many(found, tags, written)


def same(found: str, wanted: str) -> None:
    """Raises Failed where a copy does not have the digest of what was copied."""
    if not wanted or found != wanted:
        raise Failed(f"the copy is {found or 'not there'}, and not {wanted}")


def digest_of(layout: Layout) -> str:
    """The digest of the only image of a layout."""
    path = layout.folder / "index.json"
    if not path.is_file():
        return ""
    return str(json.loads(path.read_text())["manifests"][0]["digest"])
