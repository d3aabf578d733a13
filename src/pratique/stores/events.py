"""What stores tell an observer."""

from __future__ import annotations

from ..http.events import Event
from ..values import frozen


@frozen
class Routed(Event):
    """Content of `reference` will be read from these places in turn, as `rule` says."""

    reference: str
    places: tuple[str, ...]
    rule: str


@frozen
class PassedOver(Event):
    """A place did not give what was asked of it; `following` is asked next."""

    place: str
    reason: str
    following: str
