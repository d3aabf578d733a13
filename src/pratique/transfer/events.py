"""What a copy tells its observer: frozen values, by which nothing can be steered."""

from __future__ import annotations

from enum import Enum

from ..http.events import Event
from ..spec.descriptor import Descriptor
from ..values import frozen
from .plan import Plan


class How(Enum):
    """How content came to its target."""

    MOVED = "moved"
    MOUNTED = "mounted"
    PRESENT = "present"


@frozen
class Planned(Event):
    """It is known what has to move."""

    name: str
    plan: Plan


@frozen
class Started(Event):
    """Content begins to move."""

    descriptor: Descriptor


@frozen
class Moved(Event):
    """So many more bytes of it were read; below zero where it begins anew."""

    descriptor: Descriptor
    count: int


@frozen
class Done(Event):
    """Content is at its target."""

    descriptor: Descriptor
    how: How


@frozen
class Copied(Event):
    """A root and everything that it needs is at its target, under its names; `changed` is false if all was there before."""

    name: str
    descriptor: Descriptor
    tags: tuple[str, ...]
    changed: bool
