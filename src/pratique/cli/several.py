"""Doing the same for several references: what fails is told, and the rest is done all the same."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ..client.connection import open as open_store
from ..errors import Error
from ..spec.reference import Reference
from ..stores.crew import in_parallel
from ..stores.locations import Location
from . import options
from .connect import connected, located, named
from .output import Output, error_document

if TYPE_CHECKING:
    from ..client.registries import Registries
    from ..client.store import Store

P = TypeVar("P", Reference, Location)
R = TypeVar("R")


class Several(Generic[R]):
    """The results of one kind of work on several references."""

    def __init__(self, output: Output, names: Sequence[str]) -> None:
        self._output = output
        self._names = names
        self._failures: list[tuple[str, Error]] = []

    def results(self, work: Callable[[str], R]) -> Iterator[tuple[str, R]]:
        """Each reference and its result, in order; the only one that there is fails as if it stood alone."""

        def outcome(name: str) -> R | Error:
            try:
                return work(name)
            except Error as error:
                return error

        for name, result in zip(self._names, in_parallel(outcome, self._names), strict=True):
            if isinstance(result, Error):
                self._fail(name, result)
            else:
                yield name, result

    def documents(self, found: list[dict[str, Any]]) -> Any:
        """One document for one reference; a list for several, the failures among them."""
        failed = [{"reference": name, "error": error_document(error)} for name, error in self._failures]
        return found[0] if len(self._names) == 1 else found + failed

    @property
    def exit_code(self) -> int:
        """0; 1 where some of several failed."""
        return 1 if self._failures else 0

    def _fail(self, name: str, error: Error) -> None:
        if len(self._names) == 1:
            raise error
        self._failures.append((name, error))
        self._output.fail(error)


def for_each(
    arguments: argparse.Namespace,
    output: Output,
    work: Callable[[Registries, P], R],
    document: Callable[[P, R], dict[str, Any]],
    show: Callable[[P, R], None],
    parse: Callable[[str], P],
) -> int:
    """Do the same for everything that a command names, and show each result, or one document of all; the exit code."""
    names = options.names(arguments.references)
    places = {name: parse(name) for name in names}
    several: Several[R] = Several(output, names)
    documents = []
    with connected(arguments, output, named(*places.values())) as registries:
        for name, result in several.results(lambda name: work(registries, places[name])):
            if output.as_json:
                documents.append(document(places[name], result))
            else:
                show(places[name], result)
    if output.as_json:
        output.document(several.documents(documents))
    return several.exit_code


def read_each(
    arguments: argparse.Namespace,
    output: Output,
    read: Callable[[Store, Location], R],
    document: Callable[[Location, R], dict[str, Any]],
    show: Callable[[Location, R], None],
) -> int:
    """Read the same of everything that a command names, in whatever store; as `for_each`."""

    def work(registries: Registries, place: Location) -> R:
        with open_store(place, registries=registries) as store:
            return read(store, place)

    return for_each(arguments, output, work, document, show, lambda text: located(arguments, output, text))
