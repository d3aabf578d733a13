"""One file of an image, looked for from the highest layer down, so that no layer below it is read."""

from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Sequence
from typing import IO, Final

from ...errors import InvalidInput, NotFound
from ...stores.compression import MOST_UNPACKED_BYTES, PIECE_BYTES
from ...stores.header import BLOCK, LINK, SPARSE_RECORDS, SYMBOLIC, encoded
from ...values import field, frozen, record
from .header import Member, asked, parent, parents, shown
from .pieces import Packed
from .walk import Walk, Write
from .whiteout import PREFIX, taken_away

MOST_LINKS: Final = 40  # that lead from one to the next, as in Linux

MOST_HOLES: Final = 1_000_000  # of a sparse file

_DIGITS: Final = 20  # of a number
_KEPT_BYTES: Final = 1 << 20  # of a file that are kept in memory before its layer was read to the end


def cat(layers: Sequence[Packed], path: str, write: Write) -> None:
    """Hand the content of a regular file to `write`, through links, from `layers`, which are given from the base up.

    Nothing is written before the layer that has it was read to its end, and so verified; layers below that are not read.
    Raises NotFound, InvalidInput for what is no file and for links in circles, and as `Walk` does.
    """
    name = asked(path)
    search = _Search(name)
    for _ in range(MOST_LINKS + 1):
        with tempfile.SpooledTemporaryFile(_KEPT_BYTES) as kept:
            found = _find(layers, search, kept)
            if found is None:
                through = "" if search.name == name else f": it leads to {shown(search.name)}"
                raise NotFound(f"the image has no file {shown(encoded(path))}{through}")
            if found.onward is None:
                _check_file(found.member)
                _copy(kept, found.member, write)
                return
            search = found.onward
    raise InvalidInput(f"{shown(encoded(path))} leads through more than {MOST_LINKS} links")


@frozen
class _Found:
    """Where a search ends: at a member, or with another search."""

    member: Member
    onward: _Search | None = None


@record
class _Search:
    """What is looked for in the layers `below` a number, or in all; of the highest of them `before` a member, or in all of it."""

    name: bytes
    below: int | None = None
    before: int | None = None
    folders: set[bytes] = field(default_factory=set)  # on the way to it
    found: _Found | None = None
    redirected: _Found | None = None
    is_over: bool = False


def _find(layers: Sequence[Packed], search: _Search, kept: IO[bytes]) -> _Found | None:
    above, before = frozenset(parents(search.name)), search.before
    for number in reversed(range(len(layers[: search.below]))):
        layer = layers[number]
        with layer.pieces() as pieces:
            walk = Walk(pieces, layer.what)
            for place, member in enumerate(walk):
                if before is not None and place >= before:
                    continue
                if member.name == search.name:
                    search.found = _hit(walk, member, kept, (number, place))
                else:
                    _look(search, member, above)
        before = None
        if search.found or search.redirected or search.is_over:
            return search.found or search.redirected
    return None


def _look(search: _Search, member: Member, above: frozenset[bytes]) -> None:
    """What a member of another name says of where the search leads."""
    name = member.name
    if name in above:
        if member.is_folder:
            search.folders.add(name)
        elif name not in search.folders:
            search.is_over = True
            if member.kind == SYMBOLIC:
                onward = _Search(_led(name, member.link) + search.name[len(name) :])
                search.redirected = _Found(member, onward)
    elif PREFIX in name and (taken := taken_away(name)):
        hidden, inside = taken
        search.is_over |= hidden in above or (hidden == search.name and not inside)


def _hit(walk: Walk, member: Member, kept: IO[bytes], place: tuple[int, int]) -> _Found:
    """What stands under the name, as far as the layer was read: a name may come twice, and the last counts."""
    kept.seek(0)
    kept.truncate()
    if member.kind == LINK:
        return _Found(member, _Search(member.link, place[0] + 1, place[1]))
    if member.kind == SYMBOLIC:
        return _Found(member, _Search(_led(member.name, member.link)))
    if member.is_sparse:
        kept.write(member.headers)
    if member.is_file:
        walk.pour(member, kept.write)
    return _Found(member)


def _check_file(member: Member) -> None:
    if not member.is_file:
        what = "a folder" if member.is_folder else "no regular file"
        raise InvalidInput(f"{shown(member.name)} is {what} in the image")


def _led(name: bytes, link: bytes) -> bytes:
    """What a symbolic link leads to, from the root, which no link leaves."""
    parts = [] if link.startswith(b"/") else parent(name).split(b"/")
    for part in link.split(b"/"):
        if part == b"..":
            del parts[-1:]
        elif part not in (b"", b"."):
            parts.append(part)
    return b"/".join(part for part in parts if part)


def _copy(kept: IO[bytes], member: Member, write: Write) -> None:
    if member.is_sparse:
        kept.write(bytes(-kept.tell() % BLOCK + 2 * BLOCK))
        _fill(kept, member, write)
        return
    kept.seek(0)
    while data := kept.read(PIECE_BYTES):
        write(data)


def _fill(kept: IO[bytes], member: Member, write: Write) -> None:
    """Write a sparse file with its holes. The standard library knows the forms of them; it sees this one member."""
    # Where the map is in the content, it begins with how many places it has.
    kept.seek(len(member.headers))
    first, _, _ = kept.read(_DIGITS).partition(b"\n")
    try:
        if f"{SPARSE_RECORDS}major" in member.records and int(first) > MOST_HOLES:
            raise ValueError(f"it has {int(first)} places")
        kept.seek(0)
        with tarfile.open(fileobj=kept, mode="r:") as archive:
            read = archive.next()
            content = archive.extractfile(read) if read else None
            if read is None or content is None or not 0 <= read.size <= MOST_UNPACKED_BYTES:
                raise ValueError(f"it is longer than {MOST_UNPACKED_BYTES} bytes")
            while data := content.read(PIECE_BYTES):
                write(data)
    except (tarfile.TarError, ValueError, LookupError, ArithmeticError) as error:
        raise InvalidInput(f"{shown(member.name)} is a sparse file that cannot be read: {error}") from None
