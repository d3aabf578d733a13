"""What a copy tells its observer: frozen values, by which nothing can be steered."""

from __future__ import annotations

from enum import Enum

from ..http.events import INFO, TRACE, Event
from ..spec.descriptor import Descriptor
from ..values import frozen
from .plan import Plan


class Arrival(Enum):
    """How content came to its target."""

    MOVED = "moved"
    MOUNTED = "mounted"
    PRESENT = "present"


@frozen
class Planned(Event):
    """It is known what has to move."""

    name: str
    plan: Plan

    kind = "planned"

    def __str__(self) -> str:
        plan = self.plan
        parts = f"blobs to move: {len(plan.blobs)}, to mount: {len(plan.mounts)}, there: {len(plan.present)}"
        return f"{self.name} is to be copied: bytes to send: {plan.size}, {parts}, manifests to push: {len(plan.manifests)}"


@frozen
class Started(Event):
    """Content begins to move."""

    descriptor: Descriptor

    kind = "started"

    def __str__(self) -> str:
        return f"{self.descriptor.digest}, of {self.descriptor.size} bytes, begins to move"


@frozen
class Moved(Event):
    """So many more bytes of it were read; below zero where it begins anew."""

    descriptor: Descriptor
    count: int

    level = TRACE
    kind = "moved"

    def __str__(self) -> str:
        return f"{self.count:+d} bytes of {self.descriptor.digest} were read"


@frozen
class Done(Event):
    """Content is at its target."""

    descriptor: Descriptor
    how: Arrival

    kind = "done"

    def __str__(self) -> str:
        return f"{self.descriptor.digest} is at its target: {self.how.value}"


@frozen
class Copied(Event):
    """A root and everything that it needs is at its target, under its names; `changed` is false if all was there before."""

    name: str
    descriptor: Descriptor
    tags: tuple[str, ...]
    changed: bool

    level = INFO
    kind = "copied"

    def __str__(self) -> str:
        names = f" as {', '.join(self.tags)}" if any(self.tags) else ""
        return (
            f"{self.name}: {self.descriptor.digest} is at its target{names}{'' if self.changed else ', and was before'}"
        )
