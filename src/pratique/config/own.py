"""Where our own file is; without one nothing of it is loaded."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from ..errors import InvalidInput

if TYPE_CHECKING:
    from .settings import Settings

VARIABLE: Final = "PRATIQUE_CONFIG"  # names another file

Wanted = Callable[[str], "Settings | None"]  # what is wanted for a host, `host[:port]`


def default_path(environment: Mapping[str, str]) -> str:
    """`$PRATIQUE_CONFIG`, or `$XDG_CONFIG_HOME/pratique/config.toml`, by default below `~/.config`."""
    if named := environment.get(VARIABLE):
        return named
    folder = environment.get("XDG_CONFIG_HOME") or os.path.join(home(environment), ".config")
    return os.path.join(folder, "pratique", "config.toml")


def home(environment: Mapping[str, str]) -> str:
    """The user's home, by the environment or else by the system's list of users."""
    return environment.get("HOME") or os.path.expanduser("~")


def load(environment: Mapping[str, str]) -> Wanted:
    """What the file says of each host. Raises InvalidInput, naming the file and the key."""
    path = default_path(environment)
    try:
        status = os.stat(path)
    except OSError:
        if environment.get(VARIABLE):
            raise InvalidInput(f"{VARIABLE}: {path} cannot be read") from None
        return nothing
    return _read(path, status.st_mtime_ns)


def nothing(_: str) -> None:
    """Of no host anything is said."""


@lru_cache(maxsize=1)
def _read(path: str, _: int) -> Wanted:
    """The file as it was at a time: parts of a command that want it each do not read it each."""
    from pathlib import Path

    from .settings import OwnFile

    return OwnFile.load(Path(path))
