"""What our own credential helper keeps and gives: the verbs of the protocol as functions over this machine's sources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..auth.credentials import DOCKER_HUB_KEY, IDENTITY_USER, Credential, Kind, password_credential
from ..errors import InvalidInput, NotFound
from . import own
from .docker import meaning
from .entries import AUTHS, credential_of, entry_of, normalise, section
from .files import read_json, replace_json
from .helper import NOT_FOUND
from .sources import own_path, sources_of

# What the protocol has the tools look for, word by word.
NO_SERVER: Final = "no credentials server URL"
NO_USERNAME: Final = "no credentials username"


class Keychain:
    """The file of our helper, and for `get` every other source of the environment as well."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._path = own_path(environment)

    def get(self, server: str) -> tuple[str, str]:
        """User and secret for a server. Raises NotFound."""
        if not server:
            raise InvalidInput(NO_SERVER)
        entries = self._entries()
        key = _written(entries, server)
        found = credential_of(entries[key], f"{self._path} ({key})") if key else self._elsewhere(server)
        if found is None or found.kind is Kind.BEARER:
            raise NotFound(NOT_FOUND)
        return IDENTITY_USER if found.kind is Kind.IDENTITY else found.username, found.secret.reveal()

    def store(self, server: str, username: str, secret: str) -> None:
        """Keep a credential. Raises InvalidInput for what is missing or cannot be kept."""
        if not server:
            raise InvalidInput(NO_SERVER)
        if not username:
            raise InvalidInput(NO_USERNAME)
        if not server.isprintable():
            raise InvalidInput("the server URL has a control character or is not UTF-8")
        entries = self._entries()
        credential = password_credential(username, secret, server)
        entries[_written(entries, server) or server] = entry_of(credential)
        replace_json(self._path, {AUTHS: entries})

    def erase(self, server: str) -> None:
        """Forget what is kept for a server. Raises NotFound."""
        if not server:
            raise InvalidInput(NO_SERVER)
        entries = self._entries()
        key = _written(entries, server)
        if key is None:
            raise NotFound(NOT_FOUND)
        del entries[key]
        replace_json(self._path, {AUTHS: entries})

    def list(self) -> dict[str, str]:
        """The servers that something is kept for, with their users."""
        found = {key: credential_of(entry, f"{self._path} ({key})") for key, entry in self._entries().items()}
        return {
            key: IDENTITY_USER if credential.kind is Kind.IDENTITY else credential.username
            for key, credential in found.items()
            if credential is not None
        }

    def _entries(self) -> dict[str, object]:
        return dict(section(read_json(self._path) or {}, AUTHS, str(self._path)))

    def _elsewhere(self, server: str) -> Credential | None:
        """What the other sources have for a registry, or for a path of one that is written without a scheme."""
        key = normalise(server)
        if key == DOCKER_HUB_KEY:
            key = "docker.io"
        host, slash, path = key.partition("/")
        if slash and "://" in server:
            return None  # the end-point of a service, and no registry
        return sources_of(self._environment, wanted=own.load(self._environment)).find(host, path or None)


def _written(entries: Mapping[str, object], server: str) -> str | None:
    """The key that means a server, as it is written."""
    if server in entries:
        return server
    meant = meaning(normalise(server))
    return next((key for key in entries if normalise(key) in meant), None)
