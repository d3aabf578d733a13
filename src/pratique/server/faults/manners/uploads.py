"""Manners of uploads and mounts."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urljoin

from ....http.message import Request, Response, Transport
from ....spec.endpoints import (
    BLOB_UPLOAD_INVALID,
    BLOB_UPLOAD_UNKNOWN,
    TAGS,
    UPLOAD_CHUNK,
    UPLOAD_END,
    UPLOAD_STATUS,
    UPLOADS,
)
from ....values import replace
from ..effects import broken, refuse
from .base import Manner, asked_of, asking, at, elsewhere, endpoint_of, last_of, named, repository_of

MIB: Final = 1 << 20  # bytes

_RANGE = re.compile(r"(\d+)-(\d+)")


def size_of(request: Request) -> int:
    """The bytes of a request's content, as far as its length is told."""
    return (request.body.size or 0) if request.body else 0


def stands(response: Response, *, empty: bool = False) -> int | None:
    """How many bytes of an upload have arrived by an answer of the registry; `0-0` may be none where it is `empty`."""
    found = _RANGE.fullmatch(response.headers.get("Range") or "")
    if found is None:
        return None
    return 0 if empty and found[2] == "0" else int(found[2]) + 1


# --- Mounts


@named(
    "mount-denied-fallback",
    "a mount is refused with 403, whoever asks for it",
    "google/go-containerregistry#1609, goharbor/harbor#22078, quay/quay#899",
)
class RefusesMounts(Manner):
    """A mount is answered with `status`, 202 being an upload, and these `challenges`."""

    def __init__(self, registry: Transport, *, status: int = 403, challenges: tuple[str, ...] = ()) -> None:
        super().__init__(registry)
        self._status, self._challenges = status, challenges

    def serve(self, request: Request) -> Response:
        if endpoint_of(request) is not UPLOADS or not asked_of(request, "mount"):
            return self.ask(request)
        if self._status == 202:
            return self.ask(asking(request, mount=None, **{"from": None}))
        return refuse(self._status, "BAD_REQUEST", "invalid repository name", *self._challenges)


# --- Where an upload is


@named(
    "upload-to-other-origin",
    "an upload goes on at another origin, which takes one PUT and no permission",
    "distribution specification, §Pushing blobs",
)
@named(
    "oras-go-2026-advisories",
    "the `Location` of an upload leads to another origin, which wants to see what it is shown",
    "oras-project/oras-go#1195, oras-project/oras-go#1276, oras-project/oras-go#1288",
)
class UploadElsewhere(Manner):
    """`Location` is `to`, with `{elsewhere}`, `{repository}` and `{session}`; only a PUT without permission is welcome there."""

    def __init__(self, registry: Transport, *, to: str = "{elsewhere}/sessions/{session}?sig=a%2Fb") -> None:
        super().__init__(registry)
        self._to = to
        # By the place that clients were told, without its query: the real one, and what was permitted.
        self._begun: dict[str, tuple[str, str | None]] = {}

    def serve(self, request: Request) -> Response:
        begun = self._begun.get(request.url.partition("?")[0])
        if begun is not None:
            return self._put(request, *begun)
        response = self.ask(request)
        if endpoint_of(request) is UPLOADS and response.status == 202:
            self._send_elsewhere(request, response)
        return response

    def _send_elsewhere(self, request: Request, response: Response) -> None:
        real = urljoin(request.url, response.headers.get("Location") or "")
        names = {"repository": repository_of(request), "session": last_of(Request("GET", real))}
        told = self._to.format(elsewhere=elsewhere(request.origin), **names)
        self._begun[told.partition("?")[0]] = (real, request.headers.get("Authorization"))
        response.headers = response.headers.having("Location", told)

    def _put(self, request: Request, url: str, shown: str | None) -> Response:
        if "Authorization" in request.headers or "Cookie" in request.headers:
            return refuse(400, "InvalidArgument", "Only one auth mechanism allowed")
        if request.method != "PUT" or asked_of(request, "sig") != "a/b":
            return refuse(403, "SignatureDoesNotMatch")
        real = asking(replace(request, url=url), digest=asked_of(request, "digest"))
        return self._registry(real if shown is None else real.having("Authorization", shown))


@named(
    "ecr-repo-missing-abort",
    "an upload to a repository that is not there closes the connection",
    "dotnet/sdk-container-builds#279",
)
class ClosesOnMissingRepository(Manner):
    """POST to a repository without tags is not answered."""

    def serve(self, request: Request) -> Response:
        if endpoint_of(request) is UPLOADS and not self._is_there(request):
            raise broken("at an upload to a repository that is missing")
        return self.ask(request)

    def _is_there(self, request: Request) -> bool:
        path = TAGS.path(name=repository_of(request))
        with self.ask(at(Request("GET", asking(request, mount=None).url, request.headers), path)) as listed:
            return listed.status != 404  # who may not know it hears the registry's own refusal


# --- What an upload takes


