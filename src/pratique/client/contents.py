"""What is in images: their file systems, single files, and whether all of it is what its digests say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from ..errors import InvalidInput, Unsupported
from ..http.events import Observer
from ..image import comparison, stack, validation
from ..image.comparison import Difference
from ..image.layers import files, lookup
from ..image.layers.bench import Bench
from ..image.layers.files import Change, File
from ..image.layers.walk import Write
from ..image.rebase import base_of
from ..image.validation import Problem
from ..spec.descriptor import Descriptor
from ..spec.digest import Digest
from ..stores.base import Target
from ..stores.crew import JOBS, in_parallel
from ..values import frozen
from .images import image_at
from .places import Place, located, places

if TYPE_CHECKING:
    from ..spec.platform import Platform
    from .registries import Registries

_AT_ONCE: Final = 2  # layers that are read


def export(
    source: Place,
    write: Write,
    *,
    platform: str | Platform | None = None,
    registries: Registries | None = None,
    tell: Observer | None = None,
) -> Descriptor:
    """Hand the file system of an image to `write`, as one tar with all whiteouts applied; the result is the image's manifest.

    Every layer is read from its store once, and verified; a failure comes as an error, perhaps after some of the tar.
    Raises NotFound, Refused, Unreachable, ContentMismatch, Misbehaved, Unsupported for encrypted layers, and InvalidInput
    for what is no tar, leads out of it, or grows too much.
    """
    with places(registries, tell) as opened, Bench() as bench:
        image = image_at(opened, located(source), platform)
        stack.export(bench, image, write)
        return image.original.descriptor


def list_files(
    source: Place,
    *,
    platform: str | Platform | None = None,
    digests: bool = False,
    registries: Registries | None = None,
    tell: Observer | None = None,
) -> list[File]:
    """The files of an image in the order of their names, each as the highest layer has it; with `digests` of their content.

    Raises as `export` does.
    """
    with places(registries, tell) as opened:
        image = image_at(opened, located(source), platform)
        found = files.listing([layer.packed() for layer in image.layers], digests=digests)
        return list(found.values())


def read_file(
    source: Place,
    path: str,
    write: Write,
    *,
    platform: str | Platform | None = None,
    registries: Registries | None = None,
    tell: Observer | None = None,
) -> None:
    """Hand the content of one file of an image to `write`, through links; layers below the one that has it are not read.

    Nothing is written that was not verified. Raises NotFound where there is no such file, InvalidInput for a folder or a
    device, and as `export` does.
    """
    with places(registries, tell) as opened:
        image = image_at(opened, located(source), platform)
        lookup.cat([layer.packed() for layer in image.layers], path, write)


@frozen
class Differences:
    """What is not the same in two images: fields of manifest and config, and files."""

    manifest: tuple[Difference, ...]
    config: tuple[Difference, ...]
    files: tuple[Change, ...]

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
        images = [image_at(opened, located(place), platform) for place in (before, after)]
        layers = {layer.descriptor.digest: layer for image in images for layer in image.layers}
        if images[0].diff_ids == images[1].diff_ids:
            layers = {}
        found = in_parallel(lambda layer: files.read(layer.packed(), digests=True), layers.values(), _AT_ONCE)
        read = dict(zip(layers, found, strict=True))
        one, other = (
            files.compose([read[layer.descriptor.digest] for layer in image.layers if read]) for image in images
        )
        return Differences(
            tuple(comparison.compare(images[0].manifest, images[1].manifest)),
            tuple(comparison.compare(images[0].config, images[1].config)),
            files.compare(one, other, times=times),
        )


@frozen
class BaseCheck:
    """What an image says that it was based on, what its name stands for now, and whether the image has the layers of that."""

    platform: Platform
    name: str
    digest: Digest | None
    current: Digest
    is_current: bool


def check_base(
    source: Place,
    *,
    base: Place | None = None,
    platform: str | Platform | None = None,
    registries: Registries | None = None,
    tell: Observer | None = None,
) -> BaseCheck:
    """Find out whether the base of an image is the one that its name stands for now; the image's layers decide.

    The base is the one that is given, or that the annotations name. Raises NotFound, InvalidInput where neither says any.
    """
    with places(registries, tell) as opened:
        image = image_at(opened, located(source), platform)
        said = base_of(image)
        if base is None and (said is None or not said.name):
            raise InvalidInput(
                f"the annotations of {image.original.digest} do not say on what it is based", advice="name the base"
            )
        location = located(base if base is not None else said.name)  # type: ignore[union-attr]
        found = image_at(opened, location, image.platform)
        current = opened.source(location).resolve(location.name).digest
        same = image.diff_ids[: len(found.layers)] == found.diff_ids
        return BaseCheck(image.platform, str(location), said.digest if said else None, current, same)


def validate(
    source: Place,
    *,
    fast: bool = False,
    registries: Registries | None = None,
    tell: Observer | None = None,
    jobs: int = JOBS,
) -> Iterator[Problem]:
    """What is not right with an image, an index or an artifact and everything below it, as it is found.

    Everything is read: digests, sizes, types, diff ids, and each tar from header to header. With `fast` manifests and configs
    are read, and for the rest the store is asked whether it has it. Raises NotFound where there is no such thing, Refused,
    Unreachable, and Unsupported for `fast` where a store cannot be asked.
    """
    location = located(source)
    with places(registries, tell) as opened:
        reading = opened.source(location, beside=location)
        root = reading.resolve(location.name)
        if not fast:
            yield from validation.validate(reading, root, jobs=jobs)
            return
        if not isinstance(reading, Target):
            raise Unsupported(f"{reading} cannot be asked what it has", advice="leave `fast` out")
        yield from validation.validate_fast(reading, root, jobs=jobs)
