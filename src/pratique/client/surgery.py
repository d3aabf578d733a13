"""Images changed and put into a store: what is new is sent, and what is old is mounted, copied or there already."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final, Literal, TypedDict

from ..errors import InvalidInput
from ..http.events import Observer
from ..image.convert import convert as conversion
from ..image.edited import Edited, about, edit
from ..image.layers.bench import Bench
from ..spec.descriptor import Descriptor
from ..spec.digest import Digest
from ..spec.manifest import Manifest
from ..spec.platform import wished
from ..stores.base import NAMELESS, Converts, Mounts, Refers, Source, Target
from ..stores.content import manifest_of
from ..stores.crew import JOBS, in_parallel
from ..stores.locations import LAYOUT, Location
from ..transfer.copy import Options, Result, execute
from ..transfer.copy import copy as transfer
from ..transfer.events import Arrival, Copied, Done, Planned
from ..transfer.ledger import Ledger
from ..transfer.plan import Plan, plan
from ..transfer.referring import MOST_DEPTH, referring
from ..values import field, frozen, replace
from .changes import Change
from .copying import FORMS, Form
from .places import Place, Places, given_name, located, places

if TYPE_CHECKING:
    from typing import Unpack

    from ..spec.platform import Platform
    from .registries import Registries

Following = Literal["drop", "keep", "move"]
FOLLOWING: Final[tuple[Following, ...]] = ("drop", "keep", "move")


class Where(TypedDict, total=False):
    """What becomes of what is made: the keywords that all functions of this module take."""

    target: Place | None
    """Where it goes; to where the source is, where nothing is said."""
    tags: Sequence[str]
    """Names beside the one in the target; without any it is there by its digest alone."""
    referrers: Following
    """What refers to the old digests stays behind ("drop"), is copied as it is ("keep"), or is written anew ("move")."""
    registries: Registries | None
    tell: Observer | None
    dry_run: bool
    """Nothing is sent; the result has the plan, whose `root` is the new manifest."""
    jobs: int
    """So many blobs at once (8)."""


def alter(source: Place, change: Change, *, platforms: Iterable[str | Platform] = (), **where: Unpack[Where]) -> Result:
    """Change an image, or every image of an index, or those for some `platforms`, and put what comes of it into a store.

    `pratique.client.changes` makes changes. Only what the change reads is pulled. `where` are the keywords of `Where`.
    Raises NotFound, Refused, Unreachable, ContentMismatch, Misbehaved, Unsupported, InvalidInput.
    """

    def make(bench: Bench, opened: Places, reading: Source, root: Manifest) -> Edited:
        return edit(reading, root, change(bench, opened), [wished(platform) for platform in platforms])

    return _made(located(source), make, **where)


def revise(source: Place, change: Callable[[bytes], bytes], **where: Unpack[Where]) -> Result:
    """Change a manifest or an index as bytes, and put it into a store with everything that it needs.

    Raises Misbehaved for what is no manifest any more, and as `alter` does.
    """

    def make(_: Bench, __: Places, reading: Source, root: Manifest) -> Edited:
        new = Manifest.parse(change(root.raw), root.media_type, root.digest.algorithm)
        return Edited(new, reading, {root.digest: new}, {new.digest: new.raw}, {})

    return _made(located(source), make, **where)


def convert(
    source: Place,
    form: Form,
    *,
    target: Place | None = None,
    tags: Sequence[str] = (),
    registries: Registries | None = None,
    tell: Observer | None = None,
    dry_run: bool = False,
    jobs: int = JOBS,
) -> Result:
    """Give all manifests Docker's or OCI's types; configs and layers stay as they are. Raises as `alter` does."""
    location = located(source)
    place, names = _place(location, target, tags)
    types = FORMS[form]
    with places(registries, tell) as opened:
        options = Options(
            convert=lambda manifest, replaced: conversion(manifest, types, replaced), dry_run=dry_run, jobs=jobs
        )
        reading = opened.source(location, beside=place)
        result = transfer(reading, location.name, opened.target(place), names, options=options, tell=opened.tell)
        if not dry_run:
            opened.finish()
        return result


def _made(
    location: Location,
    make: Callable[[Bench, Places, Source, Manifest], Edited],
    *,
    target: Place | None = None,
    tags: Sequence[str] = (),
    referrers: Following = "drop",
    registries: Registries | None = None,
    tell: Observer | None = None,
    dry_run: bool = False,
    jobs: int = JOBS,
) -> Result:
    place, names = _place(location, target, tags)
    with places(registries, tell) as opened, Bench() as bench:
        reading = opened.source(location, beside=place)
        edited = make(bench, opened, reading, opened.manifest(reading, location.name))
        putting = _Putting(edited, reading, opened.target(place), opened, dry_run, jobs, _is_same(location, place))
        result = putting.put(edited, names)
        companions = tuple(putting.following(referrers))
        if not dry_run:
            opened.finish()
        return replace(result, companions=companions)


def _place(location: Location, target: Place | None, tags: Sequence[str]) -> tuple[Location, tuple[str, ...]]:
    """Where something goes, and its names there. Raises InvalidInput."""
    place = located(target) if target is not None else beside(location)
    if place.reference is not None and place.reference.digest is not None:
        raise InvalidInput(f"{place} names a digest, and what is made gets its own")
    return place, tuple(dict.fromkeys(name for name in (given_name(place), *tags) if name)) or (NAMELESS,)


def beside(location: Location) -> Location:
    """Where a location is, without its name. Raises InvalidInput for what would be replaced as a whole."""
    if location.reference is not None:
        return Location.parse(location.reference.place)
    if location.kind != LAYOUT:
        raise InvalidInput(f"{location} cannot be added to", advice="say where what is made goes")
    return Location(location.kind, location.path)


def _is_same(one: Location, other: Location) -> bool:
    if one.reference is None or other.reference is None:
        return one.kind == other.kind and one.path == other.path
    return one.reference.place == other.reference.place


@frozen
class _Putting:
    """What was edited on its way into a target."""

    edited: Edited
    reading: Source
    target: Target
    opened: Places
    dry_run: bool
    jobs: int
    is_same: bool
    ledger: Ledger = field(default_factory=Ledger, compare=False)

    def put(self, edited: Edited, tags: Sequence[str]) -> Result:
        """Send what the target does not have, and the root under its names."""
        if self.is_same:
            self._know(edited)
        found = plan(
            edited,
            edited.root,
            self.target,
            ledger=self.ledger,
            jobs=self.jobs,
            most_manifest_bytes=self.opened.most_manifest_bytes,
        )
        found = self._mountable(found, edited)
        root, name = edited.resolve(NAMELESS), str(edited)
        self.opened.tell(Planned(name, found))
        if not self.dry_run:
            self._mount(found, edited)
            tell = self.opened.tell
            execute(found, edited, self.target, tags, jobs=self.jobs, ledger=self.ledger, tell=tell)
            root = self.target.converted(root.digest) if isinstance(self.target, Converts) else root
            tell(Copied(name, root, tuple(tags), changed=True))
        return Result(name, root, tuple(tags), found)

    def following(self, referrers: Following) -> Iterator[Result]:
        """Take what refers to the old manifests along, as it is or about the new ones."""
        changed = {old: new for old, new in self.edited.replaced.items() if old != new.digest}
        if referrers == "move":
            yield from self._moved(changed, MOST_DEPTH)
        elif referrers == "keep" and not self.is_same:
            options = Options(dry_run=self.dry_run, jobs=self.jobs)
            for entry in referring(self.reading, changed):
                yield transfer(
                    self.reading, entry.digest, self.target, options=options, ledger=self.ledger, tell=self.opened.tell
                )

    def _moved(self, changed: dict[Digest, Manifest], depth: int) -> Iterator[Result]:
        if not isinstance(self.reading, Refers) or not depth:
            return
        for old, new in changed.items():
            for entry in self.reading.referrers(old):
                if entry.digest in self.edited.replaced:  # an attestation, which its index took along
                    continue
                referrer = manifest_of(self.reading, entry)
                moved = about(referrer, new)
                edited = Edited(moved, self.reading, {referrer.digest: moved}, {moved.digest: moved.raw}, {})
                yield self.put(edited, (NAMELESS,))
                yield from self._moved({referrer.digest: moved}, depth - 1)

    def _know(self, edited: Edited) -> None:
        """The target has what the source's manifests need: it is the same place."""
        layers = {digest for digest, layer in edited.layers.items() if layer.source is self.reading}
        self.ledger.known |= layers | {old for old, new in edited.replaced.items() if old == new.digest}

    def _mountable(self, found: Plan, edited: Edited) -> Plan:
        """The plan with what can be mounted: layers of a repository of the same registry."""
        target = self.target
        if not isinstance(target, Mounts):
            return found
        mounts = tuple(blob for blob in found.blobs if _can_mount(target, edited, blob))
        return replace(found, blobs=tuple(blob for blob in found.blobs if blob not in mounts), mounts=mounts)

    def _mount(self, found: Plan, edited: Edited) -> None:
        """Mount what can be; what is not had in that way is pushed with the rest."""
        target = self.target
        if not isinstance(target, Mounts):
            return

        def mount(blob: Descriptor) -> bool:
            return target.mount(blob, edited.origin(blob))  # type: ignore[arg-type]  # `_can_mount` has seen a source

        for blob, done in zip(found.mounts, in_parallel(mount, found.mounts, self.jobs), strict=True):
            if done:
                self.ledger.known.add(blob.digest)
                self.opened.tell(Done(blob, Arrival.MOUNTED))


def _can_mount(target: Mounts, edited: Edited, blob: Descriptor) -> bool:
    if blob.digest in edited.raw:
        return False
    origin = edited.origin(blob)
    return isinstance(origin, Source) and target.mounts_from(origin)
