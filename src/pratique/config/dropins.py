"""Which files say how registries are reached: `registries.conf` and drop-in folders (containers-registries.conf.d(5))."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from ..errors import InvalidInput
from ..values import frozen

SYSTEM: Final = Path("/etc/containers")
NAME: Final = "registries.conf"
SUFFIX: Final = ".conf"
MOST_LOOKED_AT_BYTES: Final = 64 << 10  # of a file, to find out whether it has to be read at all
VARIABLES: Final = ("CONTAINERS_REGISTRIES_CONF", "REGISTRIES_CONFIG_PATH")  # the second is the older name

_ALIASES: Final = b"[aliases]"
_ALIAS = re.compile(rb'"[^"\\]*"\s*=\s*"[^"\\]*"\s*(?:#.*)?')


@frozen
class Places:
    """Which files count: one file, which has to be there if it was `named`, and what is in folders beside it."""

    file: Path
    folders: tuple[Path, ...] = ()
    named: bool = False

    @classmethod
    def usual(cls, environment: Mapping[str, str], system: Path = SYSTEM) -> Places:
        """Where the tools look: a file that the environment names, the user's, or the system's.

        A user's own file takes the place of all the system's; without one, the user's folder comes after the system's.
        """
        folders = [f"{folder / NAME}.d" for folder in (system, *_user_folders(environment)[:1])]
        both = (Path(folders[0]), Path(folders[1]))
        named = next((environment[name] for name in VARIABLES if environment.get(name)), None)
        if named:
            return cls(Path(named), both, named=True)
        for folder in _user_folders(environment):
            if (folder / NAME).exists():
                return cls(folder / NAME, (folder / f"{NAME}.d",))
        return cls(system / NAME, both)

    @classmethod
    def only(cls, file: Path) -> Places:
        """This file and no other."""
        return cls(file, named=True)

    def files(self) -> Iterator[Path]:
        """The files that are there, in the order in which they count. Raises InvalidInput."""
        if self.named or self.file.exists():
            yield self.file
        for folder in self.folders:
            yield from _dropped_in(folder)


def is_mute(path: Path) -> bool:
    """Whether a file says nothing of where registries are reached: it has comments, and aliases in their plainest form.

    So it is with the files that come with the tools. They need no parser, unless somebody wants short names.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_LOOKED_AT_BYTES + 1)
    except OSError:
        return False
    lines = (line for line in map(bytes.strip, raw.split(b"\n")) if line and not line.startswith(b"#"))
    if len(raw) > MOST_LOOKED_AT_BYTES or not raw.isascii() or next(lines, _ALIASES) != _ALIASES:
        return False
    return all(_ALIAS.fullmatch(line) for line in lines)


def _user_folders(environment: Mapping[str, str]) -> tuple[Path, ...]:
    """The tools know `~/.config` only; a user who moved it elsewhere is followed there first."""
    home = Path(environment.get("HOME") or Path.home()) / ".config"
    moved = environment.get("XDG_CONFIG_HOME")
    return tuple(dict.fromkeys(folder / "containers" for folder in (*([Path(moved)] if moved else []), home)))


def _dropped_in(folder: Path) -> list[Path]:
    try:
        found = sorted(path for path in folder.iterdir() if path.name.endswith(SUFFIX) and not path.is_dir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise InvalidInput(f"{folder} cannot be read: {error.strerror}") from None
    return found
