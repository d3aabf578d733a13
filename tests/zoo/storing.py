"""A registry that stores what it is sent, as the specification has it. Animals of uploads differ from it in one manner."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from io import BytesIO
from random import Random

from pratique.http.message import Headers, Response, Stream, Unanswered
from pratique.spec.descriptor import Descriptor
from pratique.spec.digest import Digest
from pratique.testing.scripted import Wrap

from .animal import REGISTRY, Seen, Ticketed, error, ok

_RANGE = re.compile(r"(\d+)-(\d+)")


def content_of(size: int, seed: int = 7) -> bytes:
    """Bytes that look like none before them."""
    return Random(seed).randbytes(size)  # noqa: S311 - nothing is kept secret with it


def blob_of(content: bytes) -> Descriptor:
    return Descriptor("application/octet-stream", Digest.of(content), len(content))


def recipe(content: bytes) -> Callable[[], AbstractContextManager[Stream]]:
    return lambda: closing(BytesIO(content))


def cut() -> Unanswered:
    """What a transport raises when the connection breaks."""
    return Unanswered("the connection was cut", transient=True)


class Storing(Ticketed):
    """`sessions` are the uploads under way, `blobs` what was named; `arrived` counts the bytes that were taken."""

    place = f"{REGISTRY}/v2/{{repository}}/blobs/uploads/{{session}}"

    def __init__(self, manner: Wrap | None = None) -> None:
        super().__init__(manner)
        self.blobs: dict[tuple[str, str], bytes] = {}
        self.manifests: dict[tuple[str, str], bytes] = {}
        self.sessions: dict[str, bytearray] = {}
        self.begun = 0
        self.arrived = 0

    def serve(self, seen: Seen) -> Response:
        found = re.fullmatch(r"/v2/(?P<repository>.+)/(?P<kind>blobs|manifests)/(?P<rest>.+|uploads/)", seen.path)
        if found is None:
            return ok()
        repository, kind, rest = found.groups()
        if kind == "manifests":
            return self.manifest(seen, repository, rest)
        if rest == "uploads/":
            return self.begin(seen, repository)
        if rest.startswith("uploads/"):
            return self.upload(seen, repository, rest.partition("/")[2])
        stored = self.blobs.get((repository, rest))
        if stored is None:
            return Response.of(404, error("BLOB_UNKNOWN"))
        length = ("Content-Length", str(len(stored)))
        return Response(200, Headers([length]), BytesIO(b"" if seen.method == "HEAD" else stored))

    def manifest(self, seen: Seen, repository: str, name: str) -> Response:
        digest = str(Digest.of(seen.content))
        if seen.method == "PUT":
            self.manifests[repository, name] = self.manifests[repository, digest] = seen.content
            return Response.of(201, b"", ("Docker-Content-Digest", digest))
        return Response.of(404, error("MANIFEST_UNKNOWN"))

    def begin(self, seen: Seen, repository: str) -> Response:
        """POST."""
        self.begun += 1
        self.sessions[str(self.begun)] = bytearray()
        return self.standing(202, repository, str(self.begun))

    def upload(self, seen: Seen, repository: str, session: str) -> Response:
        """Everything at a session's URL."""
        if session not in self.sessions:
            return Response.of(404, error("BLOB_UPLOAD_UNKNOWN"))
        if seen.method == "GET":
            return self.standing(204, repository, session)
        said = _RANGE.fullmatch(seen.headers.get("Content-Range") or "")
        if said and (int(said[1]), int(said[2]) + 1) != self.span(session, seen):
            return self.standing(416, repository, session)
        self.take(session, seen.content)
        return self.end(seen, repository, session) if seen.method == "PUT" else self.standing(202, repository, session)

    def span(self, session: str, seen: Seen) -> tuple[int, int]:
        stands = len(self.sessions[session])
        return stands, stands + len(seen.content)

    def take(self, session: str, content: bytes) -> None:
        self.sessions[session] += content
        self.arrived += len(content)

    def end(self, seen: Seen, repository: str, session: str) -> Response:
        """PUT, its content taken already."""
        content = bytes(self.sessions.pop(session))
        [digest] = seen.query["digest"]
        if str(Digest.of(content)) != digest:
            return Response.of(400, error("DIGEST_INVALID"))
        self.blobs[repository, digest] = content
        return Response.of(201, b"", ("Docker-Content-Digest", digest))

    def standing(self, status: int, repository: str, session: str) -> Response:
        """Where a session stands."""
        location = self.place.format(repository=repository, session=session)
        return Response.of(status, b"", ("Location", location), *self.range(len(self.sessions[session])))

    def range(self, size: int) -> tuple[tuple[str, str], ...]:
        return (("Range", f"0-{max(size - 1, 0)}"),)

    def writes(self, *more: str) -> list[str]:
        """What was asked of the registry: method, status of the session's URL, and the chunk where there is one."""
        methods = ("POST", "PATCH", "PUT", "GET", *more)
        return [_told(seen) for seen in self.seen if seen.host.startswith("r.test") and seen.method in methods]


def _told(seen: Seen) -> str:
    chunk = seen.headers.get("Content-Range")
    size = f" {len(seen.content)} bytes" if seen.content else ""
    return f"{seen.method} {seen.path.rpartition('/')[2] or 'uploads'}{size}{f' at {chunk}' if chunk else ''}"
