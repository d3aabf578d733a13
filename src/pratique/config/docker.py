"""Docker's `config.json` and documents of its form: containers' `auth.json`, `.dockercfg`, secrets of Kubernetes.

A credential is found by registry, or by registry and path; a document may also name helpers to ask.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..auth.credentials import DOCKER_HUB_KEY, Credential, Look, aliases, lookup_keys
from ..errors import InvalidInput
from ..values import replace
from .entries import FIELDS, Document, credential_of
from .files import is_open_to_all, parse_json, read_json

if TYPE_CHECKING:
    from .helper import Helper

# Makes a helper of its name and of who names it; None for one that is not to be asked.
Helpers = Callable[[str, str], "Helper | None"]


class Withheld(InvalidInput):
    """What is named for a registry, and for nothing else, cannot be had: no other place may stand in for it."""


def default_path(environment: Mapping[str, str]) -> Path:
    """Where Docker keeps it: `$DOCKER_CONFIG/config.json`, else `~/.docker/config.json`."""
    folder = environment.get("DOCKER_CONFIG")
    return (Path(folder) if folder else Path(environment.get("HOME") or Path.home()) / ".docker") / "config.json"


class DockerConfig:
    """The credentials of one document. It is read when a challenge first wants one, and no sooner.

    An `explicit` one was named on this very command, so that what it has counts as given. `warn` is told where everybody may read
    it.
    """

    def __init__(
        self,
        place: str,
        read: Callable[[], Mapping[str, Any] | None],
        *,
        path: Path | None = None,
        explicit: bool = False,
        helpers: Helpers | None = None,
        warn: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.place = place
        self.path = path
        self._read = read
        self._explicit = explicit
        self._helpers = helpers or start_helper
        self._warn = warn
        self._unseen = path  # until its mode was looked at
        self._told: set[str] = set()  # what is wrong with its keys
        self._lock = threading.Lock()  # of the first reading, and of the helpers
        self._document: Document | None = None
        self._known: dict[str, Helper | None] = {}

    @classmethod
    def at(
        cls,
        path: Path,
        *,
        explicit: bool = False,
        helpers: Helpers | None = None,
        warn: Callable[[str], None] = lambda _: None,
    ) -> DockerConfig:
        """The document in a file; none where there is no file."""
        return cls(str(path), lambda: read_json(path), path=path, explicit=explicit, helpers=helpers, warn=warn)

    @classmethod
    def of(
        cls, text: str, place: str, *, helpers: Helpers | None = None, warn: Callable[[str], None] = lambda _: None
    ) -> DockerConfig:
        """The document that a text is."""
        return cls(place, lambda: parse_json(text.encode("utf-8", "replace"), place), helpers=helpers, warn=warn)

    def find(self, registry: str, repository: str | None) -> Credential | None:
        """What has the most specific key (containers-auth.json(5)): an entry for a path, a helper, an entry for the host.

        Raises InvalidInput for a document or an entry that cannot be understood, Withheld where the helper that is named for
        this registry fails, HelperFailed where the one that is named for all of them does, and there is no entry.
        """
        names = aliases(registry)
        paths = [key for key in lookup_keys(registry, repository) if key not in names]
        found = self._entry(paths)
        if found is not None:
            return found
        trouble: InvalidInput | None = None
        try:
            found = self._helped(registry)
        except Withheld:
            raise
        except InvalidInput as error:
            trouble = error
        found = found or self._entry(names)
        if found is None and trouble is not None:
            raise trouble
        if found is None:
            self._look_at_keys(registry)
        return replace(found, given=self._explicit) if found else None

    def places(self, registry: str) -> tuple[str, ...]:  # noqa: ARG002
        return (self.place,)

    def forget(self, credential: Credential) -> None:
        """Have the helper asked again that a refused credential came from."""
        for helper in self._known.values():
            if helper is not None:
                helper.forget(credential)

    def look(self, registry: str, repository: str | None) -> Look:
        """What there is for a repository, without asking a helper for it."""
        if not self.is_there():
            return Look(self.place, there=False)
        try:
            document = self._load()
        except InvalidInput as error:
            return Look(self.place, trouble=str(error))
        names = aliases(registry)
        keys = [key for key in lookup_keys(registry, repository) if self._has(key)]
        helper = self._named(registry)
        asked = [f"docker-credential-{helper[0]} ({helper[1]})"] if helper else []
        if not asked and document.store:
            asked = [f"docker-credential-{document.store}"]
        paths = [key for key in keys if key not in names]
        return Look(self.place, (*paths, *asked, *(key for key in keys if key in names)))

    def is_there(self) -> bool:
        """Whether there is anything to read."""
        return self.path is None or os.path.lexists(self.path)

    def has(self, key: str) -> bool:
        """Whether an entry or a helper is for this very key. Raises InvalidInput."""
        document = self._load()
        return any(name in document.auths or name in document.helpers for name in meaning(key))

    def keys(self) -> tuple[str, ...]:
        """The keys of the entries that hold something, as they are written. Raises InvalidInput."""
        return tuple(written for written, entry in self._load().auths.values() if entry)

    def _has(self, key: str) -> bool:
        entry = self._load().auths.get(key, ("", None))[1]
        return isinstance(entry, dict) and not FIELDS.isdisjoint(entry)

    def _load(self) -> Document:
        with self._lock:
            if self._document is None:
                self._document = Document.of(self._read() or {}, self.place)
            return self._document

    def _entry(self, keys: Iterable[str]) -> Credential | None:
        auths = self._load().auths
        for key in keys:
            written, entry = auths.get(key, (key, {}))
            found = credential_of(entry, f"{self.place} ({written})")
            if found is not None:
                self._look_at_mode()
                return replace(found, given=self._explicit)
        return None

    def _named(self, registry: str) -> tuple[str, str] | None:
        """The helper for this very registry, and the key as it is written."""
        helpers = self._load().helpers
        found = next((helpers[name] for name in aliases(registry) if name in helpers), None)
        return (found[1], found[0]) if found else None

    def _helped(self, registry: str) -> Credential | None:
        """What a helper has for a registry; one that is named for it is asked by the key as it is written."""
        named = self._named(registry)
        if named is None:
            helper = self._helper(self._load().store)
            return helper.find(registry, None) if helper else None
        name, written = named
        try:
            helper = self._helper(name)
            if helper is None:
                return None
            return helper.find(registry, None) or helper.get(written)
        except InvalidInput as error:
            raise Withheld(str(error), advice=error.advice()) from None

    def _helper(self, name: str) -> Helper | None:
        with self._lock:
            if name not in self._known:
                self._known[name] = self._helpers(name, self.place) if name else None
            return self._known[name]

    def _look_at_keys(self, registry: str) -> None:
        """Warn, once, of keys that somebody may have meant for a registry, and that match nothing."""
        for problem in self._load().misfits(registry):
            if problem not in self._told:
                self._told.add(problem)
                self._warn(f"{self.place}: {problem}")

    def _look_at_mode(self) -> None:
        """Warn, once, where everybody may read what is secret."""
        path, self._unseen = self._unseen, None
        if path and is_open_to_all(path):
            self._warn(f"{self.place} has credentials and can be read by everybody: chmod 600 {self.place}")


def start_helper(name: str, named_by: str) -> Helper:
    """A helper that is a program. Raises InvalidInput for a name that is none."""
    from .helper import Helper

    return Helper(name, named_by=named_by)


def meaning(key: str) -> tuple[str, ...]:
    """The normal keys that mean the same as `registry` or `registry/path`."""
    host, slash, path = key.partition("/")
    if key == DOCKER_HUB_KEY or not slash:
        return aliases(key if not slash else "docker.io")
    return tuple(f"{name}/{path}" for name in aliases(host) if name != DOCKER_HUB_KEY)
