"""Whether images are what their digests say, and on the base that they should be on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ...errors import InvalidInput, Unsupported
from ...http.events import Observer
from ...image import validation
from ...image.image import Image
from ...image.rebase import base_of
from ...image.validation import Problem
from ...spec.digest import Digest
from ...stores.base import Target
from ...stores.crew import JOBS
from ...stores.inspection import single
from ...values import frozen
from ..places import Place, Places, located, places
from .single import image_at, platforms_of

if TYPE_CHECKING:
    from ...spec.platform import Platform
    from ..registries import Registries


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
        wanted: Sequence[Platform | None] = platforms_of(root) if root.is_index else [None]
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
