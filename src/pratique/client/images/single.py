"""Single images: one of what a location names, read without its layers, and those that an index has."""

from __future__ import annotations

from ...image.image import Image
from ...spec.manifest import Manifest, is_attestation
from ...spec.platform import Platform, wished
from ...stores.inspection import single
from ...stores.locations import Location
from ..places import Places


def image_at(
    opened: Places, location: Location, platform: str | Platform | None = None, *, beside: Location | None = None
) -> Image:
    """The image at a location: the only one, or that for a platform of an index.

    Raises NotFound for an index of several of which none is chosen, Unsupported for what is no image, Misbehaved.
    """
    source = opened.source(location, beside=beside)
    manifest = opened.manifest(source, location.name)
    return Image.read(source, single(source, manifest, wished(platform) if platform else None)[0])


def platforms_of(index: Manifest) -> list[Platform]:
    """What the images of an index are for, in its order; attestations are no images."""
    return [each.platform for each in index.manifests if each.platform and not is_attestation(each)]
