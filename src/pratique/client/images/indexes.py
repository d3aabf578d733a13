"""Indexes: made of what lies in any store, and changed; what they list is copied beside them where it is not there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from ...errors import InvalidInput
from ...image import index as edits
from ...image.index import Form, Wish
from ...spec.manifest import Manifest
from ...spec.platform import Platform, wished
from ...stores.locations import LAYOUT, REGISTRY, Location
from ...transfer.copy import Options, Result
from ...values import field, frozen
from ..keywords import How, Making
from ..places import Place, Places, checked, given_name, located, names_at, places, vacant
from .assembly import Assembly, Change
from .listed import AnyListed, Found, Gathering, listing

if TYPE_CHECKING:
    from typing import Unpack


class Listing(Making, total=False):
    """The keywords that all functions of this module take, and those of `Making`."""

    referrers: bool
    """What refers to what is listed is copied as well."""
    digest_tags: bool
    """So are the tags named after digests, such as `sha256-….sig`, of what is listed."""


class Changing(Listing, total=False):
    """The same, of an index that there is."""

    target: Place | None
    """Where the new index goes, with what it lists. Without it, it takes the place of the old one, or the `tags` beside it."""


def create_index(
    target: Place,
    listed: Iterable[AnyListed],
    *,
    form: Form = "oci",
    annotations: Mapping[str, str] | None = None,
    entry_annotations: Mapping[str, str] | None = None,
    artifact_type: str = "",
    subject: Place | None = None,
    nested: bool = False,
    **making: Unpack[Listing],
) -> Result:
    """Make an index of images in any store, and put it under the tag of `target` and further `tags`.

    Each is `[OS/ARCH=]LOCATION`; where no platform is given, that of its config is taken. An index among them gives its entries,
    with their annotations and attestations, or is listed itself where it may be `nested`. What is listed is copied where it
    is not at the target. `entry_annotations` are of each entry. The index may refer to a `subject`. `making` are the keywords of
    `Listing`; the result's plan has the index as its `root`.

    Raises NotFound, InvalidInput, Refused, Unreachable, Misbehaved, ContentMismatch, and Unsupported for what Docker's form
    has no place for.
    """
    location = vacant(target)
    how = _How(**making)
    names = names_at(location, how.tags)
    with places(how.registries, how.tell) as opened:
        about = located(subject) if subject is not None else None
        found = Gathering(opened, location, nested, entry_annotations or {}).gather(listed)
        new = edits.made(
            list({str(entry): entry for each in found for entry in each.entries}.values()),
            form,
            annotations=annotations,
            artifact_type=artifact_type,
            subject=opened.source(about, beside=location).resolve(about.name) if about else None,
        )
        return how.assembly(opened, location, names).put(new, found)


def add_to_index(
    index: Place,
    listed: Iterable[AnyListed],
    *,
    entry_annotations: Mapping[str, str] | None = None,
    nested: bool = False,
    **changing: Unpack[Changing],
) -> Result:
    """List more in an index; an image for a platform that it has takes the place of the old one and its attestations.

    The rest is as with `create_index` and `change_index`.
    """
    how = _How(**changing)
    where = _Where.of(index, how)
    with places(how.registries, how.tell) as opened:
        old = where.read(opened)
        found = Gathering(opened, where.target, nested, entry_annotations or {}).gather(listed)
        more = [entry for each in found for entry in each.entries]
        return where.write(opened, old, lambda found: edits.having(found, more), found, how)


def change_index(
    index: Place,
    *,
    remove: Iterable[Wish] = (),
    keep: Iterable[Wish] = (),
    annotations: Mapping[str, str | None] | None = None,
    platform: str | Platform | None = None,
    entries: Iterable[Wish] = (),
    **changing: Unpack[Changing],
) -> Result:
    """Take entries out of an index (`remove`, or all but `keep`), and set annotations or take them away (None).

    Entries are named by platform (`linux/arm64`, or `linux` for all of an operating system) or digest, or chosen by whatever
    takes a Descriptor; attestations go with what they attest. `annotations` are of the index, or of the `entries` that are named;
    a `platform` is of these. Nothing is deleted but from the list.

    The new index takes the place of the old one, however often others change that at the same time, where the registry has
    conditional requests (If-Match); with `tags` it is beside the old one, and with a `target` elsewhere. `changing` are the
    keywords of `Changing`. Raises what `create_index` does.
    """
    how = _How(**changing)
    where = _Where.of(index, how)
    edit = _Edit(tuple(remove), tuple(keep), annotations or {}, wished(platform) if platform else None, tuple(entries))
    with places(how.registries, how.tell) as opened:
        old = where.read(opened)
        edit.check(old)
        return where.write(opened, old, edit.apply, (), how)


@frozen
class _How(How):
    """The keywords of `Changing`."""

    target: Place | None = None
    referrers: bool = False
    digest_tags: bool = False

    def assembly(self, opened: Places, target: Location, names: tuple[str, ...]) -> Assembly:
        """What puts an index under some names, or by its digest alone."""
        options = Options(
            referrers=self.referrers,
            digest_tags=self.digest_tags,
            dry_run=self.dry_run,
            jobs=self.jobs,
            most_manifest_bytes=opened.most_manifest_bytes,
        )
        return Assembly(opened, opened.target(target), names, options)


@frozen
class _Edit:
    """What is to be changed in an index; to change it twice changes nothing more."""

    remove: tuple[Wish, ...]
    keep: tuple[Wish, ...]
    annotations: Mapping[str, str | None] = field(hash=False)
    platform: Platform | None
    entries: tuple[Wish, ...]

    def check(self, index: Manifest) -> None:
        """Raise NotFound for entries that there are not, and InvalidInput where a platform is of none."""
        edits.check(index, (*self.remove, *self.keep, *self.entries))
        if self.platform and not self.entries:
            raise InvalidInput("a platform is of an entry", advice="name the entry, for instance by its digest")

    def apply(self, index: Manifest) -> Manifest:
        """The index as it is to be."""
        if self.keep:
            index = edits.keeping(index, edits.choosing(self.keep))
        if self.remove:
            index = edits.without(index, edits.choosing(self.remove))
        chosen = edits.choosing(self.entries) if self.entries else None
        if self.annotations:
            index = edits.annotated(index, self.annotations, chosen)
        return edits.fitted(index, self.platform, chosen) if self.platform and chosen else index


@frozen
class _Where:
    """The index that is to be changed, and where the new one goes."""

    location: Location
    target: Location
    names: tuple[str, ...]

    @classmethod
    def of(cls, index: Place, how: _How) -> _Where:
        """Raises InvalidInput for a place that would be replaced as a whole."""
        location = located(index)
        if how.target is not None:
            place = vacant(how.target)
            return cls(location, place, names_at(place, how.tags))
        if location.kind not in (REGISTRY, LAYOUT):
            raise InvalidInput(
                f"{location} is written whole; an index in it cannot be changed",
                advice="say where what is made of it goes (--to)",
            )
        return cls(location, location, checked(how.tags) or (given_name(location),))

    @property
    def is_revised(self) -> bool:
        """Whether the new index takes the name of the old one, which was not said by its digest."""
        reference = self.location.reference
        return (
            self.target is self.location
            and self.names == (given_name(self.location),)
            and (reference is None or (bool(reference.tag) and not reference.digest))
        )

    def read(self, opened: Places) -> Manifest:
        """The index as it is. Raises NotFound, and InvalidInput for what is none."""
        manifest = opened.manifest(opened.source(self.location, beside=self.target), self.location.name)
        if not manifest.is_index:
            raise InvalidInput(
                f"{self.location} is no index ({manifest.media_type})", advice="`index create` makes one"
            )
        return manifest

    def write(self, opened: Places, old: Manifest, change: Change, found: Iterable[Found], how: _How) -> Result:
        """Put the index there that a change makes of the old one, with what it lists."""
        assembly = how.assembly(opened, self.target, self.names)
        if self.is_revised:
            return assembly.revise(old, change, found)
        new = change(old)
        if self.target is self.location:
            return assembly.put(new, found)
        source = opened.source(self.location, beside=self.target)
        listed = edits.keeping(old, lambda each: each in new.manifests)
        return assembly.put(new, [*found, listing(opened, source, listed)])
