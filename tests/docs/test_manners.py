"""The tables of docs/faults.md and docs/testing.md, compared with the code. REWRITE_DOCS=yes writes the one of the manners."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from pratique.server.faults.fault import _KINDS, EFFECTS, ENDPOINTS, MANNER, MANNERS, MATCH_KEYS, TURN_KEYS
from pratique.server.faults.manners.base import BASIC_ACCESS, BEARER_ACCESS, READABLE, Known, known
from pratique.testing import Embedded, registry

from .examples import ROOT, blocks
from .test_examples import REWRITE

FAULTS = ROOT / "docs" / "faults.md"
TESTING = ROOT / "docs" / "testing.md"
# The access files with which manners show, by what the table calls them.
FILES: Mapping[str, str] = {
    "": "",
    "Basic": BASIC_ACCESS,
    "tokens": BEARER_ACCESS,
    "Basic, public": BASIC_ACCESS + READABLE,
    "tokens, public": BEARER_ACCESS + READABLE,
}

_TABLE = re.compile(r"^\| name \| the registry \|.*?(?=^$)", re.MULTILINE | re.DOTALL)


def shows_with(row: Known) -> str:
    """What the last column says of a manner."""
    found = next((name for name, text in FILES.items() if text == row.access), "a file of its own")
    return f"*access*, {found}" if row.make is None else found


def options(make: Callable[..., Any]) -> list[str]:
    """The options of an effect or a manner."""
    parameters = inspect.signature(make).parameters.values()
    return [
        each.name.replace("_", "-")
        for each in parameters
        if each.annotation in _KINDS and each.kind is each.KEYWORD_ONLY
    ]


def line(row: Known) -> str:
    named = ", ".join(f"`{name}`" for name in options(row.make)) if row.make else ""
    return f"| `{row.name}` | {row.does} | {named} | {row.seen} | {shows_with(row)} |"


def table() -> str:
    lines = ["| name | the registry | options | seen in | shows with |", "|---|---|---|---|---|"]
    return "\n".join([*lines, *map(line, known().values())]) + "\n"


def test_the_table_of_manners_is_that_of_the_code() -> None:
    text = FAULTS.read_text("utf-8")
    if REWRITE:
        FAULTS.write_text(_TABLE.sub(lambda _: table(), text), "utf-8")
        return
    assert table() in text, "docs/faults.md is out of date; REWRITE_DOCS=yes renews it"


def test_the_access_files_are_those_of_the_manners() -> None:
    shown = "\n".join(block.text for block in blocks(FAULTS.read_text("utf-8")) if block.language == "toml")
    for text in (BEARER_ACCESS, READABLE.strip("\n")):
        assert text in shown


def rows(text: str) -> Mapping[str, str]:
    """The rows of all tables of a page by what is in their first column."""
    return dict(re.findall(r"^\| `([\w.-]+)`[^|]* \| (.*) \|$", text, re.MULTILINE))


@pytest.mark.parametrize("key", ["name", MANNER, *MATCH_KEYS, *TURN_KEYS, *EFFECTS, *MANNERS])
def test_every_key_of_a_fault_is_described(key: str) -> None:
    assert key in rows(FAULTS.read_text("utf-8"))


@pytest.mark.parametrize("effect", [*EFFECTS, *MANNERS])
def test_every_option_of_an_effect_is_described(effect: str) -> None:
    told = rows(FAULTS.read_text("utf-8"))[effect]
    make = EFFECTS[effect] if effect in EFFECTS else known()[MANNERS[effect]].make
    assert make is not None
    assert [name for name in options(make) if f"`{name}`" not in told] == []


def test_every_end_point_is_named() -> None:
    told = rows(FAULTS.read_text("utf-8"))["endpoint"]
    assert re.findall(r"`([\w-]+)`", told) == [*ENDPOINTS]


def test_every_argument_and_attribute_for_tests_is_described() -> None:
    text = TESTING.read_text("utf-8")
    arguments = [*inspect.signature(registry).parameters]
    attributes = [name for name in vars(Embedded) if not name.startswith("_")]
    assert [name for name in (*arguments, *attributes) if f"`{name}" not in text and f" `{name}" not in text] == []
