"""What refers to a manifest, and what refers to that: a tree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from ..errors import InvalidInput, Misbehaved, Unsupported
from ..http.events import Observer
from ..spec.descriptor import Descriptor
from ..spec.digest import Digest
from ..spec.platform import wished
from ..stores.base import Refers
from ..stores.crew import in_parallel
from ..transfer.referring import MOST_DEPTH
from ..values import frozen
from .places import Place, located, places

if TYPE_CHECKING:
    from ..spec.platform import Platform
    from .registries import Registries

MOST_REFERRERS: Final = 20_000  # of one tree


@frozen
class Referrer:
    """A manifest, with what refers to it as far as that was asked for."""

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
    left out with it. Raises NotFound, Refused, Unreachable, Misbehaved for a tree without an end, Unsupported where a store
    does not know what refers to what, and InvalidInput.
    """
    if not 1 <= depth <= MOST_DEPTH:
        raise InvalidInput(f"a depth from 1 to {MOST_DEPTH} is looked at, not {depth}")
    location = located(subject)
    with places(registries, tell) as opened:
        source = opened.source(location)
        if not isinstance(source, Refers):
            raise Unsupported(f"{source} does not know what refers to what", advice="an OCI layout does")
        root = source.resolve(location.name)
        if platform is not None:
            manifest = opened.manifest(source, location.name)
            root = manifest.select(wished(platform)) if manifest.is_index else root
        tree = _Tree(source, tuple(artifact_types), annotations or {})
        return tree.below(root, depth)


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
