"""What refers to a manifest, and what refers to that: a tree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from ...errors import InvalidInput, Misbehaved, NotFound, Unsupported
from ...http.events import Observer
from ...spec.descriptor import Descriptor
from ...spec.digest import Digest
from ...spec.platform import wished
from ...stores.base import Refers, Source
from ...stores.crew import in_parallel
from ...stores.locations import Location
from ...transfer.referring import MOST_DEPTH
from ...values import frozen
from ..places import Place, Places, located, places

if TYPE_CHECKING:
    from ...spec.platform import Platform
    from ..registries import Registries

MOST_REFERRERS: Final = 20_000  # of one tree
MOST_TOLD: Final = 10  # digests that an error names


@frozen
class Referrer:
    """A manifest, with what refers to it as far as that was asked for.

    Of one that is not there only the digest is known, and `descriptor` has no type and no size.
    """

    descriptor: Descriptor
    referrers: tuple[Referrer, ...] = ()

    def walk(self, depth: int = 1) -> Iterator[tuple[int, Referrer]]:
        """Everything below it, with how deep it lies, each before what refers to it."""
        for referrer in self.referrers:
            yield depth, referrer
            yield from referrer.walk(depth + 1)


def referrers(
    subject: Place,
    *,
    depth: int = MOST_DEPTH,
    artifact_types: Iterable[str] = (),
    annotations: Mapping[str, str | None] | None = None,
    platform: str | Platform | None = None,
    registries: Registries | None = None,
    tell: Observer | None = None,
) -> Referrer:
    """What refers to a manifest, or to one `platform` of it, `depth` levels deep (distribution, §Listing referrers).

    Only those of `artifact_types` and with these `annotations` (None: of any value); what refers to one that is left out is
    left out with it. What refers to a digest is found although that is not there itself.

    Raises NotFound, Refused, Unreachable, Misbehaved for a tree without an end, Unsupported where a store does not know what
    refers to what, and InvalidInput.
    """
    if not 1 <= depth <= MOST_DEPTH:
        raise InvalidInput(f"a depth from 1 to {MOST_DEPTH} is looked at, not {depth}")
    location = located(subject)
    with places(registries, tell) as opened:
        source = opened.source(location)
        if not isinstance(source, Refers):
            raise _without_referrers(source)
        tree = _Tree(source, tuple(artifact_types), annotations or {})
        if platform is not None:
            return tree.below(subject_of(opened, source, location.name, platform), depth)
        return _whole(location, source, tree, depth)


def subject_of(opened: Places, source: Source, name: str, platform: str | Platform | None) -> Descriptor:
    """What a name stands for as a subject: an index itself, or its image for one platform. Raises NotFound."""
    if platform is None:
        return source.resolve(name)
    manifest = opened.manifest(source, name)
    return manifest.select(wished(platform)) if manifest.is_index else manifest.descriptor


def attached_to(source: Source, subject: Digest, artifact_type: str) -> Descriptor:
    """The one manifest of a type that refers to a subject.

    Raises NotFound where there is none, InvalidInput for several, naming them, and Unsupported.
    """
    if not isinstance(source, Refers):
        raise _without_referrers(source)
    found = [*source.referrers(subject, artifact_type)]
    if not found:
        raise NotFound(f"nothing of the type {artifact_type!r} refers to {subject}")
    if len(found) > 1:
        digests = ", ".join(str(each.digest) for each in found[:MOST_TOLD]) + (", …" if len(found) > MOST_TOLD else "")
        raise InvalidInput(
            f"{len(found)} artifacts of the type {artifact_type!r} refer to {subject}",
            advice=f"name one by its digest: {digests}",
        )
    return found[0]


def _without_referrers(source: Source) -> Unsupported:
    return Unsupported(f"{source} does not know what refers to what", advice="an OCI layout does")


def _whole(location: Location, source: Source, tree: _Tree, depth: int) -> Referrer:
    """The tree below what a location names. Raises NotFound where that is not there, and nothing refers to it."""
    try:
        return tree.below(source.resolve(location.name), depth)
    except NotFound:
        digest = Digest.find(location.name)
        found = tree.below(Descriptor("", digest, 0), depth) if digest else None
        if found is None or not found.referrers:
            raise
        return found


class _Tree:
    """A tree of referrers, read a level at a time."""

    def __init__(self, source: Refers, types: tuple[str, ...], annotations: Mapping[str, str | None]) -> None:
        self._source = source
        self._types = types
        self._annotations = annotations

    def below(self, root: Descriptor, depth: int) -> Referrer:
        """The tree of a root."""
        found: dict[Digest, list[Descriptor]] = {}
        seen = {root.digest}
        level = [root]
        for _ in range(depth):
            fresh: dict[Digest, Descriptor] = {}
            for subject, entries in zip(level, in_parallel(self._referring, level), strict=True):
                # A manifest has one subject; who claims more, or itself, is shown where it is found first.
                mine = {entry.digest: entry for entry in entries if entry.digest not in seen}
                found[subject.digest] = [*mine.values()]
                seen |= set(mine)
                fresh |= mine
            if len(seen) > MOST_REFERRERS:
                raise Misbehaved(f"more than {MOST_REFERRERS} manifests refer to {root.digest}")
            level = [*fresh.values()]
        return _grown(root, found)

    def _referring(self, subject: Descriptor) -> tuple[Descriptor, ...]:
        wanted = self._types or ("",)
        found = [entry for kind in wanted for entry in self._source.referrers(subject.digest, kind)]
        return tuple(entry for entry in found if self._is_wanted(entry))

    def _is_wanted(self, entry: Descriptor) -> bool:
        return all(
            key in entry.annotations and value in (None, entry.annotations[key])
            for key, value in self._annotations.items()
        )


def _grown(root: Descriptor, found: Mapping[Digest, Sequence[Descriptor]]) -> Referrer:
    return Referrer(root, tuple(_grown(entry, found) for entry in found.get(root.digest, ())))
