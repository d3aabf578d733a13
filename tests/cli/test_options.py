"""Values of options as people write them."""

from __future__ import annotations

import pytest

from pratique.cli.options import size
from tests.commands import Run


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("1", 1),
        ("65536", 65536),
        ("64K", 65536),
        ("64k", 65536),
        ("16MiB", 16 << 20),
        ("5G", 5 << 30),
        ("1TB", 1 << 40),
    ],
)
def test_sizes(text: str, count: int) -> None:
    assert size(text) == count


@pytest.mark.parametrize("text", ["", "0", "0K", "-1", "1.5G", "G", "5X", "5 G", "٣", "9" * 19])
def test_what_is_no_size(run: Run, text: str) -> None:
    ran = run("copy", f"--chunk-size={text}", "localhost:1/a:1", "localhost:1/b:1")
    assert ran.code == 2
    assert "not a number of bytes" in ran.err
