"""Which token service each registry had when its login was stored, so that a later change is noticed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import InvalidInput
from .files import read_json, replace_json
from .hosts import origin_of


def default_path(environment: Mapping[str, str]) -> Path:
    """`$XDG_STATE_HOME/pratique/token-services.json`, by default below `~/.local/state`."""
    state = environment.get("XDG_STATE_HOME")
    folder = Path(state) if state else Path(environment.get("HOME") or Path.home()) / ".local" / "state"
    return folder / "pratique" / "token-services.json"


class Pins:
    """Origins of token services by registry (`host[:port]`)."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> Mapping[str, str]:
        """What was noted. Raises InvalidInput for a file that cannot be understood: it guards secrets."""
        return self._document()

    def note(self, registry: str, origin: str | None) -> None:
        """Note the token service of a registry, named as people do, or forget it."""
        document = self._document()
        key = origin_of(registry).netloc  # as challenges are met
        if document.get(key) == origin:
            return
        if origin is None:
            document.pop(key, None)
        else:
            document[key] = origin
        replace_json(self._path, document)

    def _document(self) -> dict[str, Any]:
        document = read_json(self._path) or {}
        if not all(isinstance(origin, str) for origin in document.values()):
            raise InvalidInput(f"{self._path}: not a map of registries to origins")
        return document
