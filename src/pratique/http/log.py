"""Events as records of `logging`: one logger for each module whose events they are, `pratique.http.events` for requests.

A program that never imported `logging` has not set it up either; then nothing is loaded and nothing written.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from ..text import printable
from .events import Event, Observer, ignore

if TYPE_CHECKING:
    import logging

PACKAGE: Final = "pratique"


def logged(tell: Observer = ignore) -> Observer:
    """An observer that writes each event to the log, and tells `tell` of it.

    Requests, challenges and tokens are written at DEBUG, attempts that are repeated and copies that are done at INFO, warnings
    at WARNING. No secret is in an event.
    """

    def told(event: Event) -> None:
        if "logging" in sys.modules:
            _write(event)
        tell(event)

    return told


def logger(module: str) -> logging.Logger:
    """The logger of a module of ours; what it says goes nowhere until the program sets `logging` up."""
    import logging

    package = logging.getLogger(PACKAGE)
    if not package.handlers:
        package.addHandler(logging.NullHandler())
    return logging.getLogger(module)


def _write(event: Event) -> None:
    log = logger(type(event).__module__)
    if log.isEnabledFor(event.level):
        log.log(event.level, "%s", printable(str(event)))
