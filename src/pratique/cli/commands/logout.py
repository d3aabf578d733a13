"""Forget stored credentials, wherever they are found."""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from ...config import own, pins
from ...config.docker import DockerConfig, default_path
from ...config.logins import Logins
from ...config.sources import DOCKER_AUTH_CONFIG, REGISTRY_AUTH_FILE, chosen_file, paths
from ...errors import InvalidInput, NotFound
from ...spec.reference import is_registry, parse_registry
from .. import options
from ..output import Output
from .login import split

EXAMPLES = """examples:
  pratique logout registry.example.com
  pratique logout registry.example.com/team
  pratique logout --all --authfile auth.json"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("registry", metavar="HOST[/NAMESPACE]", nargs="?", help="what the credential is for")
    parser.add_argument("--all", action="store_true", help="forget every credential of the file that login stores in")
    parser.add_argument("--authfile", metavar="FILE", default=argparse.SUPPRESS, help="look into this file only")
    options.add_global(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, output: Output) -> None:
    if arguments.all == (arguments.registry is not None):
        raise InvalidInput("logout takes either HOST[/NAMESPACE] or --all")
    given = Path(arguments.authfile) if arguments.authfile else None
    if arguments.all:
        _forget_all(output, given)
        return
    registry, namespace = split(arguments.registry)
    key = f"{registry}/{namespace}" if namespace else registry
    removed = Logins(given).erase(key, output.warn) if given else _erase_everywhere(output.warn, key)
    if not removed:
        where = given or "this machine"
        raise NotFound(f"{where} has no credential for {arguments.registry}")
    if not namespace:
        pins.Pins(pins.default_path(os.environ)).note(registry, None)
    if output.as_json:
        output.document({"registry": registry, "removed": list(removed)})
    for place in removed if not output.as_json else ():
        output.line(f"removed from {place}")


def _erase_everywhere(warn: Callable[[str], None], key: str) -> tuple[str, ...]:
    """Erase from every file; the first thing that went wrong is the error where nothing could be removed."""
    removed: list[str] = []
    troubles: list[InvalidInput] = []
    for path in _files(key):
        try:
            removed += Logins(path).erase(key, warn)
        except InvalidInput as error:
            troubles.append(error)
    if troubles and not removed:
        raise troubles[0]
    for trouble in troubles:
        warn(str(trouble))
    text = os.environ.get(DOCKER_AUTH_CONFIG)
    if text and DockerConfig.of(text, DOCKER_AUTH_CONFIG).has(key):
        warn(f"{DOCKER_AUTH_CONFIG} has a credential for {key}, which stays there")
    return tuple(removed)


def _files(key: str) -> tuple[Path, ...]:
    """The file that our own names for the registry, or else all."""
    chosen = chosen_file(own.load(os.environ), key.partition("/")[0])
    return (chosen,) if chosen else paths(os.environ)


def _forget_all(output: Output, given: Path | None) -> None:
    path = given or Path(os.environ.get(REGISTRY_AUTH_FILE) or default_path(os.environ))
    removed = Logins(path).clear(output.warn)
    note = pins.Pins(pins.default_path(os.environ)).note
    for registry in filter(is_registry, removed):
        note(parse_registry(registry), None)
    if output.as_json:
        output.document({"file": str(path), "removed": list(removed)})
        return
    for key in removed:
        output.line(f"removed {key} from {path}")
    if not removed:
        output.note(f"{path} has no credentials")
    if not given:
        _tell_of_others(output, path)


def _tell_of_others(output: Output, cleared: Path) -> None:
    """Say which files have logins yet: nobody is to believe that they are gone."""
    for path in paths(os.environ):
        with contextlib.suppress(InvalidInput):
            if path != cleared and DockerConfig.at(path).keys():
                output.note(f"{path} has logins, too: pratique logout --all --authfile {path}")
