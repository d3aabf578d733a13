"""Blobs and their uploads (distribution specification, §Pulling blobs, §Pushing blobs, §Deleting blobs)."""

from __future__ import annotations

import re
from typing import Final

from ..errors import ContentMismatch, InvalidInput, NotFound
from ..http.message import Headers, Response
from ..spec.digest import Digest
from ..spec.endpoints import (
    BLOB,
    BLOB_UNKNOWN,
    BLOB_UPLOAD_INVALID,
    BLOB_UPLOAD_UNKNOWN,
    DIGEST_INVALID,
    SIZE_INVALID,
    UPLOAD_END,
)
from .answers import Rejected, created
from .call import Call, open_content, parse_digest
from .content import FilePart
from .storage import Storage
from .uploads import USUAL_ALGORITHM, OutOfOrder, Upload, Uploads

RANGE_NOT_SATISFIABLE: Final = 416

# One range; anything else is answered with the whole content, as RFC 9110 §14.2 allows.
_RANGE = re.compile(r"bytes=(?P<first>[0-9]{0,19})-(?P<last>[0-9]{0,19})", re.ASCII | re.IGNORECASE)
# The specification's own form of Content-Range for chunks, and RFC 9110's, which some clients send.
_CHUNK = re.compile(r"(?:bytes[ =])?(?P<first>[0-9]{1,19})-(?P<last>[0-9]{1,19})(?:/(?:[0-9]+|\*))?", re.ASCII)


class Blobs:
    """The end-points of blobs."""

    def __init__(self, storage: Storage, uploads: Uploads) -> None:
        self._storage = storage
        self._uploads = uploads

    # --- Content

    def read(self, call: Call) -> Response:
        """GET and HEAD of a blob, whole or one range of it (RFC 9110 §14)."""
        digest = call.digest
        try:
            file = self._storage.open_blob(call.repository, digest)
        except NotFound as error:
            raise Rejected(BLOB_UNKNOWN, str(error)) from None
        part = FilePart(file)
        fields = (
            ("Content-Type", "application/octet-stream"),
            ("Docker-Content-Digest", str(digest)),
            ("ETag", f'"{digest}"'),
            ("Accept-Ranges", "bytes"),
        )
        wanted = _range(call, f'"{digest}"')
        if wanted is None:
            return Response(200, Headers((*fields, ("Content-Length", str(part.size)))), part)
        return _partial(part, wanted, fields)

    def delete(self, call: Call) -> Response:
        """Take the blob from the repository."""
        try:
            self._storage.unlink_blob(call.repository, call.digest)
        except NotFound as error:
            raise Rejected(BLOB_UNKNOWN, str(error)) from None
        return Response.of(202)

    # --- Uploads

    def begin(self, call: Call) -> Response:
        """POST: mount a blob, take a whole blob, or open a session."""
        mounted = self._mount(call)
        if mounted is not None:
            return mounted
        named = call.asked("digest")
        digest = parse_digest(named) if named else None
        try:
            algorithm = call.asked("digest-algorithm") or (digest.algorithm if digest else USUAL_ALGORITHM)
            upload = self._uploads.begin(call.repository, algorithm)
        except InvalidInput as error:
            raise Rejected(DIGEST_INVALID, str(error)) from None
        if digest is None:
            return _standing(call, upload, 202)
        try:
            self._append(call, upload)
        except BaseException:
            self._uploads.cancel(call.repository, upload)
            raise
        return self._finish(call, upload, digest)

    def append(self, call: Call) -> Response:
        """PATCH: the next chunk, or all of it in one stream."""
        upload = self._find(call)
        self._append(call, upload)
        return _standing(call, upload, 202)

    def end(self, call: Call) -> Response:
        """PUT: the last chunk, if any, and the blob's name."""
        upload = self._find(call)
        digest = parse_digest(call.asked("digest") or "")
        self._append(call, upload)
        return self._finish(call, upload, digest)

    def status(self, call: Call) -> Response:
        """GET of a session: where it stands."""
        return _standing(call, self._find(call), 204)

    def cancel(self, call: Call) -> Response:
        """DELETE of a session."""
        self._uploads.cancel(call.repository, self._find(call))
        return Response.of(204)

    def _mount(self, call: Call) -> Response | None:
        named, origin = call.asked("mount"), call.asked("from")
        if not named or not origin or not call.may_mount:
            return None
        digest = parse_digest(named)
        try:
            self._storage.open_blob(origin, digest).close()
        except NotFound:
            return None
        self._storage.link_blob(call.repository, digest)
        return _made(call, digest)

    def _find(self, call: Call) -> Upload:
        try:
            return self._uploads.find(call.repository, call.parameters["session"])
        except NotFound as error:
            raise Rejected(BLOB_UPLOAD_UNKNOWN, str(error)) from None

    def _append(self, call: Call, upload: Upload) -> None:
        if call.request.body is None:
            return
        try:
            with open_content(call.request) as stream:
                upload.append(stream, _chunk_start(call))
        except OutOfOrder as error:
            fields = _place(call, upload)
            raise Rejected(BLOB_UPLOAD_INVALID, str(error), status=RANGE_NOT_SATISFIABLE, headers=fields) from None
        except NotFound as error:
            raise Rejected(BLOB_UPLOAD_UNKNOWN, str(error)) from None

    def _finish(self, call: Call, upload: Upload, digest: Digest) -> Response:
        try:
            self._uploads.finish(call.repository, upload, digest)
        except ContentMismatch as error:
            raise Rejected(DIGEST_INVALID, str(error)) from None
        except NotFound as error:
            raise Rejected(BLOB_UPLOAD_UNKNOWN, str(error)) from None
        return _made(call, digest)


