"""The table of end-points and the tests that prove them, compared with the end-points and the tests."""

from __future__ import annotations

import re
from typing import Final

import pytest

from pratique.spec.endpoints import ENDPOINTS

from .examples import ROOT

# How the specification splits its end-points by their parameters.
FORMS: Final = {"end-4": "abc", "end-7": "ab", "end-8": "ab", "end-12": "ab"}
MOUNT: Final = "end-11"  # one of the forms of `POST`, with a number of its own

_ROW = re.compile(r"^\| ((?:end-\d+\w?|catalog|any)(?:, end-\d+\w?)*) \|.*\| ([^|]+) \|$", re.MULTILINE)
_PROOF = re.compile(r"`([\w/]+\.py)::(\w+)`")


def rows() -> list[tuple[str, str]]:
    """What each row is about, and its proofs."""
    return _ROW.findall((ROOT / "docs" / "registry.md").read_text("utf-8"))


def test_every_form_of_every_end_point_is_in_the_table() -> None:
    proved = {name for about, _ in rows() for name in about.split(", ")}
    expected = {MOUNT} | {endpoint.id + form for endpoint in ENDPOINTS for form in FORMS.get(endpoint.id, [""])}
    assert expected == proved - {"any"}


@pytest.mark.parametrize("proofs", sorted({proofs for _, proofs in rows()}))
def test_every_proof_is_a_test(proofs: str) -> None:
    found = _PROOF.findall(proofs)
    assert ", ".join(f"`{file}::{name}`" for file, name in found) == proofs
    for file, name in found:
        assert re.search(rf"^def {name}\(", (ROOT / "tests" / file).read_text("utf-8"), re.MULTILINE), f"{file}: {name}"
