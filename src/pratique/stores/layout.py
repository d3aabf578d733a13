"""OCI image layouts (image specification, image-layout.md): a tree of files, of a folder or of an archive.

```
oci-layout                      {"imageLayoutVersion": "1.0.0"}
index.json                      what is in it, and the names that it has
blobs/<algorithm>/<encoded>     content, manifests as well
```

Nothing else is ever opened. A file appears whole or not at all; `index.json` is edited under a lock that processes share,
and what it has of others stays in it as it is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from typing import Final

from ..errors import ContentMismatch, InvalidInput, Misbehaved, NotFound, Unsupported
from ..http.message import Stream
from ..spec import media
from ..spec.descriptor import Descriptor
from ..spec.digest import Digest
from ..spec.document import mappings, parse_object, text
from ..spec.manifest import MOST_MANIFEST_BYTES, Manifest
from ..values import frozen
from .base import NAMELESS, Content, ContentAt
from .content import of_bytes, pour, pour_rest, read_name, verified, whole
from .entries import Entries, Entry, chosen, listing, named, names_of
from .files import Files, KeepsPartials, read
from .reading import manifest_of
from .referrers import tag_of

VERSION: Final = "1.0.0"
MOST_VERSION_BYTES: Final = 4 << 10  # of oci-layout
MOST_INDEX_BYTES: Final = 32 << 20  # of index.json
MOST_DEPTH: Final = 8  # of indexes within indexes
MOST_REMEMBERED: Final = 50_000  # manifests, of which only descriptors are kept
MOST_NAME_CHARACTERS: Final = 512

# What may be there before there is an `oci-layout`: another tool may have stopped half-way, and oras has a folder more.
_PARTS: Final = frozenset({"oci-layout", "index.json", "blobs", "ingest"})


@frozen
class _Known:
    """What is remembered of a manifest; content that has a digest never changes."""

    descriptor: Descriptor
    subject: Digest | None
    successors: tuple[Descriptor, ...]


class Layout:
    """An OCI layout: a source and a target, and it lists, refers and deletes. Threads and processes may share it."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._is_prepared = False
        self._known: dict[Digest, _Known] = {}

    def __str__(self) -> str:
        return f"the layout {self._files}"

    # Reading

    def resolve(self, name: str | Digest) -> Descriptor:
        """The descriptor of a manifest.

        A name is the annotation `org.opencontainers.image.ref.name` or `io.containerd.image.name` of an entry of
        `index.json`, the tag in one, or the same in an index that is listed there. NAMELESS is the only manifest listed
        that is not merely a referrer. A digest may be of any manifest that is there.
        Raises NotFound, listing the names that there are; Misbehaved, ContentMismatch, Unsupported.
        """
        name = read_name(name)
        if isinstance(name, Digest):
            return _bare(self._by_digest(name).descriptor)
        index = self._index()
        entry = self._only(index) if name == NAMELESS else self._named(index, name)
        found = entry.descriptor
        if found.data is None and not self._has(found.digest):
            raise NotFound(f"{self} lists {name or 'a manifest'!r} and has no {found.digest}")
        return _bare(found if found.media_type else self._by_digest(found.digest).descriptor)

    def manifest(self, name: str | Digest) -> Manifest:
        """The manifest that a name or digest stands for. Raises what `resolve` does."""
        name = read_name(name)
        return self._by_digest(name) if isinstance(name, Digest) else manifest_of(self, self.resolve(name))

    def open(self, descriptor: Descriptor, *, offset: int = 0) -> AbstractContextManager[Stream]:
        """The content of a descriptor from byte `offset` on, or the data in it (descriptor.md, `data`).

        Raises NotFound, Misbehaved, InvalidInput; opening or reading raises ContentMismatch.
        """
        if descriptor.data is not None:
            return of_bytes(descriptor.data, descriptor, offset)
        name = _blob(descriptor.digest)
        return verified(lambda start: self._files.open(name, start), self._files.size(name), descriptor, offset)

    def blob(self, digest: Digest) -> Descriptor:
        """The descriptor of any content. Raises NotFound, Misbehaved."""
        return Descriptor(media.OCTETS, digest, self._files.size(_blob(digest)))

    def tags(self) -> Iterator[str]:
        """The names in `index.json`, in its order, each as its entry has it. Raises NotFound, Misbehaved."""
        return iter(names_of(self._index().entries))

    def referrers(self, subject: Digest, artifact_type: str = "") -> Iterator[Descriptor]:
        """The manifests whose `subject` is this digest.

        They are looked for among those that `index.json` reaches, and in the index that the tag schema of the
        distribution specification would name. Raises NotFound, Misbehaved.
        """
        index = self._index()
        found = {
            known.descriptor.digest: known.descriptor for known in self._reached(index) if known.subject == subject
        }
        for entry in named(index.entries, tag_of(subject))[:1]:
            for listed in self._by_digest(entry.descriptor.digest).manifests:
                found.setdefault(listed.digest, listed)
        return (entry for entry in found.values() if artifact_type in {"", entry.artifact_type})

    # Writing

    def exists(self, descriptor: Descriptor) -> bool:
        """Whether the content is there, and can be found: what refers to something has to be listed. Raises Misbehaved."""
        try:
            if self._files.size(_blob(descriptor.digest)) != descriptor.size:
                return False
            return not descriptor.is_manifest or self._is_found(descriptor.digest)
        except (NotFound, ContentMismatch):
            return False

    def push(self, descriptor: Descriptor, content: Content, *, tags: Sequence[str] = ()) -> None:
        """Put content under its digest, and a manifest under names as well; the layout is made where there is none.

        A manifest that has a `subject` is listed even without a name, so that it is found by what it refers to.
        Raises ContentMismatch, Misbehaved, Unsupported, and InvalidInput for a folder that is something else.
        """
        self._prepare()
        if not descriptor.is_manifest:
            _refuse_names(descriptor, tags)
            if not self._has(descriptor.digest, descriptor.size):
                with self._files.create(_blob(descriptor.digest)) as file:
                    pour(content, descriptor, file.write)
            return
        for tag in tags:
            _check_name(tag)
        raw = whole(content, descriptor)
        manifest = Manifest.parse(raw, descriptor.media_type, descriptor.digest.algorithm)
        names = tags or ((NAMELESS,) if manifest.subject else ())
        if not names:
            self._keep(descriptor.digest, raw)
            return
        with self._files.lock():  # so that nobody deletes it before it is listed
            self._keep(descriptor.digest, raw)
            self._list(manifest, names)

    def revise(self, name: str, change: Callable[[Manifest], Manifest]) -> Manifest:
        """Put what `change` makes of a name's manifest under the name; nobody else writes meanwhile. Raises NotFound."""
        self.resolve(name)  # or there is nothing to be locked
        with self._files.lock():
            old = self.manifest(name)
            new = change(old)
            if new.digest != old.digest:
                self._keep(new.digest, new.raw)
                self._list(new, (name,))
            return new

    def push_rest(self, descriptor: Descriptor, content: ContentAt) -> None:
        """Put a blob under its digest, asking only for the bytes that an earlier attempt has not left here.

        Raises ContentMismatch, Misbehaved, Unsupported, InvalidInput.
        """
        self._prepare()
        if self._has(descriptor.digest, descriptor.size):
            return
        if isinstance(self._files, KeepsPartials):
            with self._files.resume(_blob(descriptor.digest)) as partial:
                if partial is not None:
                    pour_rest(content, descriptor, partial)
                    return
        self.push(descriptor, lambda: content(0))

    def delete(self, name: str | Digest) -> None:
        """Remove a name, and only that; or a manifest by its digest, under all its names.

        Its blob goes as well unless another manifest needs it; what it alone needed stays, and so does what refers to it.
        Raises NotFound, Misbehaved, Unsupported.
        """
        name = read_name(name)
        self._index()  # or there is nothing to be locked
        with self._files.lock():
            if isinstance(name, Digest):
                self._delete(name)
            else:
                self._untag(name)

    # Finding

    def _index(self) -> Entries:
        self._check_version()
        try:
            return Entries.parse(read(self._files, "index.json", MOST_INDEX_BYTES), f"index.json in {self._files}")
        except NotFound:
            raise NotFound(f"no OCI layout at {self._files}: it has no index.json") from None

    def _check_version(self) -> bool:
        """Whether the layout says its version, which many forget. Raises Unsupported for another than ours."""
        try:
            raw = read(self._files, "oci-layout", MOST_VERSION_BYTES)
        except NotFound:
            return False
        what = f"oci-layout in {self._files}"
        version = text(parse_object(raw, what), "imageLayoutVersion", what)
        if version != VERSION:
            raise Unsupported(f"{self} has version {version[:40]!r}; {VERSION} is known")
        return True

    def _only(self, index: Entries) -> Entry:
        """The root that needs no name. Raises NotFound, listing the names, where there are several or none."""
        roots = self._roots(index)
        if len({root.digest for root in roots}) == 1:
            return roots[0]
        if not roots:
            raise NotFound(f"there is no image in {self}")
        raise NotFound(f"{self} has {len(roots)} images", advice=f"name one of: {listing(_labels(roots))}")

    def _roots(self, index: Entries) -> list[Entry]:
        entries = [entry for entry in index.entries if entry.is_manifest]
        if len(entries) < 2:
            return entries
        return [entry for entry in entries if entry.name or entry.full_name or not self._refers(entry)] or entries

    def _named(self, index: Entries, name: str) -> Entry:
        matching = named(index.entries, name) or named(self._nested(index), name)
        if not matching:
            there = listing(names_of(index.entries))
            raise NotFound(f"{self} has no {name[:MOST_NAME_CHARACTERS]!r}", advice=f"its names: {there}")
        return chosen(matching, name, self)

    def _nested(self, index: Entries) -> Iterator[Entry]:
        """The entries of the indexes below `index.json`."""
        for known in self._reached(index):
            if known.descriptor.media_type in media.INDEXES:
                document = self._by_digest(known.descriptor.digest).document
                yield from map(Entry, mappings(document, "manifests", "index"))

    def _reached(self, index: Entries) -> Iterator[_Known]:
        """The manifests that `index.json` reaches, once each, those nearest first; what is missing or broken is left out."""
        level = list(_described(index.entries))
        seen: set[Digest] = set()
        for _ in range(MOST_DEPTH):
            fresh = {descriptor.digest: descriptor for descriptor in level if descriptor.digest not in seen}
            seen |= set(fresh)
            level = []
            for digest in fresh:
                with suppress(NotFound, ContentMismatch, Misbehaved, Unsupported):
                    known = self._remembered(digest)
                    yield known
                    level += [below for below in known.successors if below.is_manifest]
            if not level:
                return
        raise Misbehaved(f"the indexes in {self} nest more than {MOST_DEPTH} deep")

    def _remembered(self, digest: Digest) -> _Known:
        found = self._known.get(digest)
        if found is not None and self._has(digest, found.descriptor.size):
            return found
        manifest = self._by_digest(digest)
        subject = manifest.subject.digest if manifest.subject else None
        if len(self._known) >= MOST_REMEMBERED:
            self._known.clear()
        known = self._known[digest] = _Known(manifest.descriptor, subject, manifest.successors())
        return known

    def _by_digest(self, digest: Digest) -> Manifest:
        name = _blob(digest)
        size = self._files.size(name)
        if size > MOST_MANIFEST_BYTES:
            raise NotFound(f"{digest} in {self} is no manifest: it has {size} bytes")
        return Manifest.parse(
            digest.verify(read(self._files, name, size), f"{name} in {self._files}"), "", digest.algorithm
        )

    def _has(self, digest: Digest, size: int | None = None) -> bool:
        try:
            there = self._files.size(_blob(digest))
        except NotFound:
            return False
        return size is None or size == there

    def _refers(self, entry: Entry) -> bool:
        with suppress(NotFound, ContentMismatch, Misbehaved, Unsupported):
            return self._remembered(entry.descriptor.digest).subject is not None
        return False

    def _is_found(self, digest: Digest) -> bool:
        if self._remembered(digest).subject is None:
            return True
        return any(entry.digest == str(digest) for entry in self._index().entries)

    # Changing

    def _prepare(self) -> None:
        """Make the layout's own two files, or see that they are there."""
        if self._is_prepared:
            return
        with self._files.lock():
            if not self._check_version():
                foreign = set(self._files.names()) - _PARTS
                if foreign:
                    raise InvalidInput(f"{self._files} has {listing(sorted(foreign))} and is no OCI layout")
                self._write("oci-layout", json.dumps({"imageLayoutVersion": VERSION}).encode())
            with suppress(NotFound):
                self._files.size("index.json")
                self._is_prepared = True
                return
            self._write("index.json", Entries.empty().to_bytes())
        self._is_prepared = True

    def _write(self, name: str, raw: bytes) -> None:
        with self._files.create(name) as file:
            file.write(raw)

    def _keep(self, digest: Digest, raw: bytes) -> None:
        """Write a manifest, unless it is there as it should be."""
        name = _blob(digest)
        if not self._has(digest, len(raw)) or read(self._files, name, len(raw)) != raw:
            self._write(name, raw)

    def _list(self, manifest: Manifest, names: Iterable[str]) -> None:
        index = before = self._index()
        described = _bare(manifest.descriptor)
        for name in names:
            if name == NAMELESS and not manifest.subject:
                index = index.without(self._replaced(index, described), keep=self._refers)
            index = index.having(described, name, keep=self._refers)
        if index is not before:
            self._write("index.json", index.to_bytes())

    def _replaced(self, index: Entries, descriptor: Descriptor) -> list[Entry]:
        """What gives way to a new manifest without a name: the only one, if it has none either."""
        roots = self._roots(index)
        is_other = len(roots) == 1 and not roots[0].describes(descriptor)
        return [root for root in roots if is_other and not (root.name or root.full_name)]

    def _untag(self, name: str) -> None:
        index = self._index()
        entries = named(index.entries, name) if name else []
        if not entries:
            raise NotFound(f"{self} has no {name!r}", advice=f"its names: {listing(names_of(index.entries))}")
        chosen(entries, name, self)
        self._write("index.json", index.without(entries, keep=self._refers).to_bytes())

    def _delete(self, digest: Digest) -> None:
        index = self._index()
        entries = [entry for entry in index.entries if entry.digest == str(digest)]
        if not entries:
            self._by_digest(digest)  # raises NotFound
        rest = index.without(entries, keep=lambda _: False)
        needed = {below.digest for known in self._reached(rest) for below in known.successors}
        self._write("index.json", rest.to_bytes())
        if digest not in needed and self._has(digest):
            self._files.remove(_blob(digest))


def _blob(digest: Digest) -> str:
    return f"blobs/{digest.algorithm}/{digest.encoded}"


def _bare(descriptor: Descriptor) -> Descriptor:
    return Descriptor(descriptor.media_type, descriptor.digest, descriptor.size, data=descriptor.data)


def _described(entries: Iterable[Entry]) -> Iterator[Descriptor]:
    """What entries describe, but for those that nobody understands."""
    for entry in entries:
        if entry.is_manifest:
            with suppress(Misbehaved):
                yield entry.descriptor


def _labels(entries: Iterable[Entry]) -> Iterator[str]:
    return (entry.name or entry.full_name or entry.digest for entry in entries)


def _refuse_names(descriptor: Descriptor, tags: Sequence[str]) -> None:
    if tags:
        raise InvalidInput(f"{descriptor.digest} is no manifest ({descriptor.media_type}): it cannot have a tag")


def _check_name(name: str) -> None:
    if len(name) > MOST_NAME_CHARACTERS or not name.isprintable():
        raise InvalidInput(f"not a name for an image in a layout: {name[:80]!r}")
