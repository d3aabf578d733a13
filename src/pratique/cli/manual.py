"""The manual page, made from the parsers: `python -m pratique.cli.manual` prints it (groff_man(7))."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from typing import Final

from ..errors import Error
from ..version import VERSION
from . import commands, usage
from .program import BROKEN_PIPE, INTERRUPTED, PURPOSE, argument, load, parser_of

ENDINGS: Final = {
    0: "What was asked is done.",
    1: "Some of several references failed, or Pratique itself is wrong.",
    INTERRUPTED: "Interrupted.",
    BROKEN_PIPE: "Nobody reads the output any more.",
}
# What the roff language takes for its own; characters beyond ASCII are written by their code points.
_SPECIAL: Final = {"\\": r"\(rs", "-": r"\-", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti"}


def page() -> str:
    """The whole page. It says nothing of the day on which it was made: the same parsers make the same page."""
    return "\n".join([*_head(), *_commands(), *_common(), *_endings(), *_foot()]) + "\n"


def _head() -> Iterator[str]:
    yield f'.TH PRATIQUE 1 "" "pratique {quoted(VERSION)}"'
    yield from [".SH NAME", f"pratique {quoted('-')} {quoted(PURPOSE[0].lower() + PURPOSE[1:-1])}"]
    yield from [".SH SYNOPSIS", ".B pratique", ".I COMMAND", r"[\fIOPTION\fR...] [\fIARGUMENT\fR...]"]
    yield from [".SH DESCRIPTION", quoted("A reference is [docker://]REGISTRY/REPOSITORY[:TAG][@DIGEST].")]
    yield quoted("copy also takes oci:PATH[:NAME], oci-archive:PATH[:NAME], docker-archive:PATH[:NAME] and dir:PATH.")
    yield quoted("Options of many commands may stand before the command, too.")


def _commands() -> Iterator[str]:
    yield ".SH COMMANDS"
    shared = usage.names(usage.common())
    for name in commands.SUMMARIES:
        parser = parser_of(name)
        yield from _section(parser, shared)
        for verb in usage.verbs(parser):
            yield from _section(verb, shared)
        yield from [".PP", ".EX", *map(quoted, load(name).EXAMPLES.splitlines()[1:]), ".EE"]


def _section(parser: argparse.ArgumentParser, shared: set[str]) -> Iterator[str]:
    """How one command or verb is written, what it does, and what it takes."""
    yield from [f'.SS "{quoted(usage.synopsis(parser))}"', quoted(parser.description or "")]
    for action in usage.arguments(parser):
        if action.help:
            yield from _entry(argument(action), parser, action)
    for action in usage.own(parser, shared):
        yield from _entry(_written(action), parser, action)


def _common() -> Iterator[str]:
    parser = usage.common()
    yield ".SH OPTIONS OF MANY COMMANDS"
    for action in usage.own(parser, set()):
        yield from _entry(_written(action), parser, action)


def _entry(written: str, parser: argparse.ArgumentParser, action: argparse.Action) -> Iterator[str]:
    yield from [".TP", rf"\fB{quoted(written)}\fR", quoted(usage.text(parser, action))]


def _written(action: argparse.Action) -> str:
    return f"{', '.join(action.option_strings)} {usage.value(action)}".rstrip()


def _endings() -> Iterator[str]:
    kinds = Error.__subclasses__()
    told = ENDINGS | {kind.exit_code: (kind.__doc__ or "").partition("\n")[0] for kind in kinds}
    yield ".SH EXIT STATUS"
    for code, meaning in sorted(told.items()):
        yield from [".TP", rf"\fB{code}\fR", quoted(meaning)]


def _foot() -> Iterator[str]:
    yield from [".SH SEE ALSO", ".BR docker (1),", ".BR skopeo (1),", ".BR containers\\-registries.conf (5)"]


def quoted(text: str) -> str:
    """Text as roff has it, on lines of its own."""
    lines = ("".join(map(_character, line)) for line in text.splitlines())
    return "\n".join(re.sub(r"^\.", r"\&.", line) for line in lines) or r"\&"


def _character(character: str) -> str:
    return _SPECIAL.get(character) or (character if character.isascii() else rf"\[u{ord(character):04X}]")


if __name__ == "__main__":
    print(page(), end="")
