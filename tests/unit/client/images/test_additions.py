"""What of this machine becomes a layer, as words say it."""

from __future__ import annotations

import pytest

from pratique.client.images.additions import Addition
from pratique.errors import InvalidInput


@pytest.mark.parametrize(
    ("text", "addition"),
    [
        ("layer.tar", Addition("layer.tar")),
        ("a:b.tar", Addition("a:b.tar")),
        ("folder:/", Addition("folder", "/")),
        ("C:x:/opt/app", Addition("C:x", "/opt/app")),
        ("-", Addition("-")),
    ],
)
def test_what_becomes_a_layer(text: str, addition: Addition) -> None:
    assert Addition.parse(text) == addition


@pytest.mark.parametrize("text", ["-:/opt", ":/opt"])
def test_what_names_no_file(text: str) -> None:
    with pytest.raises(InvalidInput):
        Addition.parse(text)
