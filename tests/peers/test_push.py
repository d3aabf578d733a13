"""Pushing to Debian's docker-registry: in chunks, over connections that break, by runs that are killed."""

from __future__ import annotations

import pytest

from tests.pushes import Pushes

from .conftest import StartsRegistry


class TestDockerRegistry(Pushes):
    keeps_parts = False  # what its `_state` says of the position has to be what it has

    @pytest.fixture
    def address(self, docker_registry: StartsRegistry) -> str:
        return docker_registry().address
