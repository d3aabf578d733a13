"""Logging in and out: credentials that are verified, stored where other tools find them, and forgotten."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from ..auth.credentials import DOCKER_HUB_KEY, Credential, Given
from ..auth.login import Verification, Witness, verify
from ..config import own, pins
from ..config.docker import DockerConfig, default_path
from ..config.entries import normalise
from ..config.logins import Logins
from ..config.sources import DOCKER_AUTH_CONFIG, REGISTRY_AUTH_FILE, chosen_file, login_path, paths, sources_of
from ..errors import InvalidInput, NotFound
from ..http.events import Event
from ..spec.reference import Reference, endpoint_of, is_registry, is_repository, parse_registry
from ..values import frozen
from .connection import connect
from .credentials import credential_of
from .machine import Machine
from .registries import Registries

AnyPath = str | os.PathLike[str]


@frozen
class Login:
    """What came of a login for `key`, `registry` or `registry/path`.

    `verified` says whether the registry looked at the credential at all, `explanation` what was asked and answered. `stored` is
    where it is kept; `shadowed` are other places that have a credential for the same, and come first. `token_service` is the
    origin of the one that took it, if one did.
    """

    registry: str
    key: str
    username: str
    verified: bool
    explanation: str
    stored: str
    token_service: str | None = None
    shadowed: tuple[str, ...] = ()


def login(
    registry: str,
    credential: str | Credential,
    *,
    registries: Registries | None = None,
    authfile: AnyPath | None = None,
    repository: str | None = None,
) -> Login:
    """Verify a credential by the conversation that a real request has, and store it where other tools find it.

    `registry` is `host[:port][/namespace]`, `credential` `"user:password"` or a value. `repository` is one whose tags are read to
    verify it, where the registry itself is open to everybody. It is stored in `authfile`, or where the machine's login for this
    is. The registry is reached as `registries` does, or else as `connect` finds it, but with this credential alone.

    Raises Unauthorized for one that is refused, Unreachable, Misbehaved, Unsupported where our own file says that the registry
    has no login, and InvalidInput for files that cannot be understood or written.
    """
    with contextlib.ExitStack() as stack:
        registries = registries or stack.enter_context(connect())
        name, namespace = split(registry)
        key = f"{name}/{namespace}" if namespace else name
        found = credential_of(credential)
        machine = registries.machine
        logins = _logins(machine, authfile, name, key)
        verification = _verify(registries, name, namespace, found, repository)
        stored = logins.store(key, found)
        _note(machine, name, verification.token_service)
        return Login(
            name,
            key,
            found.username,
            verification.verified,
            verification.explanation,
            stored,
            verification.token_service,
            () if authfile else tuple(_shadowing(machine, key, logins.path)),
        )


def _logins(machine: Machine, authfile: AnyPath | None, registry: str, key: str) -> Logins:
    """Where the login is stored. Raises Unsupported where our own file says that the registry has none."""
    if authfile:
        return Logins(Path(authfile))
    if not machine.has_home:
        raise InvalidInput("a machine without a home has no place for a login", advice="name an authfile")
    return Logins(chosen_file(own.load(machine.environ), registry) or login_path(machine.environ, key))


def _note(machine: Machine, registry: str, token_service: str | None) -> None:
    """Remember which token service a registry has, or forget it."""
    if machine.has_home:
        pins.Pins(pins.default_path(machine.environ)).note(registry, token_service)


def _verify(
    registries: Registries, registry: str, namespace: str, credential: Credential, repository: str | None
) -> Verification:
    witness, tell = Witness(), registries.settings.tell

    def observe(event: Event) -> None:
        witness(event)
        tell(event)

    given = Given(credential, frozenset([registry]))
    # A login is how a token service that has moved is accepted, so that the old one does not count here.
    with registries.alike(credentials=given, tell=observe, pinned=False) as verifying:
        verifying.visit(Reference(registry, namespace))
        base_url = verifying.session.base_url(endpoint_of(registry))
        return verify(verifying.session, base_url, credential, witness, repository)


def _shadowing(machine: Machine, key: str, path: Path) -> Iterator[str]:
    """Where another credential comes before the one that was stored."""
    registry, _, namespace = key.partition("/")
    for source in sources_of(machine.environ).sources:
        if source.path == path:
            return
        if source.is_there() and not source.look(registry, namespace or None).trouble and source.has(key):
            yield source.place


def logged_in(registry: str, *, machine: Machine | None = None, authfile: AnyPath | None = None) -> Credential:
    """The stored credential for `host[:port][/namespace]`. Raises NotFound where nobody is logged in, InvalidInput."""
    machine = machine or Machine()
    name, namespace = split(registry)
    stored = sources_of(machine.environ, wanted=own.load(machine.environ), warn=machine.warn)
    sources = DockerConfig.at(Path(authfile), explicit=True) if authfile else stored
    found = sources.find(name, namespace or None)
    if found is None:
        places = ", ".join(sources.places(name))
        raise NotFound(f"nobody is logged in to {registry}: there is no credential in {places}")
    return found


def logout(registry: str, *, machine: Machine | None = None, authfile: AnyPath | None = None) -> tuple[str, ...]:
    """Forget the credential of `host[:port][/namespace]`, wherever it is found or in one `authfile`; the places where it was.

    Raises NotFound where there is none, and InvalidInput for files that cannot be understood or written.
    """
    machine = machine or Machine()
    name, namespace = split(registry)
    key = f"{name}/{namespace}" if namespace else name
    removed = Logins(Path(authfile)).erase(key, machine.warn) if authfile else _erase_everywhere(machine, key)
    if not removed:
        raise NotFound(f"{authfile or 'this machine'} has no credential for {registry}")
    if not namespace:
        _note(machine, name, None)
    return tuple(removed)


def _erase_everywhere(machine: Machine, key: str) -> tuple[str, ...]:
    """Erase from every file; the first thing that went wrong is the error where nothing could be removed."""
    removed: list[str] = []
    troubles: list[InvalidInput] = []
    for path in _files(machine, key):
        try:
            removed += Logins(path).erase(key, machine.warn)
        except InvalidInput as error:
            troubles.append(error)
    if troubles and not removed:
        raise troubles[0]
    for trouble in troubles:
        machine.warn(str(trouble))
    text = machine.environ.get(DOCKER_AUTH_CONFIG)
    if text and DockerConfig.of(text, DOCKER_AUTH_CONFIG).has(key):
        machine.warn(f"{DOCKER_AUTH_CONFIG} has a credential for {key}, which stays there")
    return tuple(removed)


def _files(machine: Machine, key: str) -> tuple[Path, ...]:
    """The file that our own names for the registry, or else all."""
    chosen = chosen_file(own.load(machine.environ), key.partition("/")[0])
    return (chosen,) if chosen else paths(machine.environ)


@frozen
class Cleared:
    """A file whose credentials were all forgotten: the keys that it had, and other files that have logins, too."""

    path: Path
    removed: tuple[str, ...]
    others: tuple[Path, ...] = ()


def logout_all(*, machine: Machine | None = None, authfile: AnyPath | None = None) -> Cleared:
    """Forget every credential of the file that logins go to, or of `authfile`. Raises InvalidInput."""
    machine = machine or Machine()
    path = Path(authfile or machine.environ.get(REGISTRY_AUTH_FILE) or default_path(machine.environ))
    removed = Logins(path).clear(machine.warn)
    for registry in filter(is_registry, removed):
        _note(machine, parse_registry(registry), None)
    return Cleared(path, tuple(removed), () if authfile else tuple(_others(machine, path)))


def _others(machine: Machine, cleared: Path) -> Iterator[Path]:
    """Which files have logins yet: nobody is to believe that they are gone."""
    for path in paths(machine.environ):
        with contextlib.suppress(InvalidInput):
            if path != cleared and DockerConfig.at(path).keys():
                yield path


def split(text: str) -> tuple[str, str]:
    """`HOST[/NAMESPACE]` as registry and namespace; people also write it as a URL. Raises InvalidInput."""
    key = normalise(text.removeprefix("docker://"))
    host, slash, namespace = ("docker.io", "", "") if key == DOCKER_HUB_KEY else key.partition("/")
    if slash and not is_repository(namespace):
        raise InvalidInput(f"{namespace!r} is not a namespace")
    return parse_registry(host), namespace
