"""What the guides show as tests passes as tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pratique.testing import Embedded

from .examples import ROOT, blocks


def shown() -> dict[str, Callable[[Any], None]]:
    """The tests of the guide to registries in tests, by their names."""
    text = (ROOT / "docs" / "guides" / "tests.md").read_text("utf-8")
    names: dict[str, Any] = {}
    for block in blocks(text):
        if block.language == "python" and "def test_" in block.text:
            exec(compile(block.text, "an example", "exec"), names)  # noqa: S102
    return {name: value for name, value in names.items() if name.startswith("test_")}


def test_of_one(pratique_registry: Embedded) -> None:
    shown()["test_that_the_program_pulls"](pratique_registry)


def test_of_several(pratique_registries: Callable[..., Embedded]) -> None:
    shown()["test_what_it_does_about_a_refusal"](pratique_registries)


def test_no_other_is_shown() -> None:
    assert len(shown()) == 2
