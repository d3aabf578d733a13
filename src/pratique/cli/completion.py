"""What may follow on a command line that is being typed, for bash, zsh and fish (docs/decisions/0033).

The script that `pratique completion SHELL` prints runs `pratique` again at each press of the tabulator, with the line in the
environment. argcomplete reads the line and quotes the answer for the shell; here is what it is to know of our commands.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Mapping
from typing import Final, NoReturn, Protocol

from argcomplete.completers import SuppressCompleter
from argcomplete.finders import CompletionFinder, safe_actions

from . import candidates, options
from .commands import SUMMARIES
from .program import Parser, load

_LINE: Final = "COMP_LINE"


class Completer(Protocol):
    """What may stand for an argument, by what was typed of it and of the command."""

    def __call__(
        self, *, prefix: str, parsed_args: argparse.Namespace, action: argparse.Action, **_: object
    ) -> Iterable[str]: ...


# By what help calls an argument. What is not here is nobody's to guess: a number, a password, a name of one's own.
COMPLETERS: Final[Mapping[str, Completer]] = {
    "REF": candidates.references,
    "REPO": candidates.repositories,
    "REPO@DIGEST": candidates.repositories,
    "REGISTRY": candidates.registries,
    "HOST": candidates.registries,
    "HOST[/NAMESPACE]": candidates.registries,
    "SRC": candidates.locations,
    "DST": candidates.locations,
    "TAG": candidates.tags,
    "FILE": candidates.paths,
    "FOLDER": candidates.folders,
    "PATH": candidates.folders,
}


def complete() -> NoReturn:
    """Answer the shell, and end the process: whatever still waits for a registry is not waited for."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # nothing is asked of the person who types
    parser = whole(os.environ.get(_LINE, "").split())
    CompletionFinder()(parser, always_complete_options=False, default_completer=SuppressCompleter())
    raise SystemExit(0)


def whole(words: Iterable[str]) -> Parser:
    """One parser for all commands, of which those among the words have their options; others are not imported."""
    top = Parser(prog="pratique")
    options.add_global(top)
    options.add_registry(top)
    top.set_defaults(**options.DEFAULTS)
    top.add_argument("--version", "-V", action="store_true", help="print the version")
    names = top.add_subparsers(metavar="COMMAND")
    typed = {*words}
    for name, summary in SUMMARIES.items():
        command = names.add_parser(name, help=summary)
        if name in typed:
            load(name).configure(command)
    names.add_parser("help", help="show the help of a command").add_argument("name", choices=[*SUMMARIES])
    _prepare(top)
    return top


def _prepare(parser: argparse.ArgumentParser) -> None:
    """Tell argcomplete what stands for each argument, and that ours may be taken while a line is read."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for verb in action.choices.values():
                _prepare(verb)
            continue
        if action.nargs != 0 and action.choices is None:
            action.completer = COMPLETERS.get(str(action.metavar), candidates.nothing)  # type: ignore[attr-defined]
        if not isinstance(action, argparse._HelpAction):
            safe_actions.add(type(action))
