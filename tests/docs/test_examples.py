"""Every command in README.md and docs/ is run, and prints what the page says (`examples.py`).

`REWRITE_DOCS=yes ./run test -n0 tests/docs` writes the outputs of now into the pages, to be read before they are kept.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pytest

from .examples import ROOT, blocks, commands, normal, run_page, statements

REWRITE: Final = os.environ.get("REWRITE_DOCS") == "yes"  # read once: each test's environment is cleaned
DOCS: Final = ROOT / "docs"
PAGES: Final = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))] + [
    page for folder in ("guides", "recipes") for page in sorted((DOCS / folder).glob("*.md"))
]


def has_examples(page: Path) -> bool:
    return any(block.language in ("console", "pycon") for block in blocks(page.read_text("utf-8")))


@pytest.mark.parametrize("page", [page for page in PAGES if has_examples(page)], ids=lambda page: page.name)
def test_a_page_shows_what_is_printed(page: Path, tmp_path: Path) -> None:
    before = page.read_text("utf-8")
    after = run_page(before, tmp_path)
    if REWRITE:
        page.write_text(after, "utf-8")
        return
    assert terminals(before) == terminals(after), f"{page.name} is out of date; REWRITE_DOCS=yes renews it"


def terminals(page: str) -> list[tuple[str, str]]:
    """Every command of a page with its output."""
    consoles = (block.text for block in blocks(page) if block.language == "console")
    prompts = (block.text for block in blocks(page) if block.language == "pycon")
    return [
        *((command, normal(shown)) for text in consoles for command, shown in commands(text)),
        *((each.source, normal(each.want)) for text in prompts for each in statements(text)),
    ]


def test_most_pages_have_examples() -> None:
    assert {"README.md", "authentication.md", "commands.md", "registry.md"} <= {
        page.name for page in PAGES if has_examples(page)
    }
