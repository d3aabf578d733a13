"""What can be done to images: each function makes a change for `alter`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import cache, partial
from typing import TypedDict

from ...errors import InvalidInput
from ...image import rebase as rebasing
from ...image import settings, stack
from ...image.image import Edit, Image
from ...image.layers import windows
from ...image.layers.bench import PACKING, Bench, Layer, Packing
from ...image.layers.editing import Edit as LayerEdit
from ...image.layers.media import layer_type
from ...image.settings import all_of
from ...spec.digest import Digest
from ...spec.reference import Reference
from ...stores.locations import Location
from ...values import replace
from ..copying import FORMS, Form
from ..places import Place, Places, located
from .additions import STANDARD_INPUT, Addition
from .single import image_at

Change = Callable[[Bench, Places], Edit]  # what makes layers or reads other images does so there


class _Called(TypedDict):
    name: str
    digest: Digest


def configure(edits: Iterable[Edit]) -> Change:
    """Change what needs no layers: the edits of `pratique.image.settings`, one after another."""
    edit = all_of(edits)
    return lambda _, __: edit


def in_turn(changes: Iterable[Change]) -> Change:
    """Changes one after another as one: what comes of them is sent once."""
    listed = tuple(changes)
    return lambda bench, opened: all_of([change(bench, opened) for change in listed])


def in_form(form: Form) -> Change:
    """Give an image Docker's or OCI's types; an index around it keeps its own. Raises Unsupported for what has no such type."""
    types = FORMS[form]
    return lambda _, __: lambda image: image.converted(types)


def append(
    additions: Sequence[Addition],
    *,
    packing: Packing = PACKING,
    by: str = stack.CREATOR,
    comment: str = "",
    moment: datetime | None = None,
) -> Change:
    """Put layers on top, in their order, each packed once for all platforms, and once for Windows, which wants them otherwise.

    `moment` is of files of this machine, and steps.
    Raises InvalidInput for what is no tar and for names that lead out of it, NotFound for files that are not there.
    """
    if sum(each.path == STANDARD_INPUT for each in additions) > 1:
        raise InvalidInput("standard input can be one layer only")

    def change(bench: Bench, _: Places) -> Edit:
        layers = [bench.make(partial(each.pour, moment=moment), packing=packing) for each in additions]
        adapted = cache(lambda layer: bench.make(partial(windows.adapt, layer.packed()), packing=packing))

        def edit(image: Image) -> Image:
            fitting = map(adapted, layers) if image.platform.os == windows.SYSTEM else layers
            typed = [_typed(layer, packing.kind, docker=image.is_docker) for layer in fitting]
            return all_of(stack.append(layer, by=by, comment=comment, moment=moment) for layer in typed)(image)

        return edit

    return change


def flatten(*, packing: Packing | None = None, moment: datetime | None = None) -> Change:
    """Make one layer of all; packed as the highest was where nothing else is said."""
    return lambda bench, _: stack.flatten(bench, packing, moment=moment)


def recompress(packing: Packing) -> Change:
    """Pack all layers in another way; what is in them stays, and so do diff ids and config."""
    return lambda bench, _: stack.recompress(bench, packing)


def remove_layers(which: Sequence[Digest | int] = (), *, created_by: Sequence[str] = ()) -> Change:
    """Take layers away with their steps of the history: by their digests, diff ids or numbers, or a text in those steps."""
    edit = stack.remove(which, created_by)
    return lambda _, __: edit


def edit_layers(changes: LayerEdit, which: Sequence[Digest | int] = ()) -> Change:
    """Leave files out of layers, or give them other content; in some layers, or in all."""
    return lambda bench, _: stack.edit_layers(bench, changes, which)


def retime(moment: datetime, *, only_later: bool = False, base: Place | None = None) -> Change:
    """Set all times to a moment, of files, steps and the image; with `only_later` only those after it.

    What the image has of a `base` stays as it is there. Raises InvalidInput where it is not on it.
    """

    def change(bench: Bench, opened: Places) -> Edit:
        def below(image: Image) -> Image | None:
            return image_at(opened, located(base), image.platform) if base is not None else None

        return stack.retime(bench, moment, only_later=only_later, base=below)

    return change


def rewrite(change: Callable[[bytes], bytes]) -> Change:
    """Change the config of each image as JSON. Raises InvalidInput for what is no config any more, or that of other layers."""
    return configure([settings.rewritten(change)])


def rebase(old: Place | None = None, new: Place | None = None) -> Change:
    """Put what is above an old base onto a new one; without them onto what the annotations' name stands for now.

    Of bases that are indexes each image takes the one for its platform. Raises InvalidInput where the image does not begin with
    the layers of the old base, or names none, and NotFound where a base is not there.
    """

    def change(_: Bench, opened: Places) -> Edit:
        def edit(image: Image) -> Image:
            before, after = _bases(image, old, new)
            former, latter = (image_at(opened, place, image.platform) for place in (before, after))
            return rebasing.rebase(former, latter, **_called(opened, after))(image)

        return edit

    return change


def based(base: Place) -> Change:
    """Say in the annotations of an image on what it is based: the name and its digest of now (annotations.md).

    Raises InvalidInput where the image does not begin with the layers of that, Unsupported for Docker's form.
    """

    def change(_: Bench, opened: Places) -> Edit:
        def edit(image: Image) -> Image:
            place = located(base)
            return rebasing.based(image_at(opened, place, image.platform), **_called(opened, place))(image)

        return edit

    return change


def _bases(image: Image, old: Place | None, new: Place | None) -> tuple[Location, Location]:
    """Where the bases are. Raises InvalidInput where neither arguments nor annotations say so."""
    said = rebasing.base_of(image)
    reference = Reference.parse(said.name) if said and said.name else None
    if (new is None and reference is None) or (old is None and (reference is None or said is None or not said.digest)):
        raise InvalidInput(
            f"the annotations of {image.original.digest} do not say on what it is based",
            advice="name the old base and the new one",
        )
    former = old if old is not None else str(replace(reference, tag=None, digest=said.digest))  # type: ignore[union-attr]
    return located(former), located(new if new is not None else str(reference))


def _called(opened: Places, location: Location) -> _Called:
    """A base as annotations have it: by its tag, where it is in a registry, and its digest."""
    reference = location.reference
    name = str(replace(reference, digest=None)) if reference and not reference.digest else ""
    return {"name": name, "digest": opened.source(location).resolve(location.name).digest}


def _typed(layer: Layer, kind: str, *, docker: bool) -> Layer:
    return replace(layer, descriptor=replace(layer.descriptor, media_type=layer_type(kind, docker=docker)))
