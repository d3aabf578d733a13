"""The tests that the pages name as proofs of their rules are there."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").rglob("*.md"))

_PROOF = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")


@cache
def proofs_in(file: str) -> frozenset[str]:
    """The names of a file's tests; none where there is no file."""
    path = ROOT / file
    text = path.read_text("utf-8") if path.exists() else ""
    return frozenset(re.findall(r"^\s*def (test_\w+)\(", text, re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_proof_is_there(page: Path) -> None:
    named = _PROOF.findall(page.read_text("utf-8"))
    missing = [f"{file}::{test}" for file, test in named if test and test not in proofs_in(file)]
    missing += [file for file, test in named if not test and not (ROOT / file).exists()]
    assert not missing


def test_a_proof_that_is_not_there_is_noticed() -> None:
    assert proofs_in("tests/docs/test_proofs.py") == {
        "test_every_proof_is_there",
        "test_a_proof_that_is_not_there_is_noticed",
    }
    assert proofs_in("tests/docs/nowhere.py") == frozenset()
