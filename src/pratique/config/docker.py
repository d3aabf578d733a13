"""Docker's `config.json` and the files of its form: credentials by registry, or by registry and path."""

from __future__ import annotations

import base64
import binascii
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from ..auth.credentials import DOCKER_HUB_KEY, Credential, Kind, aliases, lookup_keys, password_credential
from ..auth.secret import Secret
from ..errors import InvalidInput
from .files import read_json, replace_json

AUTHS: Final = "auths"


def default_path(environment: Mapping[str, str]) -> Path:
    """Where Docker keeps it: `$DOCKER_CONFIG/config.json`, else `~/.docker/config.json`."""
    folder = environment.get("DOCKER_CONFIG")
    return (Path(folder) if folder else Path(environment.get("HOME") or Path.home()) / ".docker") / "config.json"


class DockerConfig:
    """The credentials in one file. It is read when a challenge first wants one, and no sooner.

    An `explicit` file was named on this very command: what is wrong with it, or refused of it, is an error. Another one that
    cannot be understood is passed over, with a warning to `warn`.
    """

    def __init__(self, path: Path, *, explicit: bool = False, warn: Callable[[str], None] = lambda _: None) -> None:
        self.path = path
        self._explicit = explicit
        self._warn = warn
        self._lock = threading.Lock()  # of the first reading
        self._entries: dict[str, Mapping[str, Any]] | None = None

    def find(self, registry: str, repository: str | None) -> Credential | None:
        """The entry with the most specific key (containers-auth.json(5)). Raises InvalidInput for an explicit bad file."""
        entries = self._load()
        for key in lookup_keys(registry, repository):
            entry = entries.get(key)
            found = self._credential(key, entry) if entry is not None else None
            if found is not None:
                return found
        return None

    def places(self) -> tuple[str, ...]:
        return (str(self.path),)

    def store(self, key: str, credential: Credential) -> None:
        """Keep a credential for a registry (or `registry/namespace`); everything else in the file stays as it is."""
        document = self._document()
        auths = document.setdefault(AUTHS, {})
        for other in self._keys(auths, key):
            del auths[other]
        auths[DOCKER_HUB_KEY if key == "docker.io" else key] = _entry(credential)
        replace_json(self.path, document)

    def erase(self, key: str) -> bool:
        """Forget a registry's credential; False where there was none."""
        document = self._document()
        auths = document.get(AUTHS) or {}
        found = self._keys(auths, key)
        for other in found:
            del auths[other]
        if found:
            replace_json(self.path, document)
        return bool(found)

    def _document(self) -> dict[str, Any]:
        document = read_json(self.path) or {}
        if not isinstance(document.get(AUTHS, {}), dict):
            raise InvalidInput(f"{self.path}: {AUTHS!r} is not an object")
        return document

    def _keys(self, auths: Mapping[str, Any], key: str) -> list[str]:
        """The keys that mean the same registry or path."""
        meant = {key} if "/" in key and key != DOCKER_HUB_KEY else set(aliases(key))
        return [other for other in auths if normalise(other) in meant]

    def _load(self) -> dict[str, Mapping[str, Any]]:
        with self._lock:
            if self._entries is None:
                self._entries = self._read()
            return self._entries

    def _read(self) -> dict[str, Mapping[str, Any]]:
        try:
            auths = self._document().get(AUTHS) or {}
        except InvalidInput as error:
            if self._explicit:
                raise
            self._warn(f"{error}; it is passed over")
            return {}
        return {normalise(key): entry for key, entry in auths.items() if isinstance(entry, dict)}

    def _credential(self, key: str, entry: Mapping[str, Any]) -> Credential | None:
        source = f"{self.path} ({key})"
        try:
            found = _credential(entry, source)
            return replace(found, given=self._explicit) if found else None
        except InvalidInput as error:
            if self._explicit:
                raise
            self._warn(f"{error}; it is passed over")
            return None


def normalise(key: str) -> str:
    """A key as people and tools write it (`https://host/v1/`), as `host[:port][/path]`; Docker Hub's own stays."""
    if key == DOCKER_HUB_KEY:
        return key
    bare = key.removeprefix("https://").removeprefix("http://").rstrip("/")
    host, slash, path = bare.partition("/")
    return host if slash and path in ("v1", "v2") else bare


def _credential(entry: Mapping[str, Any], source: str) -> Credential | None:
    password = _password(entry, source)
    identity, registry_token = _text(entry, "identitytoken", source), _text(entry, "registrytoken", source)
    if registry_token:
        return Credential("", Secret(registry_token), Kind.BEARER, source)
    if identity:
        username = password.username if password else ""
        usable = password if password and password.secret else None
        return Credential(username, Secret(identity), Kind.IDENTITY, source, alternative=usable)
    return password


def _password(entry: Mapping[str, Any], source: str) -> Credential | None:
    encoded = _text(entry, "auth", source)
    if not encoded:
        username, password = _text(entry, "username", source), _text(entry, "password", source)
        return password_credential(username, password, source) if username or password else None
    try:
        pair = base64.b64decode(encoded, validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        raise InvalidInput(f"{source}: 'auth' is not base64 of USER:PASSWORD") from None
    username, colon, password = pair.rstrip("\0").partition(":")
    if not colon:
        raise InvalidInput(f"{source}: 'auth' is not base64 of USER:PASSWORD")
    return password_credential(username, password, source)


def _text(entry: Mapping[str, Any], name: str, source: str) -> str:
    value = entry.get(name)
    if value is not None and not isinstance(value, str):
        raise InvalidInput(f"{source}: {name!r} is not a string")
    return value or ""


def _entry(credential: Credential) -> dict[str, str]:
    if credential.kind is Kind.BEARER:
        return {"registrytoken": credential.secret.reveal()}
    password = "" if credential.kind is Kind.IDENTITY else credential.secret.reveal()
    pair = base64.b64encode(f"{credential.username}:{password}".encode()).decode()
    identity = {"identitytoken": credential.secret.reveal()} if credential.kind is Kind.IDENTITY else {}
    return {"auth": pair, **identity}
