"""The reference of the commands, as their parsers have it: every command, verb, argument and option.

In a page, `<!-- every command -->` is replaced by it.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Iterator
from typing import Final

from sphinx.application import Sphinx

from pratique.cli import commands, program, usage

PLACE: Final = "<!-- every command -->"
COMMON: Final = "Options of many commands"

_MARKS: Final = re.compile(r"[\\*_`<>\[\]|#$]")


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("source-read", _read)
    return {"parallel_read_safe": True}


def _read(app: Sphinx, _page: str, source: list[str]) -> None:
    if PLACE in source[0]:
        app.env.note_reread()  # it is of the code, and not of the page
        source[0] = source[0].replace(PLACE, "\n".join(reference()))


def reference() -> Iterator[str]:
    """The reference as Markdown: the common options first, then a section for each command."""
    common = usage.common()
    yield from [f"## {COMMON}", "", "They may stand before the command, too.", ""]
    yield from listed(common, usage.own(common, set()))
    for name in commands.SUMMARIES:
        yield from described(name, program.parser_of(name), usage.names(common))


def described(name: str, parser: argparse.ArgumentParser, common: set[str]) -> Iterator[str]:
    """The section of one command; each of its verbs has one below it."""
    yield from [f"## {name}", "", prose(parser.description or ""), ""]
    yield from shown(parser, common)
    yield from example(parser.epilog or "")
    yield from [f"[Commands](../commands.md#{name}) says more about `{name}`, and what it prints.", ""]
    for verb in usage.verbs(parser):
        yield from [f"### {verb.prog.removeprefix('pratique ')}", "", prose(verb.description or ""), ""]
        yield from shown(verb, common)


def shown(parser: argparse.ArgumentParser, common: set[str]) -> Iterator[str]:
    """How a command is written, what may be in it, and which of the common options it takes."""
    yield from ["```text", usage.synopsis(parser), "```", ""]
    for action in usage.arguments(parser):
        if action.help and not isinstance(action, argparse._SubParsersAction):
            yield from [f"`{program.argument(action)}`", f": {prose(usage.text(parser, action))}", ""]
    yield from listed(parser, usage.own(parser, common))
    taken = usage.names(parser) & common
    if taken:
        which = "all" if taken == common else ", ".join(f"`{name}`" for name in sorted(taken) if name[:2] == "--")
        yield from [f"It takes {which} of the [{COMMON.lower()}](#{COMMON.lower().replace(' ', '-')}).", ""]


def listed(parser: argparse.ArgumentParser, wanted: Iterable[argparse.Action]) -> Iterator[str]:
    """What is said of each option, in the order of `--help`; a group that has a title of its own keeps it."""
    yield from [f"```{{program}} {parser.prog}", "```", ""]
    group = parser._optionals.title
    for action in wanted:
        title = getattr(action.container, "title", None)
        if title and title != group:
            group = title
            yield from [f"**{prose(title.capitalize())}**", ""]
        value = usage.value(action)
        written = ", ".join(f"{name} {value}".rstrip() for name in action.option_strings)
        yield from [f"````{{option}} {written}", prose(usage.text(parser, action))]
        if action.choices and action.metavar:
            yield from ["", f"One of {', '.join(f'`{choice}`' for choice in action.choices)}."]
        yield from ["````", ""]


def example(text: str) -> Iterator[str]:
    """The examples of `--help`; what stands below them is a paragraph."""
    lines, _, rest = text.partition("\n\n")
    shell = [f"$ {line.strip()}" for line in lines.splitlines()[1:]]
    if shell:
        yield from ["```console", *shell, "```", ""]
    yield from [prose(rest), ""]


def prose(text: str) -> str:
    """Plain text as Markdown."""
    return _MARKS.sub(r"\\\g<0>", text.strip())
