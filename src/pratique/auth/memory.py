"""What an authenticator remembers of a registry: which permission worked where. It saves requests and decides nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ..http.message import Request
from ..http.origin import Origin
from ..spec import endpoints
from ..spec.endpoints import Endpoint
from ..values import field, record
from .challenge import Challenge
from .proof import Proof
from .scopes import ScopeSet


class Space(NamedTuple):
    """A protection space (RFC 9110 §11.5): one repository of one origin, or one path outside of any."""

    origin: Origin
    name: str


@record
class Memory:
    """The last permission that was good for a space.

    `needs` are the scopes that worked, by what was done and what the operation itself asked for.
    """

    proof: Proof
    needs: dict[tuple[str, ScopeSet], ScopeSet] = field(default_factory=dict)


class Memories:
    """Everything remembered, by space and by origin. Safe to share among threads: each step is one of a dict's own."""

    def __init__(self) -> None:
        self._spaces: dict[Space, Memory] = {}
        self._variants: dict[tuple[Origin, str], frozenset[str]] = {}
        self.realms: dict[Origin, Origin] = {}  # where each registry's identity tokens were sent
        self.withheld: dict[Origin, tuple[Challenge, ...]] = {}  # what `/v2/` answered, where it had to be asked

    def of(self, space: Space) -> Memory | None:
        return self._spaces.get(space)

    def learn(self, space: Space, request: Request, intent: ScopeSet, proof: Proof) -> None:
        """Keep what got a request answered."""
        memory = self._spaces.setdefault(space, Memory(proof))
        memory.proof = proof
        if proof.token is not None:
            memory.needs[activity(request.method), intent] = proof.scopes

    def learn_variant(self, origin: Origin, endpoint: Endpoint, scopes: ScopeSet) -> None:
        """Keep which of an end-point's usual actions this registry wanted."""
        self._variants[origin, endpoint.id] = scopes.actions

    def conventional(self, origin: Origin, endpoint: Endpoint, parameters: Mapping[str, str]) -> list[ScopeSet]:
        """The scopes that are usual for an end-point, in the order to try them; what worked at this registry first."""
        resource = endpoint.resource.format_map(parameters)
        usual = [ScopeSet.of(resource, actions) for actions in endpoint.actions]
        worked = self._variants.get((origin, endpoint.id))
        return sorted(usual, key=lambda scopes: scopes.actions != worked)


def space_of(request: Request, intent: ScopeSet) -> tuple[Space, str | None]:
    """The protection space of a request, and its repository; an upload's own URL has only the operation's word for it."""
    path = request.path
    repository = endpoints.repository_of(path) or _written_repository(intent)
    return Space(request.origin, repository or path), repository


def activity(method: str) -> str:
    """Reading is one activity, whichever of its two methods is used."""
    return "read" if method in ("GET", "HEAD") else method


def _written_repository(intent: ScopeSet) -> str | None:
    for scope in intent.scopes():
        kind, _, rest = scope.partition(":")
        if kind == "repository" and ":" in rest:
            return rest.rpartition(":")[0]
    return None
