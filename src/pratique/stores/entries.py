"""The list of an OCI layout, `index.json` (image specification, image-layout.md): found in and edited as it stands."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from ..errors import Misbehaved, NotFound
from ..spec import media
from ..spec.descriptor import Descriptor
from ..spec.document import mapping, mappings, parse_object
from ..values import frozen

NAME: Final = "org.opencontainers.image.ref.name"  # annotations.md
FULL_NAME: Final = "io.containerd.image.name"  # containerd, BuildKit and Docker add it, `registry/repository:tag`
MOST_NAMES_SHOWN: Final = 10  # in a message


@frozen
class Entry:
    """One entry, as it stands in the file; what is in it is looked at when it is wanted."""

    document: Mapping[str, Any]

    @property
    def name(self) -> str:
        """What the specification's annotation calls it; empty where it has none."""
        return self._annotation(NAME)

    @property
    def full_name(self) -> str:
        """What containerd's annotation calls it."""
        return self._annotation(FULL_NAME)

    @property
    def is_manifest(self) -> bool:
        """Whether it is a manifest, as far as it says; layouts may list anything."""
        media_type = self.document.get("mediaType", "")
        return not media_type or (isinstance(media_type, str) and media.is_manifest(media_type))

    @property
    def digest(self) -> str:
        """Its digest as text, unchecked."""
        return str(self.document.get("digest"))

    @property
    def descriptor(self) -> Descriptor:
        """What it describes. Raises Misbehaved."""
        return Descriptor.from_json(self.document, "index.json's entry")

    def describes(self, descriptor: Descriptor) -> bool:
        """Whether it is about this very content."""
        said = (self.document.get("mediaType"), self.digest, self.document.get("size"))
        return said == (descriptor.media_type, str(descriptor.digest), descriptor.size)

    def without_name(self) -> Entry:
        """The same entry with no name."""
        kept = {key: value for key, value in self._annotations().items() if key not in {NAME, FULL_NAME}}
        rest = {key: value for key, value in self.document.items() if key != "annotations"}
        return Entry({**rest, "annotations": kept} if kept else rest)

    def _annotation(self, key: str) -> str:
        found = self._annotations().get(key)
        return found if isinstance(found, str) else ""

    def _annotations(self) -> Mapping[str, Any]:
        return mapping(self.document, "annotations", "index.json's entry") or {}


@frozen
class Entries:
    """What `index.json` says: its entries, and whatever else is in it."""

    document: Mapping[str, Any]
    entries: tuple[Entry, ...]

    @classmethod
    def parse(cls, raw: bytes, what: str) -> Entries:
        """Read the file; `what` names it for the error. Raises Misbehaved."""
        document = parse_object(raw, what)
        return cls(document, tuple(Entry(entry) for entry in mappings(document, "manifests", what)))

    @classmethod
    def empty(cls) -> Entries:
        """The file of a layout in which there is nothing."""
        return cls({"schemaVersion": 2, "mediaType": media.OCI_INDEX}, ())

    def to_bytes(self) -> bytes:
        """The file. Raises Misbehaved for a number that was too large to be read."""
        listed = [entry.document for entry in self.entries]
        try:
            return json.dumps({**self.document, "manifests": listed}, indent=2, allow_nan=False).encode()
        except ValueError as error:
            raise Misbehaved(f"index.json cannot be written again: {error}") from None

    def in_order(self) -> Entries:
        """The same by name, in whatever order the entries came."""
        return Entries(self.document, tuple(sorted(self.entries, key=lambda entry: (entry.name, entry.digest))))

    def having(self, descriptor: Descriptor, name: str, keep: Callable[[Entry], bool]) -> Entries:
        """With an entry of this name, or without one for NAMELESS; it takes the place of those that had the name.

        Of these, what is to be kept stays without a name.
        """
        fitting = [entry for entry in self.entries if entry.name == name and entry.describes(descriptor)]
        if fitting:
            return self
        described = Descriptor(descriptor.media_type, descriptor.digest, descriptor.size, descriptor.platform)
        annotations = {"annotations": {NAME: name}} if name else {}
        entry = Entry({**described.to_json(), **annotations})
        named = [entry for entry in self.entries if name and entry.name == name]
        rest = self.without(named, keep)
        return Entries(self.document, (*rest.entries, entry))

    def without(self, entries: Sequence[Entry], keep: Callable[[Entry], bool]) -> Entries:
        """Without some entries; of these, what is to be kept stays without a name."""
        changed = (
            entry if entry not in entries else entry.without_name() if keep(entry) else None for entry in self.entries
        )
        return Entries(self.document, tuple(entry for entry in changed if entry is not None))


def named(entries: Iterable[Entry], name: str) -> list[Entry]:
    """The manifests of a name: those that have it in full, or else those that have it as their tag."""
    listed = [entry for entry in entries if entry.is_manifest]
    exact = [entry for entry in listed if name in {entry.name, entry.full_name}]
    return exact or [entry for entry in listed if name in {_tag_of(entry.name), _tag_of(entry.full_name)}]


def chosen(matching: Sequence[Entry], name: str, place: object) -> Entry:
    """The entry that a name stands for. Where several have the very same name, it is the first, as in an index.

    Raises NotFound, listing them, where the name is short for different ones.
    """
    names = dict.fromkeys(entry.full_name or entry.name for entry in matching)
    if len({entry.digest for entry in matching}) > 1 and len(names) > 1:
        raise NotFound(f"{name!r} stands for several images in {place}", advice=f"name one of: {listing(names)}")
    return matching[0]


def names_of(entries: Iterable[Entry]) -> list[str]:
    """The names of manifests, in order and once."""
    return list(dict.fromkeys(filter(None, (entry.name or entry.full_name for entry in entries if entry.is_manifest))))


def listing(names: Iterable[str]) -> str:
    """Names for a message, not all of very many."""
    listed = list(names)
    more = f" and {len(listed) - MOST_NAMES_SHOWN} more" if len(listed) > MOST_NAMES_SHOWN else ""
    return (", ".join(repr(name)[1:-1] for name in listed[:MOST_NAMES_SHOWN]) or "none") + more


def _tag_of(name: str) -> str:
    """The tag of `registry/repository:tag`; empty for any other name."""
    _, colon, tag = name.rpartition("/")[2].partition(":")
    return tag if colon and "@" not in name else ""
