"""Storing and forgetting credentials in the files that other tools read, and with the helpers that these name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ..auth.credentials import DOCKER_HUB_KEY, Credential
from ..errors import InvalidInput
from .docker import Helpers, meaning, start_helper
from .entries import AUTHS, Document, entry_of, is_old, normalise
from .files import read_json, replace_json
from .helper import Helper, HelperFailed, servers


class Logins:
    """The logins that one file keeps, or has helpers keep. What else is in the file stays as it is.

    Keys are `registry` or `registry/path`; helpers know registries only, so that a login for a path is kept in the file. Every
    method raises InvalidInput where the file cannot be understood or written.
    """

    def __init__(self, path: Path, *, helpers: Helpers = start_helper) -> None:
        self.path = path
        self._helpers = helpers

    def store(self, key: str, credential: Credential) -> str:
        """Keep a credential; the value says where, for people. Raises HelperFailed where its helper fails."""
        content, document = self._load()
        entry = {}  # beside a helper: some tools take it for the sign of a login
        asked = next(self._asked(document, key), None)
        if asked is None:
            entry = entry_of(credential)
        else:
            asked[0].store(asked[1], credential)
        auths = content[AUTHS]
        written = _written(auths, key)
        for other in written[1:]:
            del auths[other]
        auths[written[0] if written else self._new(key)] = entry
        replace_json(self.path, content)
        return f"{asked[0].program}, named by {self.path}" if asked else str(self.path)

    def erase(self, key: str, warn: Callable[[str], None] = lambda _: None) -> tuple[str, ...]:
        """Forget a credential; the value says where it was.

        Raises HelperFailed where a helper fails; where the file had something all the same, `warn` is told instead.
        """
        old = read_json(self.path) or {}
        if is_old(old) and not _written(old, key):
            return ()
        content, document = self._load()
        removed = []
        written = _written(content[AUTHS], key)
        entries = [content[AUTHS].pop(other) for other in written]
        if any(entries):
            removed.append(str(self.path))
        if written:
            replace_json(self.path, content)
        try:
            for helper, server in self._asked(document, key):
                if helper.get(server) is not None:
                    helper.erase(server)
                    removed.append(f"{helper.program}, named by {self.path}")
        except HelperFailed as error:
            if not removed:
                raise
            warn(str(error))
        return tuple(dict.fromkeys(removed))

    def clear(self, warn: Callable[[str], None]) -> tuple[str, ...]:
        """Forget all; the value is the keys. A helper that fails is told to `warn`."""
        content, document = self._load()
        removed = [key for key, entry in content[AUTHS].items() if entry]
        for helper, server in self._all_asked(document, warn):
            try:
                if helper.get(server) is not None:
                    helper.erase(server)
                    removed.append(server)
            except HelperFailed as error:
                warn(str(error))
        if content[AUTHS]:
            content[AUTHS] = {}
            replace_json(self.path, content)
        return tuple(dict.fromkeys(removed))

    def _load(self) -> tuple[dict[str, Any], Document]:
        content = read_json(self.path) or {}
        if content.get("kind") == "Secret" or is_old(content):
            raise InvalidInput(f"{self.path} is of a form that is only read", advice="name another --authfile")
        document = Document.of(content, str(self.path))
        content[AUTHS] = content.get(AUTHS) or {}
        return content, document

    def _asked(self, document: Document, key: str) -> Iterator[tuple[Helper, str]]:
        """The helper for a registry, with each name under which it may know it."""
        if "/" in key:
            return
        named = [document.helpers[name] for name in meaning(key) if name in document.helpers]
        asked = [(named[0][1], named[0][0])] if named else [(document.store, name) for name in servers(key)]
        for name, server in asked:
            helper = self._helpers(name, str(self.path)) if name else None
            if helper is not None:
                yield helper, server

    def _all_asked(self, document: Document, warn: Callable[[str], None]) -> Iterator[tuple[Helper, str]]:
        for written, name in document.helpers.values():
            helper = self._helpers(name, str(self.path))
            if helper is not None:
                yield helper, written
        helper = self._helpers(document.store, str(self.path)) if document.store else None
        if helper is not None:
            try:
                yield from [(helper, server) for server in helper.list()]
            except HelperFailed as error:
                warn(str(error))

    def _new(self, key: str) -> str:
        """The key of a first login: Docker has one of its own for Docker Hub."""
        return DOCKER_HUB_KEY if key == "docker.io" and self.path.name == "config.json" else key


def _written(auths: dict[str, Any], key: str) -> list[str]:
    """The keys, as they are written, that mean the same."""
    meant = meaning(key)
    return [other for other in auths if normalise(other) in meant]
