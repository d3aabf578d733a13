"""One file of an image, looked for from the highest layer down, so that no layer below it is read."""

from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Sequence
from typing import IO, Final

from ...errors import InvalidInput, NotFound
from ...stores.compression import PIECE_BYTES
from ...stores.header import BLOCK, FOLDER, LINK, SYMBOLIC
from ...values import field, frozen, record
from .header import Member, normal, parent, parents, shown
from .pieces import Packed
from .walk import Walk, Write
from .whiteout import PREFIX, taken_away

MOST_LINKS: Final = 40  # that lead from one to the next, as in Linux

_KEPT_BYTES: Final = 1 << 20  # of a file that are kept in memory before its layer was read to the end


def cat(layers: Sequence[Packed], path: str, write: Write) -> None:
    """Hand the content of a regular file to `write`, through links, from `layers`, which are given from the base up.

    Nothing is written before the layer that has it was read to its end, and so verified; layers below that are not read.
    Raises NotFound, InvalidInput for what is no file and for links in circles, and as `Walk` does.
    """
    name = normal(path.encode("utf-8", "surrogateescape"), "the path")
    below = len(layers)
    for _ in range(MOST_LINKS):
        with tempfile.SpooledTemporaryFile(_KEPT_BYTES) as kept:
            found = _find(layers[:below], name, kept)
            if found is None:
                raise NotFound(f"the image has no file {shown(path.encode('utf-8', 'surrogateescape'))}")
            if found.leads_to is None:
                _copy(kept, found.is_sparse, write)
                return
            name, below = found.leads_to, found.below if found.below is not None else len(layers)
    raise InvalidInput(f"{path[:200]!r} leads through more than {MOST_LINKS} links")


@frozen
class _Found:
    """Where a search ends: at content, or at another name, to be looked for in the layers `below` a number or in all."""

    leads_to: bytes | None = None
    below: int | None = None
    is_sparse: bool = False


@record
class _Search:
    """What is known of a name after the layers so far."""

    name: bytes
    kept: IO[bytes]
    above: frozenset[bytes] = frozenset()
    folders: set[bytes] = field(default_factory=set)  # on the way to it
    found: _Found | None = None
    redirected: _Found | None = None
    is_over: bool = False


def _find(layers: Sequence[Packed], name: bytes, kept: IO[bytes]) -> _Found | None:
    search = _Search(name, kept, frozenset(parents(name)))
    for number in reversed(range(len(layers))):
        layer = layers[number]
        with layer.pieces() as pieces:
            walk = Walk(pieces, layer.what)
            for member in walk:
                _look(search, walk, member, number)
        if search.found or search.redirected or search.is_over:
            return search.found or search.redirected
    return None


def _look(search: _Search, walk: Walk, member: Member, number: int) -> None:
    name = member.name
    if name == search.name:
        search.found = _hit(search, walk, member, number)
    elif name in search.above:
        if member.is_folder:
            search.folders.add(name)
        elif name not in search.folders:
            search.is_over = True
            if member.kind == SYMBOLIC:
                search.redirected = _Found(_led(name, member.link) + search.name[len(name) :])
    elif PREFIX in name and (taken := taken_away(name)):
        hidden, inside = taken
        search.is_over |= hidden in search.above or (hidden == search.name and not inside)


def _hit(search: _Search, walk: Walk, member: Member, number: int) -> _Found:
    if member.kind == LINK:
        return _Found(member.link, number + 1)
    if member.kind == SYMBOLIC:
        return _Found(_led(member.name, member.link))
    if not member.is_file:
        what = "a folder" if member.kind == FOLDER else "no regular file"
        raise InvalidInput(f"{shown(member.name)} is {what} in the image")
    search.kept.seek(0)
    search.kept.truncate()
    if member.is_sparse:
        search.kept.write(member.headers)
    walk.pour(member, search.kept.write)
    return _Found(is_sparse=member.is_sparse)


def _led(name: bytes, link: bytes) -> bytes:
    """What a symbolic link leads to, from the root, which no link leaves."""
    parts = [] if link.startswith(b"/") else parent(name).split(b"/")
    for part in link.split(b"/"):
        if part == b"..":
            del parts[-1:]
        elif part not in (b"", b"."):
            parts.append(part)
    return b"/".join(part for part in parts if part)


def _copy(kept: IO[bytes], is_sparse: bool, write: Write) -> None:
    if is_sparse:
        kept.write(bytes(-kept.tell() % BLOCK + 2 * BLOCK))
    kept.seek(0)
    if not is_sparse:
        while data := kept.read(PIECE_BYTES):
            write(data)
        return
    # The standard library knows the forms of sparse files; it sees this one member.
    with tarfile.open(fileobj=kept, mode="r:") as archive:
        member = archive.next()
        content = archive.extractfile(member) if member else None
        while content and (data := content.read(PIECE_BYTES)):
            write(data)
