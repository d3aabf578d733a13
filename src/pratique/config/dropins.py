"""Which files say how registries are reached: `registries.conf` and drop-in folders (containers-registries.conf.d(5))."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Final

from ..errors import InvalidInput
from ..expressions import expression
from ..values import frozen
from .own import home

SYSTEM: Final = "/etc/containers"
NAME: Final = "registries.conf"
SUFFIX: Final = ".conf"
MOST_LOOKED_AT_BYTES: Final = 64 << 10  # of a file, to find out whether it has to be read at all
VARIABLES: Final = ("CONTAINERS_REGISTRIES_CONF", "REGISTRIES_CONFIG_PATH")  # the second is the older name

_ALIASES: Final = b"[aliases]"
_ALIAS = expression(rb'"[^"\\]*"\s*=\s*"[^"\\]*"\s*(?:#.*)?')


@frozen
class Places:
    """Which files count: one file, which has to be there if it was `named`, and what is in folders beside it."""

    file: str | os.PathLike[str]
    folders: tuple[str | os.PathLike[str], ...] = ()
    named: bool = False

    @classmethod
    def usual(cls, environment: Mapping[str, str], system: str | os.PathLike[str] = SYSTEM) -> Places:
        """Where the tools look: a file that the environment names, the user's, or the system's.

        A user's own file takes the place of all the system's; without one, the user's folder comes after the system's.
        """
        of_the_system = os.path.join(system, NAME)
        of_the_user = [os.path.join(folder, NAME) for folder in _user_folders(environment)]
        both = (f"{of_the_system}.d", f"{of_the_user[0]}.d")
        named = next((environment[name] for name in VARIABLES if environment.get(name)), None)
        if named:
            return cls(named, both, named=True)
        for file in of_the_user:
            if os.path.exists(file):
                return cls(file, (f"{file}.d",))
        return cls(of_the_system, both)

    @classmethod
    def only(cls, file: str | os.PathLike[str]) -> Places:
        """This file and no other."""
        return cls(file, named=True)

    def files(self) -> Iterator[str]:
        """The files that are there, in the order in which they count. Raises InvalidInput."""
        if self.named or os.path.exists(self.file):
            yield os.fspath(self.file)
        for folder in self.folders:
            yield from _dropped_in(folder)


def is_mute(path: str | os.PathLike[str]) -> bool:
    """Whether a file says nothing of where registries are reached: it has comments, and aliases in their plainest form.

    So it is with the files that come with the tools. They need no parser, unless somebody wants short names.
    """
    try:
        with open(path, "rb") as file:
            raw = file.read(MOST_LOOKED_AT_BYTES + 1)
    except OSError:
        return False
    lines = (line for line in map(bytes.strip, raw.split(b"\n")) if line and not line.startswith(b"#"))
    if len(raw) > MOST_LOOKED_AT_BYTES or not raw.isascii() or next(lines, _ALIASES) != _ALIASES:
        return False
    return all(_ALIAS.fullmatch(line) for line in lines)


def _user_folders(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The tools know `~/.config` only; a user who moved it elsewhere is followed there first."""
    folders = filter(None, (environment.get("XDG_CONFIG_HOME"), os.path.join(home(environment), ".config")))
    return tuple(dict.fromkeys(os.path.join(folder, "containers") for folder in folders))


def _dropped_in(folder: str | os.PathLike[str]) -> list[str]:
    try:
        found = sorted(os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(SUFFIX))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise InvalidInput(f"{folder} cannot be read: {error.strerror}") from None
    return [path for path in found if not os.path.isdir(path)]
