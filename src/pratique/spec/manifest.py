"""Manifests and indexes (image specification, manifest.md and image-index.md) over the bytes as received."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from ..errors import Misbehaved, NotFound, Unsupported
from ..values import field, frozen
from . import document as reading
from . import media
from .descriptor import Descriptor, read_annotations
from .digest import Digest
from .platform import Platform

MOST_MANIFEST_BYTES: Final = 4 << 20  # what the distribution specification asks registries to take at least

# The annotations by which BuildKit marks an attestation in an index, and says which image it is about.
ATTESTATION: Final = "vnd.docker.reference.type"
ATTESTED: Final = "vnd.docker.reference.digest"
UNKNOWN: Final = "unknown"  # the operating system that they are for

MOST_CHOICES: Final = 20  # platforms of an index that an error names


@frozen
class Manifest:
    """A manifest: its bytes, never encoded again, and a checked view of them."""

    descriptor: Descriptor
    raw: bytes = field(repr=False)
    document: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def parse(cls, raw: bytes, content_type: str = "", algorithm: str = "sha256") -> Manifest:
        """Read a manifest of any type.

        `content_type` is what the server said; the document's own `mediaType` wins over it, and where both are silent its
        shape tells. Unknown types are kept as they are; all that is read into them is a `subject`, and what describes a
        referrer. Raises Misbehaved for what is no manifest, and Unsupported for Docker's schema 1.
        """
        said = media.essence(content_type)
        document = _object(raw, lenient=_is_foreign(said))
        media_type = _media_type(document, said)
        known = media_type in media.MANIFESTS or _is_referrer(document)
        described = Descriptor(
            media_type,
            Digest.of(raw, algorithm),
            len(raw),
            artifact_type=_artifact_type(document, media_type) if known else "",
            annotations=read_annotations(document, "manifest") if known else {},
        )
        manifest = cls(described, raw, document)
        _ = manifest.successors(), manifest.subject  # whoever holds a Manifest can rely on every descriptor in it
        return manifest

    @property
    def media_type(self) -> str:
        """What it is (image specification, media-types.md)."""
        return self.descriptor.media_type

    @property
    def digest(self) -> Digest:
        """The digest of its bytes."""
        return self.descriptor.digest

    @property
    def is_index(self) -> bool:
        """Whether it lists other manifests."""
        return self.media_type in media.INDEXES

    @property
    def config(self) -> Descriptor | None:
        """The config of an image or artifact."""
        return self._one("config") if self.media_type in media.IMAGES else None

    @property
    def layers(self) -> tuple[Descriptor, ...]:
        """The layers of an image, from the base up."""
        return self._many("layers") if self.media_type in media.IMAGES else ()

    @property
    def manifests(self) -> tuple[Descriptor, ...]:
        """The entries of an index, in its order."""
        return self._many("manifests") if self.is_index else ()

    @property
    def subject(self) -> Descriptor | None:
        """The manifest that this one refers to (manifest.md, `subject`), whatever its type."""
        return self._one("subject") if self.media_type in media.MANIFESTS or _is_referrer(self.document) else None

    @property
    def bare(self) -> Descriptor:
        """Its descriptor with nothing but type, digest and size, as whoever resolves its name has it."""
        return Descriptor(self.media_type, self.digest, len(self.raw))

    @property
    def annotations(self) -> Mapping[str, str]:
        """What it says of itself (image specification, annotations.md)."""
        return self.descriptor.annotations

    @property
    def artifact_type(self) -> str:
        """`artifactType`, or the config's media type where it is absent, as the referrers API has it."""
        return self.descriptor.artifact_type

    def successors(self) -> tuple[Descriptor, ...]:
        """Everything that this manifest points at and needs, in its order; not its subject."""
        if self.media_type == media.OCI_ARTIFACT_MANIFEST:
            return self._many("blobs")
        config = self.config
        return (*((config,) if config else ()), *self.layers, *self.manifests)

    def select(self, wish: Platform) -> Descriptor:
        """The first entry of an index that satisfies `wish` (image-index.md). Raises NotFound, naming what there is."""
        return self.matching(wish)[0]

    def matching(self, wish: Platform) -> tuple[Descriptor, ...]:
        """The entries of an index that satisfy `wish`, in order. Raises NotFound, naming what there is."""
        found = tuple(entry for entry in self.manifests if entry.platform and entry.platform.satisfies(wish))
        if not found:
            raise NotFound(f"no image for {wish} in the index {self.digest}", advice=f"its platforms: {self.choices}")
        return found

    @property
    def choices(self) -> str:
        """The platforms that an index names, for people who have to choose one."""
        found = platforms(self.manifests)
        more = f" and {len(found) - MOST_CHOICES} more" if len(found) > MOST_CHOICES else ""
        return f"{', '.join(found[:MOST_CHOICES])}{more}" or "none that it names"

    def _one(self, key: str) -> Descriptor | None:
        found = reading.mapping(self.document, key, "manifest")
        return Descriptor.from_json(found, f"manifest's {key}") if found is not None else None

    def _many(self, key: str) -> tuple[Descriptor, ...]:
        entries = reading.mappings(self.document, key, "manifest")
        return tuple(Descriptor.from_json(entry, f"manifest's {key}") for entry in entries)


