"""What stores tell an observer."""

from __future__ import annotations

from dataclasses import dataclass

from ..http.events import Event


@dataclass(frozen=True, slots=True)
class Routed(Event):
    """Content of `reference` will be read from these places in turn, as `rule` says."""

    reference: str
    places: tuple[str, ...]
    rule: str


@dataclass(frozen=True, slots=True)
class PassedOver(Event):
    """A place did not give what was asked of it; `following` is asked next."""

    place: str
    reason: str
    following: str
