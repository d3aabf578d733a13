"""What stores tell an observer."""

from __future__ import annotations

from ..http.events import INFO, TRACE, Event
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


@frozen
class Advanced(Event):
    """So many more bytes were sent of content that is still being made.

    Below zero where they do not count as that any more: it is known what they are, and told that they moved; or they are not
    wanted.
    """

    count: int

    level = TRACE
    kind = "advanced"

    def __str__(self) -> str:
        return f"{self.count:+d} bytes were sent of what is still being made"
