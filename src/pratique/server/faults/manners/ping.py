"""Manners of `/v2/`."""

from __future__ import annotations

from ....http.message import Request, Response, Transport
from ....spec.endpoints import REPOSITORIES, VERSION
from ...answers import document
from ..effects import refuse
from .base import BASIC_ACCESS, BEARER_ACCESS, READABLE, Manner, configured, endpoint_of, named

configured(
    "ping-401-post-only-auth",
    "anybody reads, and only what writes is challenged",
    "containers/container-libs#1009, moby/moby#12972",
    f'ping = "open"\n{BASIC_ACCESS}{READABLE}',
)


@named(
    "ping-200-repo-401-basic",
    "`/v2/` is open to everybody, the repositories want Basic",
    "containers/image#2754, containers/skopeo#2502",
    BASIC_ACCESS,
)
@named(
    "ping-200-repo-401-bearer",
    "`/v2/` is open to everybody, the repositories want a token",
    "containers/image#2754",
    BEARER_ACCESS,
)
@named(
    "login-validated-by-ping",
    "`/v2/` answers 200 to everybody, also to a wrong password",
    "containers/container-libs#1009",
    BASIC_ACCESS,
)
class OpenPing(Manner):
    """`/v2/` is open, whatever is shown."""

    def serve(self, request: Request) -> Response:
        return document(200, {}) if endpoint_of(request) is VERSION else self.ask(request)


@named(
    "ping-200-with-www-authenticate",
    "`/v2/` and the catalogue answer 200 and invite to log in, in lower case and without quotes",
    "project-zot/zot#3869",
)
class Invites(Manner):
    """Answers of `/v2/` and of the catalogue have a challenge beside them."""

    def __init__(self, registry: Transport, *, line: str = "basic realm=pratique") -> None:
        super().__init__(registry)
        self._line = line

    def serve(self, request: Request) -> Response:
        response = self.ask(request)
        if response.status == 200 and endpoint_of(request) in (VERSION, REPOSITORIES):
            response.headers = response.headers.having("WWW-Authenticate", self._line)
        return response


@named(
    "ping-user-agent-dependent",
    "`/v2/` answers 401 to what calls itself Docker, and 200 to everybody else",
    "project-zot/zot#3868, project-zot/zot#3991",
    BASIC_ACCESS,
)
class SniffsAgents(Manner):
    """`/v2/` is closed to what calls itself Docker."""

    def serve(self, request: Request) -> Response:
        if endpoint_of(request) is not VERSION:
            return self.ask(request)
        agent = request.headers.get("User-Agent") or ""
        if agent.startswith("docker/") or "Docker-Client" in agent:
            return refuse(401, "", "", 'Basic realm="pratique"')
        return document(200, {})


@named("ping-404-or-redirect", "`/v2/` is missing, forbidden or elsewhere", "getnora-io/nora#220 and ingresses by path")
class NoPing(Manner):
    """`/v2/` answers a status and nothing else."""

    def __init__(self, registry: Transport, *, status: int = 404) -> None:
        super().__init__(registry)
        self._status = status

    def serve(self, request: Request) -> Response:
        if request.path.rstrip("/") != "/v2":
            return self.ask(request)
        return Response.of(self._status, b"", *([("Location", "/elsewhere")] if self._status < 400 else []))
