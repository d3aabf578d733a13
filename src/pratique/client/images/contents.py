"""What is in images: their file systems, and single files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from ...errors import NotFound
from ...http.events import Observer
from ...image import stack
from ...image.layers import files, lookup
from ...image.layers.bench import Bench, Layer
from ...image.layers.editing import matcher
from ...image.layers.files import File
from ...image.layers.pieces import Packed
from ...image.layers.walk import Write
from ...spec.descriptor import Descriptor
from ...values import replace
from ..places import Place, located, places
from .single import image_at

if TYPE_CHECKING:
    from ...spec.platform import Platform
    from ..registries import Registries


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
    paths: Iterable[str] = (),
    platform: str | Platform | None = None,
    digests: bool = False,
    registries: Registries | None = None,
    tell: Observer | None = None,
) -> list[File]:
    """The files of an image in the order of their names, each as the highest layer has it; with `digests` of their content.

    With `paths` only what stands at one of them or below it; they may be patterns, as `editing.Edit` has them. Raises NotFound
    for a path at which there is nothing, and as `export` does.
    """
    with places(registries, tell) as opened:
        image = image_at(opened, located(source), platform)
        found = files.listing([layer.packed() for layer in image.layers], digests=digests)
        return _chosen(found, list(paths))


def _chosen(found: Mapping[bytes, File], paths: Sequence[str]) -> list[File]:
    chosen = set[bytes]()
    for path in paths:
        matches = matcher([path])
        here = [name for name in found if matches(name)] if path.strip("./") else found.keys()
        if not here:
            raise NotFound(f"the image has nothing at {path[:200]!r}")
        chosen.update(here)
    return [file for name, file in found.items() if name in chosen or not paths]


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
    with places(registries, tell) as opened, Bench() as bench:
        image = image_at(opened, located(source), platform)
        lookup.cat([_kept(bench, layer) for layer in image.layers], path, write)


def _kept(bench: Bench, layer: Layer) -> Packed:
    """A layer that is read from its store once, when it is first looked into: links may lead through it again."""
    return replace(layer.packed(), content=lambda: bench.keep(layer).packed().content())
