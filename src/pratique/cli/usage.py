"""What a parser takes, as people write it: for the manual page and the reference, which are made from the parsers."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from . import options
from .program import Parser, argument


def common() -> Parser:
    """A parser with the options of many commands, and no others."""
    parser = Parser(prog="pratique", add_help=False)
    options.add_registry(parser)
    options.add_global(parser)
    return parser


def verbs(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """The parsers of a command's verbs."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.values()


def arguments(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """What stands without an option, in order."""
    return (action for action in parser._actions if not action.option_strings)


def own(parser: argparse.ArgumentParser, shared: set[str]) -> Iterator[argparse.Action]:
    """The options of a parser that its help has, beside `--help` and those that are `shared`, in the order of its help."""
    for group in parser._action_groups:
        for action in group._group_actions:
            if action.option_strings and _is_told(action) and not shared.issuperset(action.option_strings):
                yield action


def names(parser: argparse.ArgumentParser) -> set[str]:
    """The names of all options of a parser that its help has, beside `--help`."""
    return {name for action in parser._actions if _is_told(action) for name in action.option_strings}


def _is_told(action: argparse.Action) -> bool:
    return action.help != argparse.SUPPRESS and not isinstance(action, argparse._HelpAction)


def synopsis(parser: argparse.ArgumentParser) -> str:
    """How a command is written, in one line."""
    return " ".join([parser.prog, "[OPTION...]", *map(argument, arguments(parser))])


def value(action: argparse.Action) -> str:
    """What follows an option; empty where nothing does."""
    if action.nargs == 0:
        return ""
    said = action.metavar or ("|".join(map(str, action.choices)) if action.choices else action.dest.upper())
    return f"[{said}]" if action.nargs == "?" else str(said)


def text(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    """The help of an argument or option; empty where it has none."""
    return parser._get_formatter()._expand_help(action) if action.help else ""
