"""The two sides of a copy: locations opened as stores, each with its own session where it is a registry."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING

from ..auth.credentials import ANONYMOUS
from ..auth.scopes import ScopeSet
from ..http.events import Observer
from ..http.session import Session
from ..spec.reference import endpoint_of, is_tag
from ..stores.base import NAMELESS, Source, Stages, Target
from ..stores.locations import Location, open_source, open_target
from ..values import frozen
from . import options
from .connect import connected
from .credentials import shared_helpers
from .output import Output
from .routes import of, read, write

if TYPE_CHECKING:
    from ..stores.foreign import Fetch

SOURCE, DESTINATION = options.SIDES


@frozen
class Places:
    """Where to copy from and to."""

    source: Source
    target: Target
    foreign: Fetch | None = None  # how to get what lives elsewhere, where that is wanted


class _Sessions:
    """A session for each side, begun when it is first wanted.

    Sides with the same options share one, and so connections and tokens.
    """

    def __init__(self, arguments: argparse.Namespace, output: Output, places: Mapping[str, Location], tell: Observer):
        of(arguments)  # rules and helpers are the same for both sides
        shared_helpers(arguments)
        self.arguments = {name: options.side(arguments, name) for name in options.SIDES}
        self._are_alike = vars(self.arguments[SOURCE]) == vars(self.arguments[DESTINATION])
        self._output = output
        self._places = places
        self._tell = tell
        self._begun: dict[str, Session[ScopeSet]] = {}

    def begin(self, name: str, stack: ExitStack) -> Session[ScopeSet]:
        """The session of a side, which ends with the stack."""
        sides = options.SIDES if self._are_alike else (name,)
        if name not in self._begun:
            references = (self._places[side].reference for side in sides)
            registries = {reference.registry for reference in references if reference}
            begun = stack.enter_context(connected(self.arguments[name], self._output, registries, tell=self._tell))
            self._begun.update(dict.fromkeys(sides, begun))
        return self._begun[name]


@contextmanager
def opened(
    arguments: argparse.Namespace, output: Output, source: Location, target: Location, tell: Observer
) -> Iterator[Places]:
    """Both stores. What is staged appears when all went well, and not at all otherwise."""
    sessions = _Sessions(arguments, output, {SOURCE: source, DESTINATION: target}, tell)
    src, dest = (sessions.arguments[name] for name in options.SIDES)
    with ExitStack() as stack:
        reading: Source
        writing: Target
        confided: Callable[[], bool] = lambda: False  # noqa: E731
        if source.reference is not None:
            session = sessions.begin(SOURCE, stack)
            reading = read(src, session, source.reference, tell, beside=target.reference)
            confided = partial(session.is_private, endpoint_of(source.reference.registry))
        else:
            reading = stack.enter_context(open_source(source))
        if target.reference is not None:
            writing = write(dest, sessions.begin(DESTINATION, stack), target.reference, pushes=True)
        else:
            writing = stack.enter_context(open_target(target))
        yield Places(reading, writing, stack.enter_context(_elsewhere(src, output, confided, tell)))
        if isinstance(writing, Stages) and not arguments.dry_run:
            writing.finish()


@contextmanager
def _elsewhere(
    arguments: argparse.Namespace, output: Output, confided: Callable[[], bool], tell: Observer
) -> Iterator[Fetch | None]:
    """How to get what lives elsewhere, where that is wanted: as anybody could, whatever credentials the command has."""
    if not arguments.foreign:
        yield None
        return
    from ..stores.foreign import fetching

    with connected(arguments, output, (), tell=tell, credentials=ANONYMOUS) as session:
        yield fetching(session, confided)


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
