"""A hook of Hatchling: what is built has the version of the tag, and the manual page. The tree is left as it is."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

EDITABLE: Final = "editable"  # a kind of wheel
VERSION: Final = "pratique/version.py"
PAGE: Final = "share/man/man1/pratique.1"  # beside the programs, where `man` looks for it

_LINE: Final = re.compile(r'^VERSION = "[^"]*"$', re.MULTILINE)
_PRINT_PAGE: Final = """
import sys, pratique.version
pratique.version.VERSION = sys.argv[1]
from pratique.cli.manual import page
print(page(), end="")
"""


class Hook(BuildHookInterface):  # type: ignore[type-arg]
    """Adds files that are made of those in the tree."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == EDITABLE:
            return
        self._folder = tempfile.TemporaryDirectory()
        if self.target_name == "wheel":
            build_data["force_include"][self._made("version.py", self._version())] = VERSION
            build_data["shared_data"][self._made("pratique.1", self._page())] = PAGE
        else:
            build_data["force_include"][self._made("version.py", self._version())] = f"src/{VERSION}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        if version != EDITABLE:
            self._folder.cleanup()

    def _made(self, name: str, content: str) -> str:
        path = Path(self._folder.name, name)
        path.write_text(content, "utf-8")
        return str(path)

    def _version(self) -> str:
        source = Path(self.root, "src", VERSION)
        text, count = _LINE.subn(f'VERSION = "{self.metadata.version}"', source.read_text("utf-8"))
        if count != 1:
            raise ValueError(f"{source} has no line of the form VERSION = ...")
        return text

    def _page(self) -> str:
        environment = {**os.environ, "PYTHONPATH": str(Path(self.root, "src")), "PYTHONDONTWRITEBYTECODE": "yes"}
        command = [sys.executable, "-S", "-c", _PRINT_PAGE, self.metadata.version]
        return subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout
