"""Animals: registries with one manner each, as transports. They remember every request that they saw.

An animal answers for several hosts at once: the registry `r.test` over https, and whatever else its manner involves
(a token service, a CDN, somebody hostile). What it says is scripted by small functions; what a client should do with that is in
the tests beside it.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from pratique.auth.authenticator import Authenticator
from pratique.auth.credentials import ANONYMOUS, Credential, Credentials, Given, password_credential
from pratique.auth.realms import RealmPolicy
from pratique.auth.scopes import ScopeSet
from pratique.http.events import Event, Warned
from pratique.http.message import Body, Headers, Request, Response
from pratique.http.retry import Patience
from pratique.http.session import Session
from pratique.spec import media
from pratique.spec.digest import Digest
from pratique.stores.registry import Registry, Repository

REGISTRY = "https://r.test"
REALM = "https://auth.test/token"


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as the animal saw it, its content included."""

    method: str
    url: str
    headers: Headers
    content: bytes = b""

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc

    @property
    def path(self) -> str:
        return urlsplit(self.url).path

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.url).query, keep_blank_values=True)

    @property
    def form(self) -> dict[str, list[str]]:
        return parse_qs(self.content.decode(), keep_blank_values=True)

    @property
    def authorization(self) -> str | None:
        return self.headers.get("Authorization")

    def __str__(self) -> str:
        return f"{self.method} {self.url} {self.authorization or '-'}"


class Animal:
    """A transport. Subclasses say in `answer` what their manner is."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []

    def __call__(self, request: Request) -> Response:
        content = b""
        if request.body is not None:
            with request.body.open() as stream:
                content = stream.read()
        seen = Seen(request.method, request.url, request.headers, content)
        self.seen.append(seen)
        response = self.answer(seen)
        response.url = request.url
        return response

    def answer(self, seen: Seen) -> Response:
        raise NotImplementedError

    def at(self, host: str) -> list[Seen]:
        """What a host saw."""
        return [seen for seen in self.seen if seen.host == host]

    @property
    def lines(self) -> list[str]:
        """Everything that was seen: method, path and scheme of Authorization, for reading in order."""
        return [f"{s.method} {s.host}{s.path} {(s.authorization or '-').split(' ')[0]}" for s in self.seen]


class Ticketed(Animal):
    """A registry with a token service at `auth.test`: it hands out `T1`, `T2` … and knows what each was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.issued: dict[str, frozenset[tuple[str, str]]] = {}
        self.lock = threading.Lock()

    def answer(self, seen: Seen) -> Response:
        return self.issue(seen) if seen.host == "auth.test" else self.serve(seen)

    def issue(self, seen: Seen) -> Response:
        """What the token service answers: a token for whatever is asked, to whoever asks."""
        with self.lock:
            text = f"T{len(self.issued) + 1}"
            self.issued[text] = ScopeSet.parse(" ".join(wanted(seen))).permissions
        return token(text)

    def serve(self, seen: Seen) -> Response:
        """What the registry answers."""
        raise NotImplementedError

    def permits(self, seen: Seen, scope: str) -> bool:
        """Whether the request has a token that was asked for with all of these scopes."""
        held = self.issued.get((seen.authorization or "").removeprefix("Bearer "))
        return held is not None and ScopeSet.parse(scope).permissions <= held

    @property
    def asked(self) -> list[list[str]]:
        """The scopes of every request for a token, in turn."""
        return [wanted(seen) for seen in self.at("auth.test")]


def wanted(seen: Seen) -> list[str]:
    """The scopes that a request for a token names, by GET or by POST."""
    return seen.query.get("scope", []) if seen.method == "GET" else " ".join(seen.form.get("scope", [])).split()


def bearer(
    scope: str | None = None, *, realm: str = REALM, service: str | None = "r.test", problem: str | None = None
) -> str:
    """A line of WWW-Authenticate that asks for a token."""
    named = {"realm": realm, "service": service, "scope": scope, "error": problem}
    return "Bearer " + ",".join(f'{name}="{value}"' for name, value in named.items() if value is not None)


