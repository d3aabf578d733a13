"""Manners of redirects: content that is somewhere else."""

from __future__ import annotations

from ....http.message import Request, Response, Transport
from ....spec.endpoints import BLOB, MANIFEST
from ..effects import refuse
from .base import Manner, asking, at, elsewhere, endpoint_of, named, query_of

STORAGE = "/storage"  # below which redirected content is
SIGNATURE = "5ec3e7"  # of the URLs of content; nothing is checked by it


@named(
    "redirect-strips-authorization",
    "blobs are at a signed URL of another origin, which refuses any other permission",
    "open-policy-agent/opa#6580, renovatebot/renovate#3877, moby/moby#13649",
)
@named(
    "redirect-same-host-keeps-auth",
    "blobs are at another path of the registry, which wants the same permission again",
    "kubernetes/registry.k8s.io#336",
    to="",
    status=302,
)
class ContentElsewhere(Manner):
    """Blobs are answered with a redirect to the storage: at the origin `to`, `{elsewhere}` by default, where no permission
    is welcome, or, where `to` is empty, at the registry itself, which wants permission there as well."""

    def __init__(self, registry: Transport, *, to: str = "{elsewhere}", status: int = 307) -> None:
        super().__init__(registry)
        self._to, self._status = to, status
        self._shown: dict[str, str | None] = {}  # what was permitted, by the path of the content

    def serve(self, request: Request) -> Response:
        path = request.path
        if path.startswith(f"{STORAGE}/"):
            return self._store(request, path.removeprefix(STORAGE))
        if endpoint_of(request) is not BLOB:
            return self.ask(request)
        response = self.ask(request)
        if response.status not in (200, 206):
            return response
        response.close()
        return self._redirect(request)

    def _redirect(self, request: Request) -> Response:
        origin = str(request.origin)
        target = at(asking(request), f"{STORAGE}{request.path}").url.removeprefix(origin)
        to = self._to.format(elsewhere=elsewhere(request.origin))
        if to:
            self._shown[request.path] = request.headers.get("Authorization")
            target = f"{to}{target}?X-Amz-Signature={SIGNATURE}&X-Amz-Expires=20"
        return Response.of(self._status, b"", ("Location", target))

    def _store(self, request: Request, path: str) -> Response:
        if not self._to:
            return self._registry(at(request, path))
        if any(name in request.headers for name in ("Authorization", "Cookie", "Proxy-Authorization")):
            return refuse(400, "InvalidArgument", "Only one auth mechanism allowed")
        if path not in self._shown or query_of(request).get("X-Amz-Signature") != [SIGNATURE]:
            return refuse(403, "SignatureDoesNotMatch")
        shown = self._shown[path]
        return self._registry(at(request if shown is None else request.having("Authorization", shown), path))


@named(
    "redirect-to-mirror",
    "whatever is read is redirected to another registry, which has a token service of its own",
    "kubernetes/registry.k8s.io#336, kubernetes/registry.k8s.io#337",
)
class Mirrored(Manner):
    """Manifests and blobs are read from the origin `to`, which asks for permission itself and has names with a `prefix`."""

    def __init__(self, registry: Transport, *, to: str = "{elsewhere}", prefix: str = "", status: int = 307) -> None:
        super().__init__(registry)
        self._to, self._prefix, self._status = to, prefix, status
        self._mirrors: set[str] = set()

    def serve(self, request: Request) -> Response:
        origin = str(request.origin)
        if origin in self._mirrors or endpoint_of(request) not in (BLOB, MANIFEST):
            return self.ask(request)
        response = self.ask(request)
        if response.status not in (200, 206):
            return response
        response.close()
        to = self._to.format(elsewhere=elsewhere(request.origin))
        with self.lock:
            self._mirrors.add(to)
        target = request.url.removeprefix(origin).replace("/v2/", f"/v2/{self._prefix}", 1)
        return Response.of(self._status, b"", ("Location", to + target))
