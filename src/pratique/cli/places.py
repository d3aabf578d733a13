"""The two sides of a copy: locations opened as stores, each with its own session where it is a registry."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from ..auth.scopes import ScopeSet
from ..http.events import Observer
from ..http.session import Session
from ..spec.reference import is_tag
from ..stores.base import NAMELESS, Source, Stages, Target
from ..stores.locations import Location, open_source, open_target
from . import options
from .connect import connected
from .output import Output
from .routes import of, read, write


@dataclass(frozen=True, slots=True)
class Places:
    """Where to copy from and to."""

    source: Source
    target: Target


@contextmanager
def opened(
    arguments: argparse.Namespace, output: Output, source: Location, target: Location, tell: Observer
) -> Iterator[Places]:
    """Both stores. What is staged appears when all went well, and not at all otherwise.

    Two registries with the same options share a session, and so connections and tokens.
    """
    of(arguments)  # one for both sides
    sides = {name: options.side(arguments, name) for name in options.SIDES}
    with ExitStack() as stack:
        sessions: dict[str, Session[ScopeSet]] = {}

        def session(name: str) -> Session[ScopeSet]:
            shared = vars(sides["src"]) == vars(sides["dest"])
            key = "both" if shared else name
            if key not in sessions:
                registries = {
                    place.reference.registry
                    for side, place in (("src", source), ("dest", target))
                    if place.reference and (shared or side == name)
                }
                sessions[key] = stack.enter_context(connected(sides[name], output, registries, tell=tell))
            return sessions[key]

        reading: Source
        writing: Target
        if source.reference is not None:
            reading = read(sides["src"], session("src"), source.reference, tell, beside=target.reference)
        else:
            reading = stack.enter_context(open_source(source))
        if target.reference is not None:
            writing = write(sides["dest"], session("dest"), target.reference, pushes=True)
        else:
            writing = stack.enter_context(open_target(target))
        yield Places(reading, writing)
        if isinstance(writing, Stages) and not arguments.dry_run:
            writing.finish()


def names_at(source: Location, target: Location, further: list[str]) -> list[str]:
    """The names under which a root appears at the target: the one in its location, or else the source's; and further tags."""
    return list(dict.fromkeys([_first_name(source, target), *further]))


def _first_name(source: Location, target: Location) -> str:
    place = target.reference
    if place is None:
        return target.name
    if place.tag is not None or place.digest is not None:
        return place.tag or NAMELESS
    if source.reference is not None:  # by a digest it stays without a name: nobody means `latest` by saying nothing
        return source.reference.tag or (NAMELESS if source.reference.digest else source.name)
    return source.name if is_tag(source.name) else NAMELESS
