"""The file that says who may do what; every key may be left out, and an empty file, like none, opens everything to everybody:

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
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from ...auth.secret import Secret
from ...config.tables import Table
from ...errors import InvalidInput
from . import htpasswd
from .rules import LONGEST_ROTATION, Access, Rule, Tokens

LONGEST_LIFE: Final = 365 * 24 * 3600  # seconds of a token
_KEYS: Final = ("scheme", "ping", "refusal", "htpasswd", "users", "repositories", "catalog", "tokens")
_RULE_KEYS: Final = ("pattern", "allow")


def load(path: Path) -> Access:
    """Read an access file. Raises InvalidInput, naming the file and the line or key."""
    table = Table.load(path)
    if table is None:
        raise InvalidInput(f"{path}: there is no such file")
    table.check(_KEYS)
    users, files = _users(table)
    found = {key: read(table, key) for key, read in _READERS.items() if key in table.values}
    rules = tuple(map(_rule, table.tables("repositories")))
    tokens = _tokens(table.table("tokens"))
    try:
        return Access(**found, users=users, rules=rules, tokens=tokens, files=files)
    except InvalidInput as error:
        raise InvalidInput(f"{path}: {error}", advice=error.advice()) from None


def _users(table: Table) -> tuple[Mapping[str, Secret], tuple[Path, ...]]:
    """The users of both kinds together, and the files that they stand in."""
    written = table.table("users")
    users = {name: Secret(written.text(name)) for name in written.values}
    name = table.text("htpasswd")
    if not name:
        return users, (table.path,)
    file = table.path.parent / name
    try:
        others = htpasswd.load(file)
    except InvalidInput as error:
        raise InvalidInput(f"{table.path}: {error}", advice=error.advice()) from None
    for user in users.keys() & others:
        written.refuse(user, f"stands in {name}, too")
    return {**users, **others}, (table.path, file)


def _rule(table: Table) -> Rule:
    table.check(_RULE_KEYS)
    for key in _RULE_KEYS:
        if key not in table.values:
            table.refuse(key, "is missing")
    allow = table.table("allow")
    return Rule(table.text("pattern"), {user: frozenset(allow.texts(user) or ()) for user in allow.values})


def _tokens(table: Table) -> Tokens:
    table.check(_TOKEN_READERS)
    return Tokens(**{key: read(table, key) for key, read in _TOKEN_READERS.items() if key in table.values})


_READERS: Final[Mapping[str, Callable[[Table, str], Any]]] = {
    "scheme": Table.text,
    "ping": Table.text,
    "refusal": lambda table, key: table.number(key, 100, 599),
    "catalog": Table.texts,
}
_TOKEN_READERS: Final[Mapping[str, Callable[[Table, str], Any]]] = {
    "realm": Table.text,
    "service": Table.text,
    "others": lambda table, key: table.texts(key) or (),
    "issuer": Table.text,
    "life": lambda table, key: table.number(key, 1, LONGEST_LIFE),
    "algorithm": Table.text,
    "rotate": lambda table, key: table.number(key, 0, LONGEST_ROTATION),
    "x5c": Table.flag,
}
