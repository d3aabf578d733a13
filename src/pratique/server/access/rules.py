"""Who may do what: users, rules over repositories, and the ways in which refusals are spoken.

A TOML file says it; every key may be left out, and an empty file, like none, opens everything to everybody:

```toml
scheme = "bearer"          # how clients prove who they are: "basic" (the default) or "bearer"
ping = "open"              # GET /v2/ answers everybody; "closed" is the default where there are users
refusal = 403              # for a token that does not cover a request: 403 or, the default, 401
catalog = ["alice"]        # who may list the repositories; every user where this is absent
htpasswd = "users"         # a file of further users as `htpasswd -B` writes it; relative to this one

[users]                    # names and passwords: plain words, or hashes by bcrypt
alice = "secret"

[[repositories]]           # what a user may is the sum of every rule whose pattern matches; without any rule, everything
pattern = "foo*"           # of the whole name; `*` also stands for `/`
allow = { alice = ["pull", "push", "delete"], anonymous = ["pull"] }

[tokens]                   # of the scheme "bearer"
realm = "https://registry.example/token"   # the token service's URL; by default where the client found the registry
service = "registry.example"               # what challenges and tokens call this registry; "pratique"
others = ["other.example"]                 # further registries that trust our tokens
issuer = "registry.example"                # "pratique"
life = 300                                 # seconds
algorithm = "ES256"                        # how tokens are signed; or "EdDSA"
rotate = 90                                # days after which another key signs; 0, the default, keeps the first
x5c = true                                 # whether tokens for `others` carry the key's certificate
```

What `anonymous` may, every user may. With the scheme "bearer" the anonymous need a token, too, as on Docker Hub.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

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
    def load(cls, path: Path) -> Access:
        """Read an access file. Raises InvalidInput, naming the file and the line or key."""
        try:
            document = tomllib.loads(path.read_text("utf-8"))
        except OSError as error:
            raise InvalidInput(f"{path}: cannot be read: {error.strerror}") from None
        except (ValueError, RecursionError) as error:  # of TOML and of UTF-8
            raise InvalidInput(f"{path}: {error}") from None
        try:
            found = _read(document, _KEYS, "")
            return cls(**_joined(found, path))
        except InvalidInput as error:
            raise InvalidInput(f"{path}: {error}", advice=error.advice()) from None

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


# --- The file: a table of keys, each with the field that it fills and the reader of its value

Reader = Callable[[Any, str], Any]


def _read(document: Mapping[str, Any], keys: Mapping[str, tuple[str, Reader]], where: str) -> dict[str, Any]:
    for key in document:
        if key not in keys:
            raise InvalidInput(f"unknown key {where + key!r}", advice=f"known are {', '.join(keys)}")
    return {keys[key][0]: keys[key][1](value, where + key) for key, value in document.items()}


def _expect(value: Any, kind: type, words: str, where: str) -> Any:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is int):
        raise InvalidInput(f"{where} is not {words}")  # never the value: it may be a password
    return value


def _text(value: Any, where: str) -> str:
    return str(_expect(value, str, "a text", where))


def _number(value: Any, where: str) -> int:
    return int(_expect(value, int, "a whole number", where))


def _truth(value: Any, where: str) -> bool:
    return bool(_expect(value, bool, "true or false", where))


def _texts(value: Any, where: str) -> tuple[str, ...]:
    return tuple(_text(each, f"{where}[{index}]") for index, each in enumerate(_expect(value, list, "a list", where)))


def _users(value: Any, where: str) -> dict[str, Secret]:
    table = _expect(value, dict, "a table of names and passwords", where)
    return {user: Secret(_text(password, f"{where}.{user}")) for user, password in table.items()}


def _joined(found: dict[str, Any], path: Path) -> dict[str, Any]:
    """The fields of an access, the users of both kinds together."""
    files = [path]
    if name := found.pop("htpasswd", None):
        files.append(path.parent / name)
        users = htpasswd.load(files[-1])
        for user in found.get("users", {}).keys() & users:
            raise InvalidInput(f"users.{user} stands in {name}, too")
        found["users"] = found.get("users", {}) | users
    return found | {"files": tuple(files)}


def _allow(value: Any, where: str) -> dict[str, frozenset[str]]:
    table = _expect(value, dict, "a table of users and lists of actions", where)
    return {user: frozenset(_texts(actions, f"{where}.{user}")) for user, actions in table.items()}


def _rules(value: Any, where: str) -> tuple[Rule, ...]:
    return tuple(_rule(each, f"{where}[{index}]") for index, each in enumerate(_expect(value, list, "a list", where)))


def _rule(value: Any, where: str) -> Rule:
    found = _read(_expect(value, dict, "a table", where), _RULE_KEYS, f"{where}.")
    for key in _RULE_KEYS:
        if key not in found:
            raise InvalidInput(f"{where} has no {key!r}")
    return Rule(**found)


def _tokens(value: Any, where: str) -> Tokens:
    return Tokens(**_read(_expect(value, dict, "a table", where), _TOKEN_KEYS, f"{where}."))


_RULE_KEYS: Final[Mapping[str, tuple[str, Reader]]] = {"pattern": ("pattern", _text), "allow": ("allow", _allow)}
_TOKEN_KEYS: Final[Mapping[str, tuple[str, Reader]]] = {
    "realm": ("realm", _text),
    "service": ("service", _text),
    "others": ("others", _texts),
    "issuer": ("issuer", _text),
    "life": ("life", _number),
    "algorithm": ("algorithm", _text),
    "rotate": ("rotate", _number),
    "x5c": ("x5c", _truth),
}
_KEYS: Final[Mapping[str, tuple[str, Reader]]] = {
    "scheme": ("scheme", _text),
    "ping": ("ping", _text),
    "refusal": ("refusal", _number),
    "htpasswd": ("htpasswd", _text),
    "users": ("users", _users),
    "repositories": ("rules", _rules),
    "catalog": ("catalog", _texts),
    "tokens": ("tokens", _tokens),
}
