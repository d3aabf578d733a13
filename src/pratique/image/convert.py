"""Docker's and OCI's forms of the same image (image specification, media-types.md §Compatibility Matrix)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..errors import Unsupported
from ..spec import media
from ..spec.descriptor import Descriptor
from ..spec.digest import Digest
from ..spec.document import encode
from ..spec.manifest import ATTESTED, Manifest

_PAIRS: Final = {
    media.DOCKER_MANIFEST: media.OCI_MANIFEST,
    media.DOCKER_LIST: media.OCI_INDEX,
    media.DOCKER_CONFIG: media.OCI_CONFIG,
    media.DOCKER_LAYER: media.OCI_LAYER,
    media.DOCKER_LAYER_GZIP: media.OCI_LAYER_GZIP,
    media.DOCKER_LAYER_FOREIGN: media.OCI_LAYER_FOREIGN_GZIP,
}
# Docker's type for zstd is younger than its form, and not every tool that reads the form knows it.
TO_OCI: Final[Mapping[str, str]] = _PAIRS | {media.DOCKER_LAYER_ZSTD: media.OCI_LAYER_ZSTD}
TO_DOCKER: Final[Mapping[str, str]] = {oci: docker for docker, oci in _PAIRS.items()}

# What Docker's form has no place for.
_OCI_ONLY: Final = ("annotations", "subject", "artifactType")

_NOTHING: Final[Mapping[Digest, Descriptor]] = {}

_STATEMENT: Final = "application/vnd.in-toto"  # how the types of an attestation's statements begin


def convert(manifest: Manifest, types: Mapping[str, str], replaced: Mapping[Digest, Descriptor] = _NOTHING) -> Manifest:
    """The manifest in the other form: the same config and layers by other types; the same one where it has it already.

    `replaced` says what the manifests below an index have become. Attestations of BuildKit's stay as they are, beside the
    images that they are about. Raises Unsupported for what the other form has no type for.
    """
    if is_attestation(manifest):
        return manifest
    if manifest.media_type in types.values() and all(old == new.digest for old, new in replaced.items()):
        return manifest
    document: dict[str, Any] = {**manifest.document, "mediaType": _type(manifest.media_type, types)}
    if types is TO_DOCKER:
        for key in _OCI_ONLY:
            document.pop(key, None)
    if manifest.is_index:
        document["manifests"] = [_replaced(entry, replaced) for entry in document["manifests"]]
    elif manifest.config is not None:
        document["config"] = _entry(document["config"], types)
        document["layers"] = [_entry(layer, types) for layer in document.get("layers") or []]
    return Manifest.parse(encode(document), document["mediaType"], manifest.digest.algorithm)


def is_attestation(manifest: Manifest) -> bool:
    """Whether it is one of BuildKit's, which has the types of an image and statements in place of layers."""
    return bool(manifest.layers) and all(layer.media_type.startswith(_STATEMENT) for layer in manifest.layers)


def _entry(entry: Mapping[str, Any], types: Mapping[str, str]) -> dict[str, Any]:
    return {**entry, "mediaType": _type(entry.get("mediaType", ""), types)}


def _replaced(entry: Mapping[str, Any], replaced: Mapping[Digest, Descriptor]) -> dict[str, Any]:
    said, new = entry.get("annotations") or {}, replaced.get(Digest.parse(entry["digest"]))
    subject = Digest.find(said.get(ATTESTED))
    found = dict(entry)
    if subject is not None and subject in replaced:
        found["annotations"] = {**said, ATTESTED: str(replaced[subject].digest)}
    if new is None or new.digest == Digest.parse(entry["digest"]):
        return found
    return {**found, "mediaType": new.media_type, "digest": str(new.digest), "size": new.size}


def _type(media_type: str, types: Mapping[str, str]) -> str:
    if media_type in types.values():
        return media_type
    try:
        return types[media_type]
    except KeyError:
        form = "Docker's" if types is TO_DOCKER else "OCI's"
        raise Unsupported(
            f"{form} form has no place for {media_type or 'content without a type'}",
            advice="`recompress --compression gzip` makes layers that both forms have"
            if "zstd" in media_type
            else None,
        ) from None