@named(
    "chunk-ecr-range-stuck",
    "PATCH is answered 201 with a `Range` that stays behind, uploads have no status, and chunks have 5 MiB at least",
    "aws/containers-roadmap#2831, openai/tart#273",
)
class RangeIsStuck(Manner):
    """`Range` goes no further than two chunks of `least` bytes; a chunk after a shorter one is refused."""

    def __init__(self, registry: Transport, *, least: int = 5 * MIB) -> None:
        super().__init__(registry)
        self._least = least
        self._short: set[str] = set()  # sessions whose last chunk was too short to be followed

    def serve(self, request: Request) -> Response:
        endpoint, session = endpoint_of(request), last_of(request)
        if endpoint is UPLOAD_STATUS:
            return refuse(404, BLOB_UPLOAD_UNKNOWN.code)
        if endpoint is not UPLOAD_CHUNK:
            return self.ask(request)
        if session in self._short:
            return refuse(400, BLOB_UPLOAD_INVALID.code, "a part that is not the last has 5 MiB at least")
        response = self.ask(request)
        if response.status == 202:
            self._answer(response, request, session)
        return response

    def _answer(self, response: Response, request: Request, session: str) -> None:
        if size_of(request) < self._least:
            self._short.add(session)
        last = min(stands(response) or 0, 2 * self._least) - 1
        response.status = 201
        response.headers = response.headers.having("Range", f"0-{last}")


@named(
    "chunk-gar-unsupported",
    "PATCH is refused with 400 and a page of HTML; one PUT is the only way",
    "containers/skopeo#1101, dotnet/sdk-container-builds#287",
)
class NoPatch(Manner):
    """There is no PATCH."""

    def serve(self, request: Request) -> Response:
        if endpoint_of(request) is UPLOAD_CHUNK:
            return Response.of(400, b"<HTML><title>Request Error</title></HTML>")
        return self.ask(request)


@named(
    "only-patch",
    "content in a PUT is refused; PATCH is the only way",
    "containerd/containerd#3533",
)
class OnlyPatch(Manner):
    """Content in a PUT is answered with `status`; or, where that is 0, it is not looked at."""

    def __init__(self, registry: Transport, *, status: int = 405) -> None:
        super().__init__(registry)
        self._status = status

    def serve(self, request: Request) -> Response:
        if endpoint_of(request) is not UPLOAD_END or not size_of(request):
            return self.ask(request)
        return refuse(self._status, "UNSUPPORTED") if self._status else self.ask(replace(request, body=None))


@named(
    "chunk-ghcr-4mib",
    "no chunk may be longer than 4 MiB, and one PUT of any length is fine",
    "ocx-sh/ocx#237",
)
class AtMost(Manner):
    """Content of more than `most` bytes is refused with `status`, in a PATCH or, `put`, in any request of an upload.

    With `tells` the refusal says where the upload stands.
    """

    def __init__(
        self, registry: Transport, *, most: int = 4 * MIB, status: int = 416, put: bool = False, tells: bool = True
    ) -> None:
        super().__init__(registry)
        self._most, self._status, self._put, self._tells = most, status, put, tells

    def serve(self, request: Request) -> Response:
        counts = (UPLOAD_CHUNK, UPLOAD_END) if self._put else (UPLOAD_CHUNK,)
        if size_of(request) <= self._most or endpoint_of(request) not in counts:
            return self.ask(request)
        response = refuse(self._status, "REQUESTED_RANGE_NOT_SATISFIABLE", "the request body is too large")
        with self._registry(replace(asking(request, digest=None), method="GET", body=None)) as status:
            where = status.headers.get("Range")
        if self._tells and where:
            response.headers = response.headers.having("Range", where)
        return response


@named(
    "range-header-dialects",
    "`Range` of an upload says `bytes=0--1` of an empty one, and is one too far later on",
    "regclient/regclient#627, regclient/regclient#961, distribution/distribution#3496",
)
class Dialect(Manner):
    """`Range` of an upload is said in one of these ways, or not at all."""

    WAYS: Final = ("bytes", "one too many", "quay", "of the last chunk", "odd", "absent")

    def __init__(self, registry: Transport, *, dialect: str = "quay") -> None:
        super().__init__(registry)
        self._dialect = dialect
        self._last: dict[str, int] = {}  # bytes of the last chunk of each session

    def serve(self, request: Request) -> Response:
        endpoint = endpoint_of(request)
        response = self.ask(request)
        size = stands(response, empty=endpoint is UPLOADS)
        if endpoint not in (UPLOADS, UPLOAD_CHUNK, UPLOAD_STATUS, UPLOAD_END) or size is None:
            return response
        session = last_of(request)
        if size_of(request):
            self._last[session] = size_of(request)
        said = self._said(size, self._last.get(session, size))
        kept = response.headers.without("Range")
        response.headers = kept.having("Range", said) if said else kept
        return response

    def _said(self, size: int, last: int) -> str:
        return {
            "bytes": f"bytes=0-{size - 1}",
            "one too many": f"0-{size}",
            "quay": f"bytes=0-{size}" if size else "bytes=0--1",
            "of the last chunk": f"{max(size - last, 0)}-{max(size - 1, 0)}",
            "odd": "bytes",
        }.get(self._dialect, "")


@named(
    "chunk-min-length",
    "an upload says how long its chunks must be at least",
    "distribution specification, §Pushing a blob in chunks",
)
class LeastChunk(Manner):
    """`OCI-Chunk-Min-Length` is named when an upload begins."""

    def __init__(self, registry: Transport, *, least: int = MIB) -> None:
        super().__init__(registry)
        self._least = least

    def serve(self, request: Request) -> Response:
        response = self.ask(request)
        if endpoint_of(request) is UPLOADS and response.status == 202:
            response.headers = response.headers.having("OCI-Chunk-Min-Length", str(self._least))
        return response
