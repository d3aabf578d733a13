"""Why a request is permitted or refused: its conversation, performed and kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from ..auth.credentials import Look
from ..auth.events import CredentialSought, TokenAsked
from ..auth.scopes import repository_scopes
from ..auth.secret import Secret
from ..errors import Error, InvalidInput, NotFound
from ..http.events import Event
from ..http.message import Request
from ..spec import endpoints
from ..spec.reference import Reference
from ..stores import permission
from ..stores.registry import Repository
from ..values import field, frozen
from .machine import Stored

if TYPE_CHECKING:
    from .registries import Registries


@frozen
class Explanation:
    """The conversation about one request.

    `events` are its steps; `verdict` says in words what came of it, or `error` does. `looks` has, for each search for a
    credential, what each place of the machine has.
    """

    reference: Reference
    action: str
    events: tuple[Event, ...]
    verdict: str
    error: Error | None = field(default=None, compare=False)
    looks: Mapping[CredentialSought, tuple[Look, ...]] = field(default_factory=dict, hash=False)

    @property
    def permitted(self) -> bool:
        """Whether the request was permitted."""
        return self.error is None


@frozen
class Permission:
    """What a registry takes as permission: the scheme (`Bearer`, `Basic`) and the secret, and the scopes asked for."""

    scheme: str
    secret: Secret
    scopes: tuple[str, ...]


def explain(registries: Registries, text: str | Reference, action: str) -> Explanation:
    """Make the request that shows whether `action` is permitted, and keep what was said about it."""
    reference = Reference.parse(text) if isinstance(text, str) else text
    name = reference.name if reference.tag or reference.digest else None
    known = _known(action)
    events: list[Event] = []
    error: Error | None = None
    verdict = ""
    with registries.alike(tell=events.append) as explained:
        try:
            verdict = _attempt(explained, reference, known, name)
        except Error as failed:
            error = failed
    return Explanation(reference, action, tuple(events), verdict, error, _looks(explained, events))


def permit(registries: Registries, text: str | Reference, actions: Iterable[str]) -> Permission:
    """Get a permission for some actions, as the registry's own challenges ask for it."""
    reference = Reference.parse(text) if isinstance(text, str) else text
    wanted = list(map(_known, actions))
    events: list[Event] = []
    with registries.alike(tell=events.append) as asked:
        target = asked.target(reference)
        hardest = max(wanted, key=permission.ACTIONS.index)
        permission.attempt(asked.session, target, hardest, wanted=repository_scopes(target.name, *wanted))
        header = asked.session.permission(Request("GET", target.url(endpoints.TAGS)))
    if header is None:
        raise NotFound(f"{reference.place} asks for no permission to {', '.join(wanted)}: there is no token to print")
    scheme, _, secret = header.partition(" ")
    scopes = (scope for event in events if isinstance(event, TokenAsked) for scope in event.scopes)
    return Permission(scheme, Secret(secret), tuple(scopes))


def _attempt(registries: Registries, reference: Reference, action: str, name: str | None) -> str:
    """The answer in words: to pull, where it is read.

    Mirrors are asked in turn for a name; a list of tags, where no `name` is given, is none of their affairs.
    """
    from ..stores.turns import Turns

    if action != permission.PULL:
        return permission.attempt(registries.session, registries.target(reference), action, name)
    tell = registries.settings.tell
    places = registries.routes.reading(reference, None, tell)
    turns = Turns([Repository.at(registries.session, place) for place in places], tell)

    def pulled(source: Repository) -> str:
        verdict = permission.attempt(registries.session, source, action, name)
        if verdict == permission.MISSING and source is not turns.last:
            raise NotFound(f"there is no {name} in {source}")
        return verdict

    return turns.first(pulled)[0] if name else pulled(turns.last)


def _known(action: str) -> str:
    if action not in permission.ACTIONS:
        raise InvalidInput(f"{action!r} is no action: known are {', '.join(permission.ACTIONS)}")
    return action


def _looks(registries: Registries, events: Iterable[Event]) -> Mapping[CredentialSought, tuple[Look, ...]]:
    credentials = registries.credentials
    if not isinstance(credentials, Stored):
        return {}
    sought = (event for event in events if isinstance(event, CredentialSought))
    return {event: credentials.looks(event.registry, event.repository) for event in sought}
