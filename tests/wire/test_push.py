"""Pushing to the embedded registry on a socket: in chunks, over connections that break, by runs that are killed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pushes import Pushes
from tests.registries import serving


class TestEmbeddedRegistry(Pushes):
    @pytest.fixture
    def address(self, tmp_path: Path) -> Iterator[str]:
        with serving(tmp_path / "registry") as listener:
            yield listener.address
