"""Blobs and their uploads (distribution specification, §Pulling blobs, §Pushing blobs, §Deleting blobs)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import ExitStack
from io import FileIO
from itertools import chain, islice
from typing import Final

from ...errors import ContentMismatch, InvalidInput, NotFound
from ...http.message import Headers, Response
from ...spec.digest import Digest
from ...spec.endpoints import (
    BLOB,
    BLOB_UNKNOWN,
    BLOB_UPLOAD_INVALID,
    BLOB_UPLOAD_UNKNOWN,
    DIGEST_INVALID,
    SIZE_INVALID,
    UPLOAD_END,
)
from ..answers import Rejected, created
from ..content import FilePart
from ..storage.repositories import Storage
from ..storage.uploads import USUAL_ALGORITHM, OutOfOrder, Upload, Uploads
from .call import Call, open_content, parse_digest
from .conditions import check_read, etag
from .ranges import RANGE_NOT_SATISFIABLE, Multipart, requested

NO_CONTENT: Final = 204
NOT_MODIFIED: Final = 304
MOST_SOURCES: Final = 1000  # repositories that are looked at for a blob to mount, where the request names none

BINARY: Final = "application/octet-stream"

# The specification's own form of Content-Range for chunks, and RFC 9110's, which some clients send.
_CHUNK = re.compile(r"(?:bytes[ =])?(?P<first>[0-9]{1,19})-(?P<last>[0-9]{1,19})(?:/(?:[0-9]+|\*))?", re.ASCII)


class Blobs:
    """The end-points of blobs. `most` is the largest that is taken, in bytes, or None for any."""

    def __init__(self, storage: Storage, uploads: Uploads, most: int | None = None) -> None:
        self._storage = storage
        self._uploads = uploads
        self._most = most

    # --- Content

    def read(self, call: Call) -> Response:
        """GET and HEAD of a blob, whole or in parts (RFC 9110 §14)."""
        digest = call.digest
        with ExitStack() as opened:
            try:
                file = opened.enter_context(self._storage.open_blob(call.repository, digest))
            except NotFound as error:
                raise Rejected(BLOB_UNKNOWN, str(error)) from None
            response = check_read(call.request.headers, digest) or _content(call, digest, file)
            if response.status != NOT_MODIFIED:
                opened.pop_all()  # the response closes it
            return response

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
        wanted, digest = _named(call, "mount"), _named(call, "digest")
        if wanted and self._mount(call, wanted):
            return _made(call, wanted)
        known = digest or wanted
        try:
            algorithm = call.asked("digest-algorithm") or (known.algorithm if known else USUAL_ALGORITHM)
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
        return _standing(call, self._find(call), NO_CONTENT)

    def cancel(self, call: Call) -> Response:
        """DELETE of a session."""
        self._uploads.cancel(call.repository, self._find(call))
        return Response(NO_CONTENT)

    def _mount(self, call: Call, digest: Digest) -> bool:
        """Give the repository a blob of another one that whoever asks may pull from; False where there is none."""
        if not self._storage.blob_path(digest).exists():
            return False
        sources = filter(call.may_pull, self._sources(call))
        return any(self._give(call.repository, origin, digest) for origin in sources)

    def _sources(self, call: Call) -> Iterable[str]:
        origin = call.asked("from")
        if origin:
            return (origin,)
        return chain((call.repository,), islice(self._storage.repositories(), MOST_SOURCES))

    def _give(self, repository: str, origin: str, digest: Digest) -> bool:
        try:
            self._storage.open_blob(origin, digest).close()
            self._storage.link_blob(repository, digest)
        except NotFound:
            return False
        return True

    def _find(self, call: Call) -> Upload:
        try:
            return self._uploads.find(call.repository, call.parameters["session"])
        except NotFound as error:
            raise Rejected(BLOB_UPLOAD_UNKNOWN, str(error)) from None

    def _append(self, call: Call, upload: Upload) -> None:
        if call.request.body is None:
            return
        self._check_size(call, upload, upload.size + (call.request.body.size or 0))
        chunk = _chunk(call)
        try:
            with open_content(call.request) as stream:
                upload.append(stream, chunk[0] if chunk else None)
            self._check_size(call, upload, upload.size)
        except OutOfOrder as error:
            fields = _place(call, upload)
            raise Rejected(BLOB_UPLOAD_INVALID, str(error), status=RANGE_NOT_SATISFIABLE, headers=fields) from None
        except NotFound as error:
            raise Rejected(BLOB_UPLOAD_UNKNOWN, str(error)) from None
        if chunk and upload.size != chunk[1] + 1:  # the content did not say its length beforehand
            raise Rejected(SIZE_INVALID, "the chunk is not as long as its range", headers=_place(call, upload))

    def _check_size(self, call: Call, upload: Upload, size: int) -> None:
        if self._most is not None and size > self._most:
            self._uploads.cancel(call.repository, upload)
            raise Rejected(BLOB_UPLOAD_INVALID, f"a blob has at most {self._most} bytes here", status=413)

    def _finish(self, call: Call, upload: Upload, digest: Digest) -> Response:
        try:
            self._uploads.finish(call.repository, upload, digest)
        except ContentMismatch as error:
            raise Rejected(DIGEST_INVALID, str(error)) from None
        except NotFound as error:
            raise Rejected(BLOB_UPLOAD_UNKNOWN, str(error)) from None
        return _made(call, digest)


def _content(call: Call, digest: Digest, file: FileIO) -> Response:
    """A blob, or the parts of it that a request is for. Raises Rejected."""
    whole = FilePart(file)
    fields = (("Docker-Content-Digest", str(digest)), ("ETag", etag(digest)), ("Accept-Ranges", "bytes"))
    parts = requested(call.request, whole.size, etag(digest))
    if not parts:
        return _sized(200, whole, BINARY, *fields)
    if len(parts) > 1:
        several = Multipart(file, parts, whole.size, BINARY)
        return _sized(206, several, several.media_type, *fields)
    part = FilePart(file, parts[0].first, parts[0].size)
    return _sized(206, part, BINARY, *fields, ("Content-Range", parts[0].describe(whole.size)))


def _sized(status: int, stream: FilePart | Multipart, media_type: str, *fields: tuple[str, str]) -> Response:
    lines = (("Content-Type", media_type), *fields, ("Content-Length", str(stream.size)))
    return Response(status, Headers(lines), stream)


def _named(call: Call, parameter: str) -> Digest | None:
    """The digest in a parameter of the query; None where it is absent. Raises Rejected."""
    text = call.asked(parameter)
    return parse_digest(text) if text else None


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
    # An answer with 204 has no Content-Length (RFC 9110 §8.6).
    fields = _place(call, upload)
    return Response(status, Headers(fields)) if status == NO_CONTENT else Response.of(status, b"", *fields)


def _chunk(call: Call) -> tuple[int, int] | None:
    """The first and last byte of a chunk by its Content-Range; None where it has none."""
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
    return first, last
