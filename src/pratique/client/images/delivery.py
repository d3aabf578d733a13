"""What was edited on its way into a store: what is new is sent, and what is old is mounted, copied or there already."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal

from ...image.edited import Edited, about
from ...spec.descriptor import Descriptor
from ...spec.digest import Digest
from ...spec.manifest import Manifest
from ...stores.base import NAMELESS, Converts, Mounts, Refers, Source, Target
from ...stores.crew import in_parallel
from ...stores.reading import manifest_of
from ...transfer.copy import Options, Result, copy, execute
from ...transfer.events import Arrival, Copied, Done, Planned
from ...transfer.ledger import Ledger
from ...transfer.plan import Plan, plan
from ...transfer.referring import MOST_DEPTH, digest_tags, referring
from ...transfer.tags import digest_of
from ...values import field, frozen, replace
from ..places import Places

Following = Literal["drop", "keep", "move"]
FOLLOWING: Final[tuple[Following, ...]] = ("drop", "keep", "move")


@frozen
class Delivery:
    """Brings what was edited into a target; `is_same` says that this is where the source is."""

    edited: Edited
    target: Target
    opened: Places
    dry_run: bool
    jobs: int
    is_same: bool
    ledger: Ledger = field(default_factory=Ledger, compare=False)

    @property
    def _reading(self) -> Source:
        return self.edited.source

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
        changed = self.edited.changed
        if referrers == "move":
            yield from self._moved(changed, MOST_DEPTH)
            for tag, digest in self._tags(changed):
                yield self._copied(tag, tag.replace(digest.encoded, changed[digest].digest.encoded))
        elif referrers == "keep" and not self.is_same:
            for entry in referring(self._reading, changed):
                yield self._copied(entry.digest, NAMELESS)
            for tag, _ in self._tags(changed):
                yield self._copied(tag, tag)

    def _tags(self, digests: Iterable[Digest]) -> list[tuple[str, Digest]]:
        """The tags that are named after digests and end in, for instance, `.sig`; a bare one is a list of referrers."""
        found = ((tag, digest_of(tag)) for tag in digest_tags(self._reading, digests))
        return [(tag, digest) for tag, digest in found if digest and not tag.endswith(digest.encoded)]

    def _copied(self, name: str | Digest, tag: str) -> Result:
        options = Options(dry_run=self.dry_run, jobs=self.jobs)
        return copy(self._reading, name, self.target, [tag], options=options, ledger=self.ledger, tell=self.opened.tell)

    def _moved(self, changed: dict[Digest, Manifest], depth: int) -> Iterator[Result]:
        if not isinstance(self._reading, Refers) or not depth:
            return
        for old, new in changed.items():
            for entry in self._reading.referrers(old):
                if entry.digest in self.edited.replaced:  # an attestation, which its index took along
                    continue
                referrer = manifest_of(self._reading, entry)
                moved = about(referrer, new)
                yield self.put(Edited.of(self._reading, referrer, moved), (NAMELESS,))
                yield from self._moved({referrer.digest: moved}, depth - 1)

    def _know(self, edited: Edited) -> None:
        """The target has what the source's manifests need: it is the same place."""
        layers = {digest for digest, layer in edited.layers.items() if layer.source is self._reading}
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
