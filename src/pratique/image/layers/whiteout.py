"""Whiteouts (layer.md §Whiteouts): what a layer takes away of the layers below it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, TypeVar

from ...errors import InvalidInput
from ...stores.header import FILE, FOLDER, SYMBOLIC
from ...values import field, record
from .header import Member, parent, parents

MOST_KEPT_BYTES: Final = 256 << 20  # of names, and of headers of folders, of the layers of an image
_NAME_BYTES: Final = 128  # that a name needs beside its own
_MOST_COVERED: Final = 4096  # folders of which is remembered what hides them

PREFIX: Final = b".wh."
OPAQUE: Final = b".wh..wh..opq"
_SPECIAL: Final = b".wh..wh."  # names that other file systems of layers kept for themselves
_NOWHERE: Final = (-1, b"")

T = TypeVar("T")


def check_kept(size: int) -> None:
    """Raise InvalidInput where so many bytes of names are more than anybody needs."""
    if size > MOST_KEPT_BYTES:
        raise InvalidInput(
            f"the layers have names of more than {MOST_KEPT_BYTES} bytes",
            advice="it may be made to fill the memory; nothing of it was kept",
        )


def is_whiteout(name: bytes) -> bool:
    """Whether a name stands for something that is not there, or is of no concern."""
    return PREFIX in name and any(
        part.startswith(PREFIX) if last else part.startswith(_SPECIAL) for last, part in _parts(name)
    )


def taken_away(name: bytes) -> tuple[bytes, bool] | None:
    """What a whiteout takes away, and whether that is only what is in it; None for any other name."""
    folder, _, base = name.rpartition(b"/")
    if base == OPAQUE:
        return folder, True
    if not base.startswith(PREFIX) or base.startswith(_SPECIAL) or base == PREFIX:
        return None
    hidden = base.removeprefix(PREFIX)
    return folder + b"/" + hidden if folder else hidden, False


def _parts(name: bytes) -> list[tuple[bool, bytes]]:
    *folders, base = name.split(b"/")
    return [*((False, folder) for folder in folders), (True, base)]


@record
class Shadow:
    """What layers take away of those below them.

    A layer has a number, which is higher the higher it lies; each map says the highest layer that has a name in that way.
    """

    removed: dict[bytes, int] = field(default_factory=dict)  # by a whiteout, or by what is no folder
    opaque: dict[bytes, int] = field(default_factory=dict)
    folders: dict[bytes, tuple[int, bytes]] = field(default_factory=dict)  # with its headers there
    inner: dict[bytes, int] = field(default_factory=dict)  # folders by the names of what is in them
    covered: dict[bytes, int] = field(default_factory=dict)  # what `cover` found
    kept: int = 0  # bytes, about

    @classmethod
    def of(cls, layer: int, members: Iterable[Member]) -> Shadow:
        """What one layer takes away. Raises InvalidInput where its names would fill the memory."""
        shadow = cls()
        for member in members:
            name = member.name
            shadow.kept += len(name) + _NAME_BYTES
            if not is_whiteout(name):
                shadow._note(layer, member)
            elif taken := taken_away(name):
                (shadow.opaque if taken[1] else shadow.removed)[taken[0]] = layer
            if shadow.kept > MOST_KEPT_BYTES:
                check_kept(shadow.kept)
        return shadow

    def _note(self, layer: int, member: Member) -> None:
        """Take note of what a layer has."""
        if member.is_folder:
            self.folders[member.name] = (layer, member.headers)
            self.keep(len(member.headers))
        else:
            self.removed[member.name] = layer
        folder = parent(member.name)
        while folder and folder not in self.inner:
            self.inner[folder] = layer
            self.keep(len(folder) + _NAME_BYTES)
            folder = parent(folder)

    def keep(self, size: int) -> None:
        """Count bytes that are kept. Raises InvalidInput where they are more than anybody needs."""
        self.kept += size
        check_kept(self.kept)

    def add(self, higher: Shadow) -> None:
        """Take in what a higher layer takes away. Raises InvalidInput where its names would fill the memory."""
        self._take(self.removed, higher.removed)
        self._take(self.opaque, higher.opaque)
        self._take(self.inner, higher.inner)
        before = self.folders
        self.keep(sum(len(head) - len(before.get(name, _NOWHERE)[1]) for name, (_, head) in higher.folders.items()))
        self._take(self.folders, higher.folders)
        self.covered.clear()

    def _take(self, mine: dict[bytes, T], theirs: Mapping[bytes, T]) -> None:
        new = theirs.keys() - mine.keys()
        self.keep(sum(map(len, new)) + _NAME_BYTES * len(new))
        mine.update(theirs)

    def hides(self, layer: int, name: bytes, kind: bytes = FILE) -> bool:
        """Whether what a layer has under a name is not there any more.

        A folder stays where a higher layer has it as well. So does a symbolic link where a higher layer has something in it: it
        is in what the link leads to.
        """
        if self.cover(parent(name)) > layer or self.removed.get(name, -1) > layer:
            return True
        if kind == FOLDER:
            return False
        return self.folders.get(name, _NOWHERE)[0] > layer or (kind != SYMBOLIC and self.inner.get(name, -1) > layer)

    def cover(self, folder: bytes) -> int:
        """The highest layer that hides what layers below it have in a folder; -1 where none does."""
        known = self.covered.get(folder)
        if known is None:
            ways = (folder, *parents(folder))
            known = max(max(self.removed.get(each, -1), self.opaque.get(each, -1)) for each in ways)
            if len(self.covered) >= _MOST_COVERED:  # names may be long, and folders many
                self.covered.clear()
            self.covered[folder] = known
        return known
