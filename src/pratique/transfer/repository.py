"""Copying many tags of a repository: what fails is kept as data, and the rest goes on where that is wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from ..errors import Error
from ..http.events import Observer, ignore
from ..http.gate import MOST_REQUESTS_AT_ONCE
from ..stores.base import Source, Target
from ..stores.crew import in_parallel
from ..values import frozen, replace
from .copy import DEFAULTS, Options, Result, copy, ending
from .ledger import Ledger

TAGS_AT_ONCE: Final = 16  # with the usual number of jobs; small requests mostly wait for their answers
TAGS_A_JOB: Final = 2
MANY: Final = 3  # tags from which on it pays to ask first whether the target has any


@frozen
class Failure:
    """A tag that was not copied, and why."""

    name: str
    error: Error


def copy_tags(
    source: Source,
    target: Target,
    tags: Iterable[str],
    *,
    options: Options = DEFAULTS,
    renamed: Callable[[str], str] = str,
    keep_going: bool = False,
    tell: Observer = ignore,
) -> list[Result | Failure]:
    """Copy tags, several at once, each under its own name or the one that `renamed` gives it.

    What they share is moved once. With `keep_going` a failure is among the results; else the first one is raised.
    """
    listed = list(tags)
    # A dry run does one after the other, so that what they share counts for the same one each time.
    at_once = 1 if options.dry_run else min(len(listed) or 1, TAGS_AT_ONCE, TAGS_A_JOB * options.jobs)
    each = replace(options, jobs=max(1, min(options.jobs, MOST_REQUESTS_AT_ONCE // at_once)))
    ledger = Ledger(many=len(listed) >= MANY and not options.dry_run)

    def one(tag: str) -> Result | Failure:
        try:
            return copy(source, tag, target, [renamed(tag)], options=each, ledger=ledger, tell=told)
        except Error as error:
            if not keep_going:
                raise
            return Failure(tag, error)

    with ending(tell) as told:
        return list(in_parallel(one, listed, at_once))
