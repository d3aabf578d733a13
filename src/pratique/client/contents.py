"""What is in images: their file systems, single files, and whether all of it is what its digests say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..errors import Unsupported
from ..http.events import Observer
from ..image import validation
from ..image.layers import files, lookup
from ..image.layers.bench import Bench, Layer
from ..image.layers.files import File
from ..image.layers.overlay import overlay
from ..image.layers.walk import Write
from ..image.validation import Problem
from ..spec.descriptor import Descriptor
from ..stores.base import Target
from ..stores.crew import JOBS, in_parallel
from .images import image_at
from .places import Place, located, places

if TYPE_CHECKING:
    from ..spec.platform import Platform
    from .registries import Registries

_AT_ONCE = 4  # layers that are fetched


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
        overlay([layer.packed() for layer in kept(bench, image.layers)], write)
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


def kept(bench: Bench, layers: tuple[Layer, ...]) -> list[Layer]:
    """Layers that may be read twice, each fetched once; the lowest is not read twice by an overlay."""
    lowest, higher = layers[:1], layers[1:]
    return [*lowest, *in_parallel(bench.keep, higher, _AT_ONCE)]
