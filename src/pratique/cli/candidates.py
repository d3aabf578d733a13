"""What may stand for an argument that is being typed: registries, repositories, tags, files.

A registry is asked as any command would ask it, with what the line says so far and the logins of this machine, for at most
SECONDS. Whatever goes wrong, there is nothing to choose from and not a word.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Final

from ..errors import InvalidReference
from ..spec.reference import DEFAULT_REGISTRY, Reference, is_registry
from ..stores.base import Lists
from ..stores.locations import DIRECTORY, FILES, REGISTRY, Location, open_source
from . import options

if TYPE_CHECKING:
    from ..client.registries import Registries

SECONDS: Final = 2.0  # that a registry is waited for
MOST_NAMES: Final = 10_000  # of a registry or repository, to choose from

_SCHEME: Final = f"{REGISTRY}://"


def nothing(**_: object) -> Iterable[str]:
    return ()


def registries(*, prefix: str, **_: object) -> Iterable[str]:
    """The registries that this machine has logins for."""
    from ..config.docker import DockerConfig
    from ..config.sources import paths as logins

    found: set[str] = set()
    for path in logins(os.environ):
        with suppress(Exception):
            keys = DockerConfig.at(path).keys()
            found.update(key.partition("/")[0] for key in keys if "://" not in key)
    return sorted(name for name in found if is_registry(name) and name.startswith(prefix))


def repositories(*, prefix: str, parsed_args: argparse.Namespace, **_: object) -> Iterable[str]:
    """Repositories of the registry that stands before the first slash; without one, the registries. Or paths of files."""
    if options.is_file(prefix):
        return _in_files(prefix)
    scheme, text = _divide(prefix)
    registry, slash, begun = text.partition("/")
    if not slash:
        return [f"{scheme}{name}/" for name in registries(prefix=registry)]
    if _registry(registry) == DEFAULT_REGISTRY:  # Docker Hub has no catalogue
        return []
    found = within(SECONDS, lambda: _catalogue(parsed_args, registry))
    return [f"{scheme}{registry}/{name}" for name in found if name.startswith(begun)]


def references(*, prefix: str, parsed_args: argparse.Namespace, **_: object) -> Iterable[str]:
    """Tags of the repository that stands before a colon; without one, repositories, each with a colon. Or paths of files."""
    if options.is_file(prefix):
        return _in_files(prefix)
    scheme, text = _divide(prefix)
    place, colon, _tag = text.rpartition(":")
    if "@" in text:
        return []
    if colon and "/" in place:
        return [f"{scheme}{place}:{tag}" for tag in within(SECONDS, lambda: _tags(parsed_args, place))]
    found = repositories(prefix=prefix, parsed_args=parsed_args)
    return [name if name.endswith("/") else f"{name}:" for name in found]


def tags(*, parsed_args: argparse.Namespace, **_: object) -> Iterable[str]:
    """The tags of the repository or layout that the command names: a further name is often one that moves."""
    named = getattr(parsed_args, "reference", None)
    if named and options.is_file(named):
        return [*_listed(named)]
    return within(SECONDS, lambda: _tags(parsed_args, named)) if named else []


def locations(*, prefix: str, parsed_args: argparse.Namespace, action: argparse.Action, **_: object) -> Iterable[str]:
    """References, and the files that `copy` takes."""
    kinds = [f"{kind}:" for kind in FILES if kind.startswith(prefix)]
    side = options.side(parsed_args, "src" if action.metavar == "SRC" else "dest")
    return [*kinds, *references(prefix=prefix, parsed_args=side)]


def paths(*, prefix: str, **_: object) -> Iterable[str]:
    """Files and folders, each folder with its slash."""
    shown, slash, begun = prefix.rpartition("/")
    folder = Path(f"{shown}{slash}" or ".").expanduser()
    with suppress(OSError):
        entries = sorted(folder.iterdir())
        names = [f"{entry.name}/" if entry.is_dir() else entry.name for entry in entries]
        return [
            f"{shown}{slash}{name}" for name in names if name.startswith(begun) and (begun or not name.startswith("."))
        ]
    return []


def folders(*, prefix: str, **_: object) -> Iterable[str]:
    return [path for path in paths(prefix=prefix) if path.endswith("/")]


def _registry(text: str) -> str:
    """The registry that a reference with this first component has."""
    with suppress(InvalidReference):
        return Reference.parse(f"{text}/name").registry
    return DEFAULT_REGISTRY


def _divide(prefix: str) -> tuple[str, str]:
    return (_SCHEME, prefix.removeprefix(_SCHEME)) if prefix.startswith(_SCHEME) else ("", prefix)


def _in_files(prefix: str) -> Iterable[str]:
    """Paths behind a kind of store, and the names in what is there."""
    kind, _, rest = prefix.partition(":")
    return [f"{kind}:{path}" for path in (*paths(prefix=rest), *_names(prefix))]


def _names(prefix: str) -> Iterator[str]:
    """The names in a layout or archive whose path is complete, behind the path."""
    kind, _, rest = prefix.partition(":")
    path, colon, begun = rest.rpartition(":")
    if not colon or kind == DIRECTORY:
        return
    yield from (f"{path}:{name}" for name in _listed(f"{kind}:{path}") if name.startswith(begun))


def _listed(place: str) -> Iterator[str]:
    """The names in a layout or archive."""
    with suppress(Exception), open_source(Location.parse(place)) as source:
        if isinstance(source, Lists):
            yield from source.tags()


def _catalogue(arguments: argparse.Namespace, registry: str) -> Iterator[str]:
    with _connected(arguments, registry) as registries:
        yield from islice(registries.repositories(registry), MOST_NAMES)


def _tags(arguments: argparse.Namespace, place: str) -> Iterator[str]:
    reference = Reference.parse(place)
    with _connected(arguments, reference.registry) as registries:
        yield from islice(registries.repository(reference).tags(), MOST_NAMES)


def _connected(arguments: argparse.Namespace, registry: str) -> Registries:
    from .connect import connected  # most words are no names at a registry
    from .output import Output

    return connected(arguments, Output(quiet=True), [registry])


def within(seconds: float, find: Callable[[], Iterable[str]]) -> list[str]:
    """What is found in so long, or until the search fails."""
    found: list[str] = []

    def search() -> None:
        with suppress(Exception):
            for each in find():
                found.append(each)  # one by one: what has come in time counts

    searching = Thread(target=search, daemon=True)
    searching.start()
    searching.join(seconds)
    return [*found]
