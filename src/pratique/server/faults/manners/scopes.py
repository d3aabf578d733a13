"""Manners of scopes: what a challenge names, what a token is asked for and what it gets."""

from __future__ import annotations

from ....auth.scopes import NO_SCOPES, ScopeSet, repository_scopes
from ....http.message import Request, Response, Transport
from ....spec.endpoints import BLOB_DELETE, DENIED, MANIFEST_DELETE, REPOSITORIES, TAGS
from ...answers import document
from ..effects import refuse
from .base import (
    BEARER_ACCESS,
    READABLE,
    Manner,
    Noting,
    asking,
    at,
    challenging,
    configured,
    endpoint_of,
    held,
    is_refusal,
    named,
    need,
    repository_of,
    scopes_of,
    token_of,
    traded,
    wanting,
)

configured(
    "multi-scope-space-separated",
    "a challenge names the scopes of a mount in one value, separated by a space",
    "containers/image#1972",
    BEARER_ACCESS,
)
configured(
    "token-cache-key",
    "one host, and an account for each of two projects",
    "oras-project/oras#1892, helm/helm#13237",
    'scheme = "bearer"\n[users]\nalice = "secret"\nbob = "secret"\n'
    '[[repositories]]\npattern = "a/*"\nallow = { alice = ["pull", "push", "delete"] }\n'
    '[[repositories]]\npattern = "b/*"\nallow = { bob = ["pull", "push", "delete"] }\n',
)


@named(
    "challenge-without-scope",
    "a challenge leaves it to the client which scope to ask for",
    "containerd/containerd#3556, containerd/containerd#1465",
    BEARER_ACCESS,
)
class NamesNoScope(Manner):
    """Challenges have no `scope`."""

    def serve(self, request: Request) -> Response:
        return challenging(self.ask(request), lambda challenge: [str(challenge.without("scope"))])


@named(
    "bearer-then-basic-challenge",
    "whoever shows a token that does not suffice is asked for Basic, and no scope is named",
    "containerd/nerdctl#1675, goharbor/harbor#18856",
    BEARER_ACCESS,
)
class BasicForTheKnown(Manner):
    """Refusals of requests with any Authorization ask for Basic; `takes_basic` says whether it is good for anything."""

    def __init__(self, registry: Transport, *, takes_basic: bool = True) -> None:
        super().__init__(registry)
        self._takes_basic = takes_basic

    def serve(self, request: Request) -> Response:
        known = "Authorization" in request.headers
        response = self.ask(traded(self._registry, request) if self._takes_basic else request)
        if not known or not is_refusal(response):
            return response
        response.close()
        return refuse(401, "", "", 'Basic realm="pratique"')


@named(
    "insufficient-scope-403",
    "a token that does not cover a request meets 403 with the scope that is wanted",
    "google/go-containerregistry#724",
    BEARER_ACCESS,
)
class Refuses403(Manner):
    """401 for want of scope is 403, as RFC 6750 §3.1 has it; without `challenge` nothing is said of the scope."""

    def __init__(self, registry: Transport, *, challenge: bool = True) -> None:
        super().__init__(registry)
        self._names = challenge

    def serve(self, request: Request) -> Response:
        response = self.ask(request)
        if response.status != 401 or not token_of(request):
            return response
        response.close()
        lines = response.headers.all("WWW-Authenticate") if self._names else ()
        return refuse(403, "DENIED", f"token does not cover scope {need(request)}", *lines)


@named(
    "insufficient-scope-401",
    "the first token that is shown meets 401 with `insufficient_scope`, whatever it was given for",
    "containers/image#1079, containerd/containerd#4386",
    BEARER_ACCESS,
)
class Insists(Manner):
    """So many requests that show a token are refused with an `error`, and a `scope` beside the one that is needed."""

    def __init__(
        self, registry: Transport, *, error: str = "insufficient_scope", times: int = 1, scope: str = "registry:extra:*"
    ) -> None:
        super().__init__(registry)
        self._error, self._times, self._scope = error, times, scope

    def serve(self, request: Request) -> Response:
        with self.lock:
            refuses = bool(token_of(request)) and self._times > 0
            self._times -= refuses
        if not refuses:
            return self.ask(request)
        wanted = ScopeSet.parse(f"{need(request)} {self._scope}")
        return refuse(401, "", "", self.challenge(request, self._error, str(wanted)))


@named(
    "challenge-scope-narrower-than-session",
    "a repository comes to be when a token to push is made; until then 401 names `pull` alone, which leads nowhere",
    "helm/helm#32144, oras-project/oras#1599",
    BEARER_ACCESS,
)
class CreatesOnPush(Noting):
    """Who reads is refused what is missing, in repositories that nobody asked to push to."""

    def serve(self, request: Request) -> Response:
        response = self.ask(request)
        if request.method not in ("GET", "HEAD"):
            return response
        name = repository_of(request)
        missing = response.status == 404 and not self._exists(name)
        if not name or not (missing or is_refusal(response)):
            return response
        response.close()
        return refuse(401, "", "", self.challenge(request, scope=str(repository_scopes(name, "pull"))))

    def _exists(self, name: str) -> bool:
        pushing = (f"repository:{name}", "push")
        return any(pushing in scopes.permissions for scopes in self._asked.values())


@named(
    "token-grants-less-than-asked",
    "the token service grants `pull` alone, and the registry insists on what is missing",
    "radius-project/radius#12623, digitalocean/doctl#1464, pulp/pulp_container#1544",
    BEARER_ACCESS,
)
class GrantsPull(Manner):
    """Tokens are for reading, whatever they were asked for."""

    def issue(self, request: Request) -> Response:
        request = held(request)
        kept = frozenset(each for each in scopes_of(request).permissions if each[1] == "pull")
        return self._registry(wanting(request, ScopeSet(kept)))


