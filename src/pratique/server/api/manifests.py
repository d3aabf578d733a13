"""Manifests (distribution specification, §Pulling manifests, §Pushing Manifests, §Deleting tags and manifests)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from ...errors import Misbehaved, NotFound, Unsupported
from ...http.message import Response
from ...spec import media
from ...spec.digest import Digest
from ...spec.endpoints import DIGEST_INVALID, MANIFEST, MANIFEST_BLOB_UNKNOWN, MANIFEST_INVALID, MANIFEST_UNKNOWN
from ...spec.manifest import Manifest
from ...spec.reference import is_tag
from ..answers import Rejected, created
from ..storage.repositories import Storage
from .call import Call, read_content
from .conditions import check_read, check_write, etag, is_conditional

MOST_BYTES: Final = 4 << 20  # of a manifest (§Pushing Manifests)

# Types that are returned to clients as they were pushed: JSON of some kind, and nothing that a browser runs.
_JSON_TYPE = re.compile(r"application/(?:[a-z0-9!#$&^_.-]+\+)?json", re.ASCII)


class Manifests:
    """The end-points of manifests."""

    def __init__(self, storage: Storage, *, sparse: bool = False) -> None:
        self._storage = storage
        self._sparse = sparse  # whether what a manifest needs may be missing

    def read(self, call: Call) -> Response:
        """GET and HEAD by tag or digest: the bytes and the type as pushed."""
        try:
            stored = self._storage.find_manifest(call.repository, call.reference)
        except NotFound as error:
            raise Rejected(MANIFEST_UNKNOWN, str(error)) from None
        return check_read(call.request.headers, stored.digest) or Response.of(
            200,
            stored.raw,
            ("Content-Type", stored.media_type or media.OCI_MANIFEST),
            ("Docker-Content-Digest", str(stored.digest)),
            ("ETag", etag(stored.digest)),
        )

    def put(self, call: Call) -> Response:
        """PUT by tag, or by digest with any number of tags in the query."""
        reference = call.reference
        algorithm = reference.algorithm if isinstance(reference, Digest) else "sha256"
        raw = read_content(call.request, MOST_BYTES, "a manifest", MANIFEST_INVALID)
        manifest = _parse(raw, call.request.headers.get("Content-Type") or "", algorithm)
        if isinstance(reference, Digest) and manifest.digest != reference:
            raise Rejected(DIGEST_INVALID, f"the manifest is {manifest.digest}, not {reference}")
        extra = _tags(call) if isinstance(reference, Digest) else []
        tags = [reference] if isinstance(reference, str) else extra
        try:
            self._storage.put_manifest(
                call.repository, manifest, tags, sparse=self._sparse, check=self._check(call, reference)
            )
        except NotFound as error:
            raise Rejected(MANIFEST_BLOB_UNKNOWN, str(error)) from None
        return _made(call, manifest, extra)

    def delete(self, call: Call) -> Response:
        """DELETE of a tag, or of a manifest with the tags that point at it."""
        reference = call.reference
        try:
            if isinstance(reference, str):
                self._storage.delete_tag(call.repository, reference, check=self._check(call, reference))
            else:
                self._storage.delete_manifest(call.repository, reference)
        except NotFound as error:
            raise Rejected(MANIFEST_UNKNOWN, str(error)) from None
        return Response.of(202)

    def _check(self, call: Call, reference: Digest | str) -> Callable[[], None]:
        """What a change depends on by the conditions of its request."""

        def check() -> None:
            if is_conditional(call.request.headers):
                check_write(call.request.headers, self._current(call.repository, reference))

        return check

    def _current(self, repository: str, reference: Digest | str) -> Digest | None:
        try:
            return self._storage.find_manifest(repository, reference).digest
        except NotFound:
            return None


def _parse(raw: bytes, content_type: str, algorithm: str) -> Manifest:
    said = media.essence(content_type)
    try:
        manifest = Manifest.parse(raw, content_type, algorithm)
    except (Misbehaved, Unsupported) as error:
        raise Rejected(MANIFEST_INVALID, str(error)) from None
    if said not in media.GENERIC and manifest.document.get("mediaType", said) != said:
        raise Rejected(MANIFEST_INVALID, f"Content-Type {said!r} and the manifest's mediaType differ")
    if not manifest.document or not _JSON_TYPE.fullmatch(manifest.media_type):
        raise Rejected(MANIFEST_INVALID, f"a manifest is JSON, and so is its type: {manifest.media_type[:80]!r}")
    return manifest


def _tags(call: Call) -> list[str]:
    tags = call.query.get("tag", [])
    for tag in tags:
        if not is_tag(tag):
            raise Rejected(MANIFEST_INVALID, f"not a tag: {tag[:80]!r}")
    return tags


def _made(call: Call, manifest: Manifest, tags: list[str]) -> Response:
    fields = [("OCI-Tag", tag) for tag in tags]
    if manifest.subject:
        fields.append(("OCI-Subject", str(manifest.subject.digest)))
    path = MANIFEST.path(name=call.repository, reference=call.parameters["reference"])
    return created(call.url + path, str(manifest.digest), *fields)
