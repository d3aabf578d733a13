"""An image or index that was edited, as a source to copy from: what is new, over the source of what is old.

An edit reads manifests and configs, and of the layers those that it changes; a copy then moves what the target does not have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final

from ..errors import InvalidInput, Misbehaved, NotFound, Unsupported
from ..http.message import Stream
from ..spec import media
from ..spec.descriptor import Descriptor
from ..spec.digest import Digest
from ..spec.document import encode
from ..spec.manifest import ATTESTATION, ATTESTED, Manifest
from ..spec.platform import Platform
from ..stores.base import NAMELESS, Source
from ..stores.content import of_bytes, read_name
from ..stores.reading import Opens, manifest_of
from ..values import field, frozen, record
from .convert import convert
from .image import Edit, Image, is_image
from .layers.bench import Layer

MOST_DEPTH: Final = 4  # of indexes within indexes


@frozen
class Edited:
    """The root that an edit made, and a source of everything below it; `replaced` says what manifests became, by old digest.

    It is good as long as the source and the bench of the edit are open.
    """

    root: Manifest
    source: Source = field(repr=False, compare=False)
    replaced: Mapping[Digest, Manifest] = field(repr=False, hash=False)
    raw: Mapping[Digest, bytes] = field(repr=False, hash=False)  # manifests and configs
    layers: Mapping[Digest, Layer] = field(repr=False, hash=False)

    @classmethod
    def of(cls, source: Source, old: Manifest, new: Manifest) -> Edited:
        """One manifest in place of another, all below it as it is in the source."""
        return cls(new, source, {old.digest: new}, {new.digest: new.raw}, {})

    @property
    def changed(self) -> dict[Digest, Manifest]:
        """What became another manifest than before, by its old digest."""
        return {old: new for old, new in self.replaced.items() if old != new.digest}

    def resolve(self, name: str | Digest) -> Descriptor:
        """The new root, which has no name, or what the source says. Raises NotFound."""
        if read_name(name) in (NAMELESS, self.root.digest):
            return self.root.bare
        return self.source.resolve(name)

    def open(self, descriptor: Descriptor, *, offset: int = 0) -> AbstractContextManager[Stream]:
        """The content of a descriptor from byte `offset` on. Raises NotFound."""
        raw = self.raw.get(descriptor.digest)
        if raw is not None:
            return of_bytes(raw, descriptor, offset)
        return self.origin(descriptor).open(descriptor, offset=offset)

    def origin(self, descriptor: Descriptor) -> Opens:
        """Where content comes from: a layer may be of another image, or made just now."""
        layer = self.layers.get(descriptor.digest)
        return layer.source if layer else self.source

    def __str__(self) -> str:
        return f"what was made of {self.source}"


def edit(
    source: Source,
    root: Manifest,
    change: Edit,
    wanted: Sequence[Platform] = (),
    types: Mapping[str, str] | None = None,
) -> Edited:
    """Change an image, or every image of an index, or those for the platforms that are `wanted`.

    An index keeps its order, its annotations and those of its entries; what is no image stays as it is, but for attestations of
    an image that changed, which are then said to be about the new one. Indexes get other `types` where they are given. What the
    edit raises gets a note that names the image. Raises NotFound for a platform that there is not, Unsupported where nothing is
    an image, InvalidInput where two images would be for one platform, Misbehaved, ContentMismatch, and what reading and the edit
    raise.
    """
    editing = _Editing(source, change, tuple(wanted), set(wanted), types)
    new = editing.manifest(root, None, MOST_DEPTH)
    if editing.missing:
        raise NotFound(
            f"no image for {', '.join(sorted(map(str, editing.missing)))} in {root.digest}",
            advice="`inspect` shows for which platforms there are images",
        )
    if not editing.count:
        raise Unsupported(
            f"{root.digest} has no image in it but {root.artifact_type or root.media_type}",
            advice="only images have layers and a config that can be changed",
        )
    return Edited(new, source, editing.replaced, editing.raw, editing.layers)


@record
class _Editing:
    """An edit under way: what is wanted and not found yet, and what was made so far."""

    source: Source
    change: Edit
    wanted: tuple[Platform, ...]
    missing: set[Platform]
    types: Mapping[str, str] | None
    count: int = 0  # of images
    # Of images that are for another platform now: what it was and what it is, by the new digest.
    platforms: dict[Digest, tuple[Platform, Platform]] = field(default_factory=dict)
    replaced: dict[Digest, Manifest] = field(default_factory=dict)
    raw: dict[Digest, bytes] = field(default_factory=dict)
    layers: dict[Digest, Layer] = field(default_factory=dict)

    def manifest(self, manifest: Manifest, platform: Platform | None, depth: int) -> Manifest:
        """What a manifest becomes."""
        if manifest.digest not in self.replaced:
            if manifest.is_index:
                new = self._index(manifest, depth)
            else:
                new = self._image(manifest, platform) if is_image(manifest) else manifest
            self.replaced[manifest.digest] = new
            self.raw[new.digest] = new.raw
        return self.replaced[manifest.digest]

    def _image(self, manifest: Manifest, platform: Platform | None) -> Manifest:
        image = Image.read(self.source, manifest)
        self.count += 1
        if not self._is_wanted(platform or image.platform):
            return manifest
        try:
            changed = self.change(image)
        except Exception as error:
            error.add_note(f"in the image {manifest.digest} for {platform or image.platform}")
            raise
        written = changed.written()
        self.raw[written.config.digest] = written.raw_config
        self.layers.update((layer.descriptor.digest, layer) for layer in changed.layers)
        if changed.platform != image.platform:
            self.platforms[written.manifest.digest] = (image.platform, changed.platform)
        return written.manifest

    def _index(self, index: Manifest, depth: int) -> Manifest:
        if not depth:
            raise Misbehaved(f"the index {index.digest} nests more than {MOST_DEPTH} deep")
        entries = []
        for entry, described in zip(index.document.get("manifests") or (), index.manifests, strict=True):
            if ATTESTATION in described.annotations or described.media_type not in media.MANIFESTS:
                entries.append(dict(entry))
                continue
            old = manifest_of(self.source, described)
            new = self.manifest(old, described.platform, depth - 1)
            entries.append(self._entry(entry, new) if new.digest != old.digest else dict(entry))
        self._check(entries)
        document = {**index.document, "manifests": [self._attested(entry) for entry in entries]}
        same = document == index.document
        changed = index if same else Manifest.parse(encode(document), index.media_type, index.digest.algorithm)
        return convert(changed, self.types) if self.types else changed

    def _entry(self, entry: Mapping[str, Any], new: Manifest) -> dict[str, Any]:
        """An entry for what a manifest became; its platform is the config's where that was changed."""
        kept = {key: value for key, value in entry.items() if key != "data"}
        found = {**kept, "digest": str(new.digest), "size": len(new.raw), "mediaType": new.media_type}
        platforms = self.platforms.get(new.digest)
        if platforms is not None and entry.get("platform"):
            found["platform"] = _moved(entry["platform"], *platforms)
        return found

    def _check(self, entries: Sequence[Mapping[str, Any]]) -> None:
        """Raise InvalidInput where an image got a platform that another one of the index has."""
        said = [entry.get("platform") for entry in entries]
        for entry, platform in zip(entries, said, strict=True):
            if Digest.find(entry.get("digest")) in self.platforms and platform and said.count(platform) > 1:
                raise InvalidInput(
                    f"two images of an index would be for {Platform.from_json(platform)}",
                    advice="choose the one that is meant with --platform",
                )

    def _attested(self, entry: dict[str, Any]) -> dict[str, Any]:
        """An entry whose attestation is about what the image became."""
        said = entry.get("annotations") or {}
        subject = Digest.find(said.get(ATTESTED))
        new = self.replaced.get(subject) if subject and ATTESTATION in said else None
        if new is None or new.digest == subject:
            return entry
        pointed = {**entry, "annotations": {**said, ATTESTED: str(new.digest)}}
        attestation = manifest_of(self.source, Descriptor.from_json(entry))
        if attestation.subject is None or attestation.subject.digest != subject:
            return pointed
        moved = about(attestation, new)
        self.replaced[attestation.digest], self.raw[moved.digest] = moved, moved.raw
        return {**pointed, "digest": str(moved.digest), "size": len(moved.raw)}

    def _is_wanted(self, platform: Platform) -> bool:
        found = {wish for wish in self.wanted if platform.satisfies(wish)}
        self.missing -= found
        return bool(found) or not self.wanted


def about(referrer: Manifest, subject: Manifest) -> Manifest:
    """A manifest that refers to another subject than before, all else as it was. It has to have one."""
    described = {"mediaType": subject.media_type, "digest": str(subject.digest), "size": len(subject.raw)}
    document = {**referrer.document, "subject": {**referrer.document["subject"], **described}}
    return Manifest.parse(encode(document), referrer.media_type, referrer.digest.algorithm)


def _moved(said: Mapping[str, Any], before: Platform, after: Platform) -> dict[str, Any]:
    """What an entry of an index says of an image that is for another platform now, or for another version of the same."""
    if (before.os, before.architecture, before.variant) != (after.os, after.architecture, after.variant):
        return after.to_json()
    return {key: value for key, value in said.items() if not key.startswith("os.")} | after.to_json()
