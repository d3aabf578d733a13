"""The stores that a piece of work reads and writes, open as long as it goes on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from ..errors import InvalidInput
from ..http.events import Observer, ignore
from ..http.log import logged
from ..spec.digest import Digest
from ..spec.manifest import MOST_MANIFEST_BYTES, Manifest
from ..stores.base import NAMELESS, Readable, Source, Stages, Target
from ..stores.locations import Location, open_source, open_target
from ..stores.reading import manifest_of
from .connection import connect

if TYPE_CHECKING:
    from ..spec.descriptor import Descriptor
    from .registries import Registries

Place = str | Location


class Places:
    """Stores by their locations; `places` opens and closes them.

    `registries` are what reaches registries; None as long as none is wanted and none was given.
    """

    def __init__(self, stack: ExitStack, registries: Registries | None, tell: Observer | None) -> None:
        self._stack = stack
        self.registries = registries
        self._tell = tell
        self._staged: list[Stages] = []

    @property
    def tell(self) -> Observer:
        """Who is told what happens: whoever was named, or who the registries tell."""
        if self._tell or self.registries is None:
            return logged(self._tell or ignore)
        return self.registries.settings.tell  # which logs already

    @property
    def most_manifest_bytes(self) -> int:
        """How long manifests may be that are read."""
        return self.registries.settings.most_manifest_bytes if self.registries else MOST_MANIFEST_BYTES

    def source(self, location: Location, *, beside: Location | None = None) -> Source:
        """A store to read from; what is written `beside` it, on the same registry, is not read from a mirror."""
        if location.reference is None:
            return self._stack.enter_context(open_source(location))
        return self.reached().source(location.reference, beside=beside.reference if beside else None)

    def target(self, location: Location, *, beside: Source | None = None) -> Target:
        """A store to write to, with what comes from `beside`; what is staged appears with `finish`."""
        if location.reference is not None:
            return self.reached().target(location.reference, pushes=True, beside=beside)
        found = self._stack.enter_context(open_target(location))
        if isinstance(found, Stages):
            self._staged.append(found)
        return found

    def manifest(self, source: Source, name: str | Digest) -> Manifest:
        """The manifest that a name stands for. Raises NotFound, and what reading raises."""
        if isinstance(source, Readable):
            return source.manifest(name)
        return self.below(source, source.resolve(name))

    def below(self, source: Source, descriptor: Descriptor) -> Manifest:
        """The manifest that a descriptor names. Raises NotFound, and what reading raises."""
        return manifest_of(source, descriptor, self.most_manifest_bytes)

    def finish(self) -> None:
        """Make everything that was staged appear."""
        for target in self._staged:
            target.finish()

    def reached(self) -> Registries:
        """What reaches registries: what was given, or what `connect` finds. Raises what that raises."""
        if self.registries is None:
            self.registries = self._stack.enter_context(connect(tell=self._tell or ignore))
        return self.registries


@contextmanager
def places(registries: Registries | None = None, tell: Observer | None = None) -> Iterator[Places]:
    """Stores, where registries are reached by `registries`, or by what `connect` finds on this machine."""
    with ExitStack() as stack:
        yield Places(stack, registries, tell)


def located(place: Place) -> Location:
    """A location, or the one that a text is. Raises InvalidInput."""
    return Location.parse(place) if isinstance(place, str) else place


def given_name(location: Location) -> str:
    """The tag or name that a location says; NAMELESS where it says none: nobody means `latest` by saying nothing."""
    if location.reference is None:
        return location.name
    return location.reference.tag or NAMELESS


def vacant(place: Place) -> Location:
    """A location where something new may be put. Raises InvalidInput for a digest, which is that of what is there."""
    location = located(place)
    if location.reference is not None and location.reference.digest is not None:
        raise InvalidInput(f"{location} names a digest, and what is made gets its own")
    return location


def names_at(location: Location, tags: Iterable[str]) -> tuple[str, ...]:
    """The names of something new: that of its location and further tags, or NAMELESS alone. Raises InvalidInput."""
    given = given_name(location)
    return tuple(dict.fromkeys((*([given] if given else []), *checked(tags)))) or (NAMELESS,)


def checked(tags: Iterable[str]) -> tuple[str, ...]:
    """Tags for something new. Raises InvalidInput for what can be none."""
    listed = tuple(tags)
    for tag in listed:
        if not tag or Digest.find(tag):
            raise InvalidInput(
                f"{tag!r} is no name for what is made", advice="name a tag; without any, it is there by its own digest"
            )
    return tuple(dict.fromkeys(listed))


def placed(location: Location, name: str) -> str:
    """A name at a location, as people write it."""
    return f"{location.place}:{name}" if name else location.place
