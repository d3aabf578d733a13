"""What is in images: their file systems, single files, and whether all of it is what its digests say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from ...errors import InvalidInput, NotFound, Unsupported
from ...http.events import Observer
from ...image import comparison, stack, validation
from ...image.comparison import Difference
from ...image.image import Image
from ...image.layers import files, lookup
from ...image.layers.bench import Bench, Layer
from ...image.layers.editing import matcher
from ...image.layers.files import Change, File
from ...image.layers.pieces import LAYERS_AT_ONCE, Packed
from ...image.layers.walk import Write
from ...image.rebase import base_of
from ...image.validation import Problem
from ...spec.descriptor import Descriptor
from ...spec.digest import Digest
from ...spec.manifest import Manifest, is_attestation
from ...stores.base import Source, Target
from ...stores.crew import JOBS, in_parallel
from ...stores.inspection import single
from ...values import frozen, replace
from ..places import Place, Places, located, places
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
        sources = [opened.source(located(place)) for place in (before, after)]
        roots = [
            opened.manifest(source, located(place).name) for source, place in zip(sources, (before, after), strict=True)
        ]
        if not all(root.is_index for root in roots):
            return [_compared(*_fitting(sources, roots), times=times)]
        one, two = ({key: value for key, value in root.document.items() if key != "manifests"} for root in roots)
        found = [Differences(tuple(comparison.compare(one, two)), (), ())]
        for platform in dict.fromkeys(platform for root in roots for platform in _platforms(root)):
            pair = [
                single(source, root, platform)[0] if platform in _platforms(root) else None
                for source, root in zip(sources, roots, strict=True)
            ]
            found.append(replace(_of_manifests(sources, *pair, times=times), platform=platform))
        return found


def _platforms(index: Manifest) -> list[Platform]:
    return [each.platform for each in index.manifests if each.platform and not is_attestation(each)]


def _fitting(sources: Sequence[Source], roots: Sequence[Manifest]) -> Iterator[Image]:
    """Two images; of an index that for which the other is."""
    platforms = [Image.read(*each).platform for each in zip(sources, roots, strict=True) if not each[1].is_index]
    for source, root in zip(sources, roots, strict=True):
        yield Image.read(source, single(source, root, platforms[0])[0])


def _of_manifests(
    sources: Sequence[Source], before: Manifest | None, after: Manifest | None, *, times: bool
) -> Differences:
    if before is None or after is None:
        documents = (before.document if before else comparison.ABSENT, after.document if after else comparison.ABSENT)
        return Differences(tuple(comparison.compare(*documents)), (), ())
    if before.digest == after.digest:
        return Differences((), (), ())
    return _compared(Image.read(sources[0], before), Image.read(sources[1], after), times=times)


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
        return _checked(opened, image_at(opened, located(source), platform), base)


def check_bases(
    source: Place,
    *,
    base: Place | None = None,
    registries: Registries | None = None,
    tell: Observer | None = None,
) -> list[BaseCheck]:
    """The same of every image of an index, or of the only one."""
    with places(registries, tell) as opened:
        location = located(source)
        reading = opened.source(location)
        root = opened.manifest(reading, location.name)
        wanted: Sequence[Platform | None] = _platforms(root) if root.is_index else [None]
        images = [Image.read(reading, single(reading, root, platform)[0]) for platform in wanted]
        return [_checked(opened, image, base) for image in images]


def _checked(opened: Places, image: Image, base: Place | None) -> BaseCheck:
    said = base_of(image)
    name = base if base is not None else said.name if said else ""
    if not name:
        raise InvalidInput(
            f"the annotations of {image.original.digest} do not say on what it is based", advice="name it with --base"
        )
    location = located(name)
    found = image_at(opened, location, image.platform)
    current = opened.source(location).resolve(location.name).digest
    same = image.diff_ids[: len(found.layers)] == found.diff_ids
    return BaseCheck(image.platform, str(location), said.digest if said else None, current, same)


def validate(
    source: Place,
    *,
    platform: str | Platform | None = None,
    fast: bool = False,
    registries: Registries | None = None,
    tell: Observer | None = None,
    jobs: int = JOBS,
) -> Iterator[Problem]:
    """What is not right with an image, an index or an artifact and everything below it, as it is found; of a `platform` only.

    Everything is read: digests, sizes, types, diff ids, and each tar from header to header. With `fast` manifests and configs
    are read, and for the rest the store is asked whether it has it. Raises NotFound where there is no such thing, Refused,
    Unreachable, and Unsupported for `fast` where a store cannot be asked.
    """
    location = located(source)
    with places(registries, tell) as opened:
        reading = opened.source(location, beside=location)
        root = reading.resolve(location.name)
        if platform:
            root = image_at(opened, location, platform, beside=location).original.descriptor
        if not fast:
            yield from validation.validate(reading, root, jobs=jobs)
            return
        if not isinstance(reading, Target):
            raise Unsupported(f"{reading} cannot be asked what it has", advice="leave `fast` out")
        yield from validation.validate_fast(reading, root, jobs=jobs)
