"""The layers of an image, changed together with its history (config.md, `rootfs` and `history`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any, Final

from ..errors import InvalidInput, NotFound
from ..spec.digest import Digest
from ..values import replace
from .image import Document, Edit, Image, check_diff_id
from .layers import editing
from .layers.bench import Bench, Layer, Packing
from .layers.media import is_distributable, is_layer, packed_as
from .layers.overlay import overlay
from .layers.walk import Write
from .rebase import check, steps_above, without_base
from .settings import created, written_moment

CREATOR: Final = "pratique"

# Of layers whose packed form can be read in parts: they name places in it.
_OF_PACKING: Final = ("containerd.io/snapshot/stargz/", "io.github.containers.zstd-chunked.")


def _no_base(_: Image) -> None:
    """An image that is on nothing."""


def append(layer: Layer, *, by: str = CREATOR, comment: str = "", moment: datetime | None = None) -> Edit:
    """Put a layer on top. Its step of the history was made `by` somebody or a command, at a `moment`."""
    step = _step(by, comment, moment)

    def edit(image: Image) -> Image:
        history = [*image.history, step] if image.is_told else _short_history(image)
        return image.having((*image.layers, layer), history)

    return edit


def remove(which: Sequence[Digest | int] = (), created_by: Sequence[str] = ()) -> Edit:
    """Take layers away, by the digest of layer or tar, or by number from the base up, which begins with 0 or ends with -1, or
    by a text in what they were `created_by` (config.md, `history`).

    Their steps go as well. Raises NotFound for a layer that there is not, InvalidInput where none is named.
    """
    if not (which or created_by) or "" in created_by:
        raise InvalidInput("no layer is named that is to be taken away")

    def edit(image: Image) -> Image:
        unwanted = {_number(image, each) for each in which}.union(*(_made_by(image, text) for text in created_by))
        layers = [layer for number, layer in enumerate(image.layers) if number not in unwanted]
        return _on_its_base(image, image.having(layers, _without(image, unwanted)))

    return edit


def export(bench: Bench, image: Image, write: Write) -> None:
    """Write the file system of an image as one tar. Raises Unsupported for layers that cannot be read, and as `overlay` does."""
    lowest, higher = image.layers[:1], image.layers[1:]
    layers = (*lowest, *map(bench.keep, higher))  # the higher ones are read twice
    overlay([layer.packed() for layer in layers], write)


def flatten(bench: Bench, packing: Packing | None = None, *, moment: datetime | None = None) -> Edit:
    """Make one layer of all. What the image was based on is not below it any more, and its annotations say so no longer."""

    def edit(image: Image) -> Image:
        if not image.layers:
            return image

        def pour(write: Write) -> None:
            export(bench, image, write)

        made = bench.make(pour, packing=packing or _packing(image), docker=image.is_docker)
        step = _step(f"{CREATOR} flatten", f"{len(image.layers)} layers as one", moment)
        return without_base(image.having([made], [step]))

    return edit


def edit_layers(bench: Bench, changes: editing.Edit, which: Sequence[Digest | int] = ()) -> Edit:
    """Change the files in some layers, or in all. A layer in which there is nothing to change stays as it is."""
    edited = cache(partial(_edited, bench, changes))

    def edit(image: Image) -> Image:
        chosen = {_number(image, each) for each in which}

        def change(number: int, layer: Layer) -> Layer:
            is_chosen = number in chosen
            return edited(layer, is_chosen=is_chosen) if is_chosen or not chosen else layer

        return _exchanged(image, change)

    return edit


def recompress(bench: Bench, packing: Packing) -> Edit:
    """Pack all layers in another way; the tars in them stay, and so do the config and what cannot be read.

    Raises ContentMismatch for a layer that is not the tar which the config says.
    """
    repacked = cache(partial(_repacked, bench, packing))  # images of an index may share layers
    return lambda image: _exchanged(image, lambda _, layer: repacked(layer, is_docker=image.is_docker))


def retime(
    bench: Bench, moment: datetime, *, only_later: bool = False, base: Callable[[Image], Image | None] = _no_base
) -> Edit:
    """Set all times to a moment, of files, steps and the image; with `only_later` only those after it.

    The layers and steps of the `base` of an image stay as they are. Raises InvalidInput where the image is not on it.
    """
    changes = editing.Edit(moment=int(moment.timestamp()), only_later=only_later)
    edited = cache(partial(_edited, bench, changes))
    text = written_moment(moment)

    def timed(said: Document) -> Document:
        is_kept = only_later and not _is_later(said.get("created"), moment)
        return said if is_kept else {**said, "created": text}

    def edit(image: Image) -> Image:
        lowest, kept = _below(image, base(image))

        def change(number: int, layer: Layer) -> Layer:
            return layer if number < lowest else edited(layer, is_chosen=False)

        changed = _exchanged(image, change)
        history = [*image.history[:kept], *map(timed, image.history[kept:])]
        told = changed.having(changed.layers, history if "history" in changed.config else None)
        return created(moment)(told) if timed(image.config) != image.config else told

    return edit


def _exchanged(image: Image, change: Callable[[int, Layer], Layer]) -> Image:
    """The image with each layer changed, and the same history."""
    # One after another: for each there are several threads at work.
    layers = [change(number, layer) for number, layer in enumerate(image.layers)]
    if [layer.diff_id for layer in layers] == list(image.diff_ids):
        return replace(image, layers=tuple(layers))
    return _on_its_base(image, image.having(layers, _kept_history(image)))


def _on_its_base(before: Image, after: Image) -> Image:
    """What an image became; where its lowest layer is another, it is not on the base any more that annotations name."""
    return after if after.diff_ids[:1] == before.diff_ids[:1] else without_base(after)


def _below(image: Image, base: Image | None) -> tuple[int, int]:
    """How many layers and steps of an image are its base's."""
    if base is None:
        return 0, 0
    check(image, base)
    return len(base.layers), len(image.history) - len(steps_above(image, base))


