"""The two sides of a copy: as whom each registry is reached."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from ..client.registries import Registries
from ..http.events import Observer
from ..stores.locations import Location
from . import options
from .connect import connected, machine_of
from .output import Output


@contextmanager
def sides(
    arguments: argparse.Namespace, output: Output, source: Location, target: Location, tell: Observer
) -> Iterator[tuple[Registries | None, Registries | None]]:
    """The registries of the source and of the target, as far as they are wanted.

    Sides with the same options share one, and so connections and tokens.
    """
    machine_of(arguments, output)  # is the same for both
    reading, writing = (options.side(arguments, name) for name in options.SIDES)
    named = [{place.reference.registry} if place.reference else set() for place in (source, target)]
    with ExitStack() as stack:
        if vars(reading) == vars(writing):
            wanted = any(named) or arguments.foreign
            both = stack.enter_context(connected(reading, output, named[0] | named[1], tell=tell)) if wanted else None
            yield both, both
            return
        wanted = named[0] or arguments.foreign
        first = stack.enter_context(connected(reading, output, named[0], tell=tell)) if wanted else None
        second = stack.enter_context(connected(writing, output, named[1], tell=tell)) if named[1] else None
        yield first, second
