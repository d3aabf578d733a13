"""Where credentials of this machine are looked for, in order: the first that has one for the repository wins.

Containers' tools look into their own files and then into Docker's; Docker looks only into its own. The order is that of the
former, so that everybody finds what they stored (docs/decisions/0018).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..auth.credentials import Credential, Look
from ..errors import InvalidInput, Unsupported
from ..values import frozen
from .docker import DockerConfig, Helpers, Withheld, default_path, start_helper
from .own import Wanted, nothing

if TYPE_CHECKING:
    from .helper import Helper
    from .settings import Settings

REGISTRY_AUTH_FILE: Final = "REGISTRY_AUTH_FILE"
DOCKER_AUTH_CONFIG: Final = "DOCKER_AUTH_CONFIG"

# What stands for all files where `registries.conf` names helpers (containers-registries.conf(5), credential-helpers).
FILES: Final = "containers-auth.json"

# Our own helper: what it keeps is looked for directly, and last.
OWN_HELPER: Final = "pratique"


@frozen
class Order:
    """Helpers by name, FILES among them, in the order in which they are asked; `source` is the file that says so."""

    names: Sequence[str] = (FILES,)
    source: str = ""


FILES_ONLY: Final = Order()


# The documents that are chosen for a registry in place of all others, or None.
Chosen = Callable[[str], tuple[DockerConfig, ...] | None]


class Sources:
    """Documents in order; a registry that has `chosen` ones has no others.

    What cannot be read is passed over with a warning; with `strict` it is an error.

    Only a helper that is named for the registry ends the search where it fails: what another place has is another identity.
    """

    def __init__(
        self,
        sources: Iterable[DockerConfig],
        *,
        chosen: Chosen = lambda _: None,
        warn: Callable[[str], None] = lambda _: None,
        strict: bool = False,
    ) -> None:
        self.sources = tuple(sources)
        self._choose = chosen
        self._chosen: dict[str, tuple[DockerConfig, ...] | None] = {}  # by registry
        self._warn = warn
        self._strict = strict
        self._troubles: dict[str, DockerConfig] = {}  # in their order, each once

    def find(self, registry: str, repository: str | None) -> Credential | None:
        """The credential of the first document that has one. Raises InvalidInput only if `strict`."""
        for source in self._of(registry):
            try:
                found = source.find(registry, repository)
            except InvalidInput as error:
                if self._strict:
                    raise
                self._note(source, str(error))
                if isinstance(error, Withheld):
                    return None
                continue
            if found is not None:
                return found
        return None

    def places(self, registry: str) -> tuple[str, ...]:
        """The documents that there are for a registry, or what is wrong with them; else the one that a login goes to."""
        sources = self._of(registry)
        there = [self._told(source) for source in sources if source.is_there()]
        usual = str(default_path(os.environ)) if sources is self.sources else sources[0].place
        return tuple(there) or (usual,)

    def forget(self, credential: Credential) -> None:
        chosen = (source for sources in self._chosen.values() for source in sources or ())
        for source in (*self.sources, *chosen):
            source.forget(credential)

    def looks(self, registry: str, repository: str | None) -> tuple[Look, ...]:
        """What each document has for a repository, in order; no helper is asked."""
        return tuple(source.look(registry, repository) for source in self._of(registry))

    def _of(self, registry: str) -> tuple[DockerConfig, ...]:
        if registry not in self._chosen:
            self._chosen[registry] = self._choose(registry)
        chosen = self._chosen[registry]
        return self.sources if chosen is None else chosen

    def _told(self, source: DockerConfig) -> str:
        """A place, and what is wrong with it."""
        troubles = [trouble for trouble, of in self._troubles.items() if of is source]
        said = "; ".join(trouble.removeprefix(source.place).lstrip(": ") for trouble in troubles)
        return f"{source.place} ({said})" if said else source.place

    def _note(self, source: DockerConfig, trouble: str) -> None:
        if trouble not in self._troubles:
            self._troubles[trouble] = source
            self._warn(f"{trouble}; it is passed over")


def sources_of(
    environment: Mapping[str, str],
    *,
    order: Order = FILES_ONLY,
    wanted: Wanted = nothing,
    helpers: Helpers | None = None,
    warn: Callable[[str], None] = lambda _: None,
    strict: bool = False,
) -> Sources:
    """The sources that this environment has, in order; with an `order` of helpers, the files where that has them.

    Whoever has several shares `helpers` among them, so that each helper is asked once.
    """
    helpers = helpers or sharing(environment)
    found: list[DockerConfig] = []
    import json

    for name in order.names:
        if name == FILES:
            found += _files(environment, helpers, warn)
        else:
            document, place = json.dumps({"credsStore": name}), f"{order.source} (credential-helpers, {name})"
            found.append(DockerConfig.of(document, place, helpers=helpers))
    return Sources(
        found, chosen=lambda registry: _chosen(wanted(registry), registry, helpers, warn), warn=warn, strict=strict
    )


def _chosen(
    settings: Settings | None, registry: str, helpers: Helpers, warn: Callable[[str], None]
) -> tuple[DockerConfig, ...] | None:
    """What our own file names for a registry, in place of everything else; None where it names nothing."""
    if settings is None or settings.credentials is None:
        return None
    kind, _, name = settings.credentials.partition(":")
    if kind == "file":
        return (DockerConfig.at(Path(name), helpers=helpers, warn=warn),)
    import json

    document = json.dumps({"credHelpers": {registry: name} if kind == "helper" else {}})
    return (DockerConfig.of(document, settings.sources["credentials"], helpers=helpers),)


def _files(environment: Mapping[str, str], helpers: Helpers, warn: Callable[[str], None]) -> list[DockerConfig]:
    found = [DockerConfig.at(path, helpers=helpers, warn=warn) for path in paths(environment)]
    text = environment.get(DOCKER_AUTH_CONFIG)
    if text:
        first = 1 if environment.get(REGISTRY_AUTH_FILE) else 0
        found.insert(first, DockerConfig.of(text, DOCKER_AUTH_CONFIG, helpers=helpers, warn=warn))
    return found


def chosen_file(wanted: Wanted, registry: str) -> Path | None:
    """The file that our own names for a registry's credentials. Raises Unsupported where it names something else."""
    settings = wanted(registry)
    if settings is None or settings.credentials is None:
        return None
    kind, _, name = settings.credentials.partition(":")
    if kind != "file":
        raise Unsupported(
            f"{settings.sources['credentials']} has credentials = {settings.credentials!r} for {registry}",
            advice="there is no login to store; change that line, or name an --authfile",
        )
    return Path(name)


