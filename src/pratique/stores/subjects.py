"""The referrers tag schema, written, for registries without the API (distribution specification, §Manifests with Subject).

The list of what refers to a manifest is an index under a tag, which every client reads, adds to and puts back. Where a registry
takes no conditions, as many of these, one who read the list before another put it overwrites that one, and neither can notice at
the time. So the list is looked at again when whoever read it before has put it, too.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final

from ..errors import Unreachable
from ..spec import media
from ..spec.descriptor import Descriptor
from ..spec.digest import Digest
from ..spec.manifest import Manifest
from .referrers import tag_of
from .revision import Overtaken, Put, Read, revise

SETTLING_SECONDS: Final = 0.3  # at least, before a list is looked at again: others put what they read before
MOST_LOSSES: Final = 10  # of one entry, to others who put an older list

Pause = Callable[[float], object]  # waits so many seconds


class SubjectTags:
    """Adds to the lists of referrers in one repository."""

    def __init__(self, read: Read, put: Put, pause: Pause) -> None:
        self._read = read
        self._put = put
        self._pause = pause
        self._lock = threading.Lock()  # threads of this process need not race

    def add(self, subject: Digest, entry: Descriptor) -> None:
        """List `entry` as referring to `subject`, once. Raises Unreachable where others always come between."""
        tag = tag_of(subject)
        try:
            for _ in range(MOST_LOSSES):
                if not self._put_into(tag, subject, entry):
                    return
                self._pause(SETTLING_SECONDS + _jitter())
        except Overtaken:
            pass
        raise Unreachable(
            f"{entry.digest} could not be listed under {tag}: others change the list at the same time",
            advice="the manifest itself was pushed; push it again to have it listed",
        )

    def _put_into(self, tag: str, subject: Digest, entry: Descriptor) -> bool:
        """See that an entry is in the list; whether it had to be put there. Raises Overtaken."""
        changes: list[bool] = []

        def read(tag: str) -> tuple[Manifest | None, str | None]:
            index, etag = self._read(tag)
            if index is not None and (index.digest == subject or not index.is_index):
                return None, None  # some take the dash for a colon and answer with the subject
            return index, etag

        def change(index: Manifest | None) -> Manifest:
            if index is not None and _lists(index, entry):
                return index
            changes.append(True)
            return _with(index, entry)

        with self._lock:
            revise(tag, change, read, self._put)
        return bool(changes)


def _jitter() -> float:
    """Up to as many seconds again, so that writers that met do not meet again."""
    import random

    return SETTLING_SECONDS * random.random()  # noqa: S311 - nothing is secret about a pause


def _lists(index: Manifest, entry: Descriptor) -> bool:
    return entry.digest in (other.digest for other in index.manifests)


def _with(index: Manifest | None, entry: Descriptor) -> Manifest:
    """The index with one more entry; everything else in it stays."""
    import json

    document: dict[str, Any] = {"schemaVersion": 2, "mediaType": media.OCI_INDEX}
    if index is not None:
        document |= index.document
    document["manifests"] = [*document.get("manifests", ()), entry.to_json()]
    raw = json.dumps(document, separators=(",", ":")).encode()
    return Manifest.parse(raw, index.media_type if index else media.OCI_INDEX)
