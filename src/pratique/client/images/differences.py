"""What is not the same in two images, or in the images of two indexes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...http.events import Observer
from ...image import comparison
from ...image.comparison import Difference
from ...image.image import Image
from ...image.layers import files
from ...image.layers.files import Change
from ...image.layers.pieces import LAYERS_AT_ONCE
from ...spec.manifest import Manifest
from ...stores.base import Source
from ...stores.crew import in_parallel
from ...stores.inspection import single
from ...values import frozen, replace
from ..places import Place, Places, located, places
from .single import image_at, platforms_of

if TYPE_CHECKING:
    from ...spec.platform import Platform
    from ..registries import Registries


@frozen
class Differences:
    """What is not the same in two images: fields of manifest and config, and files.

    Where an index has no image for a `platform` that the other has, all of the manifest was added or removed.
    """

    manifest: tuple[Difference, ...]
    config: tuple[Difference, ...]
    files: tuple[Change, ...]
    platform: Platform | None = None

    def __bool__(self) -> bool:
        return bool(self.manifest or self.config or self.files)


def compare(
    before: Place,
    after: Place,
    *,
    platform: str | Platform | None = None,
    times: bool = False,
    registries: Registries | None = None,
    tell: Observer | None = None,
) -> Differences:
    """Compare two images: manifests, configs, and files by their content; a layer that both have is read once.

    When files were modified counts with `times`. Raises as `export` does.
    """
    with places(registries, tell) as opened:
        return _compared(*(image_at(opened, located(place), platform) for place in (before, after)), times=times)


def compare_indexes(
    before: Place,
    after: Place,
    *,
    times: bool = False,
    registries: Registries | None = None,
    tell: Observer | None = None,
) -> list[Differences]:
    """Compare the images of two indexes, each with that for the same platform; an image and an index as image and image.

    Without a platform are the fields of the indexes themselves, first. Raises as `compare` does.
    """
    with places(registries, tell) as opened:
        one, two = (_Root.at(opened, place) for place in (before, after))
        if not (one.manifest.is_index and two.manifest.is_index):
            return [_compared(*_fitting(one, two), times=times)]
        found = [Differences(tuple(comparison.compare(one.fields, two.fields)), (), ())]
        for platform in dict.fromkeys((*platforms_of(one.manifest), *platforms_of(two.manifest))):
            differences = _of_roots(one.image_for(platform), two.image_for(platform), times=times)
            found.append(replace(differences, platform=platform))
        return found


@frozen
class _Root:
    """An image or index that is compared with another, and where it was read."""

    source: Source
    manifest: Manifest

    @classmethod
    def at(cls, opened: Places, place: Place) -> _Root:
        """What a place names. Raises NotFound."""
        location = located(place)
        source = opened.source(location)
        return cls(source, opened.manifest(source, location.name))

    @property
    def fields(self) -> dict[str, Any]:
        """What an index says of itself."""
        return {key: value for key, value in self.manifest.document.items() if key != "manifests"}

    def image_for(self, platform: Platform) -> _Root | None:
        """The image of an index for a platform, if it has one."""
        if platform not in platforms_of(self.manifest):
            return None
        return _Root(self.source, single(self.source, self.manifest, platform)[0])

    def read(self, platform: Platform | None = None) -> Image:
        """The image that it is, or that it has for a platform. Raises NotFound, Unsupported."""
        return Image.read(self.source, single(self.source, self.manifest, platform)[0])


def _fitting(one: _Root, two: _Root) -> tuple[Image, Image]:
    """Two images, of which at most one is of an index: that for which the other is."""
    if one.manifest.is_index:
        other = two.read()
        return one.read(other.platform), other
    image = one.read()
    return image, two.read(image.platform)


def _of_roots(before: _Root | None, after: _Root | None, *, times: bool) -> Differences:
    """What differs in two images, or all of the manifest where there is only one."""
    if before is None or after is None:
        one, two = (each.manifest.document if each else comparison.ABSENT for each in (before, after))
        return Differences(tuple(comparison.compare(one, two)), (), ())
    if before.manifest.digest == after.manifest.digest:
        return Differences((), (), ())
    return _compared(before.read(), after.read(), times=times)


def _compared(before: Image, after: Image, *, times: bool) -> Differences:
    layers = {layer.descriptor.digest: layer for image in (before, after) for layer in image.layers}
    if before.diff_ids == after.diff_ids:
        layers = {}
    found = in_parallel(lambda layer: files.read(layer.packed(), digests=True), layers.values(), LAYERS_AT_ONCE)
    read = dict(zip(layers, files.bounded(found), strict=True))
    one, two = (
        files.compose([read[layer.descriptor.digest] for layer in image.layers if read]) for image in (before, after)
    )
    return Differences(
        tuple(comparison.compare(before.manifest, after.manifest)),
        tuple(comparison.compare(before.config, after.config)),
        files.compare(one, two, times=times),
    )
