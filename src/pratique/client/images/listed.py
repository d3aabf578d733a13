"""What is to be listed in an index: found in any store, with the platforms that it is for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ...errors import InvalidInput
from ...http.events import Warned
from ...image import index as edits
from ...image.image import is_image
from ...image.index import Entry
from ...spec.document import parse_object
from ...spec.manifest import ATTESTED, Manifest
from ...spec.platform import Platform, wished
from ...stores.base import Source
from ...stores.crew import in_parallel
from ...stores.inspection import config_of
from ...stores.locations import Location
from ...values import field, frozen, replace
from ..places import Places


@frozen
class Listed:
    """What is to be listed: where it is, the platform that it is for where its config does not say, and annotations of its entry.

    Of an index the images for the platform are listed, or without one all that it lists.
    """

    place: Location
    platform: Platform | None = None
    annotations: Mapping[str, str] = field(default_factory=dict, hash=False)

    @classmethod
    def parse(cls, text: str) -> Listed:
        """Read `[OS/ARCH=]LOCATION`. Raises InvalidInput."""
        platform, equals, place = text.partition("=")
        try:
            return cls(Location.parse(place), wished(platform)) if equals else cls(Location.parse(text))
        except InvalidInput:
            return cls(Location.parse(text))


AnyListed = str | Listed


@frozen
class Found:
    """What was found of one: where, its entries, and the manifests that these are of."""

    source: Source
    entries: tuple[Entry, ...]
    manifests: tuple[Manifest, ...]


@frozen
class Gathering:
    """Finds what is to be listed in an index at `target`, an index as such where it may be `nested`."""

    opened: Places
    target: Location
    nested: bool
    annotations: Mapping[str, str]

    def gather(self, listed: Iterable[AnyListed]) -> list[Found]:
        """Everything that is to be listed, in its order; several are read at once. Raises NotFound, Unsupported."""
        wanted = [Listed.parse(each) if isinstance(each, str) else each for each in listed]
        sources = [self.opened.source(each.place, beside=self.target) for each in wanted]
        return list(in_parallel(lambda pair: self._found(*pair), zip(wanted, sources, strict=True)))

    def _found(self, listed: Listed, source: Source) -> Found:
        manifest = self.opened.manifest(source, listed.place.name)
        said = {**self.annotations, **listed.annotations}
        if manifest.is_index and not self.nested:
            taken = edits.matching(manifest, listed.platform) if listed.platform else manifest
            found = listing(self.opened, source, taken)
            return replace(found, entries=tuple(_marked(each, said) for each in found.entries))
        platform = listed.platform or _platform(source, manifest)
        if platform is None and is_image(manifest):
            place = listed.place
            self.opened.tell(Warned(f"{place} does not say what it runs on, and is listed so; OS/ARCH={place} says it"))
        return Found(source, (edits.entry(manifest, platform, said),), (manifest,))


def listing(opened: Places, source: Source, index: Manifest) -> Found:
    """What an index lists. Raises NotFound."""
    below = in_parallel(lambda each: opened.below(source, each), index.manifests)
    return Found(source, edits.entries(index), tuple(below))


def _marked(entry: Entry, annotations: Mapping[str, str]) -> Entry:
    """An entry with more annotations; an attestation stays as it is."""
    said = entry.get("annotations") or {}
    return {**entry, "annotations": {**said, **annotations}} if annotations and ATTESTED not in said else entry


def _platform(source: Source, manifest: Manifest) -> Platform | None:
    """What the config of an image says that it runs on."""
    if not is_image(manifest):
        return None
    what = f"the config of {manifest.digest}"
    config = parse_object(config_of(source, manifest) or b"{}", what)
    return Platform.from_json(config, what) if config.get("os") and config.get("architecture") else None
