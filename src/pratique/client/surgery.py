"""Images changed and put into a store: what is new is sent, and what is old is mounted, copied or there already."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final, Literal

from ..errors import InvalidInput, Misbehaved
from ..http.events import Observer
from ..image.edited import Edited, about, edit
from ..image.image import Image, is_image
from ..image.layers.bench import Bench
from ..image.scratch import SCRATCH, scratch
from ..spec.descriptor import Descriptor
from ..spec.digest import Digest
from ..spec.manifest import Manifest
from ..spec.platform import wished
from ..stores.base import NAMELESS, Advances, Converts, Mounts, Refers, Source, Target
from ..stores.content import manifest_of
from ..stores.crew import JOBS, in_parallel
from ..stores.locations import DOCKER_ARCHIVE, LAYOUT, Location
from ..transfer.copy import Options, Result, execute
from ..transfer.copy import copy as transfer
from ..transfer.events import Arrival, Copied, Done, Planned
from ..transfer.ledger import Ledger
from ..transfer.plan import Plan, plan, selected
from ..transfer.referring import MOST_DEPTH, digest_tags, referring
from ..transfer.selection import Selection
from ..transfer.tags import digest_of
from ..values import field, frozen, replace
from .changes import Change, in_form
from .copying import FORMS, Form
from .keywords import Making
from .places import Place, Places, given_name, located, places

if TYPE_CHECKING:
    from typing import Unpack

    from ..spec.platform import Platform
    from .registries import Registries

Following = Literal["drop", "keep", "move"]
FOLLOWING: Final[tuple[Following, ...]] = ("drop", "keep", "move")


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
    `pratique.client.changes` makes changes. Only what the change reads is pulled. An index keeps the images that are not changed;
    where `alone` is said, and in an archive of Docker's, which holds no index, one platform's image comes without it, and several
    as a smaller one. `where` are the keywords of `Where`.
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

    def make(_: Bench, opened: Places, place: Location) -> Edited:
        reading, root = _read(opened, location, place)
        new = _revised(reading, root, change(root.raw))
        return Edited(new, reading, {root.digest: new}, {new.digest: new.raw}, {})

    location = located(source)
    return _made(location, make, **where)


def _altered(
    source: Place,
    change: Change,
    platforms: Iterable[str | Platform],
    alone: bool,
    form: Form | None,
    where: Where,
) -> Result:
    wanted = tuple(wished(platform) for platform in platforms)
    if source == SCRATCH:
        return _begun(change, wanted, where)
    location, target = located(source), where.get("target")
    narrow = Selection(wanted if alone or (target is not None and located(target).kind == DOCKER_ARCHIVE) else ())
    types = FORMS[form] if form and (narrow.platforms or not wanted) else None

    def make(bench: Bench, opened: Places, place: Location) -> Edited:
        reading, root = _read(opened, location, place)
        chosen = selected(reading, root, narrow)
        return edit(reading, chosen, change(bench, opened), () if chosen is not root else wanted, types)

    return _made(location, make, **where)


def _begun(change: Change, platforms: Sequence[Platform], where: Where) -> Result:
    """An image that begins with nothing. Raises InvalidInput where it is not said for which platform, or where it goes."""
    if not platforms:
        raise InvalidInput(f"{SCRATCH} is for no platform", advice="say for which with --platform")

    def make(bench: Bench, opened: Places, _: Location) -> Edited:
        return edit(*scratch(platforms), change(bench, opened))

    return _made(None, make, **where)


def _read(opened: Places, location: Location, beside: Location) -> tuple[Source, Manifest]:
    """Where something is read, and its root."""
    reading = opened.source(location, beside=beside)
    return reading, opened.manifest(reading, location.name)


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


def _made(
    location: Location | None,
    make: Callable[[Bench, Places, Location], Edited],
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
        # Any other than a registry is opened when there is something for it.
        writing = opened.target(place) if place.reference else None
        bench.advance = writing if writing and not dry_run and isinstance(writing, Advances) else None
        edited = make(bench, opened, place)
        writing = writing or opened.target(place)
        is_same = location is not None and _is_same(location, place)
        putting = _Putting(edited, edited.source, writing, opened, dry_run, jobs, is_same)
        result = putting.put(edited, names)
        companions = tuple(putting.following(referrers))
        if not dry_run:
            opened.finish()
        return replace(result, companions=companions)


def _place(location: Location | None, target: Place | None, tags: Sequence[str]) -> tuple[Location, tuple[str, ...]]:
    """Where something goes, and its names there. Raises InvalidInput."""
    if target is None and location is None:
        raise InvalidInput(f"{SCRATCH} is no place", advice="say where what is made goes")
    place = located(target) if target is not None else beside(location)  # type: ignore[arg-type]  # it is one of them
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
            for tag, digest in self._tags(changed):
                yield self._copied(tag, tag.replace(digest.encoded, changed[digest].digest.encoded))
        elif referrers == "keep" and not self.is_same:
            for entry in referring(self.reading, changed):
                yield self._copied(entry.digest, NAMELESS)
            for tag, _ in self._tags(changed):
                yield self._copied(tag, tag)

    def _tags(self, digests: Iterable[Digest]) -> list[tuple[str, Digest]]:
        """The tags that are named after digests and end in, for instance, `.sig`; a bare one is a list of referrers."""
        found = ((tag, digest_of(tag)) for tag in digest_tags(self.reading, digests))
        return [(tag, digest) for tag, digest in found if digest and not tag.endswith(digest.encoded)]

    def _copied(self, name: str | Digest, tag: str) -> Result:
        options = Options(dry_run=self.dry_run, jobs=self.jobs)
        return transfer(
            self.reading, name, self.target, [tag], options=options, ledger=self.ledger, tell=self.opened.tell
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
