"""Scopes of tokens (RFC 6749 §3.3; distribution's token scope documentation) as sets of opaque permissions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ..values import field, frozen

# Servers do not care for the order of actions; people read the usual one more easily.
_USUAL: Final = {"pull": 0, "push": 1, "delete": 2}


@frozen
class ScopeSet:
    """A set of permissions: pairs of a resource (`repository:library/nginx`) and one action.

    Nothing is read into either: an unknown action or a `*` is a name like any other, and a scope without the usual form is
    kept as it is, with an empty action.
    """

    permissions: frozenset[tuple[str, str]] = field(default_factory=frozenset)

    @classmethod
    def parse(cls, text: str) -> ScopeSet:
        """Read scopes separated by spaces, each `type:name:action,action` or opaque. Raises nothing."""
        return cls(frozenset(permission for scope in text.split() for permission in _permissions(scope)))

    @classmethod
    def of(cls, resource: str, actions: Iterable[str]) -> ScopeSet:
        """The permissions for some actions on one resource, for instance `repository:foo/bar`."""
        return cls(frozenset((resource, action) for action in actions))

    def covers(self, other: ScopeSet) -> bool:
        """Whether everything in `other` is also here."""
        return other.permissions <= self.permissions

    @property
    def actions(self) -> frozenset[str]:
        """The actions, whatever they are for."""
        return frozenset(action for _, action in self.permissions)

    def is_about_less_than(self, other: ScopeSet) -> bool:
        """Whether it is about some of the resources of `other`, and not about all."""
        return set[str]() < self._resources < other._resources

    @property
    def _resources(self) -> frozenset[str]:
        return frozenset(resource for resource, _ in self.permissions)

    def __or__(self, other: ScopeSet) -> ScopeSet:
        return ScopeSet(self.permissions | other.permissions)

    def __bool__(self) -> bool:
        return bool(self.permissions)

    def scopes(self) -> tuple[str, ...]:
        """The scopes in canonical order: what is written to first (a mount's target), then by name."""
        actions: dict[str, set[str]] = {}
        for resource, action in self.permissions:
            actions.setdefault(resource, set()).add(action)
        order = sorted(actions, key=lambda resource: ("push" not in actions[resource], resource))
        return tuple(scope for resource in order for scope in _format(resource, actions[resource]))

    def __str__(self) -> str:
        return " ".join(self.scopes())


NO_SCOPES: Final = ScopeSet()


def repository_scopes(repository: str, *actions: str) -> ScopeSet:
    """The permissions for some actions on a repository."""
    return ScopeSet.of(f"repository:{repository}", actions)


def _permissions(scope: str) -> list[tuple[str, str]]:
    resource, _, actions = scope.rpartition(":")
    named = [action for action in actions.split(",") if action]
    if ":" not in resource or not named:
        return [(scope, "")]
    return [(resource, action) for action in named]


def _format(resource: str, actions: set[str]) -> list[str]:
    named = sorted(actions - {""}, key=lambda action: (_USUAL.get(action, len(_USUAL)), action))
    opaque = [resource] if "" in actions else []
    return opaque + ([f"{resource}:{','.join(named)}"] if named else [])
