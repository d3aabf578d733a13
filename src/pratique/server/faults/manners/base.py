"""What manners are made of, and the table of them."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any, Final
from urllib.parse import parse_qs, parse_qsl, unquote, urlencode, urlunsplit

from ....auth.challenge import BASIC, BEARER, Challenge, parse_challenges
from ....auth.scopes import ScopeSet
from ....errors import InvalidInput
from ....http.message import Body, Headers, Request, Response, Transport
from ....http.origin import Origin, split
from ....spec import endpoints
from ....spec.endpoints import Endpoint
from ....values import field, frozen, replace
from ...access.guard import TOKEN_PATH, need_of
from ...access.rules import NAME
from ...api.call import read_content
from ..effects import without_content

MOST_DOCUMENT_BYTES: Final = 1 << 20  # of a form or an answer that a manner looks into

# Access files with which manners show that are about permission; `alice` has the password `secret`.
BASIC_ACCESS: Final = '[users]\nalice = "secret"\n'
BEARER_ACCESS: Final = f'scheme = "bearer"\n{BASIC_ACCESS}'
READABLE: Final = """
[[repositories]]
pattern = "*"
allow = { alice = ["pull", "push", "delete"], anonymous = ["pull"] }
"""

_MODULES: Final = (
    "ping", "challenges", "scopes", "services", "tokens", "passwords", "redirects", "reading", "uploads", "lists", "trouble",
)  # fmt: skip


@frozen
class Known:
    """A row of the table: what a registry of this manner does, who saw one, and the access file with which it shows.

    `make` puts the manner before a registry; a manner without it is nothing but its access file.
    """

    name: str
    does: str
    seen: str
    access: str = ""
    make: Callable[..., Transport] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def before(self, registry: Transport, **options: Any) -> Transport:
        """The manner before a registry."""
        return self.make(registry, **{**self.options, **options}) if self.make else registry


_TABLE: Final[dict[str, Known]] = {}


def named(
    name: str, does: str, seen: str, access: str = "", /, **options: Any
) -> Callable[[Callable[..., Transport]], Callable[..., Transport]]:
    """Register a manner; `options` are those with which this name goes."""

    def register(make: Callable[..., Transport]) -> Callable[..., Transport]:
        _TABLE[name] = Known(name, does, seen, access, make, options)
        return make

    return register


def configured(name: str, does: str, seen: str, access: str) -> None:
    """Register a manner that an access file has, and nothing else is needed for."""
    _TABLE[name] = Known(name, does, seen, access)


def known() -> Mapping[str, Known]:
    """Every manner by name."""
    for module in _MODULES:
        import_module(f".{module}", __package__)
    return dict(sorted(_TABLE.items()))


def find(name: str) -> Known:
    """A manner by its name. Raises InvalidInput."""
    found = known().get(name)
    if found is None:
        raise InvalidInput(f"unknown manner {name!r}", advice="docs/faults.md lists them")
    return found


class Manner:
    """A registry that answers like the one behind it. Subclasses differ in `issue`, `serve` or both."""

    def __init__(self, registry: Transport) -> None:
        self._registry = registry
        self._challenge: Challenge | None = None
        self.lock = threading.Lock()

    def __call__(self, request: Request) -> Response:
        response = self.issue(request) if request.path == TOKEN_PATH else self.serve(request)
        return without_content(response) if request.method == "HEAD" else response

    def issue(self, request: Request) -> Response:
        """Answer a request for a token."""
        return self._registry(request)

    def serve(self, request: Request) -> Response:
        """Answer any other request."""
        return self.ask(request)

    def ask(self, request: Request) -> Response:
        """What the registry behind answers; who gives its tokens is remembered."""
        response = self._registry(request)
        for challenge in parse_challenges(response.headers.all("WWW-Authenticate")):
            if challenge.scheme == BEARER:
                self._challenge = challenge
        return response

    def challenge(self, request: Request, error: str = "", scope: str | None = None) -> str:
        """A challenge of the registry's own for a request, by default with the scope that it needs."""
        if self._challenge is None:
            self.ask(Request("GET", f"{request.origin}{endpoints.VERSION.template}")).close()
        own = self._challenge or Challenge(BEARER, (("realm", f"{request.origin}{TOKEN_PATH}"), ("service", NAME)))
        named = {"realm": own.realm, "service": own.service, "scope": need(request) if scope is None else scope}
        named |= {"error": error}
        return str(Challenge(BEARER, tuple((name, value) for name, value in named.items() if value)))


class Noting(Manner):
    """A manner that remembers what each token was asked for."""

    def __init__(self, registry: Transport) -> None:
        super().__init__(registry)
        self._asked: dict[str, ScopeSet] = {}

    def issue(self, request: Request) -> Response:
        request = held(request)
        return self.note(self._registry(request), scopes_of(request))

    def note(self, response: Response, scopes: ScopeSet) -> Response:
        """Remember that a token was asked for with these scopes."""
        if response.status == 200:
            found = content_of(response)
            self._asked[str(found.get("token") or found.get("access_token"))] = scopes
        return response

    def asked(self, request: Request) -> ScopeSet | None:
        """What the token of a request was asked for; None without a token that was given out here."""
        return self._asked.get(token_of(request))


# --- Requests


def endpoint_of(request: Request) -> Endpoint | None:
    """The end-point of a request."""
    found = endpoints.find(request.method, unquote(request.path))
    return found[0] if found else None


