"""Indexes: made of what lies in any store, and changed; what they list is copied beside them where it is not there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from ..errors import InvalidInput
from ..http.events import Observer
from ..http.message import Body
from ..image import index as edits
from ..image.index import Entry, Form
from ..spec import media
from ..spec.descriptor import Descriptor
from ..spec.document import parse_object
from ..spec.manifest import Manifest
from ..spec.platform import Platform, wished
from ..stores.base import NAMELESS, Admits, Source, Target
from ..stores.crew import JOBS, in_parallel
from ..stores.inspection import config_of
from ..stores.locations import LAYOUT, REGISTRY, Location
from ..transfer.copy import Result, execute
from ..transfer.events import Copied, Planned
from ..transfer.ledger import Ledger
from ..transfer.plan import Plan, plan
from ..values import frozen
from .places import Place, Places, given_name, located, places

if TYPE_CHECKING:
    from .registries import Registries

Change = Callable[[Manifest], Manifest]


@frozen
class Listed:
    """What is to be listed in an index: where it is, and the platform that it is for where its config does not say."""

    place: Location
    platform: Platform | None = None

    @classmethod
    def parse(cls, text: str) -> Listed:
        """Read `[OS/ARCH=]LOCATION`. Raises InvalidInput."""
        platform, equals, place = text.partition("=")
        try:
            return cls(Location.parse(place), wished(platform)) if equals else cls(Location.parse(text))
        except InvalidInput:
            return cls(Location.parse(text))


AnyListed = str | Listed


def create_index(
    target: Place,
    listed: Iterable[AnyListed],
    *,
    form: Form = "oci",
    annotations: Mapping[str, str] | None = None,
    entry_annotations: Mapping[str, str] | None = None,
    artifact_type: str = "",
    nested: bool = False,
    tags: Sequence[str] = (),
    registries: Registries | None = None,
    tell: Observer | None = None,
    dry_run: bool = False,
    jobs: int = JOBS,
) -> Result:
    """Make an index of images in any store, and put it under the tag of `target` and further `tags`.

    Each is `[OS/ARCH=]LOCATION`; where no platform is given, that of its config is taken. An index among them gives its entries,
    with their annotations and attestations, or is listed itself where it may be `nested`. What is listed is copied where it
    is not at the target. `entry_annotations` are of each entry. The result's plan has the index as its `root`.

    Raises NotFound, InvalidInput, Refused, Unreachable, Misbehaved, ContentMismatch, and Unsupported for annotations in
    Docker's form.
    """
    location = located(target)
    if location.reference is not None and location.reference.digest is not None:
        raise InvalidInput(f"{location} names a digest, and an index that is made gets its own")
    names = [name for name in (given_name(location), *tags) if name]
    with places(registries, tell) as opened:
        gathering = _Gathering(opened, location, nested, entry_annotations or {})
        found = gathering.gather(listed)
        entries = list({str(entry): entry for each in found for entry in each.entries}.values())
        new = edits.made(entries, form, annotations, artifact_type)
        return _Writing(opened, opened.target(location), names, dry_run, jobs).write(new, found)


def add_to_index(
    index: Place,
    listed: Iterable[AnyListed],
    *,
    entry_annotations: Mapping[str, str] | None = None,
    nested: bool = False,
    tags: Sequence[str] = (),
    registries: Registries | None = None,
    tell: Observer | None = None,
    dry_run: bool = False,
    jobs: int = JOBS,
) -> Result:
    """List more in an index; an image for a platform that it has takes the place of the old one and its attestations.

    The new index takes the tag of the old one, or the `tags` that are given. The rest is as with `create_index`.
    """
    location = _editable(index)
    with places(registries, tell) as opened:
        source = opened.source(location, beside=location)
        old = opened.manifest(source, location.name)
        found = _Gathering(opened, location, nested, entry_annotations or {}).gather(listed)
        new = edits.having(old, [entry for each in found for entry in each.entries])
        names = list(tags) or [given_name(location)]
        return _Writing(opened, opened.target(location), names, dry_run, jobs).write(new, found)


def change_index(
    index: Place,
    *,
    remove: Iterable[str] = (),
    keep: Iterable[str] = (),
    annotations: Mapping[str, str | None] | None = None,
    entries: Iterable[str] = (),
    tags: Sequence[str] = (),
    registries: Registries | None = None,
    tell: Observer | None = None,
    dry_run: bool = False,
    jobs: int = JOBS,
) -> Result:
    """Take entries out of an index (`remove`, or all but `keep`), and set annotations or take them away (None).

    Entries are named by platform or digest; attestations go with what they attest. `annotations` are of the index, or of
    the `entries` that are named. Nothing is deleted but from the list. The rest is as with `add_to_index`.
    """
    location = _editable(index)
    with places(registries, tell) as opened:
        source = opened.source(location, beside=location)
        old = opened.manifest(source, location.name)
        if not old.is_index:
            raise InvalidInput(f"{location} is no index ({old.media_type})", advice="`index create` makes one")
        new = _kept(old, list(remove), list(keep))
        if annotations:
            wanted = list(entries)
            new = edits.annotated(new, annotations, edits.choosing(new, wanted) if wanted else None)
        names = list(tags) or [given_name(location)]
        return _Writing(opened, opened.target(location), names, dry_run, jobs).write(new, ())


def _kept(old: Manifest, remove: list[str], keep: list[str]) -> Manifest:
    new = edits.keeping(old, edits.choosing(old, keep)) if keep else old
    if not remove:
        return new
    goes = edits.choosing(new, remove)
    return edits.keeping(new, lambda each: not goes(each))


@frozen
class _Found:
    """What is listed: its entries, and where its manifests come from."""

    source: Source
    entries: tuple[Entry, ...]
    manifests: tuple[Manifest, ...]


@frozen
class _Gathering:
    opened: Places
    target: Location
    nested: bool
    annotations: Mapping[str, str]

    def gather(self, listed: Iterable[AnyListed]) -> list[_Found]:
        """Everything that is to be listed, read several at once."""
        wanted = [Listed.parse(each) if isinstance(each, str) else each for each in listed]
        sources = [self.opened.source(each.place, beside=self.target) for each in wanted]
        return list(in_parallel(lambda pair: self._found(*pair), zip(wanted, sources, strict=True)))

    def _found(self, listed: Listed, source: Source) -> _Found:
        manifest = self.opened.manifest(source, listed.place.name)
        if manifest.is_index and not self.nested:
            if listed.platform is not None:
                chosen = self.opened.below(source, manifest.select(listed.platform))
                return _Found(source, (self._entry(source, chosen, listed.platform),), (chosen,))
            below = tuple(self.opened.below(source, each) for each in manifest.manifests)
            return _Found(source, tuple(self._marked(each) for each in edits.entries(manifest)), below)
        return _Found(source, (self._entry(source, manifest, listed.platform),), (manifest,))

    def _entry(self, source: Source, manifest: Manifest, platform: Platform | None) -> Entry:
        return edits.entry(manifest, platform or _platform(source, manifest), self.annotations)

    def _marked(self, entry: Entry) -> Entry:
        if not self.annotations:
            return entry
        return {**entry, "annotations": {**(entry.get("annotations") or {}), **self.annotations}}


@frozen
class _Writing:
    opened: Places
    target: Target
    names: list[str]
    dry_run: bool
    jobs: int

    def write(self, new: Manifest, found: Iterable[_Found]) -> Result:
        """Bring what is listed to the target, and put the index there."""
        if isinstance(self.target, Admits):
            self.target.admit(new)
        ledger = Ledger()
        plans = [
            (each.source, self._plan(each.source, manifest, ledger))
            for each in found
            for manifest in each.manifests
            if not self.target.exists(_bare(manifest))
        ]
        names = tuple(dict.fromkeys(self.names)) or (NAMELESS,)
        result = Result("the index", _bare(new), names, _joined(new, [each for _, each in plans]))
        if not self.dry_run:
            self._execute(result, plans, ledger)
        return result

    def _plan(self, source: Source, manifest: Manifest, ledger: Ledger) -> Plan:
        most = self.opened.most_manifest_bytes
        return plan(source, manifest, self.target, ledger=ledger, jobs=self.jobs, most_manifest_bytes=most)

    def _execute(self, result: Result, plans: list[tuple[Source, Plan]], ledger: Ledger) -> None:
        tell = self.opened.tell
        if result.plan is not None:
            tell(Planned(result.name, result.plan))
            for source, each in plans:
                execute(each, source, self.target, (), jobs=self.jobs, ledger=ledger, tell=tell)
            self.target.push(result.descriptor, Body.of(result.plan.root.raw).open, tags=result.tags)
        self.opened.finish()
        tell(Copied(result.name, result.descriptor, result.tags, changed=True))


def _joined(root: Manifest, plans: Sequence[Plan]) -> Plan:
    """Several plans as that of an index above them, each part once."""
    manifests = {manifest.digest: manifest for each in plans for manifest in each.manifests}
    parts = [
        tuple({part.digest: part for each in plans for part in getattr(each, kind)}.values())
        for kind in ("blobs", "mounts", "present", "foreign")
    ]
    pushed = (*manifests.values(), root)
    return Plan(root, pushed, pushed, *parts)


def _bare(manifest: Manifest) -> Descriptor:
    return Descriptor(manifest.media_type, manifest.digest, len(manifest.raw))


def _platform(source: Source, manifest: Manifest) -> Platform | None:
    """What the config of an image says that it runs on."""
    if manifest.config is None or manifest.config.media_type not in media.IMAGE_CONFIGS:
        return None
    what = f"the config {manifest.config.digest}"
    config = parse_object(config_of(source, manifest) or b"{}", what)
    return Platform.from_json(config, what) if config.get("os") and config.get("architecture") else None


def _editable(place: Place) -> Location:
    """A location where one index can be changed and the rest stays. Raises InvalidInput."""
    location = located(place)
    if location.kind not in (REGISTRY, LAYOUT):
        raise InvalidInput(
            f"{location} is written whole; an index in it cannot be changed",
            advice="copy it to a layout (oci:PATH), change it there, and copy it back",
        )
    return location
