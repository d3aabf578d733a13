"""Manners of challenges: how a refusal is written."""

from __future__ import annotations

from ....auth.challenge import BEARER, Challenge
from ....http.message import Request, Response, Transport
from ....values import replace
from ...access.guard import TOKEN_PATH
from .base import (
    BEARER_ACCESS,
    Manner,
    at,
    challenging,
    content_of,
    elsewhere,
    held,
    is_basic,
    named,
    repository_of,
    scopes_of,
    token_of,
    traded,
    with_lines,
)


@named(
    "multi-www-authenticate-headers",
    "a refusal has several lines of challenges, Negotiate first",
    "google/go-containerregistry#1075, containers/skopeo#375",
    BEARER_ACCESS,
    before=("Negotiate",),
)
@named(
    "multi-challenge-one-header",
    "a refusal has several challenges in one line",
    "prowler-cloud/prowler#12691",
    BEARER_ACCESS,
    before=("NTLM TlRMTVNT=", "Negotiate"),
    joined=True,
)
class Several(Manner):
    """Other challenges stand before and after the registry's own, as lines or, `joined`, in one."""

    def __init__(
        self, registry: Transport, *, before: tuple[str, ...] = (), after: tuple[str, ...] = (), joined: bool = False
    ) -> None:
        super().__init__(registry)
        self._before, self._after, self._joined = before, after, joined

    def serve(self, request: Request) -> Response:
        response = self.ask(request)
        own = response.headers.all("WWW-Authenticate")
        if not own:
            return response
        lines = (*self._before, *own, *self._after)
        return with_lines(response, [", ".join(lines)] if self._joined else lines)


@named(
    "repeated-scope-param",
    "a challenge has one `scope` parameter for each scope",
    "distribution's oauth.md; a registry of 2024",
    BEARER_ACCESS,
)
class RepeatsScope(Manner):
    """Each scope of a challenge has a parameter of its own."""

    def serve(self, request: Request) -> Response:
        return challenging(self.ask(request), lambda challenge: [str(_taken_apart(challenge))])


def _taken_apart(challenge: Challenge) -> Challenge:
    scopes = tuple(("scope", scope) for scope in challenge.scopes.scopes())
    return replace(challenge, parameters=(*challenge.without("scope").parameters, *scopes))


@named(
    "realm-or-service-differs-per-repo",
    "each repository has a token service of its own, and takes no other's tokens",
    "containerd/cri#610",
    BEARER_ACCESS,
)
class RealmPerRepository(Manner):
    """The realm of a challenge has the repository's name behind it, `{name}`; `service` as well, where it is set."""

    def __init__(self, registry: Transport, *, realm: str = "{realm}/{name}", service: str = "") -> None:
        super().__init__(registry)
        self._realm, self._service = realm, service
        self._homes: dict[str, str] = {}

    def __call__(self, request: Request) -> Response:
        path, _, name = request.path.partition(f"{TOKEN_PATH}/")
        return self.serve(request) if path or not name else self._given(at(request, TOKEN_PATH), name)

    def _given(self, request: Request, name: str) -> Response:
        response = self._registry(request)
        if response.status == 200:
            self._homes[str(content_of(response).get("token"))] = name
        return response

    def serve(self, request: Request) -> Response:
        name = repository_of(request)
        home = self._homes.get(token_of(request))
        if home not in (None, name):
            request = request.without("Authorization")
        return challenging(self.ask(request), lambda challenge: [str(self._moved(challenge, name))])

    def _moved(self, challenge: Challenge, name: str) -> Challenge:
        if not name:
            return challenge
        named = {"realm": self._realm.format(realm=challenge.realm, name=name)}
        if self._service:
            named["service"] = self._service.format(name=name)
        return replaced(challenge, **named)


@named(
    "gitea-bearer-plus-bare-basic",
    "a challenge names the scope `*`, and beside it stands a Basic without a realm",
    "go-gitea/gitea#36907, go-gitea/gitea#36920",
    BEARER_ACCESS,
)
class BareBasic(Manner):
    """The scope is a `star`, and a token with it is good for whatever its owner may; `bare` says where a Basic without a
    realm stands: "before", "after" or nowhere."""

    def __init__(self, registry: Transport, *, star: bool = True, bare: str = "after") -> None:
        super().__init__(registry)
        self._star, self._bare = star, bare
        self._owners: dict[str, str] = {}  # what was shown to the token service, by token

    def issue(self, request: Request) -> Response:
        request = held(request)
        response = self._registry(request)
        shown = request.headers.get("Authorization")
        if response.status == 200 and shown and ("*", "") in scopes_of(request).permissions:
            self._owners[str(content_of(response).get("token"))] = shown
        return response

    def serve(self, request: Request) -> Response:
        owner = self._owners.get(token_of(request))
        better = traded(self._registry, request.having("Authorization", owner)) if owner else request
        return challenging(self.ask(request if is_basic(better) else better), self._lines)

    def _lines(self, challenge: Challenge) -> list[str]:
        own = str(replaced(challenge, scope="*") if self._star else challenge)
        return [*(["Basic"] if self._bare == "before" else []), own, *(["Basic"] if self._bare == "after" else [])]


@named("missing-service", "a challenge names no service", "devcontainers/cli#692", BEARER_ACCESS)
class NamesNoService(Manner):
    """Challenges have no `service`."""

    def serve(self, request: Request) -> Response:
        return challenging(self.ask(request), lambda challenge: [str(challenge.without("service"))])


@named(
    "realm-unreachable-name",
    "the realm is a name that does not lead to the token service",
    "go-gitea/gitea#28039",
    BEARER_ACCESS,
    realm="https://registry.internal.invalid/token",
)
@named(
    "token-realm-http-for-https-registry",
    "the realm is plain http, whatever the registry is",
    "tigera/operator#5015",
    BEARER_ACCESS,
    realm="http://{netloc}/token",
)
@named(
    "realm-on-other-host",
    "the token service has another host than the registry",
    "google/go-containerregistry#2193, dotnet/sdk-container-builds#284",
    BEARER_ACCESS,
    realm="{elsewhere}/token",
)
@named(
    "realm-policy-too-strict",
    "the token service has a name that has nothing to do with the registry's",
    "apple/container#2268",
    BEARER_ACCESS,
    realm="{elsewhere}/token",
)
class Realm(Manner):
    """The realm of challenges is another one: `{netloc}` of the registry, or `{elsewhere}`, its other origin."""

    def __init__(self, registry: Transport, *, realm: str) -> None:
        super().__init__(registry)
        self._realm = realm

    def serve(self, request: Request) -> Response:
        origin = request.origin
        realm = self._realm.format(netloc=origin.netloc, elsewhere=elsewhere(origin))
        return challenging(self.ask(request), lambda challenge: [str(replaced(challenge, realm=realm))])


def replaced(challenge: Challenge, **parameters: str) -> Challenge:
    """A Bearer challenge with other parameters; any other challenge as it is."""
    if challenge.scheme != BEARER:
        return challenge
    for name, value in parameters.items():
        kept = challenge.without(name).parameters
        challenge = replace(challenge, parameters=(*kept, (name, value)))
    return challenge