def repository_of(request: Request) -> str:
    """The repository of a request, or nothing."""
    return endpoints.repository_of(unquote(request.path)) or ""


def last_of(request: Request) -> str:
    """The last part of a path: a tag, a digest, a session."""
    return unquote(request.path).rpartition("/")[2]


def need(request: Request) -> str:
    """The usual scopes of a request, also those for what it mounts, as a challenge names them."""
    found = endpoints.find(request.method, unquote(request.path))
    if found is None:
        return ""
    needed = need_of(*found, asked_of(request, "from"))
    return str(needed.required | needed.wished)


def query_of(request: Request) -> dict[str, list[str]]:
    """The parameters of a query."""
    return parse_qs(split(request.url).query, keep_blank_values=True)


def asked_of(request: Request, name: str) -> str:
    """The first value of a parameter of the query, or nothing."""
    return query_of(request).get(name, [""])[0]


def asking(request: Request, **parameters: str | Iterable[str] | None) -> Request:
    """The same request with other parameters in its query; None takes one away."""
    parts = split(request.url)
    kept = [(key, value) for key, value in parse_qsl(parts.query, keep_blank_values=True) if key not in parameters]
    for name, value in parameters.items():
        kept += [(name, each) for each in ([value] if isinstance(value, str) else value or ())]
    return replace(request, url=urlunsplit((parts.scheme, request.origin.netloc, parts.path, urlencode(kept), "")))


def at(request: Request, path: str) -> Request:
    """The same request to another path of the registry."""
    parts = split(request.url)
    return replace(request, url=urlunsplit((parts.scheme, request.origin.netloc, path, parts.query, "")))


def token_of(request: Request) -> str:
    """The token that a request shows, or nothing."""
    scheme, _, token = (request.headers.get("Authorization") or "").partition(" ")
    return token.strip() if scheme.lower() == BEARER else ""


def is_basic(request: Request) -> bool:
    """Whether a request shows a name and a password."""
    return (request.headers.get("Authorization") or "").lower().startswith(f"{BASIC} ")


def held(request: Request) -> Request:
    """A request whose content is in memory, so that it can be read more than once. Raises Rejected for a long one."""
    if request.body is None:
        return request
    return replace(request, body=Body.of(read_content(request, MOST_DOCUMENT_BYTES, "a form")))


def form_of(request: Request) -> dict[str, list[str]]:
    """The fields of a form in a request that is `held`; none of a request without content."""
    if request.body is None:
        return {}
    with request.body.open() as stream:
        return parse_qs(stream.read().decode("utf-8", "replace"), keep_blank_values=True)


def scopes_of(request: Request) -> ScopeSet:
    """The scopes of a `held` request for a token, by GET or by POST."""
    found = form_of(request) if request.method == "POST" else query_of(request)
    return ScopeSet.parse(" ".join(found.get("scope", ())))


def wanting(request: Request, scopes: ScopeSet) -> Request:
    """The same `held` request for a token with other scopes."""
    if request.method != "POST":
        return asking(request, scope=scopes.scopes())
    form = form_of(request) | {"scope": [str(scopes)]}
    return replace(request, body=Body.of(urlencode(form, doseq=True).encode()))


def elsewhere(origin: Origin) -> str:
    """Another origin by which the same registry is reached: the other name of this machine, or a name below its own."""
    other = {"127.0.0.1": "localhost", "localhost": "127.0.0.1"}.get(origin.host, f"elsewhere.{origin.host}")
    return str(replace(origin, host=other))


# --- Answers


def content_of(response: Response) -> dict[str, Any]:
    """The document of an answer, which can still be read."""
    raw = response.read(MOST_DOCUMENT_BYTES, "the answer of the registry")
    response.stream = io.BytesIO(raw)
    return dict(json.loads(raw))


def having(response: Response, content: Mapping[str, Any]) -> Response:
    """The same answer with another document."""
    raw = json.dumps(content).encode()
    response.close()
    response.stream = io.BytesIO(raw)
    response.headers = response.headers.having("Content-Length", str(len(raw)))
    return response


def challenging(response: Response, change: Callable[[Challenge], Iterable[str]]) -> Response:
    """The same answer with other lines of `WWW-Authenticate` in place of each challenge."""
    found = parse_challenges(response.headers.all("WWW-Authenticate"))
    return with_lines(response, [line for challenge in found for line in change(challenge)])


def with_lines(response: Response, lines: Iterable[str]) -> Response:
    """The same answer with these lines of `WWW-Authenticate`."""
    kept = response.headers.without("WWW-Authenticate")
    response.headers = Headers((*kept, *(("WWW-Authenticate", line) for line in lines)))
    return response


def is_refusal(response: Response) -> bool:
    """Whether an answer asks for permission."""
    return response.status in (401, 403)


# --- Permission


def traded(registry: Transport, request: Request) -> Request:
    """A request with a name and a password as one with a token for what it needs, where there is one to be had."""
    if not is_basic(request):
        return request
    wanted = Request("GET", asking(at(request, TOKEN_PATH)).url, request.headers)
    response = registry(asking(wanted, service=None, scope=ScopeSet.parse(need(request)).scopes()))
    if response.status != 200:
        response.close()
        return request
    return request.having("Authorization", f"Bearer {content_of(response).get('token')}")
