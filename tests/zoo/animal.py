"""Animals: registries with one manner each, as transports. They remember every request that they saw.

An animal is a small scripted registry (`pratique.testing.scripted`) behind a manner (`pratique.server.faults.manners`), which
`pratique serve --faults` puts before a real one; or, where nobody else would want its manner, a script alone. What a client
should do with it is in the tests beside it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from pratique.auth.authenticator import Authenticator
from pratique.auth.credentials import ANONYMOUS, Credential, Credentials, Given, password_credential
from pratique.auth.realms import RealmPolicy
from pratique.auth.scopes import ScopeSet
from pratique.http.events import Event, Warned
from pratique.http.message import Body, Headers, Request, Response
from pratique.http.reach import Plain, Reaches, everywhere, usual
from pratique.http.retry import Patience
from pratique.http.session import Session
from pratique.spec import media
from pratique.spec.digest import Digest
from pratique.stores.registry import Registry, Repository
from pratique.testing.recording import Seen
from pratique.testing.scripted import (
    REALM,
    REGISTRY,
    Scripted,
    Ticketed,
    basic,
    bearer,
    challenge,
    error,
    ok,
    token,
    wanted,
)

Animal = Scripted

__all__ = [
    "DIGEST",
    "MANIFEST",
    "REALM",
    "REGISTRY",
    "Animal",
    "Client",
    "Seen",
    "Stored",
    "Ticketed",
    "basic",
    "bearer",
    "challenge",
    "error",
    "given",
    "manifest",
    "ok",
    "tags",
    "token",
    "wanted",
]

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
        reaches: Reaches = usual,
    ) -> None:
        self.now = 1000.0
        self.slept: list[float] = []
        self.events: list[Event] = []
        self.authenticator = Authenticator(
            credentials,
            policy=None if policy is None else lambda: policy,
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
            reaches=everywhere(plain=Plain.ALWAYS) if plain_http else reaches,
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

    def places(self, registry: str) -> tuple[str, ...]:
        return ("stored",)
