"""What a store can do, as small protocols. An extra ability is a protocol of its own, asked for with `isinstance`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from ..http.events import Observer
from ..http.message import Stream
from ..spec.descriptor import Descriptor
from ..spec.digest import Digest
from ..spec.manifest import Manifest

if TYPE_CHECKING:
    from .content import Early

Content = Callable[[], AbstractContextManager[Stream]]  # a recipe: it can be opened again

ContentAt = Callable[[int], AbstractContextManager[Stream]]  # the same from a byte on

# The name of a root that has none: an unnamed entry of a layout, the only image of a directory, a push by digest.
NAMELESS: Final = ""


@runtime_checkable
class Source(Protocol):
    """Content can be read from it."""

    def resolve(self, name: str | Digest) -> Descriptor:
        """The descriptor of the manifest that a tag or digest names. Raises NotFound."""
        ...

    def open(self, descriptor: Descriptor, *, offset: int = 0) -> AbstractContextManager[Stream]:
        """The content of a descriptor from byte `offset` on, verified when it is read from the beginning to the end.

        Raises NotFound, and ContentMismatch from the read that would have ended it.
        """
        ...


@runtime_checkable
class Readable(Source, Protocol):
    """Its manifests can be read whole, by one step."""

    def manifest(self, name: str | Digest) -> Manifest:
        """The manifest that a tag or digest names. Raises NotFound, ContentMismatch, Misbehaved."""
        ...


@runtime_checkable
class Describes(Protocol):
    """It knows content by its digest alone."""

    def blob(self, digest: Digest) -> Descriptor:
        """The descriptor of a blob, whose type only a manifest could say. Raises NotFound."""
        ...


@runtime_checkable
class Target(Protocol):
    """Content can be put into it."""

    def exists(self, descriptor: Descriptor) -> bool:
        """Whether the content is there."""
        ...

    def push(self, descriptor: Descriptor, content: Content, *, tags: Sequence[str] = ()) -> None:
        """Put content under its digest, and a manifest under names as well.

        A manifest with `tags` is a root; NAMELESS among them makes it one without a name. What a manifest needs was
        pushed before it. Nothing that is incomplete or not what its digest says is ever visible.
        Raises ContentMismatch, Unsupported.
        """
        ...


@runtime_checkable
class Mounts(Protocol):
    """Content of another place can be had without sending it."""

    def mounts_from(self, source: Source) -> bool:
        """Whether `source` is such a place, so that it is worth trying."""
        ...

    def mount(self, descriptor: Descriptor, source: Source) -> bool:
        """Take content from `source`, by reference; False where that cannot be, and it has to be pushed."""
        ...


@runtime_checkable
class Stages(Protocol):
    """What is pushed appears all at once, when it is finished; until then, and without it, nothing is changed."""

    def finish(self) -> None:
        """Make everything that was pushed appear."""
        ...

    def discard(self) -> None:
        """Forget everything that was pushed and not finished."""
        ...


@runtime_checkable
class Lists(Protocol):
    """It knows the names that it has."""

    def tags(self) -> Iterator[str]:
        """The tags, in the store's order."""
        ...


@runtime_checkable
class Refers(Protocol):
    """It knows what refers to a manifest."""

    def referrers(self, subject: Digest, artifact_type: str = "") -> Iterator[Descriptor]:
        """The manifests whose `subject` is this digest, all or of one artifact type."""
        ...


@runtime_checkable
class Deletes(Protocol):
    """Content can be removed from it."""

    def delete(self, name: str | Digest) -> None:
        """Remove a tag, and only that; or a manifest by its digest, under all its tags. Raises NotFound, Unsupported."""
        ...


@runtime_checkable
class Converts(Protocol):
    """It cannot hold every form as it is, and so gives content another digest."""

    def converted(self, digest: Digest) -> Descriptor:
        """What a manifest that was pushed with `digest` is called here. Raises NotFound."""
        ...


@runtime_checkable
class Admits(Protocol):
    """It cannot hold every kind of root."""

    def admit(self, root: Manifest) -> None:
        """Do nothing, or raise Unsupported, before anything is moved."""
        ...


@runtime_checkable
class Revises(Protocol):
    """What a name stands for can be changed there, and nobody who does so at the same time is overwritten."""

    def revise(self, name: str, change: Callable[[Manifest], Manifest]) -> Manifest:
        """Put what `change` makes of a name's manifest under the name: what the name then stands for.

        `change` may be called several times, and returns what it was given where nothing is left to do. Raises NotFound,
        and Unreachable where others always come between.
        """
        ...


@runtime_checkable
class Advances(Protocol):
    """Content can be sent to it while it is still being made."""

    def advance(self, content: Content, tell: Observer) -> Early | None:
        """Begin to send content, whose stream waits for what comes; None where that is of no use.

        `tell` is told `Advanced`, by another thread, until it is known what the content is.
        """
        ...


@runtime_checkable
class Resumes(Protocol):
    """It keeps what has arrived of a blob whose way was cut, and goes on from there, also in a later run."""

    def push_rest(self, descriptor: Descriptor, content: ContentAt) -> None:
        """Put a blob under its digest, asking only for the bytes that are not there yet. Raises ContentMismatch."""
        ...


@runtime_checkable
class Finds(Protocol):
    """It can be asked for a name at the lowest cost, by whoever is about to push."""

    def find(self, name: str) -> Descriptor | None:
        """What a name stands for; None also where only a dearer question would tell."""
        ...
