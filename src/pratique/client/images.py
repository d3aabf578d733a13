"""One image of what a location names, read without its layers."""

from __future__ import annotations

from ..errors import NotFound
from ..image.image import Image
from ..spec.manifest import Manifest
from ..spec.platform import Platform, wished
from ..stores.base import Source
from ..stores.content import manifest_of
from ..stores.locations import Location
from .places import Places


def image_at(
    opened: Places, location: Location, platform: str | Platform | None = None, *, beside: Location | None = None
) -> Image:
    """The image at a location: the only one, or that for a platform of an index.

    Raises NotFound for an index of several of which none is chosen, Unsupported for what is no image, Misbehaved.
    """
    source = opened.source(location, beside=beside)
    manifest = opened.manifest(source, location.name)
    return Image.read(source, single(source, manifest, wished(platform) if platform else None))


def single(source: Source, manifest: Manifest, platform: Platform | None) -> Manifest:
    """The manifest itself, or the only one of an index, or the one for a platform. Raises NotFound."""
    while manifest.is_index:
        entries = [entry for entry in manifest.manifests if not (entry.platform and entry.platform.os == "unknown")]
        if platform is None and len(entries) != 1:
            raise NotFound(
                f"{manifest.digest} is an index of several images", advice=f"choose by --platform: {manifest.choices}"
            )
        manifest = manifest_of(source, entries[0] if platform is None else manifest.select(platform))
    return manifest
