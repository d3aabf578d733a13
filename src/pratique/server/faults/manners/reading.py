"""Manners of reading: HEAD, types and warnings."""

from __future__ import annotations

from ....http.message import Headers, Request, Response, Transport
from ....spec import media
from ....spec.endpoints import BLOB, MANIFEST, MANIFEST_UNKNOWN
from ..effects import refuse
from .base import Manner, endpoint_of, named


@named(
    "head-unsupported",
    "HEAD is refused where GET is answered",
    "containerd/containerd#6684, moby/moby#50065, crazy-max/diun#1614",
)
class NoHead(Manner):
    """HEAD of a manifest or blob is answered with `status`."""

    def __init__(self, registry: Transport, *, status: int = 405) -> None:
        super().__init__(registry)
        self._status = status

    def serve(self, request: Request) -> Response:
        response = self.ask(request)
        # Whoever has no permission is told so in the usual way.
        if request.method != "HEAD" or response.status != 200 or endpoint_of(request) not in (BLOB, MANIFEST):
            return response
        response.close()
        return Response(self._status)


@named(
    "accept-header-and-content-type",
    "a manifest is found by whoever accepts its type by name, and is then called `application/json`",
    "fossas/fossa-cli#1309, containerd/containerd#5632",
)
class Particular(Manner):
    """Manifests of a type that is not accepted by name are missing; others have `content_type`, or none where it is empty."""

    def __init__(self, registry: Transport, *, content_type: str = "application/json") -> None:
        super().__init__(registry)
        self._content_type = content_type

    def serve(self, request: Request) -> Response:
        response = self.ask(request)
        if endpoint_of(request) is not MANIFEST or response.status != 200:
            return response
        stored = media.essence(response.headers.get("Content-Type") or "")
        accepted = [entry.strip() for line in request.headers.all("Accept") for entry in line.split(",")]
        if stored not in accepted:
            response.close()
            return refuse(404, MANIFEST_UNKNOWN.code, MANIFEST_UNKNOWN.message)
        kept = response.headers.without("Content-Type")
        response.headers = kept.having("Content-Type", self._content_type) if self._content_type else kept
        return response


@named("warning-headers", "every answer has a warning beside it", "distribution specification, §Warnings")
class Warns(Manner):
    """Answers have a `Warning`."""

    def __init__(self, registry: Transport, *, text: str = "Your auth token will expire in 30 seconds.") -> None:
        super().__init__(registry)
        self._line = f'299 - "{text}"'

    def serve(self, request: Request) -> Response:
        response = self.ask(request)
        if response.status < 400:
            response.headers = Headers((*response.headers, ("Warning", self._line)))
        return response
