"""Credentials: who asks, where that was found, and for which registry and repository it was meant."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from enum import Enum
from typing import Final, Protocol, runtime_checkable

from ..errors import InvalidInput
from ..expressions import expression
from ..spec.reference import DOCKER_HUB
from ..values import frozen
from .secret import Secret

# Docker's own key for Docker Hub, from the days of its first registry.
DOCKER_HUB_KEY: Final = "https://index.docker.io/v1/"

# Control characters (RFC 7617 §2), and what Python makes of bytes that are not UTF-8.
_UNSENDABLE = expression("[\x00-\x1f\x7f\ud800-\udfff]")

IDENTITY_USER: Final = "<token>"  # a helper's user name that says: the secret is an identity token


class Kind(Enum):
    """What the secret of a credential is."""

    PASSWORD = "password"  # noqa: S105
    IDENTITY = "identity token"  # a refresh token for the token service (OAuth2)
    BEARER = "registry token"  # sent to the registry as it is


@frozen
class Credential:
    """A secret and what is known of it.

    `source` says where it was found, for people. `given` means on this very command, so that a refusal is an error.
    `refreshable` means that asking the source again may bring another secret. `alternative` is tried where this one is
    refused.
    """

    username: str
    secret: Secret
    kind: Kind = Kind.PASSWORD
    source: str = ""
    given: bool = False
    refreshable: bool = False
    alternative: Credential | None = None

    @classmethod
    def parse(cls, text: str, source: str) -> Credential:
        """Read `USER[:PASSWORD]` as given on a command line (RFC 7617 §2: the first colon divides). Raises InvalidInput."""
        username, _, password = text.partition(":")
        return password_credential(username, password, source, given=True)

    def basic(self) -> Secret:
        """The value of `Authorization` for the Basic scheme, in UTF-8 (RFC 7617 §2.1)."""
        pair = f"{self.username}:{self.secret.reveal()}"
        return Secret(f"Basic {base64.b64encode(pair.encode()).decode()}")

    def __str__(self) -> str:
        return (
            f"{self.kind.value} of {self.username!r} from {self.source}"
            if self.username
            else f"{self.kind.value} from {self.source}"
        )


def password_credential(
    username: str, password: str, source: str, *, given: bool = False, refreshable: bool = False
) -> Credential:
    """A credential of user and password; the user `<token>` stands for an identity token. Raises InvalidInput."""
    if _UNSENDABLE.search(username + password):
        raise InvalidInput(
            f"the credential from {source} has a control character or is not UTF-8",
            advice="a stray line end at its end?",
        )
    if username == IDENTITY_USER:
        return Credential("", Secret(password), Kind.IDENTITY, source, given, refreshable)
    if ":" in username:
        raise InvalidInput(f"the user name from {source} has a colon, which Basic authentication cannot carry")
    return Credential(username, Secret(password), Kind.PASSWORD, source, given, refreshable)


class Credentials(Protocol):
    """A place where credentials are found."""

    def find(self, registry: str, repository: str | None) -> Credential | None:
        """The most specific credential for a repository, or None. `registry` is `host[:port]`."""
        ...

    def places(self, registry: str) -> tuple[str, ...]:
        """Where was looked for a registry's, for people."""
        ...


@runtime_checkable
class Remembers(Protocol):
    """A place that keeps what it was told, and can be told that it is of no use any more."""

    def forget(self, credential: Credential) -> None:
        """Ask anew the next time: this one was refused."""
        ...


@frozen
class Look:
    """What one place has for a repository: the keys and helpers in the order of search, or why it cannot be read."""

    place: str
    matches: tuple[str, ...] = ()
    there: bool = True
    trouble: str | None = None


@frozen
class Given:
    """One credential, for the registries that the command names and no other."""

    credential: Credential
    registries: frozenset[str]

    def find(self, registry: str, repository: str | None) -> Credential | None:  # noqa: ARG002
        wanted = set(aliases(registry))
        return self.credential if any(wanted & set(aliases(mine)) for mine in self.registries) else None

    def places(self, registry: str) -> tuple[str, ...]:  # noqa: ARG002
        return (self.credential.source,)


class Chain:
    """Several places in order: the first that has something wins."""

    def __init__(self, sources: Iterable[Credentials] = ()) -> None:
        self._sources = tuple(sources)

    def find(self, registry: str, repository: str | None) -> Credential | None:
        found = (source.find(registry, repository) for source in self._sources)
        return next((credential for credential in found if credential is not None), None)

    def places(self, registry: str) -> tuple[str, ...]:
        return tuple(place for source in self._sources for place in source.places(registry))

    def forget(self, credential: Credential) -> None:
        for source in self._sources:
            if isinstance(source, Remembers):
                source.forget(credential)


ANONYMOUS: Final = Chain()


def aliases(registry: str) -> tuple[str, ...]:
    """The names under which a registry's credentials may be kept, itself or Docker Hub's first names first."""
    if registry in DOCKER_HUB:
        others = sorted(DOCKER_HUB - {"docker.io", "index.docker.io"})
        return ("docker.io", DOCKER_HUB_KEY, "index.docker.io", *others)
    if registry.endswith(":443"):
        return (registry, registry.removesuffix(":443"))
    has_port = ":" in registry.rpartition("]")[2]
    return (registry,) if has_port else (registry, f"{registry}:443")


def lookup_keys(registry: str, repository: str | None) -> tuple[str, ...]:
    """The keys for a repository, most specific first (containers-auth.json(5)): host/a/b, host/a, host."""
    parts = repository.split("/") if repository else []
    paths = ["/".join(parts[:count]) for count in range(len(parts), 0, -1)]
    names = aliases(registry)
    hosts = [name for name in names if name != DOCKER_HUB_KEY]
    return (*(f"{host}/{path}" for path in paths for host in hosts), *names)
