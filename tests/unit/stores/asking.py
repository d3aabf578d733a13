"""A repository whose registry is a function, and everything that it was asked."""

from __future__ import annotations

import json
from collections.abc import Callable

from pratique.auth.authenticator import Authenticator
from pratique.auth.scopes import ScopeSet
from pratique.http.message import Headers, Request, Response
from pratique.http.retry import Patience
from pratique.http.session import Session
from pratique.spec import media
from pratique.spec.digest import Digest
from pratique.stores.registry import Registry, Repository

Answering = Callable[[Request], Response]

MANIFEST = json.dumps(
    {
        "schemaVersion": 2,
        "mediaType": media.OCI_MANIFEST,
        "config": {"mediaType": media.OCI_CONFIG, "digest": str(Digest.of(b"{}")), "size": 2},
        "layers": [],
    }
).encode()
DIGEST = Digest.of(MANIFEST)


class Asked:
    """A transport around a function, and the requests that it saw."""

    def __init__(self, answer: Answering) -> None:
        self._answer = answer
        self.requests: list[Request] = []

    def __call__(self, request: Request) -> Response:
        self.requests.append(request)
        return self._answer(request)

    @property
    def lines(self) -> list[str]:
        return [f"{request.method} {request.target}" for request in self.requests]

    @property
    def session(self) -> Session[ScopeSet]:
        return Session(self, Authenticator(), patience=Patience(retries=0))

    @property
    def registry(self) -> Registry:
        return Registry(self.session, "r.test")

    @property
    def repository(self) -> Repository:
        return Repository(self.session, "r.test", "foo", most_manifest_bytes=4096)


def served(request: Request, raw: bytes = MANIFEST, **fields: str | None) -> Response:
    """A manifest as a good registry answers it; `fields` say how this one differs, None where it lacks one."""
    usual: dict[str, str | None] = {
        "Content_Type": media.OCI_MANIFEST,
        "Docker_Content_Digest": str(Digest.of(raw)),
        "Content_Length": str(len(raw)),
    }
    lines = [(name.replace("_", "-"), value) for name, value in (usual | fields).items() if value is not None]
    response = Response.of(200, b"" if request.method == "HEAD" else raw)
    response.headers = Headers(lines)
    return response