def platforms(entries: Iterable[Descriptor]) -> list[str]:
    """The platforms that entries of an index name, in order and once; attestations (`unknown/unknown`) are none."""
    named = (str(entry.platform) for entry in entries if entry.platform and not is_attestation(entry))
    return list(dict.fromkeys(named))


def is_attestation(entry: Descriptor) -> bool:
    """Whether an entry of an index is for nothing that runs, as BuildKit marks attestations by their platform."""
    return entry.platform is not None and entry.platform.os == UNKNOWN


def _object(raw: bytes, *, lenient: bool) -> Mapping[str, Any]:
    try:
        return reading.parse_object(raw, "manifest")
    except Misbehaved:
        if lenient:
            return {}
        raise


def _is_foreign(said: str) -> bool:
    return said not in media.GENERIC and not media.is_manifest(said)


def _media_type(document: Mapping[str, Any], said: str) -> str:
    named = document.get("mediaType")
    if _is_foreign(said) and not (isinstance(named, str) and media.is_manifest(named)):
        return said
    named = reading.line(document, "mediaType", "manifest")
    media_type = named or ("" if said in media.GENERIC else said) or _shape(document)
    if media_type in media.SCHEMA_1 or (document.get("schemaVersion") == 1 and not _is_foreign(media_type)):
        raise Unsupported(
            "this is a Docker schema 1 manifest, a form that the registries' world gave up in 2017",
            advice="push the image again with a current tool; it is then stored as schema 2 or OCI",
        )
    if not media_type:
        raise Misbehaved("the manifest has no media type, and nothing in it tells what it is")
    _refuse_ambiguous(document, media_type)
    return media_type


def _shape(document: Mapping[str, Any]) -> str:
    if "manifests" in document:
        return media.OCI_INDEX
    if "layers" in document or "config" in document:
        config = document.get("config")
        docker = isinstance(config, dict) and config.get("mediaType") == media.DOCKER_CONFIG
        return media.DOCKER_MANIFEST if docker else media.OCI_MANIFEST
    return media.OCI_ARTIFACT_MANIFEST if "blobs" in document else ""


def _refuse_ambiguous(document: Mapping[str, Any], media_type: str) -> None:
    # A document that is both lets two clients read two different images under one digest (CVE-2021-41190).
    if media_type in media.INDEXES and ("layers" in document or "config" in document):
        raise Misbehaved(f"the manifest calls itself an index ({media_type}) and has layers or a config as well")
    if media_type in media.IMAGES and "manifests" in document:
        raise Misbehaved(f"the manifest calls itself an image ({media_type}) and has manifests as well")


def _is_referrer(document: Mapping[str, Any]) -> bool:
    """Whether a manifest of an unknown type has a subject and describes itself, as manifests of known types do."""
    try:
        subject = reading.mapping(document, "subject", "manifest")
        reading.line(document, "artifactType", "manifest")
        read_annotations(document, "manifest")
        return subject is not None and bool(Descriptor.from_json(subject, "manifest's subject"))
    except Misbehaved:
        return False


def _artifact_type(document: Mapping[str, Any], media_type: str) -> str:
    named = reading.line(document, "artifactType", "manifest")
    if named or media_type not in media.IMAGES:
        return named
    config = reading.mapping(document, "config", "manifest") or {}
    return reading.line(config, "mediaType", "manifest's config")
