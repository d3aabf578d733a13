"""What the documents say of the code, compared with the code."""

from __future__ import annotations

import ast
import re
import tomllib
from argparse import Action, ArgumentParser
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Final

import pytest

from pratique import errors
from pratique.cli import commands, options, program
from pratique.server.access import file as access
from pratique.stores import base
from pratique.stores.base import NAMELESS
from tests.stores.contract import ROWS, Place, Row, single

from .examples import ROOT, blocks
from .test_examples import REWRITE

SOURCE: Final = ROOT / "src" / "pratique"
PAGES: Final = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
UNITS: Final = {"": 1, "s": 1, "h": 3600, "d": 24 * 3600, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}

_ANCHORED = re.compile(r"\[[^\]]*\]\(([^)#\s]*)(?:#([^)\s]+))?\)")
_LIMIT = re.compile(r"^\| `([\w/]+\.py)` `([A-Z_]+)` \| ([\d.]+) ?(\w*) \|", re.MULTILINE)
_NAMED_FILE = re.compile(r"`((?:[\w.-]+/)*[\w.-]+(?:\.(?:py|md|toml|lock)|/))`")


def page(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def prose(text: str) -> str:
    """A page without its blocks."""
    for block in blocks(text):
        text = text.replace(block.text, "")
    return text


# --- Links


def anchor(heading: str) -> str:
    """The anchor that a heading gets where pages are shown."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(path: Path) -> None:
    for target, fragment in _ANCHORED.findall(prose(path.read_text("utf-8"))):
        if "://" in target:
            continue
        leads_to = (path.parent / target).resolve() if target else path
        assert leads_to.exists(), f"{path.name}: {target}"
        if fragment:
            headings = re.findall(r"^#+ (.*)$", prose(leads_to.read_text("utf-8")), re.MULTILINE)
            assert fragment in map(anchor, headings), f"{path.name}: {target}#{fragment}"


def test_every_decision_has_its_parts() -> None:
    pages = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [int(path.name[:4]) for path in pages] == list(range(1, len(pages) + 1))
    for path in pages:
        text = path.read_text("utf-8")
        assert re.match(rf"# {path.name[:4]}: ", text), path.name
        assert re.search(r"^\d{4}-\d{2}$", text, re.MULTILINE), path.name
        for part in ("Context", "Decision", "Consequences"):
            assert f"\n## {part}\n" in text, path.name


# --- Files and constants


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_named_files_exist(name: str) -> None:
    for file in _NAMED_FILE.findall(page(name)):
        assert any((folder / file).exists() for folder in (ROOT, SOURCE)), f"{name}: {file}"


def test_every_module_is_described() -> None:
    described = set(_NAMED_FILE.findall(page("docs/architecture.md")))
    modules = (path.relative_to(SOURCE) for path in SOURCE.rglob("*.py") if not path.name.startswith("__"))
    missing = {str(path) for path in modules if path.parent.name != "commands"} - described
    assert not missing, "docs/architecture.md does not say what they are for"


def limits() -> dict[tuple[str, str], float]:
    """The table of limits, by file and constant."""
    found = _LIMIT.findall(page("docs/architecture.md"))
    return {(file, name): (float if "." in value else int)(value) * UNITS[unit] for file, name, value, unit in found}


@pytest.mark.parametrize(("file", "name"), sorted(limits()))
def test_a_limit_is_what_the_table_says(file: str, name: str) -> None:
    module = import_module("pratique." + file.removesuffix(".py").replace("/", "."))
    assert getattr(module, name) == limits()[file, name]


def test_no_limit_is_missing() -> None:
    kept = {
        (str(path.relative_to(SOURCE)), name)
        for path in SOURCE.rglob("*.py")
        for name in constants(path)
        if name.startswith("MOST_")
    }
    assert kept <= set(limits()), "docs/architecture.md does not list them"


def constants(path: Path) -> Iterator[str]:
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id


def test_exit_codes_are_those_of_the_errors() -> None:
    table = dict(re.findall(r"^\| (\d+) \| `(\w+)` \|", page("README.md"), re.MULTILINE))
    assert table, "README.md has a table of exit codes"
    for code, name in table.items():
        assert getattr(errors, name).exit_code == int(code)
    kinds: list[type[errors.Error]] = [errors.Error, *errors.Error.__subclasses__()]
    assert {str(kind.exit_code) for kind in kinds} <= set(table)
    for code in (program.INTERRUPTED, program.BROKEN_PIPE):
        assert f"| {code} |" in page("README.md")


# --- Stores

# The columns of the table of stores: every protocol of `base`, then what a row of the suite says of itself.
ABILITIES: Final = tuple(
    name for name, value in vars(base).items() if isinstance(value, type) and value.__module__ == base.__name__
)
TRAITS: Final = ("names", "nameless", "refuses", "inline", "grows")
_STORES = re.compile(r"^\| store \|.*?(?=^$)", re.MULTILINE | re.DOTALL)


def abilities(row: Row, folder: Path) -> Iterator[bool]:
    """What a store of the suite can do, and what is true of it."""
    folder.mkdir()
    with row.opening(folder) as opened:
        Place(row, opened).put(single(), tags=(NAMELESS,))
        yield from (isinstance(opened(), getattr(base, name)) for name in ABILITIES)
    yield from (getattr(row, name) for name in TRAITS)


def table_of_stores(folder: Path) -> str:
    columns = (*ABILITIES, *(f"`{name}`" for name in TRAITS))
    lines = [f"| store | {' | '.join(columns)} |", f"|{'---|' * (len(columns) + 1)}"]
    for row in ROWS:
        marks = ("×" if has else "" for has in abilities(row, folder / row.name))
        lines.append(f"| {row.name} | {' | '.join(marks)} |")
    return "\n".join(lines) + "\n"


def test_the_table_of_stores_is_that_of_the_suite(tmp_path: Path) -> None:
    table, text = table_of_stores(tmp_path), page("docs/copying.md")
    if REWRITE:
        (ROOT / "docs" / "copying.md").write_text(_STORES.sub(lambda _: table, text), "utf-8")
        return
    assert table in text, "docs/copying.md is out of date; REWRITE_DOCS=yes renews it"


# --- Commands and configuration


def configured(name: str) -> ArgumentParser:
    parser = ArgumentParser()
    program.load(name).configure(parser)
    return parser


def actions(parser: ArgumentParser) -> Iterator[Action]:
    for action in parser._actions:
        yield action
        if isinstance(action.choices, dict):
            for verb in action.choices.values():
                yield from actions(verb)


def section(name: str) -> str:
    found = re.search(rf"^## {re.escape(name)}\n(.*?)(?=^## |\Z)", page("docs/commands.md"), re.MULTILINE | re.DOTALL)
    assert found, f"docs/commands.md has no section {name!r}"
    return found[1]


def names(text: str, option: str) -> bool:
    return re.search(rf"(?<![\w-]){option}(?![\w-])", text) is not None


def common() -> set[str]:
    parser = ArgumentParser(add_help=False)
    options.add_global(parser)
    options.add_registry(parser)
    return {option for action in parser._actions for option in action.option_strings}


def test_common_options_are_described() -> None:
    assert not [option for option in common() if not names(section("Common options"), option)]


@pytest.mark.parametrize("name", commands.SUMMARIES)
def test_every_option_is_described(name: str) -> None:
    own = {option for action in actions(configured(name)) for option in action.option_strings}
    undescribed = [option for option in own - common() - {"-h", "--help"} if not names(section(name), option)]
    assert not undescribed
    assert f"](#{name})" in page("docs/commands.md"), "the list at its head names every command"


def test_every_key_of_the_access_file_is_described() -> None:
    keys = [*access._KEYS, *(f"repositories.{key}" for key in access._RULE_KEYS)]
    keys += [f"tokens.{key}" for key in access._TOKEN_READERS]
    described = re.findall(r"^\| `([\w.]+)` \|", page("docs/access.md"), re.MULTILINE)
    assert set(keys) - {"tokens"} == set(described)


def test_every_verb_of_the_run_script_is_described() -> None:
    usage = re.search(r"cat <<'END'\n(.*?)END", page("run"), re.DOTALL)
    assert usage
    for verb in re.findall(r"^  (\w+) ", usage[1], re.MULTILINE):
        assert f"./run {verb}" in page("CONTRIBUTING.md"), verb


def test_the_readme_is_the_package_s() -> None:
    assert tomllib.loads(page("pyproject.toml"))["project"]["readme"] == "README.md"


def test_examples_in_python_run() -> None:
    found = [block.text for path in PAGES for block in blocks(path.read_text("utf-8")) if block.language == "python"]
    assert found
    for text in found:
        exec(compile(text, "an example", "exec"), {})  # noqa: S102
