"""Registries as one program and one identity see them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ..auth.authenticator import Authenticator
from ..auth.scopes import ScopeSet
from ..http.session import Session
from ..http.transport import HttpTransport
from ..spec.reference import Reference, endpoint_of, parse_registry
from ..stores.registry import Registry
from ..stores.registry import Repository as Remote
from ..values import replace
from .machine import Stored
from .network import reaches
from .repository import Repository
from .routes import Routes

if TYPE_CHECKING:
    from ..auth.credentials import Credentials
    from ..auth.realms import RealmPolicy
    from ..http.message import Transport
    from ..http.origin import Origin
    from ..http.reach import Reach
    from ..stores.base import Source
    from ..stores.mirrored import Mirrored
    from ..stores.uploading import UploadOptions
    from .connection import Settings
    from .explanation import Explanation, Permission


class Registries:
    """Every registry there is, as one identity reaches it; `connect` makes it, and `close` or the end of a `with` ends it.

    Connections, tokens and what was learnt of each registry are kept and shared. Safe to share among threads; a `with` block
    that an exception leaves cancels whatever is under way at once.
    """

    def __init__(self, settings: Settings, routes: Routes | None = None) -> None:
        self.settings = settings
        self.machine = settings.machine
        self.routes = routes or Routes(self.machine)
        told = settings.credentials
        self.credentials: Credentials = Stored(self.machine, strict=settings.strict) if told is None else told
        authenticator = Authenticator(
            self.credentials,
            policy=self._realms,
            strict=settings.strict,
            eager=settings.eager,
            clock=settings.clock,
            tell=settings.tell,
        )
        self.machine.rules()  # what is wrong with them is said before anything is asked
        self._reaches = reaches(settings, self.routes)
        self.session: Session[ScopeSet] = Session(
            self._transport(),
            authenticator,
            reaches=self._reaches,
            tell=settings.tell,
            clock=settings.clock,
            sleep=settings.sleep,
        )
        self._timer = _timer(settings.timeout, self.session)

    def _transport(self) -> Transport:
        settings = self.settings
        if settings.transport is not None:
            return settings.transport
        if settings.carrier is not None:
            return settings.carrier(self._reaches, settings.clock)
        return HttpTransport(self._reaches, clock=settings.clock)

    def _realms(self) -> RealmPolicy:
        """Which token services may be asked; wanted where a registry first asks who somebody is."""
        from ..auth.realms import RealmPolicy
        from ..config import pins

        pinned = pins.Pins(pins.default_path(self.machine.environ)).load() if self.settings.pinned else {}
        overrides = {endpoint_of(host): url for host, url in self.settings.token_services.items()}
        return RealmPolicy(overrides=overrides, pinned=pinned)

    def __enter__(self) -> Registries:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.cancel("the program is ending")
        self.close()

    def cancel(self, reason: str) -> None:
        """Fail everything under way and to come with `reason`, at once, by Unreachable."""
        self.session.cancel(reason)

    def close(self) -> None:
        """Close the connections; it may be called again. Whatever is asked afterwards fails with Unreachable."""
        if self._timer is not None:
            self._timer.cancel()
        self.session.close()

    def alike(self, **changes: Any) -> Registries:
        """The same of the same machine but for some fields of the settings: another identity, another observer."""
        return Registries(replace(self.settings, **changes), self.routes)

    # What there is

    def repository(self, name: str | Reference) -> Repository:
        """The repository that a reference is in; nothing is asked of anybody. Raises InvalidReference."""
        return Repository(self, name if isinstance(name, Reference) else Reference.parse(name))

    def repositories(self, registry: str, *, page_size: int | None = None) -> Iterator[str]:
        """The names of a registry's repositories, page by page as they are wanted, `page_size` a page where it takes that.

        Not in the specification; many registries have it as `/v2/_catalog`. Raises InvalidReference, Refused, Unsupported,
        NotFound, Misbehaved, Unreachable.
        """
        name = parse_registry(registry)
        self.visit(Reference(name, ""))
        return Registry(self.session, name).repositories(limit=page_size)

    def meant(self, text: str) -> Reference:
        """What a reference means that names no registry, by the aliases and search lists of `registries.conf`.

        Where several registries are to be searched they are asked, in order. A reference with a registry is itself. Raises
        InvalidInput, NotFound.
        """
        from .shortnames import meant

        return meant(self, text)

    # Permission

    def explain(self, reference: str | Reference, action: str = "pull") -> Explanation:
        """Make a request that shows whether "pull", "push" or "delete" is permitted, and changes nothing; and tell all about it.

        A refusal is part of the explanation, and so is every other error of the request. Raises InvalidInput.
        """
        from .explanation import explain

        return explain(self, reference, action)

    def permit(self, repository: str | Reference, *actions: str) -> Permission:
        """A token for other tools, for "pull", "push" and "delete"; or what else the registry takes as permission.

        Raises Refused, Unreachable, Misbehaved, InvalidInput, and NotFound where no permission is asked for.
        """
        from .explanation import permit

        return permit(self, repository, actions or ("pull",))

    # Stores, for whoever copies

    def source(self, reference: Reference, *, beside: Reference | None = None) -> Remote | Mirrored:
        """The repository that a reference is in, as it is read: by its mirrors, and where it really is.

        Where what is read is written to a repository `beside` it, on the same registry, no mirror is asked. Raises Refused where
        the reference is blocked.
        """
        most = self.settings.most_manifest_bytes
        places = self.routes.reading(reference, beside, self.settings.tell)
        sources = [Remote.at(self.session, place, most_manifest_bytes=most) for place in places]
        if len(sources) == 1:
            return sources[0]
        from ..stores.mirrored import Mirrored

        return Mirrored(sources, self.settings.tell)

    def target(self, reference: Reference, *, pushes: bool = False, beside: Source | None = None) -> Remote:
        """The repository that a reference is in, as it is written; who `pushes` goes on with uploads of earlier runs.

        Where what is pushed comes from a repository `beside` it, on the same registry, one token is asked for that is good for
        both. Raises Refused where the reference is blocked.
        """
        place = self.routes.writing(reference)
        uploads = self._uploads(place.registry) if pushes else None
        most = self.settings.most_manifest_bytes
        return Remote.at(self.session, place, most_manifest_bytes=most, uploads=uploads, beside=beside)

    def visit(self, reference: Reference) -> None:
        """Go to a registry itself, or to a namespace of it. Raises Refused where that is blocked."""
        self.routes.writing(reference)

    def reach(self, origin: Origin) -> Reach:
        """How the server at an origin is reached. Raises InvalidInput, Unsupported for what the machine has for it."""
        return self._reaches(origin)

    def _uploads(self, registry: str) -> UploadOptions:
        from ..stores import uploading
        from ..stores.sessions import KeptSessions, default_folder

        chunk = self.settings.chunk_size or self.machine.chunk_size(registry)
        kept = KeptSessions(default_folder(self.machine.environ)) if self.machine.has_home else None
        return uploading.UploadOptions(chunk, kept)


def _timer(seconds: float | None, session: Session[ScopeSet]) -> threading.Timer | None:
    if seconds is None:
        return None
    timer = threading.Timer(seconds, session.cancel, [f"the time-out of {seconds:g} s has passed"])
    timer.daemon = True
    timer.start()
    return timer
