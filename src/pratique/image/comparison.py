"""Two documents compared, field by field: configs and manifests of two images."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from ..values import frozen

ABSENT: Final = object()  # in place of a document or field that there is not


@frozen
class Difference:
    """A field that is not the same in two documents: its place as a JSON pointer (RFC 6901), and its values.

    `is_added` and `is_removed` say where only one has it; the other's value is None then.
    """

    place: str
    before: Any
    after: Any
    is_added: bool = False
    is_removed: bool = False


def compare(before: Any, after: Any, place: str = "") -> Iterator[Difference]:
    """What is not the same, in the order of names; lists are compared as wholes, for their order counts."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys()):
            escaped = key.replace("~", "~0").replace("/", "~1")
            yield from compare(before.get(key, ABSENT), after.get(key, ABSENT), f"{place}/{escaped}")
    elif before is ABSENT:
        yield Difference(place, None, after, is_added=True)
    elif after is ABSENT:
        yield Difference(place, before, None, is_removed=True)
    elif before != after or type(before) is not type(after):
        yield Difference(place, before, after)
