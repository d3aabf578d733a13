"""The keywords of whatever writes into a store, as a caller gives them and as a value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypedDict

from ..http.events import Observer
from ..stores.crew import JOBS
from ..values import frozen

if TYPE_CHECKING:
    from .registries import Registries


class Writing(TypedDict, total=False):
    """How to write into a store."""

    registries: Registries | None
    """What reaches registries; without it what `connect` finds on this machine."""
    tell: Observer | None
    """Who is told what happens; by default whoever the registries tell."""
    dry_run: bool
    """Nothing is sent; the result has the plan, whose `root` is what would be there."""
    jobs: int
    """So many blobs at once (8)."""


class Making(Writing, total=False):
    """How to put something new into a store: the keywords of `Writing`, and its names."""

    tags: Sequence[str]
    """Names beside the one in the target; without any it is there by its digest alone."""


@frozen
class HowWritten:
    """The keywords of `Writing`, each with what is meant where it is not given."""

    registries: Registries | None = None
    tell: Observer | None = None
    dry_run: bool = False
    jobs: int = JOBS


@frozen
class How(HowWritten):
    """The same of `Making`."""

    tags: Sequence[str] = ()
