"""A registry that is open to everybody."""

from __future__ import annotations

from pathlib import Path

import pytest

from .asking import Asking


@pytest.fixture
def ask(tmp_path: Path) -> Asking:
    """Ask an open registry with nothing in it."""
    return Asking(tmp_path)
