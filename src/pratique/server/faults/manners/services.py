"""Manners of token services: whom they refuse, and in which way they are asked."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from ....http.message import Body, Request, Response, Transport
from ....spec.endpoints import UNAUTHORIZED
from ....values import replace
from ...access.guard import parse_basic
from ..effects import refuse
from .base import (
    BEARER_ACCESS,
    READABLE,
    Manner,
    configured,
    content_of,
    form_of,
    having,
    held,
    named,
    query_of,
    scopes_of,
)

# The name that goes with a refresh token where nothing but Basic is understood.
NOBODY = "00000000-0000-0000-0000-000000000000"

configured(
    "anonymous-token-then-denied",
    "a token for anybody, good for nothing where one has to log in",
    "docker/hub-feedback#1771",
    BEARER_ACCESS,
)


@named(
    "token-endpoint-4xx-anonymous",
    "no token for whoever does not say who he is",
    "helm/helm#13228",
    f"{BEARER_ACCESS}{READABLE}",
)
class RefusesAnybody(Manner):
    """A token is asked for with a name, or refused with `status`."""

    def __init__(self, registry: Transport, *, status: int = 403) -> None:
        super().__init__(registry)
        self._status = status

    def issue(self, request: Request) -> Response:
        if request.method == "GET" and "Authorization" not in request.headers:
            return refuse(self._status, "DENIED", "who are you")
        return self._registry(request)


@named(
    "wrong-credentials-public-repo",
    "a token for anybody, and 403 for a wrong or expired password",
    "ansible-community/images#87",
    f"{BEARER_ACCESS}{READABLE}",
)
class Picky(Manner):
    """A wrong password is refused with `status`."""

    def __init__(self, registry: Transport, *, status: int = 403) -> None:
        super().__init__(registry)
        self._status = status

    def issue(self, request: Request) -> Response:
        response = self._registry(request)
        if response.status != 401:
            return response
        response.close()
        return refuse(self._status, "DENIED", "Your authorization token has expired")


@named(
    "expires-in-missing",
    "an answer of the token service does not say how long the token lives",
    "a registry of 2024",
    BEARER_ACCESS,
)
class SaysLittle(Manner):
    """Answers of the token service have neither `expires_in` nor `issued_at`, but these `fields`."""

    def __init__(self, registry: Transport, *, fields: Mapping[str, str] | None = None) -> None:
        super().__init__(registry)
        self._fields = dict(fields or {})

    def issue(self, request: Request) -> Response:
        response = self._registry(request)
        if response.status != 200:
            return response
        found = content_of(response)
        kept = {name: value for name, value in found.items() if name not in ("expires_in", "issued_at")}
        return having(response, kept | self._fields)


@named(
    "do-403-quota-at-token",
    "a token to push is refused with 403, and the reason is in the body alone",
    "docker/build-push-action#585",
    BEARER_ACCESS,
)
class Quota(Manner):
    """Tokens with one of the `actions` are refused with the text `body`; without any actions, all are."""

    def __init__(
        self,
        registry: Transport,
        *,
        body: str = "denied: registry contains 1 repositories, limit is 1",
        actions: tuple[str, ...] = ("push",),
    ) -> None:
        super().__init__(registry)
        self._body, self._actions = body, frozenset(actions)

    def issue(self, request: Request) -> Response:
        request = held(request)
        if self._actions and not self._actions & scopes_of(request).actions:
            return self._registry(request)
        return Response.of(403, self._body.encode())


@named(
    "offline-token-breaks",
    "whoever asks for an offline token gets an empty one",
    "comments in the sources of clients",
    BEARER_ACCESS,
)
class BrokenOffline(Manner):
    """Requests for more than a token are answered with a token that is empty."""

    def issue(self, request: Request) -> Response:
        request = held(request)
        response = self._registry(request)
        if not {"offline_token", "access_type"} & {*query_of(request), *form_of(request)} or response.status != 200:
            return response
        return having(response, content_of(response) | {"token": "", "access_token": ""})


@named(
    "oauth2-post-404-405",
    "the token service knows GET alone",
    "containerd/containerd#2148, Katello/katello#11389, oras-project/oras#968",
    BEARER_ACCESS,
)
class OneWayOnly(Manner):
    """The token service knows one method, and answers `status` to any other."""

    def __init__(self, registry: Transport, *, status: int = 405, knows: str = "GET") -> None:
        super().__init__(registry)
        self._status, self._knows = status, knows

    def issue(self, request: Request) -> Response:
        return self._registry(request) if request.method == self._knows else refuse(self._status, "UNSUPPORTED")


@named(
    "identity-token-flow",
    "tokens are to be had for refresh tokens alone, by POST; `offline_token=true` gives a refresh token",
    "crossplane-contrib/provider-helm#335, devcontainers/cli#444, Azure/acr#47",
    BEARER_ACCESS,
)
class RefreshOnly(Manner):
    """A token is asked for with a refresh token: by POST, or, `by_get`, as the password of a user of zeros."""

    def __init__(self, registry: Transport, *, by_get: bool = False) -> None:
        super().__init__(registry)
        self._by_get = by_get

    def issue(self, request: Request) -> Response:
        request = held(request)
        if "offline_token" in query_of(request):
            return self._registry(request)
        if self._by_get:
            return self._get(request)
        is_refresh = form_of(request).get("grant_type") == ["refresh_token"]
        if not is_refresh or "Authorization" in request.headers:
            return refuse(401)
        return self._for_refresh_token(request)

    def _get(self, request: Request) -> Response:
        if request.method != "GET":
            return refuse(405, "UNSUPPORTED")
        user, token = parse_basic(request.headers.get("Authorization") or "") or ("", "")
        if user != NOBODY:
            return refuse(401)
        query = query_of(request)
        scope = " ".join(query.pop("scope", ()))
        form = query | {"grant_type": ["refresh_token"], "refresh_token": [token], "scope": [scope]}
        body = Body.of(urlencode(form, doseq=True).encode())
        return self._for_refresh_token(replace(request.without("Authorization"), method="POST", body=body))

    def _for_refresh_token(self, request: Request) -> Response:
        response = self._registry(request)
        if response.status != 200:
            return response
        content = content_of(response)
        answered = {"access_token": content.get("access_token"), "refresh_token": content.get("refresh_token")}
        return having(response, {name: value for name, value in answered.items() if value})


@named(
    "refresh-token-rotation",
    "each refresh token is good for once, and a new one comes with the answer",
    "artifact-keeper/artifact-keeper#2477",
    BEARER_ACCESS,
)
class Rotates(Manner):
    """Refresh tokens go by another name after each use, and the name before is revoked."""

    def __init__(self, registry: Transport) -> None:
        super().__init__(registry)
        self._meant: dict[str, str] = {}  # refresh tokens as they are called now, and as the token service knows them
        self._revoked: set[str] = set()

    def issue(self, request: Request) -> Response:
        request = held(request)
        form = form_of(request)
        [shown, *_] = form.get("refresh_token", [""])
        if not shown:
            return self._registry(request)
        with self.lock:
            if shown in self._revoked:
                return refuse(UNAUTHORIZED.status, UNAUTHORIZED.code, "revoked")
            meant = self._meant.pop(shown, shown)
        form["refresh_token"] = [meant]
        response = self._registry(replace(request, body=Body.of(urlencode(form, doseq=True).encode())))
        return self._renamed(response, shown, meant)

    def _renamed(self, response: Response, shown: str, meant: str) -> Response:
        if response.status != 200:
            return response
        content = content_of(response)
        fresh = self.fresh(shown)
        with self.lock:
            self._revoked.add(shown)
            self._meant[fresh] = str(content.get("refresh_token") or meant)
        return having(response, content | {"refresh_token": fresh})

    def fresh(self, before: str) -> str:
        """The name of the refresh token that comes after another; as hard to guess as that."""
        return f"{before}~"
