"""Asking several sources in turn, the best first, until one gives what is wanted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

from ..errors import ContentMismatch, Error, InvalidInput, Unreachable
from ..http.events import Observer, Warned, ignore
from .base import Source
from .events import PassedOver


class Named(Source, Protocol):
    """A source that messages name by `str()`."""

    def __str__(self) -> str: ...


S = TypeVar("S", bound=Source)
R = TypeVar("R")


class Turns(Generic[S]):
    """Sources in order. The last is always asked; one before it is not asked again once it gave wrong content, or no answer."""

    def __init__(self, sources: Sequence[S], tell: Observer = ignore) -> None:
        self._sources = tuple(sources)
        self._tell = tell
        self._given_up: set[int] = set()

    @property
    def last(self) -> S:
        """The source that has everything."""
        return self._sources[-1]

    def first(self, work: Callable[[S], R], begin: int = 0) -> tuple[R, int]:
        """What the first source from number `begin` on gives, and its number.

        Raises the error of the last, with a note for each that failed before; InvalidInput at once, as whoever asks is to blame.
        """
        failures: list[str] = []
        for number in range(begin, len(self._sources)):
            if number in self._given_up:
                continue
            try:
                return work(self._sources[number]), number
            except InvalidInput:
                raise
            except Error as error:
                if self.is_last(number):
                    note(error, failures)
                    raise
                failures.append(self.pass_over(number, error))
        raise AssertionError("the last is always asked")

    def is_last(self, number: int) -> bool:
        """Whether there is nobody to ask after this one."""
        return number == len(self._sources) - 1

    def pass_over(self, number: int, error: Error) -> str:
        """Tell that a source, which is not the last, failed; the failure in words."""
        source = self._sources[number]
        self._tell(PassedOver(str(source), str(error), str(self._sources[number + 1])))
        if isinstance(error, ContentMismatch):
            self.distrust(number)
        elif isinstance(error, Unreachable):  # each further question would take as long
            self._given_up.add(number)
        return f"before that {source}: {error}"

    def distrust(self, number: int) -> None:
        """Remember that a source gave other content than was asked for."""
        if not self.is_last(number) and number not in self._given_up:
            self._given_up.add(number)
            self._tell(Warned(f"{self._sources[number]} gave other content than was asked for; it is not asked again"))


def note(error: Error, failures: Sequence[str]) -> None:
    """Add what failed before to an error."""
    for failure in failures:
        error.add_note(failure)
