"""Which registries a command's references are read from and written to, as `registries.conf` says."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..auth.scopes import ScopeSet
from ..config import own
from ..config.dropins import Places, is_mute
from ..config.hosts import origin_of
from ..errors import InvalidInput, NotFound
from ..http.events import Observer
from ..http.origin import Origin
from ..http.session import Session
from ..spec.manifest import MOST_MANIFEST_BYTES
from ..spec.reference import Reference
from ..stores.events import Routed
from ..stores.registry import Repository
from .output import Output

if TYPE_CHECKING:
    from ..config.registries import RegistriesConf
    from ..config.rules import Endpoint
    from ..stores.mirrored import Mirrored
    from ..stores.uploading import UploadOptions

NONE: Final = "none"  # in place of a file: no rules


class Routes:
    """The rules of one command, and the hosts that these mark as insecure as far as the command goes to them."""

    def __init__(self, option: str | None = None) -> None:
        self._option = option
        self._conf: RegistriesConf | None = None
        self._looked = False
        self._insecure: dict[str, bool] = {}

    def load(self, output: Output, *, names: bool = False) -> RegistriesConf | None:
        """The rules, read once, and with `names` what short names mean; None where there are none.

        Raises InvalidInput, naming file and key.
        """
        if self._option != NONE and self._conf is None and (names or not self._looked):
            self._looked = True
            places = Places.only(Path(self._option)) if self._option else Places.usual(os.environ)
            if names or places.named or not all(map(is_mute, places.files())):
                from ..config.registries import RegistriesConf

                self._conf = RegistriesConf.load(places, output.warn)
        return self._conf

    def is_insecure(self, origin: Origin) -> bool:
        """Whether the command goes to this host only where that is marked as insecure."""
        return self._insecure.get(origin.netloc, False)

    def reading(self, reference: Reference, beside: Reference | None, tell: Observer) -> tuple[Reference, ...]:
        """Where the content of a reference is read, in order. Raises Refused, InvalidInput."""
        if self._conf is None:
            return (reference,)
        endpoints = self._conf.routes.endpoints(reference)
        if beside is not None and endpoints[-1].reference.endpoint == beside.endpoint:
            endpoints = endpoints[-1:]
        rule = self._conf.routes.find(reference)
        if rule is not None:
            places = tuple(_described(endpoint) for endpoint in endpoints)
            tell(Routed(reference.place, places, str(rule)))
        return tuple(self._going_to(endpoint) for endpoint in endpoints)

    def writing(self, reference: Reference) -> Reference:
        """Where a reference is written: the very registry that it names. Raises Refused, InvalidInput."""
        return reference if self._conf is None else self._going_to(self._conf.routes.named(reference))

    def _going_to(self, endpoint: Endpoint) -> Reference:
        """The reference of an endpoint, whose host is from now on reached as it says. Raises InvalidInput."""
        origin = origin_of(endpoint.reference.registry)
        known = self._insecure.setdefault(origin.netloc, endpoint.insecure)
        if known != endpoint.insecure and not origin.is_loopback:
            raise InvalidInput(
                f"{origin.netloc} is insecure for one part of this command and not for another",
                advice="mark the whole host in registries.conf, or divide the command",
            )
        return endpoint.reference


def of(arguments: argparse.Namespace) -> Routes:
    """The routes of a command: the same for all that are asked for with the same arguments, or copies of them."""
    if "routes" not in arguments:
        arguments.routes = Routes(arguments.registries_conf)
    found: Routes = arguments.routes
    return found


def read(
    arguments: argparse.Namespace,
    session: Session[ScopeSet],
    reference: Reference,
    tell: Observer,
    *,
    beside: Reference | None = None,
) -> Repository | Mirrored:
    """The repository that a reference is in, as it is read: by its mirrors, and where it really is.

    Where what is read is written to a repository `beside` it, on the same registry, no mirror is asked: content is had there
    without moving it. Raises Refused where the reference is blocked.
    """
    places = of(arguments).reading(reference, beside, tell)
    sources = [Repository.at(session, place, most_manifest_bytes=_most(arguments)) for place in places]
    if len(sources) == 1:
        return sources[0]
    from ..stores.mirrored import Mirrored

    return Mirrored(sources, tell)


def write(
    arguments: argparse.Namespace, session: Session[ScopeSet], reference: Reference, *, pushes: bool = False
) -> Repository:
    """The repository that a reference is in, as it is written; who `pushes` goes on with uploads of earlier runs.

    Raises Refused where the reference is blocked.
    """
    place = of(arguments).writing(reference)
    uploads = _uploads(getattr(arguments, "chunk_size", None) or chunk_size(place.registry)) if pushes else None
    return Repository.at(session, place, most_manifest_bytes=_most(arguments), uploads=uploads)


def visit(arguments: argparse.Namespace, registry: str, namespace: str = "") -> None:
    """Go to a registry itself, or to a namespace of it. Raises Refused where that is blocked."""
    of(arguments).writing(Reference(registry, namespace))


def attempt(
    arguments: argparse.Namespace,
    session: Session[ScopeSet],
    reference: Reference,
    action: str,
    name: str | None,
    tell: Observer,
) -> str:
    """Make the request that shows whether `action` is permitted, as `permission.attempt`: to pull, where it is read.

    Mirrors are asked in turn for a name; a list of tags, where no `name` is given, is none of their affairs.
    """
    from ..stores import permission
    from ..stores.turns import Turns

    if action != permission.PULL:
        return permission.attempt(session, write(arguments, session, reference), action, name)
    places = of(arguments).reading(reference, None, tell)
    turns = Turns([Repository.at(session, place) for place in places], tell)

    def pulled(source: Repository) -> str:
        verdict = permission.attempt(session, source, action, name)
        if verdict == permission.MISSING and source is not turns.last:
            raise NotFound(f"there is no {name} in {source}")
        return verdict

    return turns.first(pulled)[0] if name else pulled(turns.last)


def _most(arguments: argparse.Namespace) -> int:
    return arguments.max_manifest or MOST_MANIFEST_BYTES


def chunk_size(registry: str) -> int | None:
    """Bytes of an upload in one request, as our own file has it for a registry."""
    wanted = own.load(os.environ)(registry)
    return wanted.chunk_size if wanted else None


def _uploads(chunk: int | None) -> UploadOptions:
    from ..stores import uploading
    from ..stores.sessions import KeptSessions, default_folder

    return uploading.UploadOptions(chunk, KeptSessions(default_folder(os.environ)))


def _described(endpoint: Endpoint) -> str:
    words = [word for word, holds in (("mirror", endpoint.is_mirror), ("insecure", endpoint.insecure)) if holds]
    return f"{endpoint.reference.place} ({', '.join(words)})" if words else endpoint.reference.place
