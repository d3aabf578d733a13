"""What a machine has for its users: rules for registries, stored credentials, our own file."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Final

from ..config import own
from ..config.dropins import Places, is_mute

if TYPE_CHECKING:
    from ..auth.credentials import Credential, Look
    from ..config.docker import Helpers
    from ..config.own import Wanted
    from ..config.registries import RegistriesConf
    from ..config.sources import Sources

NONE: Final = "none"  # in place of a file: no rules
NOWHERE: Final = "/nonexistent"  # the home of who has none


def silent(_: str) -> None:
    """Who is warned and does not care."""


class Machine:
    """What is found by an environment: `environ` names home, files and proxies, by default the process's own.

    One without HOME has no home: no user's files, logins and settings, and nothing is kept there.

    `registries_conf` is the one file with rules for registries that counts, or "none", in place of those that the machine has
    (containers-registries.conf(5)). `warn` is told what a person should know of the files. Every file is read when it is
    first wanted, and rules and helpers once. Safe to share among threads, and among several `Registries`: they should, so that a
    helper asks its user once.
    """

    def __init__(
        self,
        environ: Mapping[str, str] | None = None,
        *,
        registries_conf: str | os.PathLike[str] | None = None,
        warn: Callable[[str], None] = silent,
    ) -> None:
        self.environ = os.environ if environ is None else {"HOME": NOWHERE, "XDG_RUNTIME_DIR": NOWHERE, **environ}
        self.warn = warn
        self._registries_conf = registries_conf
        self._lock = threading.Lock()
        self._conf: RegistriesConf | None = None
        self._looked = False

    @property
    def has_home(self) -> bool:
        """Whether there is a place for what a user keeps."""
        return self.environ.get("HOME") != NOWHERE

    def rules(self, *, names: bool = False) -> RegistriesConf | None:
        """The rules of `registries.conf`, and with `names` what short names mean; None where there are none.

        Raises InvalidInput, naming file and key.
        """
        with self._lock:
            if self._registries_conf != NONE and self._conf is None and (names or not self._looked):
                self._looked = True
                self._conf = self._read_rules(names=names)
            return self._conf

    def _read_rules(self, *, names: bool) -> RegistriesConf | None:
        places = self._places()
        if not (names or places.named) and all(map(is_mute, places.files())):
            return None
        from ..config.registries import RegistriesConf

        return RegistriesConf.load(places, self.warn)

    def _places(self) -> Places:
        if self._registries_conf is None:
            return Places.usual(self.environ)
        from pathlib import Path

        return Places.only(Path(self._registries_conf))

    @cached_property
    def wanted(self) -> Wanted:
        """What our own file says of each host (`host[:port]`). Raises InvalidInput."""
        return own.load(self.environ)

    @cached_property
    def helpers(self) -> Helpers:
        """The credential helpers, each started once."""
        from ..config.sources import sharing

        return sharing(self.environ)

    def chunk_size(self, registry: str) -> int | None:
        """Bytes of an upload in one request, as our own file has it for a registry."""
        wanted = self.wanted(registry)
        return wanted.chunk_size if wanted else None

    def credentials(self, *, strict: bool = False) -> Sources:
        """The stored credentials, in the order of search; `strict` makes an error of what cannot be read.

        Raises InvalidInput.
        """
        from ..config.sources import FILES_ONLY, sources_of

        conf = self.rules()
        return sources_of(
            self.environ,
            order=conf.helpers if conf and conf.helpers else FILES_ONLY,
            wanted=self.wanted,
            helpers=self.helpers,
            warn=self.warn,
            strict=strict,
        )


class Stored:
    """The stored credentials of a machine: nothing of them is loaded before a registry asks who it is."""

    def __init__(self, machine: Machine, *, strict: bool) -> None:
        self._machine = machine
        self._strict = strict
        self._lock = threading.Lock()
        self._loaded: Sources | None = None

    def find(self, registry: str, repository: str | None) -> Credential | None:
        return self._sources().find(registry, repository)

    def places(self, registry: str) -> tuple[str, ...]:
        return self._sources().places(registry)

    def forget(self, credential: Credential) -> None:
        self._sources().forget(credential)

    def looks(self, registry: str, repository: str | None) -> tuple[Look, ...]:
        """What each place has, in order."""
        return self._sources().looks(registry, repository)

    def _sources(self) -> Sources:
        with self._lock:
            if self._loaded is None:
                self._loaded = self._machine.credentials(strict=self._strict)
            return self._loaded