def paths(environment: Mapping[str, str]) -> tuple[Path, ...]:
    """The files, in order: that of REGISTRY_AUTH_FILE, containers', Docker's, and our helper's."""
    named = environment.get(REGISTRY_AUTH_FILE)
    runtime = environment.get("XDG_RUNTIME_DIR")
    folder = Path(runtime) / "containers" if runtime else Path(f"/run/containers/{os.getuid()}")
    configured = _folder(environment, "XDG_CONFIG_HOME", ".config") / "containers" / "auth.json"
    found = [folder / "auth.json", configured, default_path(environment), old_path(environment)]
    return (*([Path(named)] if named else []), *found, own_path(environment))


def old_path(environment: Mapping[str, str]) -> Path:
    """Where Docker kept it before there was a folder for it; it is read and not written."""
    return home(environment) / ".dockercfg"


def own_path(environment: Mapping[str, str]) -> Path:
    """Where `docker-credential-pratique` keeps what it is given: `$XDG_DATA_HOME/pratique/credentials.json`."""
    return _folder(environment, "XDG_DATA_HOME", ".local/share") / "pratique" / "credentials.json"


def login_path(environment: Mapping[str, str], key: str) -> Path:
    """The file that a login for `registry` or `registry/path` is stored in.

    That is the first that has one for this very key, then that of REGISTRY_AUTH_FILE, then Docker's, which every tool reads.
    """
    named = environment.get(REGISTRY_AUTH_FILE)
    kept = (path for path in holding(environment, key) if path not in (own_path(environment), old_path(environment)))
    return next(kept, Path(named) if named else default_path(environment))


def holding(environment: Mapping[str, str], key: str) -> Iterator[Path]:
    """The files that have an entry or a helper for this very key; what cannot be read has none."""
    for path in paths(environment):
        with contextlib.suppress(InvalidInput):
            if DockerConfig.at(path).has(key):
                yield path


def home(environment: Mapping[str, str]) -> Path:
    return Path(environment.get("HOME") or Path.home())


def _folder(environment: Mapping[str, str], variable: str, usual: str) -> Path:
    folder = environment.get(variable)
    return Path(folder) if folder else home(environment) / usual


def sharing(environment: Mapping[str, str]) -> Helpers:
    """Helpers that all documents share, so that each is asked once; none where we are asked as a helper by one."""
    known: dict[str, Helper] = {}

    def helper(name: str, named_by: str) -> Helper | None:
        from .helper import GUARD

        if name == OWN_HELPER or GUARD in environment:
            return None
        if name not in known:
            known[name] = start_helper(name, named_by)
        return known[name]

    return helper
