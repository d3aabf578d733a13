"""Images changed and put into a store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from ...errors import InvalidInput, Misbehaved
from ...image.edited import Edited, edit
from ...image.image import Image, is_image
from ...image.layers.bench import Bench
from ...image.scratch import SCRATCH, scratch
from ...spec.manifest import Manifest
from ...spec.platform import Platform, wished
from ...stores.base import Advances, Source
from ...stores.locations import DOCKER_ARCHIVE, LAYOUT, Location
from ...transfer.copy import Result
from ...transfer.plan import selected
from ...transfer.selection import Selection
from ...values import frozen, replace
from ..copying import FORMS, Form
from ..keywords import How, Making
from ..places import Place, Places, located, names_at, places, vacant
from .changes import Change, in_form
from .delivery import Delivery, Following

if TYPE_CHECKING:
    from typing import Unpack

Begin = Callable[[Places, Location], tuple[Source, Manifest]]  # of what goes to a location
Make = Callable[[Bench, Places, Source, Manifest], Edited]


_ADVICE: Final = "say where what is made goes: by --to of a command, or `target` of a function"


class Where(Making, total=False):
    """What becomes of what is made: the keywords that all functions of this module take, and those of `Making`."""

    target: Place | None
    """Where it goes; to where the source is, where nothing is said."""
    referrers: Following
    """What refers to the old digests stays behind ("drop"), is copied as it is ("keep"), or is written anew ("move")."""


def alter(
    source: Place,
    change: Change,
    *,
    platforms: Iterable[str | Platform] = (),
    alone: bool = False,
    **where: Unpack[Where],
) -> Result:
    """Change an image, or every image of an index, or those for some `platforms`, and put what comes of it into a store.

    From "scratch" images without layers are made for the `platforms`, to be changed.
    `pratique.surgery` makes changes. Only what the change reads is pulled. An index keeps the images that are not changed; where
    `alone` is said, and in an archive of Docker's, which holds no index, one platform's image comes without it, and several as a
    smaller one. `where` are the keywords of `Where`.
    Raises NotFound, Refused, Unreachable, ContentMismatch, Misbehaved, Unsupported, InvalidInput.
    """
    return _altered(source, change, platforms, alone, None, where)


def convert(
    source: Place,
    form: Form,
    *,
    platforms: Iterable[str | Platform] = (),
    alone: bool = False,
    **where: Unpack[Where],
) -> Result:
    """Give manifests Docker's or OCI's types; configs and layers stay as they are. Takes and raises what `alter` does.

    Attestations of BuildKit's stay as they are. With `platforms` an index that is kept keeps its type.
    """
    return _altered(source, in_form(form), platforms, alone, form, where)


def revise(source: Place, change: Callable[[bytes], bytes], **where: Unpack[Where]) -> Result:
    """Change a manifest or an index as bytes, and put it into a store with everything that it needs.

    Raises InvalidInput for what is no manifest of its kind any more, or of other layers than its config tells of; and as `alter`
    does.
    """

    def make(_: Bench, __: Places, reading: Source, root: Manifest) -> Edited:
        new = _revised(reading, root, change(root.raw))
        return Edited.of(reading, root, new)

    location = located(source)
    return _How(**where).put(location, partial(_read, location), make)


def _altered(
    source: Place,
    change: Change,
    platforms: Iterable[str | Platform],
    alone: bool,
    form: Form | None,
    where: Where,
) -> Result:
    wanted = tuple(wished(platform) for platform in platforms)
    how = _How(**where)
    if source == SCRATCH:
        return _begun(change, wanted, how)
    location = located(source)
    narrow = Selection(wanted if alone or how.is_for_one_image else ())
    types = FORMS[form] if form and (narrow.platforms or not wanted) else None

    def make(bench: Bench, opened: Places, reading: Source, root: Manifest) -> Edited:
        chosen = selected(reading, root, narrow)
        return edit(reading, chosen, change(bench, opened), () if chosen is not root else wanted, types)

    return how.put(location, partial(_read, location), make)


def _begun(change: Change, platforms: Sequence[Platform], how: _How) -> Result:
    """An image that begins with nothing. Raises InvalidInput where it is not said for which platform, or where it goes."""
    if not platforms:
        raise InvalidInput(f"{SCRATCH} is for no platform", advice="say for which with --platform")

    def make(bench: Bench, opened: Places, reading: Source, root: Manifest) -> Edited:
        return edit(reading, root, change(bench, opened))

    return how.put(None, lambda *_: scratch(platforms), make)


def _revised(reading: Source, root: Manifest, raw: bytes) -> Manifest:
    """The manifest that was made of another. Raises InvalidInput."""
    try:
        new = Manifest.parse(raw, root.media_type, root.digest.algorithm)
        if is_image(new):
            Image.read(reading, new)
    except Misbehaved as error:
        raise InvalidInput(str(error), advice="nothing was pushed") from None
    if new.media_type != root.media_type or new.document.get("schemaVersion") != root.document.get("schemaVersion"):
        raise InvalidInput(
            f"the {root.media_type} has become {new.media_type} of schema {new.document.get('schemaVersion')}",
            advice="`convert` changes the types of all manifests together",
        )
    return new


@frozen
class _How(How):
    """The keywords of `Where`."""

    target: Place | None = None
    referrers: Following = "drop"

    @property
    def is_for_one_image(self) -> bool:
        """Whether it goes to where there is no index."""
        return self.target is not None and located(self.target).kind == DOCKER_ARCHIVE

    def put(self, location: Location | None, begin: Begin, make: Make) -> Result:
        """Edit what `begin` reads at a location, or has of its own, and put what comes of it where it belongs."""
        place, names = self._place(location)
        with places(self.registries, self.tell) as opened, Bench() as bench:
            reading, root = begin(opened, place)
            # Any other than a registry is opened when there is something for it.
            writing = opened.target(place, beside=reading) if place.reference else None
            if writing and not self.dry_run and isinstance(writing, Advances):
                bench.send_to(writing, opened.tell)
            edited = make(bench, opened, reading, root)
            writing = writing or opened.target(place)
            is_same = location is not None and _is_same(location, place)
            delivery = Delivery(edited, writing, opened, self.dry_run, self.jobs, is_same)
            result = delivery.put(edited, names)
            companions = tuple(delivery.following(self.referrers))
            if not self.dry_run:
                opened.finish()
            return replace(result, companions=companions)

    def _place(self, location: Location | None) -> tuple[Location, tuple[str, ...]]:
        """Where something goes, and its names there. Raises InvalidInput."""
        place = beside(location) if self.target is None else vacant(self.target)
        return place, names_at(place, self.tags)


def beside(location: Location | None) -> Location:
    """Where a location is, without its name. Raises InvalidInput for none, and for what would be replaced as a whole."""
    if location is None:
        raise InvalidInput(f"{SCRATCH} is no place", advice=_ADVICE)
    if location.reference is not None:
        return Location.parse(location.reference.place)
    if location.kind != LAYOUT:
        raise InvalidInput(f"{location} cannot be added to", advice=_ADVICE)
    return Location(location.kind, location.path)


def _read(location: Location, opened: Places, target: Location) -> tuple[Source, Manifest]:
    """Where something is read that goes to a target, and its root."""
    reading = opened.source(location, beside=target)
    return reading, opened.manifest(reading, location.name)


def _is_same(one: Location, other: Location) -> bool:
    """Whether what is at one location is at the other as well; an archive or directory is written anew as a whole."""
    if one.reference is None or other.reference is None:
        return one.kind == other.kind == LAYOUT and one.path == other.path
    return one.reference.place == other.reference.place
