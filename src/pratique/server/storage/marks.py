"""What refers to what in the storage's folder, read generously: whoever removes must not misread.

Every text in a manifest that looks like a digest is a reference, whatever the manifest's type. Repositories are found by
their parts, also where their names are none by the grammar.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import chain
from typing import Final

from ...spec.digest import ALGORITHMS, Digest
from ...stores.files import TEMPORARY_SUFFIX
from ...values import frozen
from . import disk
from .paths import LAYERS, LINK, PARTS, REVISIONS, TAGS, UPLOADS

# Of old versions of distribution: links to what a manifest was signed with.
_SIGNATURES: Final = "signatures"
_DIGEST = re.compile(rb"(sha256):([0-9a-f]{64})|(sha512):([0-9a-f]{128})")
_ENCODED = re.compile(r"(?:[0-9a-f]{2}){16,}", re.ASCII)
_UNFINISHED = re.compile(rf"\.[0-9a-f-]{{36}}{re.escape(TEMPORARY_SUFFIX)}", re.ASCII)


@frozen
class Entry:
    """A folder that is named after a digest."""

    digest: Digest
    folder: str
    names: frozenset[str]

    @property
    def link(self) -> str | None:
        """The link in it; None where there is none."""
        return f"{self.folder}/{LINK}" if LINK in self.names else None

    @property
    def unfinished(self) -> list[str]:
        """Files in it that nobody finished."""
        return [f"{self.folder}/{name}" for name in self.names if is_unfinished(name)]


@frozen
class Marked:
    """A repository: its name, and the folder that it is."""

    name: str
    folder: str

    def layers(self) -> Iterator[Entry]:
        """Its links to blobs."""
        return entries(f"{self.folder}/{LAYERS}")

    def revisions(self) -> Iterator[Entry]:
        """Its links to manifests."""
        return entries(f"{self.folder}/{REVISIONS}")

    def uploads(self) -> Iterator[tuple[str, str]]:
        """Its uploads, and the folder of each."""
        folder = f"{self.folder}/{UPLOADS}"
        return ((session, f"{folder}/{session}") for session in disk.names(folder))

    def tags(self) -> Iterator[tuple[str, str]]:
        """Its tags, and the folder of each."""
        folder = f"{self.folder}/{TAGS}"
        return ((tag, f"{folder}/{tag}") for tag in disk.names(folder))

    def is_empty(self) -> bool:
        """Whether there is nothing in it, not even what is left of something."""
        parts = (self.layers(), self.revisions(), self.tags(), self.uploads())
        return next(chain.from_iterable(parts), None) is None


def repositories(folder: str, name: str = "") -> Iterator[Marked]:
    """The repositories in and below a folder, in order."""
    names = sorted(disk.names(folder))
    if name and any(part in names for part in PARTS):
        yield Marked(name, folder)
    for entry in names:
        if not entry.startswith("_"):
            yield from repositories(f"{folder}/{entry}", f"{name}/{entry}" if name else entry)


def entries(folder: str) -> Iterator[Entry]:
    """The folders `<algorithm>/<hex>` in a folder."""
    for algorithm in disk.names(folder):
        for encoded in disk.names(f"{folder}/{algorithm}"):
            if _ENCODED.fullmatch(encoded):
                place = f"{folder}/{algorithm}/{encoded}"
                yield Entry(Digest(algorithm, encoded), place, frozenset(disk.names(place)))


def blobs(folder: str) -> Iterator[Entry]:
    """The folders of content, `<algorithm>/<xx>/<hex>`, in a folder."""
    for algorithm in filter(ALGORITHMS.get, disk.names(folder)):
        for first in disk.names(f"{folder}/{algorithm}"):
            for encoded in disk.names(f"{folder}/{algorithm}/{first}"):
                if _ENCODED.fullmatch(encoded):
                    place = f"{folder}/{algorithm}/{first}/{encoded}"
                    yield Entry(Digest(algorithm, encoded), place, frozenset(disk.names(place)))


def is_unfinished(name: str) -> bool:
    """Whether a file has the name that files have while they are written."""
    return _UNFINISHED.fullmatch(name) is not None


def mentioned(raw: bytes) -> set[Digest]:
    """Every digest in the text of a manifest."""
    if b"\\" in raw:  # JSON may write any letter as an escape
        raw = _plain(raw)
    found = (match.groups() for match in _DIGEST.finditer(raw))
    return {Digest((a or c).decode(), (b or d).decode()) for a, b, c, d in found}


def signatures(entry: Entry) -> set[Digest]:
    """What else a manifest's folder links to."""
    if _SIGNATURES not in entry.names:
        return set()
    return {signature.digest for signature in entries(f"{entry.folder}/{_SIGNATURES}")}


def _plain(raw: bytes) -> bytes:
    try:
        return json.dumps(json.loads(raw), ensure_ascii=False).encode("utf-8", "replace")
    except (ValueError, RecursionError):
        return raw


def key(digest: Digest) -> bytes:
    """A digest in the least memory; algorithms differ in length."""
    return bytes.fromhex(digest.encoded)