@named(
    "gcr-no-challenge-on-wrong-token",
    "a token of another repository is refused without a challenge",
    "regclient/regclient#149, containers/image#211",
    BEARER_ACCESS,
)
class WordlessToTheKnown(Manner):
    """Refusals of requests with a token have no challenge, and those of others no scope."""

    def serve(self, request: Request) -> Response:
        response = self.ask(request)
        if token_of(request):
            return challenging(response, lambda _: [])
        return challenging(response, lambda challenge: [str(challenge.without("scope"))])


@named(
    "catalog-scope",
    "the catalogue gives tokens to whoever asks, and then refuses them all",
    "containers/image#1079, docker/hub-feedback#2094",
    BEARER_ACCESS,
)
class NoCatalogue(Manner):
    """The catalogue is for nobody: a challenge first, and after it one with this `error`."""

    def __init__(self, registry: Transport, *, error: str = "insufficient_scope") -> None:
        super().__init__(registry)
        self._error = error

    def serve(self, request: Request) -> Response:
        if endpoint_of(request) is not REPOSITORIES:
            return self.ask(request)
        return refuse(401, "", "", self.challenge(request, self._error if token_of(request) else ""))


@named(
    "dockerhub-library-namespace",
    "a repository that is not there is refused with 401, and never 404, to whoever does not come to push",
    "oras-project/oras#1151, distribution/distribution#4354",
    f"{BEARER_ACCESS}{READABLE}",
)
class NeverMissing(Noting):
    """A repository without tags is not there, and is refused to whoever reads it, but with a token to push."""

    def serve(self, request: Request) -> Response:
        response = self.ask(request)
        if response.status != 404 or request.method not in ("GET", "HEAD") or self._is_there(request):
            return response
        held_scopes = self.asked(request)
        if held_scopes is not None and held_scopes.covers(repository_scopes(repository_of(request), "push")):
            return response
        response.close()
        return refuse(401, "", "", self.challenge(request, "insufficient_scope" if token_of(request) else ""))

    def _is_there(self, request: Request) -> bool:
        name = repository_of(request)
        if not name:
            return True
        with self._registry(at(Request("GET", asking(request).url, request.headers), TAGS.path(name=name))) as listed:
            return listed.status == 200


@named(
    "star-scope-not-granted",
    "a token that is asked for with `*` is good for nothing at all",
    "containers/image#855, containers/skopeo#856",
    BEARER_ACCESS,
)
class NeverStar(Manner):
    """Whoever asks for `*` gets a token without any scope."""

    def issue(self, request: Request) -> Response:
        request = held(request)
        starred = "*" in scopes_of(request).actions
        return self._registry(wanting(request, NO_SCOPES) if starred else request)


@named(
    "delete-scope-variants",
    "deleting wants a token to push, and one for `delete` is not to be had",
    "containers/image#487, google/go-containerregistry#724",
    BEARER_ACCESS,
)
class DeleteActions(Noting):
    """Deleting wants these actions, and a token with the action `refuses` is answered 400.

    `names` says whether challenges tell the actions; a token without them meets `status`, or nothing but it (`silent`).
    """

    def __init__(
        self,
        registry: Transport,
        *,
        needed: str = "pull,push",
        refuses: str = "delete",
        names: bool = True,
        status: int = 401,
        silent: bool = False,
    ) -> None:
        super().__init__(registry)
        self._needed, self._refuses, self._names, self._status, self._silent = needed, refuses, names, status, silent

    def issue(self, request: Request) -> Response:
        request = held(request)
        scopes = scopes_of(request)
        if self._refuses in scopes.actions:
            return document(400, {"error": "invalid_scope"})
        return self.note(self._registry(wanting(request, self._enough(scopes))), scopes)

    def _enough(self, scopes: ScopeSet) -> ScopeSet:
        """What the registry behind has to grant, so that it deletes for whoever may here."""
        last = self._needed.split(",")[-1]
        more = frozenset((resource, "delete") for resource, action in scopes.permissions if action == last)
        return scopes | ScopeSet(more)

    def serve(self, request: Request) -> Response:
        if endpoint_of(request) not in (MANIFEST_DELETE, BLOB_DELETE):
            return self.ask(request)
        scope = f"repository:{repository_of(request)}:{self._needed}"
        held_scopes = self.asked(request)
        if held_scopes is not None and self.permits(held_scopes, ScopeSet.parse(scope)):
            return self.ask(request)
        shown = "Authorization" in request.headers
        if shown and self._silent:
            return refuse(self._status, DENIED.code)
        return refuse(
            self._status if shown else 401, "", "", self.challenge(request, scope=scope if self._names else "")
        )

    def permits(self, held_scopes: ScopeSet, needed: ScopeSet) -> bool:
        """Whether a token that was asked for with these scopes is good enough."""
        return held_scopes.covers(needed)


@named(
    "mount-two-scopes",
    "a mount wants one token for both repositories, and the challenge names the target alone",
    "oras-project/rust-oci-client#235, google/go-containerregistry#123",
    BEARER_ACCESS,
)
class MountWantsBoth(Noting):
    """A mount is refused to a token that was not asked for with both scopes; `names` says whether they are told."""

    def __init__(self, registry: Transport, *, names: bool = False) -> None:
        super().__init__(registry)
        self._names = names

    def serve(self, request: Request) -> Response:
        needed = ScopeSet.parse(need(request))
        shown = self.asked(request)
        if len(needed.scopes()) < 2 or (shown is not None and shown.covers(needed)):
            return self.ask(request)
        scope = str(needed) if self._names else str(repository_scopes(repository_of(request), "pull", "push"))
        return refuse(401, "", "", self.challenge(request, scope=scope))
