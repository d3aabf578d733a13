"""The referrers tag schema, written, for registries without the API (distribution specification, §Manifests with Subject).

The list of what refers to a manifest is an index under a tag, which every client reads, adds to and puts back. Where the
registry has conditional requests (RFC 9110 §13.1.1) nobody overwrites another; everywhere it is read again afterwards.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final

from ..errors import Unreachable
from ..http.message import Response
from ..spec import media
from ..spec.descriptor import Descriptor
from ..spec.digest import Digest
from ..spec.manifest import Manifest
from .referrers import tag_of

MOST_ATTEMPTS: Final = 6  # to add to a list that others change at the same time

Condition = tuple[str, str]  # a header field
Read = Callable[[str], tuple[Manifest | None, str | None]]  # the index under a tag, and its ETag
Put = Callable[[str, str, bytes, Condition | None], Response]  # tag, media type, content

_CHANGED_MEANWHILE: Final = 412


class SubjectTags:
    """Adds to the lists of referrers in one repository."""

    def __init__(self, read: Read, put: Put) -> None:
        self._read = read
        self._put = put
        self._lock = threading.Lock()  # threads of this process need not race

    def add(self, subject: Digest, entry: Descriptor) -> None:
        """List `entry` as referring to `subject`, once. Raises Unreachable where others always come between."""
        tag = tag_of(subject)
        refused: set[Digest | None] = set()  # what could not be replaced on condition: an index, or nothing
        with self._lock:
            for _ in range(MOST_ATTEMPTS):
                index, etag = self._read(tag)
                if index is not None and (index.digest == subject or not index.is_index):
                    index = None  # some take the dash for a colon and answer with the subject
                if index is not None and entry.digest in (other.digest for other in index.manifests):
                    return
                there = index.digest if index else None
                # A server whose condition fails though nothing has changed does not mean what it says.
                condition = None if there in refused else _condition(index, etag)
                response = self._put(
                    tag, index.media_type if index else media.OCI_INDEX, _with(index, entry), condition
                )
                if response.status == _CHANGED_MEANWHILE:
                    refused.add(there)
        raise Unreachable(
            f"{entry.digest} could not be listed under {tag}: others change the list at the same time",
            advice="the manifest itself was pushed; push it again to have it listed",
        )


def _condition(index: Manifest | None, etag: str | None) -> Condition | None:
    """What must still hold where a list is put: that there is none, or the one that was read, where it has a strong ETag."""
    if index is None:
        return ("If-None-Match", "*")
    return ("If-Match", etag) if etag is not None and etag.startswith('"') else None


def _with(index: Manifest | None, entry: Descriptor) -> bytes:
    """The index with one more entry; everything else in it stays."""
    import json

    document: dict[str, Any] = {"schemaVersion": 2, "mediaType": media.OCI_INDEX}
    if index is not None:
        document |= index.document
    document["manifests"] = [*document.get("manifests", ()), entry.to_json()]
    return json.dumps(document, separators=(",", ":")).encode()
