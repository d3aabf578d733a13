"""What can be done to images: each function makes a change for `alter`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

from ..errors import InvalidInput
from ..http.message import Stream
from ..image import rebase as rebasing
from ..image import stack
from ..image.image import Edit, Image
from ..image.layers import folder
from ..image.layers.bench import PACKING, Bench, Layer, Packing
from ..image.layers.editing import Edit as LayerEdit
from ..image.layers.media import layer_type
from ..image.layers.overlay import END
from ..image.layers.pieces import Packed
from ..image.layers.walk import Walk, Write
from ..image.settings import all_of
from ..spec.digest import Digest
from ..spec.reference import Reference
from ..stores.locations import Location
from ..values import frozen, replace
from .images import image_at
from .places import Place, Places, located

STANDARD_INPUT: Final = "-"

Change = Callable[[Bench, Places], Edit]  # what makes layers or reads other images does so there


@frozen
class Addition:
    """What becomes a layer: a tar, packed or not, or with a `place` in the image a file or folder; `-` is standard input."""

    path: str
    place: str | None = None

    @classmethod
    def parse(cls, text: str) -> Addition:
        """Read `TAR`, `FOLDER` or `PATH:PLACE`, where a place begins with a slash. Raises InvalidInput."""
        path, colon, place = text.rpartition(":")
        if colon and place.startswith("/"):
            if path in ("", STANDARD_INPUT):
                raise InvalidInput(f"{text!r} names no file to be put there")
            return cls(path, place)
        return cls(text)

    def pour(self, write: Write, moment: datetime | None) -> None:
        """Write its tar. Raises NotFound, InvalidInput."""
        if self.place is not None or Path(self.path).is_dir():
            seconds = int(moment.timestamp()) if moment else 0
            folder.pack({self.place or "/": Path(self.path)}, write, moment=seconds)
            return
        with Packed(self._opened, f"the layer {self.path}").pieces() as pieces:
            for member in (walk := Walk(pieces, self.path, write)):  # noqa: B007  (each is kept)
                walk.keep()
        write(END)

    def _opened(self) -> AbstractContextManager[Stream]:
        if self.path == STANDARD_INPUT:
            return nullcontext(sys.stdin.buffer)  # type: ignore[arg-type]  # nobody closes it
        try:
            return Path(self.path).open("rb", buffering=0)
        except OSError as error:
            raise InvalidInput(f"the layer {self.path} cannot be read: {error.strerror}") from None


def configure(edits: Iterable[Edit]) -> Change:
    """Change what needs no layers: the edits of `pratique.image.settings`, one after another."""
    edit = all_of(edits)
    return lambda _, __: edit


def append(
    additions: Sequence[Addition],
    *,
    packing: Packing = PACKING,
    by: str = stack.CREATOR,
    comment: str = "",
    moment: datetime | None = None,
) -> Change:
    """Put layers on top, in their order, each packed once for all platforms. `moment` is of files of this machine, and steps.

    Raises InvalidInput for what is no tar and for names that lead out of it, NotFound for files that are not there.
    """

    def change(bench: Bench, _: Places) -> Edit:
        layers = [bench.make(partial(each.pour, moment=moment), packing=packing) for each in additions]

        def edit(image: Image) -> Image:
            typed = [_typed(layer, packing.kind, docker=image.is_docker) for layer in layers]
            return all_of(stack.append(layer, by=by, comment=comment, moment=moment) for layer in typed)(image)

        return edit

    return change


def flatten(*, packing: Packing | None = None, moment: datetime | None = None) -> Change:
    """Make one layer of all; packed as the highest was where nothing else is said."""
    return lambda bench, _: stack.flatten(bench, packing, moment=moment)


def recompress(packing: Packing) -> Change:
    """Pack all layers in another way; what is in them stays, and so do diff ids and config."""
    return lambda bench, _: stack.recompress(bench, packing)


def remove_layers(which: Sequence[Digest | int]) -> Change:
    """Take layers away, by their digests, diff ids or numbers, with their steps of the history."""
    edit = stack.remove(which)
    return lambda _, __: edit


def edit_layers(changes: LayerEdit, which: Sequence[Digest | int] = ()) -> Change:
    """Leave files out of layers, or give them other content; in some layers, or in all."""
    return lambda bench, _: stack.edit_layers(bench, changes, which)


def retime(moment: datetime, *, only_later: bool = False) -> Change:
    """Set all times to a moment, of files, steps and the image; with `only_later` only those after it, of files."""
    return lambda bench, _: stack.retime(bench, moment, only_later=only_later)


def rebase(old: Place | None = None, new: Place | None = None) -> Change:
    """Put what is above an old base onto a new one; without them onto what the annotations' name stands for now.

    Of bases that are indexes each image takes the one for its platform. Raises InvalidInput where the image does not begin with
    the layers of the old base, or names none, and NotFound where a base is not there.
    """

    def change(_: Bench, opened: Places) -> Edit:
        def edit(image: Image) -> Image:
            before, after = _bases(image, old, new)
            former, latter = (image_at(opened, place, image.platform) for place in (before, after))
            digest = opened.source(after).resolve(after.name).digest
            return rebasing.rebase(former, latter, name=_named(after), digest=digest)(image)

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


def _named(location: Location) -> str:
    """A base as annotations name it: by its tag, in a registry."""
    reference = location.reference
    return str(replace(reference, digest=None)) if reference and not reference.digest else ""


def _typed(layer: Layer, kind: str, *, docker: bool) -> Layer:
    return replace(layer, descriptor=replace(layer.descriptor, media_type=layer_type(kind, docker=docker)))