def _made(call: Call, digest: Digest) -> Response:
    path = BLOB.path(name=call.repository, digest=str(digest))
    return created(call.url + path, str(digest))


def _place(call: Call, upload: Upload) -> tuple[tuple[str, str], ...]:
    path = UPLOAD_END.path(name=call.repository, session=upload.id)
    # An empty upload stands at `0-0`, too: Docker's clients know no other word for it.
    return (
        ("Location", call.url + path),
        ("Range", f"0-{max(upload.size - 1, 0)}"),
        ("Docker-Upload-UUID", upload.id),
    )


def _standing(call: Call, upload: Upload, status: int) -> Response:
    return Response.of(status, b"", *_place(call, upload))


def _chunk_start(call: Call) -> int | None:
    """The first byte of a chunk by its Content-Range; None where it has none."""
    value = call.request.headers.get("Content-Range")
    if value is None:
        return None
    found = _CHUNK.fullmatch(value.strip())
    if found is None:
        raise Rejected(BLOB_UPLOAD_INVALID, f"not the range of a chunk: {value[:80]!r}")
    first, last = int(found["first"]), int(found["last"])
    size = call.request.body.size if call.request.body else 0
    if size is not None and size != last - first + 1:
        raise Rejected(SIZE_INVALID, f"Content-Range {value} and Content-Length {size}")
    return first


def _range(call: Call, etag: str) -> re.Match[str] | None:
    condition = call.request.headers.get("If-Range")
    if condition is not None and condition.strip() != etag:
        return None
    found = _RANGE.fullmatch((call.request.headers.get("Range") or "").strip())
    return found if found and (found["first"] or found["last"]) else None


def _partial(whole: FilePart, wanted: re.Match[str], fields: tuple[tuple[str, str], ...]) -> Response:
    size = whole.size
    if wanted["first"]:
        first, last = int(wanted["first"]), min(int(wanted["last"] or size), size - 1)
    else:
        first, last = max(size - int(wanted["last"]), 0), size - 1
    if first > last:
        whole.close()
        fields = (("Content-Range", f"bytes */{size}"),)
        raise Rejected(SIZE_INVALID, "the range is not in the blob", status=RANGE_NOT_SATISFIABLE, headers=fields)
    part = FilePart(whole.file, first, last - first + 1)
    added = (("Content-Range", f"bytes {first}-{last}/{size}"), ("Content-Length", str(part.size)))
    return Response(206, Headers((*fields, *added)), part)
