"""Manners of registries that are busy or in trouble."""

from __future__ import annotations

from ....http.message import Request, Response, Transport
from ..effects import broken
from .base import Manner, named


@named(
    "retry-after-429",
    "the first request of three is answered 429, with `Retry-After`",
    "containers/container-libs#42, docker/buildx#3630, docker/hub-feedback#1907",
    every=3,
    status=429,
    fields=("Retry-After: 1",),
    body='{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your pull rate limit"}]}',
)
@named(
    "retry-5xx-and-unknown-body",
    "the first request of three is answered 502, with a page of HTML",
    "docker/hub-feedback#1907",
    every=3,
    status=502,
    body="<html><head><title>502 Bad Gateway</title></head><body><h1>nginx</h1></body></html>",
)
class Troubled(Manner):
    """The first `times` requests of every `every` (0: of all) are answered with `status`, or, where that is 0, not at all."""

    def __init__(
        self,
        registry: Transport,
        *,
        status: int = 503,
        body: str = "",
        fields: tuple[str, ...] = (),
        times: int = 1,
        every: int = 0,
    ) -> None:
        super().__init__(registry)
        self._status, self._body = status, body.encode("utf-8", "surrogateescape")
        self._fields = [(name, value.strip()) for name, _, value in (line.partition(":") for line in fields)]
        self._times, self._every = times, every
        self._count = 0

    def __call__(self, request: Request) -> Response:
        with self.lock:
            number = self._count % self._every if self._every else self._count
            self._count += 1
        if number >= self._times:
            return self._registry(request)
        if not self._status:
            raise broken(f"at {request}")
        return Response.of(self._status, b"" if request.method == "HEAD" else self._body, *self._fields)
