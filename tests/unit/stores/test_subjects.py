"""The list of referrers under a tag, where another writer comes in between."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import pytest

from pratique.errors import Unreachable
from pratique.http.message import Headers, Response
from pratique.spec import media
from pratique.spec.descriptor import Descriptor
from pratique.spec.digest import Digest
from pratique.spec.manifest import Manifest
from pratique.stores.revision import Condition
from pratique.stores.subjects import MOST_LOSSES, SETTLING_SECONDS, SubjectTags

SUBJECT = Digest.of(b"subject")


def entry(name: str) -> Descriptor:
    return Descriptor(media.OCI_MANIFEST, Digest.of(name.encode()), 1)


def index(*names: str) -> Manifest:
    document = {
        "schemaVersion": 2,
        "mediaType": media.OCI_INDEX,
        "manifests": [entry(name).to_json() for name in names],
    }
    return Manifest.parse(json.dumps(document).encode())


class Tag:
    """A tag of a registry, with or without conditions.

    `meanwhile` happens once, between reading and putting, `afterwards` while one pauses.
    """

    def __init__(
        self,
        found: Manifest | None,
        meanwhile: Manifest | None = None,
        *,
        conditional: bool = True,
        afterwards: Sequence[Manifest] = (),
    ) -> None:
        self.found = found
        self._meanwhile: Manifest | None = meanwhile
        self._conditional = conditional
        self._afterwards = list(afterwards)
        self.pauses: list[float] = []

    def read(self, _: str) -> tuple[Manifest | None, str | None]:
        etag = f'"{self.found.digest}"' if self.found and self._conditional else None
        return self.found, etag

    def put(self, _: str, media_type: str, raw: bytes, condition: Condition | None) -> Response:
        if self._meanwhile is not None:
            self.found, self._meanwhile = self._meanwhile, None
        if self._conditional and condition and not self._holds(*condition):
            return Response.of(412)
        self.found = Manifest.parse(raw, media_type)
        return Response(201, Headers(()))

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        if self._afterwards:
            self.found = self._afterwards.pop(0)

    def _holds(self, field: str, value: str) -> bool:
        if field == "If-None-Match":
            return self.found is None
        return self.found is not None and value == f'"{self.found.digest}"'


@pytest.mark.parametrize("found", [lambda: None, lambda: index("first")], ids=["no list yet", "a list"])
def test_nobody_is_overwritten_where_there_are_conditions(found: Callable[[], Manifest | None]) -> None:
    others = index("first", "other")
    tag = Tag(found(), others)
    SubjectTags(tag.read, tag.put, tag.pause).add(SUBJECT, entry("mine"))
    assert tag.found is not None
    assert tag.found.manifests == (*others.manifests, entry("mine"))


def test_a_condition_that_is_not_known_does_no_harm() -> None:
    tag = Tag(None, index("other"), conditional=False)
    SubjectTags(tag.read, tag.put, tag.pause).add(SUBJECT, entry("mine"))
    assert tag.found is not None
    assert entry("mine") in tag.found.manifests


def test_who_is_overwritten_by_an_older_list_is_listed_again() -> None:
    """Where there are no conditions, others put what they made of the list that they read before ours was there."""
    stale, staler = index("first", "other"), index("first", "third")
    tag = Tag(index("first"), conditional=False, afterwards=[stale, staler])
    SubjectTags(tag.read, tag.put, tag.pause).add(SUBJECT, entry("mine"))
    assert tag.found is not None
    assert tag.found.manifests == (*staler.manifests, entry("mine"))
    assert len(tag.pauses) == 3
    assert all(SETTLING_SECONDS <= pause <= 2 * SETTLING_SECONDS for pause in tag.pauses)


def test_nobody_waits_for_what_is_listed_already() -> None:
    tag = Tag(index("mine", "other"))
    SubjectTags(tag.read, tag.put, tag.pause).add(SUBJECT, entry("mine"))
    assert tag.pauses == []


def test_who_is_always_overwritten_is_told() -> None:
    tag = Tag(None, conditional=False, afterwards=[index("other")] * MOST_LOSSES)
    with pytest.raises(Unreachable, match="could not be listed"):
        SubjectTags(tag.read, tag.put, tag.pause).add(SUBJECT, entry("mine"))
