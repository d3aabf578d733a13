"""Events as lines for people: what --debug prints."""

from __future__ import annotations

from ..http.events import Event, Observer, Retried, Warned
from .output import Output


def observer(output: Output) -> Observer:
    """Tells a person what they should know, or with --debug everything."""

    def tell(event: Event) -> None:
        if isinstance(event, Warned):
            output.warn(event.text)
        elif output.debug:
            output.tell(f"{event.step}: {event.detail()}")
        elif isinstance(event, Retried):
            output.note(str(event))

    return tell
