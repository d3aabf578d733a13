"""Who may do what: users, rules over repositories, and the ways in which refusals are spoken.

What `anonymous` may, every user may. With the scheme "bearer" the anonymous need a token, too, as on Docker Hub.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from ...auth.challenge import BASIC, BEARER
from ...auth.scopes import ScopeSet
from ...auth.secret import Secret
from ...errors import InvalidInput
from ...values import field, frozen
from . import htpasswd

ANONYMOUS: Final = "anonymous"
ACTIONS: Final = frozenset({"pull", "push", "delete"})
CATALOG: Final = "registry:catalog"
EVERYTHING: Final = "*"
OPEN, CLOSED = "open", "closed"
NAME: Final = "pratique"  # what the registry calls itself where nothing else is said
ES256, EDDSA = "ES256", "EdDSA"
LONGEST_ROTATION: Final = 3650  # days


@frozen
class Rule:
    """What the users in `allow` may do with the repositories whose whole name fits `pattern`."""

    pattern: str
    allow: Mapping[str, frozenset[str]]

    def actions(self, user: str, repository: str) -> frozenset[str]:
        """What the rule allows a user, or the anonymous, in a repository."""
        if not fnmatchcase(repository, self.pattern):
            return frozenset()
        nothing: frozenset[str] = frozenset()
        return self.allow.get(user, nothing) | self.allow.get(ANONYMOUS, nothing)


@frozen(kw_only=True)
class Tokens:
    """What the token service says in tokens, and how it signs them; `life` in seconds, `rotate` in days, 0 for never.

    An empty realm is derived from each request. `x5c` puts the certificate into tokens for others (RFC 7515 §4.1.6).
    """

    realm: str = ""
    service: str = NAME
    others: tuple[str, ...] = ()
    issuer: str = NAME
    life: int = 300
    algorithm: str = ES256
    rotate: int = 0
    x5c: bool = True


@frozen(kw_only=True)
class Access:
    """Who may do what. Raises InvalidInput for values that make no sense together.

    The passwords of `users` are plain words or hashes by bcrypt. `files` are those that all this was read from.
    """

    scheme: str = BASIC
    ping: str = ""
    refusal: int = 401
    users: Mapping[str, Secret] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    catalog: tuple[str, ...] | None = None
    tokens: Tokens = Tokens()
    files: tuple[Path, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        _check("scheme", self.scheme, (BASIC, BEARER))
        _check("ping", self.ping, ("", OPEN, CLOSED))
        _check("refusal", self.refusal, (401, 403))
        for user, password in self.users.items():
            htpasswd.check_name(user)
            if user == ANONYMOUS:
                raise InvalidInput(f"{user!r} cannot be a user's name")
            htpasswd.check_hash(user, password)
        known = {*self.users, ANONYMOUS}
        for name in (*(user for rule in self.rules for user in rule.allow), *(self.catalog or ())):
            _check("user", name, known)
        for action in (action for rule in self.rules for actions in rule.allow.values() for action in actions):
            _check("action", action, ACTIONS)
        if self.tokens.life < 1:
            raise InvalidInput("the life of a token is at least one second")
        _check("algorithm", self.tokens.algorithm, (ES256, EDDSA))
        if not 0 <= self.tokens.rotate <= LONGEST_ROTATION:
            raise InvalidInput(f"rotate: {self.tokens.rotate} days are not 0 to {LONGEST_ROTATION}")

    @classmethod
    def of_htpasswd(cls, path: Path) -> Access:
        """Everything for every user of a file of htpasswd, by Basic. Raises InvalidInput, naming the file and the line."""
        return cls(users=htpasswd.load(path), files=(path,))

    @property
    def is_ping_open(self) -> bool:
        """Whether `/v2/` answers 200 to everybody."""
        return self.ping == OPEN or (self.ping != CLOSED and not self.users)

    @property
    def is_open(self) -> bool:
        """Whether everybody may do everything."""
        return not self.users and not self.rules

    def permitted(self, user: str, asked: ScopeSet) -> ScopeSet:
        """What a user may of what is asked. `*` asks for every action on a repository."""
        found = (self._granted(user, resource, action) for resource, action in asked.permissions)
        return ScopeSet(frozenset(permission for granted in found for permission in granted))

    def actions(self, user: str, repository: str) -> frozenset[str]:
        """What a user may do in a repository."""
        if not self.rules:
            return ACTIONS if self._is_insider(user) else frozenset()
        return frozenset(action for rule in self.rules for action in rule.actions(user, repository))

    def _granted(self, user: str, resource: str, action: str) -> Iterable[tuple[str, str]]:
        if resource == CATALOG:
            return [(resource, action)] if action == EVERYTHING and self._may_list(user) else []
        kind, _, repository = resource.partition(":")
        if kind != "repository":
            return []
        held = self.actions(user, repository)
        return [(resource, each) for each in held if action in (each, EVERYTHING)]

    def _may_list(self, user: str) -> bool:
        if self.catalog is None:
            return self._is_insider(user)
        return user in self.catalog or ANONYMOUS in self.catalog

    def _is_insider(self, user: str) -> bool:
        return user != ANONYMOUS or not self.users


def _check(what: str, value: object, known: Iterable[object]) -> None:
    if value not in known:
        raise InvalidInput(
            f"{what}: {value!r} is not one of {', '.join(repr(each) for each in sorted(known, key=str) if each)}"
        )
