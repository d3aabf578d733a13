"""An index and what it lists, on their way into a store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ...http.events import Warned
from ...http.message import Body
from ...image.index import doubts
from ...spec.manifest import Manifest
from ...stores.base import Admits, Revises, Source, Target
from ...stores.crew import in_parallel
from ...transfer.copy import Options, Result, companions, execute
from ...transfer.events import Copied, Planned
from ...transfer.ledger import Ledger
from ...transfer.plan import Plan, plan
from ...values import field, frozen, replace
from ..places import Places
from .listed import Found

NAME = "the index"

Change = Callable[[Manifest], Manifest]


@frozen
class Assembly:
    """Brings what is listed to a target, and then puts the index there under its names."""

    opened: Places
    target: Target
    names: tuple[str, ...]
    options: Options
    ledger: Ledger = field(default_factory=Ledger, compare=False)

    def put(self, index: Manifest, found: Iterable[Found]) -> Result:
        """Put a new index there. Raises what a copy raises."""
        return self._put(index, found, lambda: self._push(index))

    def revise(self, old: Manifest, change: Change, found: Iterable[Found]) -> Result:
        """Change the index that is there under the only name, however often others change it meanwhile."""
        name = self.names[0]
        new, target = change(old), self.target
        if not isinstance(target, Revises):
            return self.put(new, found)
        return self._put(new, found, lambda: target.revise(name, change), old)

    def _put(
        self, new: Manifest, found: Iterable[Found], write: Callable[[], Manifest], old: Manifest | None = None
    ) -> Result:
        if isinstance(self.target, Admits):
            self.target.admit(new)
        for doubt in doubts(new):
            if old is None or doubt not in doubts(old):
                self.opened.tell(Warned(doubt))
        planned = [pair for each in found for pair in self._plans(each)]
        whole = _joined(new, [each for _, each in planned], is_there=old is not None and old.digest == new.digest)
        self.opened.tell(Planned(NAME, whole))
        if not self.options.dry_run:
            self._bring(planned)
            new = write()
            whole = replace(whole, root=new)
        others = [
            other
            for source, each in planned
            for other in companions(source, each, self.target, self.options, self.ledger, self.opened.tell)
        ]
        if not self.options.dry_run:
            self.opened.finish()
            self.opened.tell(Copied(NAME, new.bare, self.names, changed=bool(whole.manifests)))
        return Result(NAME, new.bare, self.names, whole, tuple(others))

    def _plans(self, found: Found) -> list[tuple[Source, Plan]]:
        """What has to be done for what is listed; nothing for what is there, but that others may refer to it."""
        there = list(in_parallel(lambda each: self.target.exists(each.bare), found.manifests))
        wanted = [
            manifest
            for manifest, is_there in zip(found.manifests, there, strict=True)
            if self.options.is_accompanied or not is_there
        ]
        most, jobs = self.options.most_manifest_bytes, self.options.jobs
        return [
            (
                found.source,
                plan(found.source, each, self.target, ledger=self.ledger, jobs=jobs, most_manifest_bytes=most),
            )
            for each in wanted
        ]

    def _bring(self, planned: Sequence[tuple[Source, Plan]]) -> None:
        for source, each in planned:
            jobs, tell = self.options.jobs, self.opened.tell
            execute(each, source, self.target, (), jobs=jobs, ledger=self.ledger, tell=tell)

    def _push(self, index: Manifest) -> Manifest:
        self.target.push(index.bare, Body.of(index.raw).open, tags=self.names)
        return index


def _joined(root: Manifest, plans: Sequence[Plan], *, is_there: bool) -> Plan:
    """Several plans as that of an index above them, each part once."""
    graph = {manifest.digest: manifest for each in plans for manifest in each.graph}
    pushed = {manifest.digest: manifest for each in plans for manifest in each.manifests}
    parts = [
        tuple({part.digest: part for each in plans for part in getattr(each, kind)}.values())
        for kind in ("blobs", "mounts", "present", "foreign")
    ]
    top = () if is_there else (root,)
    return Plan(root, (*graph.values(), root), (*pushed.values(), *top), *parts)
