"""The layers of an image, changed together with its history (config.md, `rootfs` and `history`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from ..errors import NotFound
from ..spec.digest import Digest
from ..values import replace
from .image import Document, Edit, Image, check_diff_id
from .layers import editing
from .layers.bench import Bench, Layer, Packing
from .layers.media import is_distributable, is_layer, packed_as
from .layers.overlay import overlay
from .layers.walk import Write
from .rebase import without_base
from .settings import created, written_moment

CREATOR: Final = "pratique"

# Of layers whose packed form can be read in parts: they name places in it.
_OF_PACKING: Final = ("containerd.io/snapshot/stargz/", "io.github.containers.zstd-chunked.")


def append(layer: Layer, *, by: str = CREATOR, comment: str = "", moment: datetime | None = None) -> Edit:
    """Put a layer on top. Its step of the history was made `by` somebody or a command, at a `moment`."""
    step = _step(by, comment, moment)

    def edit(image: Image) -> Image:
        history = [*image.history, step] if image.is_told else _kept_history(image)
        return image.having((*image.layers, layer), history)

    return edit


def remove(which: Sequence[Digest | int]) -> Edit:
    """Take layers away, by the digest of layer or tar, or by number from the base up, which begins with 0 or ends with -1.

    Their steps go as well. Raises NotFound for a layer that there is not.
    """

    def edit(image: Image) -> Image:
        unwanted = {_number(image, each) for each in which}
        layers = [layer for number, layer in enumerate(image.layers) if number not in unwanted]
        return image.having(layers, _without(image, unwanted))

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

    def edit(image: Image) -> Image:
        chosen = {_number(image, each) for each in which}

        def change(number: int, layer: Layer) -> Layer:
            is_chosen = number in chosen
            return _edited(bench, layer, changes, is_chosen=is_chosen) if is_chosen or not chosen else layer

        return _exchanged(image, change)

    return edit


def recompress(bench: Bench, packing: Packing) -> Edit:
    """Pack all layers in another way; the tars in them stay, and so do the config and what cannot be read.

    Raises ContentMismatch for a layer that is not the tar which the config says.
    """
    return lambda image: _exchanged(image, lambda _, layer: _repacked(bench, layer, packing, is_docker=image.is_docker))


def retime(bench: Bench, moment: datetime, *, only_later: bool = False) -> Edit:
    """Set all times to a moment, of files, steps and the image; with `only_later` only those after it, of files."""
    text = written_moment(moment)

    def edit(image: Image) -> Image:
        changes = editing.Edit(moment=int(moment.timestamp()), only_later=only_later)
        changed = edit_layers(bench, changes)(image)
        history = [{**step, "created": text} for step in changed.history]
        told = changed.having(changed.layers, history if "history" in changed.config else None)
        return created(moment)(told)

    return edit


def _exchanged(image: Image, change: Callable[[int, Layer], Layer]) -> Image:
    """The image with each layer changed, and the same history."""
    # One after another: for each there are several threads at work.
    layers = [change(number, layer) for number, layer in enumerate(image.layers)]
    if [layer.diff_id for layer in layers] == list(image.diff_ids):
        return replace(image, layers=tuple(layers))
    return image.having(layers, _kept_history(image))


def _edited(bench: Bench, layer: Layer, changes: editing.Edit, *, is_chosen: bool) -> Layer:
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
    )
    return made if changed else layer


def _repacked(bench: Bench, layer: Layer, packing: Packing, *, is_docker: bool) -> Layer:
    if not _is_changeable(layer):
        return layer

    def pour(write: Write) -> None:
        with layer.packed().pieces() as pieces:
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
        advice=f"it has {len(image.layers)}: {', '.join(str(layer.descriptor.digest) for layer in image.layers)}",
    )


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


def _step(by: str, comment: str, moment: datetime | None) -> dict[str, Any]:
    step = {"created": written_moment(moment) if moment else "", "created_by": by, "comment": comment}
    return {key: text for key, text in step.items() if text}
