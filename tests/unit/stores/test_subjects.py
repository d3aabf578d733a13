"""The list of referrers under a tag, where another writer comes in between."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from pratique.http.message import Headers, Response
from pratique.spec import media
from pratique.spec.descriptor import Descriptor
from pratique.spec.digest import Digest
from pratique.spec.manifest import Manifest
from pratique.stores.subjects import Condition, SubjectTags

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
    """A tag of a registry, with or without conditions; `meanwhile` happens once, between reading and putting."""

    def __init__(self, found: Manifest | None, meanwhile: Manifest, *, conditional: bool = True) -> None:
        self.found = found
        self._meanwhile: Manifest | None = meanwhile
        self._conditional = conditional

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

    def _holds(self, field: str, value: str) -> bool:
        if field == "If-None-Match":
            return self.found is None
        return self.found is not None and value == f'"{self.found.digest}"'


@pytest.mark.parametrize("found", [lambda: None, lambda: index("first")], ids=["no list yet", "a list"])
def test_nobody_is_overwritten_where_there_are_conditions(found: Callable[[], Manifest | None]) -> None:
    others = index("first", "other")
    tag = Tag(found(), others)
    SubjectTags(tag.read, tag.put).add(SUBJECT, entry("mine"))
    assert tag.found is not None
    assert tag.found.manifests == (*others.manifests, entry("mine"))


def test_a_condition_that_is_not_known_does_no_harm() -> None:
    tag = Tag(None, index("other"), conditional=False)
    SubjectTags(tag.read, tag.put).add(SUBJECT, entry("mine"))
    assert tag.found is not None
    assert entry("mine") in tag.found.manifests
