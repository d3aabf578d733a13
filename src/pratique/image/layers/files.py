"""The files of an image: listed, and compared with those of another."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from ...spec.digest import Digest
from ...stores.crew import in_parallel
from ...stores.header import DEVICES, FILE, FOLDER, LINK, PIPE, SYMBOLIC, decoded
from ...values import frozen
from .header import Member
from .pieces import Packed
from .walk import Walk
from .whiteout import Shadow, is_whiteout

_AT_ONCE: Final = 2  # layers that are read
_KINDS: Final = {LINK: "link", SYMBOLIC: "symlink", FOLDER: "folder", PIPE: "pipe"} | dict.fromkeys(DEVICES, "device")


@frozen
class File:
    """A file of an image as its layer has it: `size` in bytes, `modified` in seconds since the epoch, as text.

    `kind` is file, folder, link (a hard one), symlink, device, or pipe; `digest` is that of a file's content, where it was
    asked for; `attributes` are what pax records say beyond the rest: extended attributes and the like.
    """

    path: str
    kind: str
    size: int
    mode: int
    owner: tuple[int, int]
    modified: str
    link: str = ""
    device: tuple[int, int] = (0, 0)
    digest: Digest | None = None
    attributes: tuple[tuple[str, str], ...] = ()

    def is_same(self, other: File, *, times: bool = False) -> bool:
        """Whether the other is the same but for when it was modified; with `times` that counts, too."""
        return _compared(self, times=times) == _compared(other, times=times)


@frozen
class Change:
    """A path whose file is not the same in two images; None where one has no such file."""

    path: str
    before: File | None
    after: File | None

    @property
    def kind(self) -> str:
        """Added, removed or changed."""
        if self.before is None:
            return "added"
        return "changed" if self.after else "removed"


@frozen
class Contents:
    """What one layer holds by name, and what it takes away."""

    files: Mapping[bytes, File]
    shadow: Shadow


def read(layer: Packed, *, digests: bool = False) -> Contents:
    """Read a layer to its end; with `digests`, those of the files as well. Raises as `Walk` does, and what reading raises."""
    files: dict[bytes, File] = {}
    with layer.pieces() as pieces:
        walk = Walk(pieces, layer.what)

        def members() -> Iterator[Member]:
            for member in walk:
                if not is_whiteout(member.name):
                    files[member.name] = _file(member, _hashed(walk, member) if digests and member.is_file else None)
                yield member

        shadow = Shadow.of(1, members())
    return Contents(files, shadow)


def compose(contents: Sequence[Contents]) -> dict[bytes, File]:
    """The files that layers make together, from the base up, by name and in the order of names."""
    found: dict[bytes, File] = {}
    shadow = Shadow()
    for each in reversed(contents):
        for name, file in each.files.items():
            if name not in found and not shadow.hides(0, name, _kind_of(file)):
                found[name] = file
        shadow.add(each.shadow)
    return dict(sorted(found.items()))


def listing(layers: Sequence[Packed], *, digests: bool = False) -> dict[bytes, File]:
    """The files of an image by name, each as the highest layer has it."""
    return compose(list(in_parallel(lambda layer: read(layer, digests=digests), layers, _AT_ONCE)))


def compare(before: Mapping[bytes, File], after: Mapping[bytes, File], *, times: bool = False) -> tuple[Change, ...]:
    """What was added, removed and changed, in the order of names; times count where that is asked for."""
    return tuple(
        Change((after.get(name) or before[name]).path, before.get(name), after.get(name))
        for name in sorted(before.keys() | after.keys())
        if not _is_kept(before.get(name), after.get(name), before, after, times)
    )


def _is_kept(
    old: File | None, new: File | None, before: Mapping[bytes, File], after: Mapping[bytes, File], times: bool
) -> bool:
    if old is None or new is None:
        return False
    return _target(old, before).is_same(_target(new, after), times=times)


def _target(file: File, files: Mapping[bytes, File]) -> File:
    """What a hard link leads to."""
    return files.get(file.link.encode("utf-8", "surrogateescape"), file) if file.kind == "link" else file


def _compared(file: File, *, times: bool) -> tuple[object, ...]:
    modified = file.modified if times else ""
    size = file.size if file.kind == "file" else 0
    link = file.link if file.kind in ("link", "symlink") else ""
    return (file.kind, size, file.mode, file.owner, modified, link, file.device, file.digest, file.attributes)


def _file(member: Member, digest: Digest | None) -> File:
    path = decoded(member.name)
    return File(
        path=f"{path}/" if member.is_folder else path,
        kind=_KINDS.get(member.kind, "file"),
        size=member.length if member.is_file else 0,
        mode=member.mode,
        owner=member.owner,
        modified=member.modified,
        link=decoded(member.link),
        device=member.device if member.kind in DEVICES else (0, 0),
        digest=digest,
        attributes=tuple(sorted((key, value) for key, value in member.records.items() if "xattr" in key)),
    )


def _hashed(walk: Walk, member: Member) -> Digest:
    content = hashlib.sha256()
    walk.pour(member, content.update)
    return Digest("sha256", content.hexdigest())


def _kind_of(file: File) -> bytes:
    return {"folder": FOLDER, "symlink": SYMBOLIC}.get(file.kind, FILE)
