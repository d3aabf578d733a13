"""One layer changed on its way: members left out, contents replaced, times set."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from ...errors import InvalidInput
from ...stores.header import BLOCK, SYMBOLIC
from ...values import field, frozen
from . import header
from .header import Member, asked, parents, shown
from .overlay import END, Passing
from .pieces import Packed
from .walk import Walk, Write


@frozen
class Edit:
    """What to change in a layer.

    `strip` are patterns of what is left out, with everything in it: `*` and `?` stand for characters of a name, `**` for any
    folders. `replace` has new content by path; what the layer does not have is added. `moment` (seconds since the epoch) is when
    everything was modified; with `only_later` only what was modified after it.
    """

    strip: tuple[str, ...] = ()
    replace: Mapping[str, bytes] = field(default_factory=dict, hash=False)
    moment: int | None = None
    only_later: bool = False

    def __post_init__(self) -> None:
        """Raise InvalidInput for paths that lead out of a layer, and for files in what is to be a file."""
        names = {_path(path) for path in self.replace}
        for name in names:
            if not names.isdisjoint(parents(name)):
                raise InvalidInput(f"{shown(name)} would be in what is to be a file as well")
        for pattern in self.strip:
            _path(pattern)


def edit(layer: Packed, changes: Edit, write: Write) -> bool:
    """Write a layer as `changes` want it; whether it is another than before.

    Hard links to what is left out or replaced keep the content. Raises InvalidInput where a new file would be a folder of the
    layer or in what is none, and as `overlay` does.
    """
    editing = _Editing(changes, write)
    Passing([layer], editing.hides, editing.put, write).add(0)
    editing.add_missing()
    write(END)
    return editing.changed


def matcher(patterns: Iterable[str]) -> Callable[[bytes], bool]:
    """Whether a name, or a folder that it is in, is one of the patterns. Raises InvalidInput for one that leads out."""
    listed = [b"".join(_expressions(asked(pattern))) for pattern in patterns]
    if not listed:
        return lambda _: False
    compiled = re.compile(b"(?:%b)(?:/.*)?" % b"|".join(listed), re.DOTALL)
    return lambda name: compiled.fullmatch(name) is not None


class _Editing:
    def __init__(self, changes: Edit, write: Write) -> None:
        self._changes = changes
        self._write = write
        self._strips = matcher(changes.strip)
        self._replaced = set[bytes]()
        self._left = {_path(path): content for path, content in changes.replace.items()}
        self._files = frozenset(self._left)
        self._folders = frozenset(above for name in self._files for above in parents(name) if above)
        self.changed = False

    def hides(self, _: int, name: bytes, __: bytes) -> bool:
        """Whether a name is left out; what was replaced is that from there on, and no hard link leads to it."""
        hidden = name in self._replaced or self._strips(name)
        self.changed |= hidden
        return hidden

    def put(self, _: int, member: Member, walk: Walk) -> None:
        if self._files:
            self._check(member)
        content = self._left.pop(member.name, None)
        if content is not None:
            self._replaced.add(member.name)
            walk.put(self._file(header.resized(member, len(content)), content))
            return
        timed = self._timed(member)
        self.changed |= timed is not member
        walk.keep(b"" if timed is member else timed.headers)

    def _check(self, member: Member) -> None:
        """Raise InvalidInput where a new file would be a folder of the layer, or in what is no folder there."""
        ways = (member.name, *parents(member.name)) if member.is_folder else parents(member.name)
        folder = next((each for each in ways if each in self._files), None)
        if folder is not None:
            raise InvalidInput(f"{shown(folder)} is a folder in the layer, and no file is put in its place")
        if member.name in self._folders and not member.is_folder and member.kind != SYMBOLIC:
            raise InvalidInput(f"{shown(member.name)} is no folder in the layer, and no file is put into it")

    def add_missing(self) -> None:
        """Write the files that the layer did not have."""
        for name, content in sorted(self._left.items()):
            self._write(self._file(header.made(name, size=len(content)), content))

    def _timed(self, member: Member) -> Member:
        moment = self._changes.moment
        if moment is None or member.modified == str(moment):
            return member
        if self._changes.only_later and float(member.modified) <= moment:
            return member
        return header.retimed(member, moment)

    def _file(self, member: Member, content: bytes) -> bytes:
        self.changed = True
        return self._timed(member).headers + content + bytes(-len(content) % BLOCK)


def _path(path: str) -> bytes:
    """A path or pattern as layers have names. Raises InvalidInput for one of no file in them."""
    name = asked(path)
    if not name:
        raise InvalidInput(f"{path!r} is not the path of a file in an image")
    return name


def _expressions(pattern: bytes) -> Iterator[bytes]:
    """The parts of a regular expression for a pattern."""
    for part in re.findall(rb"\*\*/|\*\*|\*|\?|[^*?]+", pattern):
        yield _WILD.get(part) or re.escape(part)


_WILD = {b"**/": b"(?:.*/)?", b"**": b".*", b"*": b"[^/]*", b"?": b"[^/]"}