def _edited(bench: Bench, changes: editing.Edit, layer: Layer, *, is_chosen: bool) -> Layer:
    if not is_chosen and not _is_changeable(layer):
        return layer
    kept = bench.keep(layer)
    kind = packed_as(layer.descriptor.media_type)
    changed = False

    def pour(write: Write) -> None:
        nonlocal changed
        changed = editing.edit(kept.packed(), changes, write)

    made = bench.make(
        pour,
        packing=Packing(kind),
        media_type=layer.descriptor.media_type,
        annotations=_lasting(layer.descriptor.annotations),
        is_wanted=False,
    )
    return made if changed else layer


def _repacked(bench: Bench, packing: Packing, layer: Layer, *, is_docker: bool) -> Layer:
    if not _is_changeable(layer):
        return layer

    def pour(write: Write) -> None:
        with layer.packed(entrusts=True).pieces() as pieces:
            for piece in pieces:
                write(piece)

    annotations = _lasting(layer.descriptor.annotations)
    made = bench.make(pour, packing=packing, docker=is_docker, annotations=annotations)
    check_diff_id(layer, made.diff_id)
    return made


def _is_changeable(layer: Layer) -> bool:
    """Whether it is a tar that can be read, and that may be given to registries."""
    return is_layer(layer.descriptor.media_type) and is_distributable(layer.descriptor.media_type)


def _lasting(annotations: Mapping[str, str]) -> dict[str, str]:
    """The annotations of a layer that are still true when it is packed anew."""
    return {key: value for key, value in annotations.items() if not key.startswith(_OF_PACKING)}


def _packing(image: Image) -> Packing:
    """How the highest layer is packed that can be read."""
    readable = [each.descriptor.media_type for each in image.layers if is_layer(each.descriptor.media_type)]
    return Packing(packed_as(readable[-1])) if readable else Packing()


def _number(image: Image, which: Digest | int) -> int:
    for number, layer in enumerate(image.layers):
        if which in (number, number - len(image.layers), layer.descriptor.digest, layer.diff_id):
            return number
    raise NotFound(
        f"the image {image.original.digest} has no layer {which}",
        advice=f"its {len(image.layers)} layers have the numbers from 0 on; `manifest get` shows their digests"
        if image.layers
        else "it has no layers",
    )


def _made_by(image: Image, text: str) -> set[int]:
    """The numbers of the layers whose step has a text in what they were created by."""
    steps = [str(step.get("created_by", "")) for step in image.history if not step.get("empty_layer")]
    found = {number for number, by in enumerate(steps) if text in by}
    if not found or not image.is_told:
        raise NotFound(
            f"the image {image.original.digest} has no layer that was created by {text[:80]!r}",
            advice="`config get` shows the history" if image.is_told else "its history does not tell of each layer",
        )
    return found


def _without(image: Image, unwanted: set[int]) -> list[Document] | None:
    """The history without the steps of some layers; none where it does not tell of each, rather than a wrong one."""
    if not image.is_told:
        return None
    steps, number = [], -1
    for step in image.history:
        number += not step.get("empty_layer")
        if step.get("empty_layer") or number not in unwanted:
            steps.append(step)
    return steps


def _kept_history(image: Image) -> list[Document] | None:
    return list(image.history) if "history" in image.config else None


def _short_history(image: Image) -> list[Document] | None:
    """A history that does not tell of each layer, for one layer more; none where it would seem to tell of each."""
    told = sum(not step.get("empty_layer") for step in image.history)
    return _kept_history(image) if told < len(image.layers) else None


def _is_later(said: object, moment: datetime) -> bool:
    """Whether a time of a config is after a moment; what is no time is not."""
    try:
        found = datetime.fromisoformat(str(said))
    except ValueError:
        return False
    return (found if found.tzinfo else found.replace(tzinfo=UTC)) > moment


def _step(by: str, comment: str, moment: datetime | None) -> dict[str, Any]:
    step = {"created": written_moment(moment) if moment else "", "created_by": by, "comment": comment}
    return {key: text for key, text in step.items() if text}
