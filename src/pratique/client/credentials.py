"""Credentials as a program gives them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..auth.credentials import Credential, Credentials, Given, lookup_keys
from ..errors import InvalidInput
from ..spec.reference import parse_registry
from ..values import field, frozen

SOURCE: Final = "this program"

if TYPE_CHECKING:
    # One for the registries that are named; several by `host[:port]` or `host/path`; a file; or an object that finds them.
    Told = str | Credential | Mapping[str, str | Credential] | os.PathLike[str] | Credentials


@frozen
class Keyed:
    """Credentials by their keys, `registry` or `registry/path`: the most specific counts (containers-auth.json(5))."""

    entries: Mapping[str, Credential] = field(repr=False)

    def find(self, registry: str, repository: str | None) -> Credential | None:
        keys = (key for key in lookup_keys(registry, repository) if key in self.entries)
        return next((self.entries[key] for key in keys), None)

    def places(self, registry: str) -> tuple[str, ...]:  # noqa: ARG002
        return (SOURCE,)


def credentials_of(told: Told, named: Iterable[str], warn: Callable[[str], None]) -> Credentials:
    """What a program says of credentials, in place of the stored ones.

    Raises InvalidInput for a file that is not there, for what finds no credentials, and where it is not said which registries
    a credential is for.
    """
    if isinstance(told, Mapping):
        return Keyed({_key(text): credential_of(entry) for text, entry in told.items()})
    if isinstance(told, os.PathLike):
        return _file(Path(told), warn)
    if not isinstance(told, str | Credential):
        return _finding(told)
    registries = frozenset(named)
    if not registries:
        raise InvalidInput(
            "a credential is for registries that are named, and none is",
            advice='connect("registry.example.com", credentials=...), or a mapping of registries to credentials',
        )
    return Given(credential_of(told), registries)


def _key(text: str) -> str:
    """`registry` or `registry/path`, the registry by its one name. Raises InvalidReference."""
    host, slash, path = text.partition("/")
    return f"{parse_registry(host)}{slash}{path}"


def credential_of(entry: str | Credential) -> Credential:
    """A credential as a program writes it, "user:password" or a value. Raises InvalidInput."""
    if not isinstance(entry, str):
        return entry
    if ":" not in entry:  # it is not shown: it may be the password
        raise InvalidInput("a credential that was given as text has no colon", advice='write it as "user:password"')
    return Credential.parse(entry, SOURCE)


def _finding(told: Credentials) -> Credentials:
    """An object that finds credentials, as it is: a pair, as other libraries take it, finds none."""
    if not callable(getattr(told, "find", None)):
        raise InvalidInput(
            f"credentials are not to be found by a {type(told).__name__}",
            advice='a credential is written as "user:password"',
        )
    return told


def _file(path: Path, warn: Callable[[str], None]) -> Credentials:
    from ..config.docker import DockerConfig

    if not path.exists():
        raise InvalidInput(f"{path}: there is no such file of credentials")
    return DockerConfig.at(path, explicit=True, warn=warn)
