"""The tables of docs/migrating/: each command and option of the other tools has a row, and what ours has in it is true."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Final

import pytest

import pratique
from pratique.cli.program import parse

from .examples import ROOT
from .inventory import COMMANDS

FOLDER: Final = ROOT / "docs" / "migrating"
INDEX: Final = ROOT / "docs" / "migrating.md"

_CODE = re.compile(r"`([^`]+)`")
_VARIABLE = re.compile(r"[A-Z]+=\S+ ")  # of the environment, before a command
_NAMED = re.compile(r"\bpratique\.(\w+)")


def rows(page: str) -> Iterator[tuple[str, str, str]]:
    """The rows of the tables of a page, without their heads."""
    for line in (FOLDER / f"{page}.md").read_text("utf-8").splitlines():
        if line.startswith("| ") and " | Pratique |" not in line:
            theirs, ours, remark = (cell.strip() for cell in line.removesuffix("|").removeprefix("|").split(" |", 2))
            yield theirs, ours, remark.strip(" |")


def every_row() -> list[tuple[str, str, str, str]]:
    return [(page, *row) for page in COMMANDS for row in rows(page)]


def of_command(page: str, command: str) -> str:
    """What stands in the first cells of the rows of one command."""
    codes = [_CODE.findall(theirs) for theirs, _, _ in rows(page)]
    found = [" ".join(code) for code in codes if re.match(rf"{re.escape(command)}(?: [-A-Z]|\(|$)", code[0])]
    assert found, f"docs/migrating/{page}.md has no row for {command!r}"
    return " ".join(found)


@pytest.mark.parametrize("page", COMMANDS)
def test_every_command_and_option_has_a_row(page: str) -> None:
    missing = [
        f"{command} {option}"
        for command, options in COMMANDS[page].items()
        for option in options.split()
        if not re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", of_command(page, command))
    ]
    assert missing == []
    for command in COMMANDS[page]:
        of_command(page, command)


def test_every_page_has_an_inventory_and_is_named_by_the_first_one() -> None:
    assert {path.stem for path in FOLDER.glob("*.md")} == set(COMMANDS)
    text = INDEX.read_text("utf-8")
    assert [page for page in COMMANDS if f"(migrating/{page}.md)" not in text] == []


def fields() -> Mapping[str, set[str]]:
    """The fields that the first page says are not there yet, and those that are not planned."""
    text = INDEX.read_text("utf-8")
    tables = re.findall(r"^\| field \| what is (\w+).*\n\|---\|---\|\n((?:\|.*\n)+)", text, re.MULTILINE)
    return {
        kind: {name for line in table.splitlines() for name in line.split("|")[1].strip().split(", ")}
        for kind, table in tables
    }


@pytest.mark.parametrize(
    ("page", "theirs", "ours", "remark"), every_row(), ids=lambda cell: re.sub(r"\W+", " ", cell)[:40].strip()
)
def test_a_row_says_what_is_ours(page: str, theirs: str, ours: str, remark: str) -> None:
    kind, _, field = ours.partition(": ")
    if kind == "not yet":
        assert field in fields()["missing"]
    elif kind == "not planned":
        assert field in fields()["not"]
    elif kind == "in Python":
        assert _CODE.fullmatch(field)
    else:
        assert ours == "no need" or _CODE.fullmatch(ours), f"{page}: {theirs}"


@pytest.mark.parametrize(
    "command",
    sorted({code for row in every_row() for cell in row[2:] for code in _CODE.findall(cell) if "pratique " in code}),
)
def test_our_commands_can_be_used(command: str) -> None:
    words = shlex.split(_VARIABLE.sub("", command.replace("\\|", "|")))
    assert words.pop(0) == "pratique"
    if words != ["--version"]:
        parse(words)


def test_our_names_are_public() -> None:
    named = {
        name for row in every_row() for cell in row[2:] for code in _CODE.findall(cell) for name in _NAMED.findall(code)
    }
    assert {"connect", "copy"} <= named
    assert named <= set(pratique.__all__)
