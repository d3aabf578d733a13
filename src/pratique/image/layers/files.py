"""The files of an image: listed, and compared with those of another."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from ...spec.digest import Digest
from ...stores.crew import in_parallel
from ...stores.header import DEVICES, FILE, FOLDER, LINK, PIPE, SYMBOLIC, decoded, encoded
from ...values import frozen, replace
from .header import Member
from .pieces import LAYERS_AT_ONCE, Packed
from .walk import Walk
from .whiteout import Shadow, check_kept, is_whiteout

MOST_LINKS: Final = 40  # hard links that lead from one to the next

_KINDS: Final = {LINK: "link", SYMBOLIC: "symlink", FOLDER: "folder", PIPE: "pipe"} | dict.fromkeys(DEVICES, "device")


@frozen
class File:
    """A file of an image as its layer has it: `size` in bytes, `modified` in seconds since the epoch, as text.

    `kind` is file, folder, link (a hard one), symlink, device, or pipe; `digest` is that of a file's content, where it was
    asked for; `attributes` are what pax records say beyond the rest: extended attributes and the like. `layer` is the digest of
    the layer that it is from, where that is known.
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
    layer: Digest | None = None

    def differs(self, other: File, *, times: bool = False) -> tuple[str, ...]:
        """The names of what is not the same: `kind`, `content`, `mode`, `owner`, `link`, `device`, `attributes`, and with
        `times` `modified`.
        """
        mine, others = _compared(self, times=times), _compared(other, times=times)
        return tuple(name for name, value in mine.items() if value != others[name])


@frozen
class Change:
    """A path whose file is not the same in two images; None where one has no such file.

    `fields` says what of it changed, as `File.differs` does.
    """

    path: str
    before: File | None
    after: File | None
    fields: tuple[str, ...] = ()

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
    """Read a layer to its end; with `digests`, those of the files as well.

    Raises as `Walk` does, InvalidInput for one that would fill the memory, and what reading raises.
    """
    files: dict[bytes, File] = {}
    with layer.pieces() as pieces:
        walk, kept = Walk(pieces, layer.what), 0

        def members() -> Iterator[Member]:
            nonlocal kept
            for member in walk:
                if not is_whiteout(member.name):
                    found = _file(member, _hashed(walk, member) if digests and member.is_file else None, layer.digest)
                    if found.link or found.attributes:
                        check_kept(kept := kept + len(found.link) + sum(len(said) for _, said in found.attributes))
                    files[member.name] = found
                yield member

        shadow = Shadow.of(1, members())
    shadow.keep(kept)
    return Contents(files, shadow)


def compose(contents: Iterable[Contents]) -> dict[bytes, File]:
    """The files that layers make together, from the base up, by name and in the order of names.

    A hard link to what a higher layer took away or replaced is the file that it was, and other links to that lead to it.
    Raises InvalidInput where they would fill the memory.
    """
    found: dict[bytes, File] = {}
    links: list[tuple[int, bytes]] = []
    layers = list(contents)
    shadow = Shadow()
    for number in reversed(range(len(layers))):
        each = layers[number]
        for name, file in each.files.items():
            if name not in found and not shadow.hides(0, name, _kind_of(file)):
                found[name] = file
                if file.kind == "link":
                    links.append((number, name))
        shadow.add(each.shadow)
    _resolve(found, layers, links)
    return dict(sorted(found.items()))


def _resolve(found: dict[bytes, File], layers: Sequence[Contents], links: Iterable[tuple[int, bytes]]) -> None:
    """Let hard links be what they lead to, where that is not under its name any more."""
    heirs: dict[int, File] = {}  # by the file that is gone from under its name
    for number, name in sorted(links, key=lambda numbered: numbered[0]):  # the lowest inherits, as in `overlay`
        link = found[name]
        target = _led(layers, number, link)
        if target is None:
            continue
        there = found.get(_bytes(target.path))
        if there is target:
            found[name] = replace(link, link=target.path, digest=target.digest)
        elif heir := heirs.get(id(target)):
            found[name] = replace(link, link=heir.path, digest=heir.digest)
        else:
            heirs[id(target)] = found[name] = replace(target, path=link.path)


def _led(layers: Sequence[Contents], number: int, link: File) -> File | None:
    """The file that a hard link in a layer leads to: it stands in that layer or below, and so does what it leads to."""
    found = link
    for _ in range(MOST_LINKS):
        if found.kind != "link":
            return found
        name = _bytes(found.link)
        number = next((each for each in range(number, -1, -1) if name in layers[each].files), -1)
        if number < 0:
            return None
        found = layers[number].files[name]
    return None


def listing(layers: Sequence[Packed], *, digests: bool = False) -> dict[bytes, File]:
    """The files of an image by name, each as the highest layer has it."""
    return compose(bounded(in_parallel(lambda layer: read(layer, digests=digests), layers, LAYERS_AT_ONCE)))


def bounded(contents: Iterable[Contents]) -> Iterator[Contents]:
    """The same. Raises InvalidInput as soon as all of them would fill the memory."""
    kept = 0
    for each in contents:
        check_kept(kept := kept + each.shadow.kept)
        yield each


def compare(before: Mapping[bytes, File], after: Mapping[bytes, File], *, times: bool = False) -> tuple[Change, ...]:
    """What was added, removed and changed, in the order of names; times count where that is asked for."""
    return tuple(_changes(before, after, times))


def _changes(before: Mapping[bytes, File], after: Mapping[bytes, File], times: bool) -> Iterator[Change]:
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if old is None or new is None:
            yield Change((new or before[name]).path, old, new)
        elif fields := _target(old, before).differs(_target(new, after), times=times):
            yield Change(new.path, old, new, fields)


def _target(file: File, files: Mapping[bytes, File]) -> File:
    """What a hard link leads to."""
    return files.get(_bytes(file.link), file) if file.kind == "link" else file


def _compared(file: File, *, times: bool) -> dict[str, object]:
    return {
        "kind": file.kind,
        "content": (file.size, file.digest) if file.kind == "file" else (),
        "mode": file.mode if file.kind != "symlink" else 0,  # which no system looks at
        "owner": file.owner,
        "link": file.link if file.kind in ("link", "symlink") else "",
        "device": file.device,
        "attributes": file.attributes,
        "modified": file.modified if times else "",
    }


def _bytes(path: str) -> bytes:
    return encoded(path.rstrip("/"))


def _file(member: Member, digest: Digest | None, layer: Digest | None) -> File:
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
        layer=layer,
    )


def _hashed(walk: Walk, member: Member) -> Digest:
    content = hashlib.sha256()
    walk.pour(member, content.update)
    return Digest("sha256", content.hexdigest())


def _kind_of(file: File) -> bytes:
    return {"folder": FOLDER, "symlink": SYMBOLIC}.get(file.kind, FILE)
