"""Which platforms of an index to take (image specification, image-index.md)."""

from __future__ import annotations

from typing import Final

from ..spec.descriptor import Descriptor
from ..spec.document import encode
from ..spec.manifest import ATTESTED, Manifest
from ..spec.platform import Platform
from ..values import frozen


@frozen
class Selection:
    """The platforms to take, or all. With `keep_index` the index stays as it is, and lists what is not taken as well."""

    platforms: tuple[Platform, ...] = ()
    keep_index: bool = False

    def kept(self, manifest: Manifest) -> tuple[Descriptor, ...]:
        """The successors of a manifest that are taken. Raises NotFound where a platform is not there."""
        if not self.platforms or not manifest.is_index:
            return manifest.successors()
        return tuple(entry for entry, wanted in zip(manifest.manifests, self._takes(manifest), strict=True) if wanted)

    def single(self, manifest: Manifest) -> Descriptor | None:
        """The one image that stands for the whole index, where one platform is wanted and no index."""
        if len(self.platforms) != 1 or self.keep_index or not manifest.is_index:
            return None
        return manifest.select(self.platforms[0])

    def narrowed(self, manifest: Manifest) -> Manifest:
        """A smaller index with the entries that are taken, all else as it was; the same one where nothing is left out."""
        if not self.platforms or not manifest.is_index or self.keep_index:
            return manifest
        taken = self._takes(manifest)
        if all(taken):
            return manifest
        entries = [entry for entry, wanted in zip(manifest.document["manifests"], taken, strict=True) if wanted]
        raw = encode({**manifest.document, "manifests": entries})
        return Manifest.parse(raw, manifest.media_type, manifest.digest.algorithm)

    def _takes(self, manifest: Manifest) -> list[bool]:
        """Of each entry of an index whether it is taken: images by their platform, and what attests them."""
        chosen = {str(entry.digest) for wish in self.platforms for entry in manifest.matching(wish)}
        return [
            str(entry.digest) in chosen or entry.annotations.get(ATTESTED) in chosen for entry in manifest.manifests
        ]


EVERYTHING: Final = Selection()
