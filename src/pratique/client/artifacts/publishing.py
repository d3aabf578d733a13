"""Content that was made here, on its way into a store: what is there already is not sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager

from ...errors import NotFound
from ...http.message import Stream
from ...spec.descriptor import Descriptor
from ...spec.digest import Digest
from ...spec.manifest import Manifest
from ...stores.base import NAMELESS, ContentAt, Target
from ...stores.content import of_bytes, verified
from ...stores.crew import JOBS
from ...transfer.copy import Result, execute
from ...transfer.events import Copied, Planned
from ...transfer.plan import plan
from ...values import field, frozen
from ..places import Places


@frozen
class Artifact:
    """A manifest and the blobs that it needs, as a source."""

    root: Manifest
    blobs: Mapping[Digest, ContentAt] = field(repr=False, compare=False)

    def resolve(self, name: str | Digest) -> Descriptor:  # noqa: ARG002  (there is one)
        """What was made."""
        return self.root.bare

    def open(self, descriptor: Descriptor, *, offset: int = 0) -> AbstractContextManager[Stream]:
        """The content of a descriptor from byte `offset` on, verified. Raises NotFound, ContentMismatch."""
        if descriptor.data is not None:
            return of_bytes(descriptor.data, descriptor, offset)
        if descriptor.digest not in self.blobs:
            raise NotFound(f"{self} has no {descriptor.digest}")
        return verified(self.blobs[descriptor.digest], descriptor.size, descriptor, offset)

    def __str__(self) -> str:
        return "the artifact"


def publish(
    made: Artifact, target: Target, names: Sequence[str], places: Places, *, dry_run: bool = False, jobs: int = JOBS
) -> Result:
    """Put what was made into a store under its names; a dry run sends nothing.

    The plan of the result has the manifest and what had to be sent. Raises what a copy raises.
    """
    found = plan(made, made.root, target, jobs=jobs, most_manifest_bytes=places.most_manifest_bytes)
    root = made.resolve(NAMELESS)
    places.tell(Planned(str(made), found))
    if not dry_run:
        execute(found, made, target, names, jobs=jobs, tell=places.tell)
        places.finish()
        places.tell(Copied(str(made), root, tuple(names), changed=True))
    return Result(str(made), root, tuple(names), found)
