"""What stores tell an observer."""

from __future__ import annotations

from ..http.events import INFO, Event
from ..values import frozen


@frozen
class Routed(Event):
    """Content of `reference` will be read from these places in turn, as `rule` says."""

    reference: str
    places: tuple[str, ...]
    rule: str

    kind = "routed"
    step = "route"

    def __str__(self) -> str:
        return f"{self.reference} is read from {', then '.join(self.places)}, by {self.rule}"


@frozen
class PassedOver(Event):
    """A place did not give what was asked of it; `following` is asked next."""

    place: str
    reason: str
    following: str

    level = INFO
    kind = "passed_over"
    step = "route"

    def __str__(self) -> str:
        return f"{self.place} is passed over: {self.reason}; next is {self.following}"
