"""Doing the same for several references: what fails is told, and the rest is done all the same."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ..errors import Error
from ..spec.reference import Reference
from ..stores.crew import in_parallel
from . import options
from .connect import connected
from .output import Output, error_document

if TYPE_CHECKING:
    from ..client.repository import Repository

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
    work: Callable[[Repository, Reference], R],
    document: Callable[[Reference, R], dict[str, Any]],
    show: Callable[[Reference, R], None],
    parse: Callable[[str], Reference] = options.reference,
) -> int:
    """Do the same for every reference that a command names, and show each result, or one document of all; the exit code."""
    names = options.names(arguments.references)
    references = {name: parse(name) for name in names}
    several: Several[R] = Several(output, names)
    documents = []
    with connected(arguments, output, {reference.registry for reference in references.values()}) as registries:

        def one(name: str) -> R:
            return work(registries.repository(references[name]), references[name])

        for name, result in several.results(one):
            if output.as_json:
                documents.append(document(references[name], result))
            else:
                show(references[name], result)
    if output.as_json:
        output.document(several.documents(documents))
    return several.exit_code
