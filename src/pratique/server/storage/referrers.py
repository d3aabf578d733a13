"""Which manifests refer to which (distribution specification, §Listing Referrers), without reading all of them each time."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable
from typing import Final

from ...errors import ContentMismatch, NotFound
from ...spec.descriptor import Descriptor
from ...spec.digest import ALGORITHMS, Digest
from ...values import field, frozen, record
from . import disk
from .cache import Cache, Reading, Snapshot
from .paths import REVISIONS, Paths
from .stored import Stored, referring

MOST_BYTES: Final = 64 << 20  # of what is remembered of all repositories
MANIFEST_BYTES: Final = 300  # that remembering a manifest without a subject takes, about

Load = Callable[[str, Digest], Stored]


@frozen
class Referrer:
    """A manifest with a subject, as it was when its link had this stamp."""

    subject: Digest
    descriptor: Descriptor
    stamp: disk.Stamp


@record
class Referrals:
    """What is known of one repository: which of its manifests were looked at, and those with a subject."""

    seen: set[Digest] = field(default_factory=set)
    by_subject: defaultdict[Digest, dict[Digest, Referrer]] = field(default_factory=lambda: defaultdict(dict))
    weight: int = 0

    def add(self, digest: Digest, referrer: Referrer | None, size: int) -> None:
        """Note a manifest of `size` bytes that was looked at."""
        self.seen.add(digest)
        self.weight += MANIFEST_BYTES
        if referrer is not None:
            self.by_subject[referrer.subject][digest] = referrer
            self.weight += size


class Referrers:
    """The referrers of a storage's manifests. `load` reads a manifest and raises NotFound or ContentMismatch."""

    def __init__(self, paths: Paths, load: Load) -> None:
        self._paths = paths
        self._load = load
        self._lock = threading.Lock()
        self._known: Cache[str, Snapshot[Referrals]] = Cache(MOST_BYTES)

    def find(self, repository: str, subject: Digest) -> list[Descriptor]:
        """The manifests whose subject is `subject`, ordered by digest."""
        with self._lock:
            found = dict(self._referrals(repository).by_subject.get(subject, {}))
        present = (self._present(repository, found[digest]) for digest in sorted(found))
        return [descriptor for descriptor in present if descriptor is not None]

    def _referrals(self, repository: str) -> Referrals:
        known = self._known.get(repository)
        if known is not None and known.holds():
            return known.value
        reading = Reading()
        referrals = self._look(repository, reading, known.value if known else Referrals())
        self._known.put(repository, reading.snapshot(referrals), referrals.weight + reading.size * MANIFEST_BYTES)
        return referrals

    def _look(self, repository: str, reading: Reading, known: Referrals) -> Referrals:
        """What is known, and what came since; what went is seen by its link."""
        folder = f"{self._paths.repository(repository)}/{REVISIONS}"
        texts = ((algorithm, encoded) for algorithm in ALGORITHMS for encoded in reading.names(f"{folder}/{algorithm}"))
        for digest in {Digest(*text) for text in texts} - known.seen:
            self._add(repository, digest, reading, known)
        return known

    def _add(self, repository: str, digest: Digest, reading: Reading, known: Referrals) -> None:
        link = self._paths.revision(repository, digest)
        stamp = disk.stamp(link)
        if stamp is None:
            reading.miss(link)
            return
        try:
            stored = self._load(repository, digest)
        except (NotFound, ContentMismatch):
            reading.doubt()
            return
        known.add(digest, _referrer(stored, stamp), len(stored.raw))

    def _present(self, repository: str, referrer: Referrer) -> Descriptor | None:
        """How a referrer is described now; None where it was deleted."""
        digest = referrer.descriptor.digest
        stamp = disk.stamp(self._paths.revision(repository, digest))
        if stamp is None or stamp == referrer.stamp:
            return referrer.descriptor if stamp else None
        # It may have been pushed again, under another type.
        try:
            again = _referrer(self._load(repository, digest), stamp)
        except (NotFound, ContentMismatch):
            return None
        return again.descriptor if again else None


def _referrer(stored: Stored, stamp: disk.Stamp) -> Referrer | None:
    manifest = referring(stored.raw, stored.media_type, stored.digest.algorithm)
    if manifest is None or manifest.subject is None:
        return None
    return Referrer(manifest.subject.digest, manifest.descriptor, stamp)
