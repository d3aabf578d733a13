"""Manifests that no tag leads to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from ...spec.digest import Digest
from ...values import frozen
from . import disk
from .links import target
from .marks import Entry, Marked, mentioned
from .paths import LINK, Paths
from .stored import referring


@frozen
class Relation:
    """What a manifest mentions, and its subject."""

    mentions: frozenset[Digest]
    subject: Digest | None


class Untagged:
    """Finds the manifests of one repository that nothing leads to.

    A tag, a use after `cutoff` (seconds since the epoch) and a manifest that is led to lead on to what they mention, and
    to the manifests that have them as their subject.
    """

    def __init__(self, paths: Paths, repository: Marked, cutoff: float) -> None:
        self._paths = paths
        self._repository = repository
        self._cutoff = cutoff
        self._relations: dict[Digest, Relation] = {}

    def find(self) -> list[Entry]:
        """Called again, it looks at links and tags again, and at manifests that are new."""
        there = {entry.digest: entry for entry in self._repository.revisions() if entry.link}
        roots = [digest for digest, entry in there.items() if (disk.used(entry.link or "") or 0) > self._cutoff]
        roots += [
            digest for _, folder in self._repository.tags() if (digest := target(f"{folder}/current/{LINK}")) in there
        ]
        reached = self._reach(roots, there)
        return [entry for digest, entry in there.items() if digest not in reached]

    def _reach(self, roots: Iterable[Digest], there: dict[Digest, Entry]) -> set[Digest]:
        referrers = defaultdict(list)
        for digest in there:
            if subject := self._relation(digest).subject:
                referrers[subject].append(digest)
        reached, left = set[Digest](), list(roots)
        while left:
            digest = left.pop()
            if digest in there and digest not in reached:
                reached.add(digest)
                left += self._relation(digest).mentions
                left += referrers[digest]
        return reached

    def _relation(self, digest: Digest) -> Relation:
        if digest not in self._relations:
            raw = disk.read(self._paths.blob(digest)) or b""
            manifest = referring(raw)
            subject = manifest.subject if manifest else None
            self._relations[digest] = Relation(frozenset(mentioned(raw)), subject.digest if subject else None)
        return self._relations[digest]