def basic(username: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def ok(content: bytes = b"{}", *headers: tuple[str, str]) -> Response:
    return Response.of(200, content, *headers)


def challenge(status: int, *lines: str, code: str = "UNAUTHORIZED", message: str = "") -> Response:
    """A refusal with these lines of WWW-Authenticate."""
    return Response.of(status, error(code, message), *(("WWW-Authenticate", line) for line in lines))


def error(code: str, message: str = "") -> bytes:
    return json.dumps({"errors": [{"code": code, "message": message}]}).encode()


def token(text: str = "T", **fields: object) -> Response:
    """A token service's answer."""
    return ok(json.dumps({"token": text, **fields}).encode())


MANIFEST = json.dumps(
    {
        "schemaVersion": 2,
        "mediaType": media.OCI_MANIFEST,
        "config": {"mediaType": media.OCI_CONFIG, "digest": str(Digest.of(b"{}")), "size": 2},
        "layers": [],
    }
).encode()
DIGEST = Digest.of(MANIFEST)


def manifest(seen: Seen | None = None, raw: bytes = MANIFEST, media_type: str = media.OCI_MANIFEST) -> Response:
    """A manifest as a registry answers it, to HEAD without content."""
    headers = (("Content-Type", media_type), ("Docker-Content-Digest", str(Digest.of(raw))))
    if seen is not None and seen.method == "HEAD":
        return Response(200, Headers((*headers, ("Content-Length", str(len(raw))))))
    return ok(raw, *headers)


def tags(*names: str) -> Response:
    return ok(json.dumps({"name": "foo", "tags": list(names)}).encode())


class Client:
    """A client of an animal, with a clock and a sleep of its own, and everything that it was told."""

    def __init__(
        self,
        animal: Callable[[Request], Response],
        credentials: Credentials = ANONYMOUS,
        *,
        policy: RealmPolicy | None = None,
        strict: bool = False,
        anonymous_first: bool = False,
        prefer_post: bool = False,
        eager: bool = False,
        retries: int = 3,
        registry: str = "r.test",
        plain_http: bool = False,
    ) -> None:
        self.now = 1000.0
        self.slept: list[float] = []
        self.events: list[Event] = []
        self.authenticator = Authenticator(
            credentials,
            policy=policy,
            strict=strict,
            anonymous_first=anonymous_first,
            prefer_post=prefer_post,
            eager=eager,
            clock=self.clock,
            tell=self.events.append,
        )
        self.session: Session[ScopeSet] = Session(
            animal,
            self.authenticator,
            plain_http=plain_http,
            patience=Patience(retries=retries, jitter=lambda: 1.0),
            tell=self.events.append,
            clock=self.clock,
            sleep=self.sleep,
        )
        self.registry = Registry(self.session, registry)

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def repository(self, name: str = "foo") -> Repository:
        return self.registry.repository(name)

    def send(self, method: str, path: str, scopes: ScopeSet | None = None, content: bytes | None = None) -> int:
        """The status of one request to `r.test` through the session."""
        body = None if content is None else Body.of(content)
        with self.session.send(Request(method, REGISTRY + path, body=body), scopes) as response:
            return response.status

    @property
    def warnings(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, Warned)]


def given(username: str = "foo", password: str = "bar", *registries: str) -> Given:
    """A credential as `--creds` gives it."""
    credential = Credential.parse(f"{username}:{password}", "--creds")
    return Given(credential, frozenset(registries or ("r.test",)))


class Stored:
    """A credential as a file or helper keeps it; several passwords are what the source says in turn."""

    def __init__(self, username: str, *passwords: str, refreshable: bool = False) -> None:
        self._username = username
        self._passwords: Iterator[str] = iter(passwords)
        self._password = ""
        self._refreshable = refreshable
        self.asked: list[tuple[str, str | None]] = []

    def find(self, registry: str, repository: str | None) -> Credential | None:
        self.asked.append((registry, repository))
        self._password = next(self._passwords, self._password)
        return password_credential(self._username, self._password, "stored", refreshable=self._refreshable)

    def places(self) -> tuple[str, ...]:
        return ("stored",)
