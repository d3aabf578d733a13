"""Layers for tests, and what they make together by another way than ours: names put one after another into a tree in memory."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from hypothesis import strategies as st

from pratique.image.layers.overlay import overlay
from pratique.image.layers.pieces import Packed
from tests.unit.stores.tars import content_of

Entry = tarfile.TarInfo | tuple[tarfile.TarInfo, bytes]


def layer(*members: Entry, form: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar, written by the standard library."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for member in members:
            if isinstance(member, tuple):
                archive.addfile(member[0], io.BytesIO(member[1]))
            else:
                archive.addfile(member)
    return buffer.getvalue()


def file(name: str, content: bytes = b"", **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    """A regular file."""
    member = other(name, tarfile.REGTYPE, **fields)
    member.size = len(content)
    return member, content


def folder(name: str, mode: int = 0o755) -> tarfile.TarInfo:
    return other(name, tarfile.DIRTYPE, mode=mode)


def link(name: str, target: str) -> tarfile.TarInfo:
    """A hard link."""
    return other(name, tarfile.LNKTYPE, linkname=target)


def symlink(name: str, target: str) -> tarfile.TarInfo:
    return other(name, tarfile.SYMTYPE, linkname=target)


def other(name: str, kind: bytes, **fields: object) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type = kind
    for key, value in fields.items():
        setattr(member, key, value)
    return member


def overlaid(*layers: bytes) -> bytes:
    """The tar that `overlay` makes."""
    pieces: list[bytes] = []
    overlay(packed(*layers), lambda data: pieces.append(bytes(data)))
    return b"".join(pieces)


def packed(*layers: bytes) -> list[Packed]:
    """Layers to be read."""
    return [Packed(content_of(raw), f"layer {number}") for number, raw in enumerate(layers)]


def has_links(raw: bytes) -> bool:
    """Whether there are hard links in a tar."""
    with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
        return any(member.islnk() for member in archive)


def names(raw: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
        return archive.getnames()


@dataclass(eq=False)
class Node:
    """What stands under one or more names."""

    kind: str
    content: bytes = b""
    mode: int = 0
    is_implied: bool = False


@dataclass
class Tree:
    """A file system by full names; hard links are one node under several."""

    nodes: dict[str, Node] = field(default_factory=dict)

    def apply(self, raw: bytes) -> Tree:
        """Apply a layer as layer.md says: what it takes away first."""
        with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
            members = [(member, archive.extractfile(member) if member.isreg() else None) for member in archive]
            for member, _ in members:
                head, _, base = member.name.rpartition("/")
                if base == ".wh..wh..opq":
                    self.remove_below(head)
                elif base.startswith(".wh."):
                    self.remove(f"{head}/{base[4:]}".lstrip("/"))
            for member, content in members:
                if not member.name.rpartition("/")[2].startswith(".wh."):
                    self._put(member, content.read() if content else b"")
        return self

    def remove_below(self, name: str) -> None:
        for each in [each for each in self.nodes if each.startswith(f"{name}/" if name else "")]:
            del self.nodes[each]

    def remove(self, name: str) -> None:
        self.nodes.pop(name, None)
        self.remove_below(name)

    def seen(self) -> object:
        """What can be compared: kinds, contents, modes, and which names are one file."""
        shown = {name: node for name, node in sorted(self.nodes.items()) if not node.is_implied}
        groups: dict[int, list[str]] = {}
        for name, node in shown.items():
            groups.setdefault(id(node), []).append(name)
        return (
            {name: (node.kind, node.content, node.mode) for name, node in shown.items()},
            sorted(groups.values()),
        )

    def _put(self, member: tarfile.TarInfo, content: bytes) -> None:
        name = member.name
        head = name
        while head := head.rpartition("/")[0]:
            if head not in self.nodes or self.nodes[head].kind != "folder":
                self.nodes[head] = Node("folder", is_implied=True)
        if member.islnk():
            target = self.nodes[member.linkname]
            self.remove(name)
            self.nodes[name] = target
        elif member.isdir():
            if name not in self.nodes or self.nodes[name].kind != "folder":
                self.remove(name)
            self.nodes[name] = Node("folder", mode=member.mode)
        else:
            self.remove(name)
            kind = "symlink" if member.issym() else "file"
            self.nodes[name] = Node(kind, content or member.linkname.encode(), member.mode)


def applied(layers: Iterable[bytes]) -> Tree:
    """The tree of layers applied one after another."""
    tree = Tree()
    for raw in layers:
        tree.apply(raw)
    return tree


_NAMES = [f"{a}{b}" for a in "abc" for b in ("", "/x", "/y", "/x/z")]
_OPERATIONS = st.tuples(
    st.sampled_from(["file", "file", "folder", "link", "link", "symlink", "remove", "empty"]),
    st.sampled_from(_NAMES),
    st.sampled_from(_NAMES),
    st.integers(0, 7),
)


@dataclass
class Stack:
    """Layers that are well made, by what was done: nothing twice in one, and hard links to what is there."""

    steps: list[list[tuple[str, str, str, int]]]

    def layers(self) -> list[bytes]:
        tree = Tree()
        return [_layer(tree, step) for step in self.steps]


STACKS = st.lists(st.lists(_OPERATIONS, max_size=8), min_size=1, max_size=4).map(Stack)


def _layer(tree: Tree, operations: Sequence[tuple[str, str, str, int]]) -> bytes:
    removed = {name for kind, name, _, _ in operations if kind == "remove"}
    emptied = {name for kind, name, _, _ in operations if kind == "empty"}
    for name in removed:
        tree.remove(name)
    for name in emptied:
        tree.remove_below(name)
    own: dict[str, Entry] = {}
    for kind, name, target, number in operations:
        made = _member(tree, own, kind, name, target, number)
        if made is not None:
            own[name] = made
            tree.apply(layer(made))
    whiteouts = [f"{name.rpartition('/')[0]}/.wh.{name.rpartition('/')[2]}".lstrip("/") for name in removed]
    whiteouts += [f"{name}/.wh..wh..opq" for name in emptied]
    return layer(*own.values(), *(file(name) for name in sorted(whiteouts)))


def _member(tree: Tree, own: Mapping[str, Entry], kind: str, name: str, target: str, number: int) -> Entry | None:
    inside = [each for each in own if each.startswith(f"{name}/")]
    heads = [name[:at] for at, character in enumerate(name) if character == "/"]
    is_leaf = any(isinstance(own.get(head), tuple) or getattr(own.get(head), "type", b"5") != b"5" for head in heads)
    targets = [each.linkname for each in own.values() if isinstance(each, tarfile.TarInfo) and each.islnk()]
    is_linked = any(target in (name, *heads) or target.startswith(f"{name}/") for target in targets)
    # What is in a folder behind a link has a test of its own.
    is_behind = any(head in tree.nodes and tree.nodes[head].kind == "symlink" for head in heads)
    if name in own or is_leaf or is_linked or is_behind or (inside and kind != "folder"):
        return None
    if kind == "file":
        return file(name, bytes([65 + number]) * number * 100, mode=0o600 + number)
    if kind == "folder":
        return folder(name, 0o700 + number)
    if kind == "symlink" and "/" in name:
        return symlink(name, target)
    found = tree.nodes.get(target)
    is_apart = not target.startswith(f"{name}/") and target not in heads
    if kind == "link" and found is not None and found.kind == "file" and target != name and is_apart:
        return link(name, target)
    return None
