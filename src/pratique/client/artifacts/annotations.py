"""The annotations of an artifact in one file, as oras reads them: of the manifest, of its config and of each file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from ...config.files import read_json
from ...errors import InvalidInput, NotFound
from ...values import field, frozen, replace
from .parts import PushedFile

# What stands in such a file in the place of a file's name.
MANIFEST: Final = "$manifest"
CONFIG: Final = "$config"

Texts = Mapping[str, str]


@frozen
class Annotations:
    """What is said of a manifest, of its config, and of files by their paths or titles."""

    manifest: Texts = field(default_factory=dict, hash=False)
    config: Texts = field(default_factory=dict, hash=False)
    files: Mapping[str, Texts] = field(default_factory=dict, hash=False)

    @classmethod
    def read(cls, path: Path) -> Annotations:
        """Read a JSON object of objects of texts. Raises NotFound, InvalidInput."""
        document = read_json(path)
        if document is None:
            raise NotFound(f"there is no file {path}")
        found = {name: _texts(said, name, path) for name, said in document.items()}
        manifest, config = found.pop(MANIFEST, {}), found.pop(CONFIG, {})
        return cls(manifest, config, found)

    def on(self, files: Iterable[PushedFile]) -> list[PushedFile]:
        """The files with what is said of them, unless they say otherwise. Raises InvalidInput for what is said of no file."""
        listed = list(files)
        unknown = set(self.files).difference(*((file.path, file.name) for file in listed))
        if unknown:
            raise InvalidInput(f"{min(unknown)!r} is annotated and is not among the files that are pushed")
        return [replace(file, annotations={**self._of(file), **file.annotations}) for file in listed]

    def _of(self, file: PushedFile) -> Texts:
        return {**self.files.get(file.name, {}), **self.files.get(file.path, {})}


def _texts(said: Any, name: str, path: Path) -> Texts:
    if not isinstance(said, dict) or not all(isinstance(value, str) for value in said.values()):
        raise InvalidInput(
            f"{path} has no object of texts for {name[:200]!r}",
            advice=f"it looks like {{{MANIFEST!r}: {{...}}, {CONFIG!r}: {{...}}, 'FILE': {{...}}}}".replace("'", '"'),
        )
    return said
