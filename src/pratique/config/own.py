"""Where our own file is; without one nothing of it is loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..errors import InvalidInput

if TYPE_CHECKING:
    from .settings import Settings

VARIABLE: Final = "PRATIQUE_CONFIG"  # names another file

Wanted = Callable[[str], "Settings | None"]  # what is wanted for a host, `host[:port]`


def default_path(environment: Mapping[str, str]) -> Path:
    """`$PRATIQUE_CONFIG`, or `$XDG_CONFIG_HOME/pratique/config.toml`, by default below `~/.config`."""
    if named := environment.get(VARIABLE):
        return Path(named)
    folder = environment.get("XDG_CONFIG_HOME")
    return (
        Path(folder) if folder else Path(environment.get("HOME") or Path.home()) / ".config"
    ) / "pratique/config.toml"


def load(environment: Mapping[str, str]) -> Wanted:
    """What the file says of each host. Raises InvalidInput, naming the file and the key."""
    path = default_path(environment)
    try:
        status = path.stat()
    except OSError:
        if environment.get(VARIABLE):
            raise InvalidInput(f"{VARIABLE}: {path} cannot be read") from None
        return nothing
    return _read(path, status.st_mtime_ns)


def nothing(_: str) -> None:
    """Of no host anything is said."""


@lru_cache(maxsize=1)
def _read(path: Path, _: int) -> Wanted:
    """The file as it was at a time: parts of a command that want it each do not read it each."""
    from .settings import OwnFile

    return OwnFile.load(path)
