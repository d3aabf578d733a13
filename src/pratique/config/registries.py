"""What `registries.conf` and the files dropped in beside it say (containers-registries.conf(5))."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from ..errors import InvalidInput
from ..spec.reference import is_registry
from ..values import field, frozen
from .dropins import Places
from .rules import WILDCARD, Mirror, Pulls, Rule, Rules, merged, parse_location, parse_prefix
from .shortnames import MODES, ShortNames, parse_aliases
from .sources import FILES, Order
from .tables import MOST_SHOWN, Table

_REGISTRY: Final = ("prefix", "location", "insecure", "blocked", "mirror", "mirror-by-digest-only")
_MIRROR: Final = ("location", "insecure", "pull-from-mirror")
_SEARCH: Final = "unqualified-search-registries"
_HELPERS: Final = "credential-helpers"
_MODE: Final = "short-name-mode"
_GLOBAL: Final = ("registry", _SEARCH, _HELPERS, _MODE, "aliases")
_VERSION_1: Final = "registries"
# It hands credentials to a program of another tool's storage, which is nothing to pass over in silence.
_UNSUPPORTED: Final = "additional-layer-store-auth-helper"

Warn = Callable[[str], object]


@frozen
class RegistriesConf:
    """What all the files say; `helpers` are the credential helpers to ask, None where no file says."""

    rules: tuple[Rule, ...] = ()
    names: ShortNames = field(default_factory=ShortNames)
    helpers: Order | None = None

    @classmethod
    def load(cls, places: Places, warn: Warn = lambda _: None) -> RegistriesConf:
        """Read the files. What weakens nothing and is not understood is told to `warn`.

        Raises InvalidInput, naming file and key: a file that forbids or restricts is not passed over.
        """
        found = cls()
        for number, path in enumerate(places.files()):
            table = Table.load(Path(path))
            if table is None and number == 0 and places.named:
                raise InvalidInput(f"{path}: there is no such file", advice="it is to say where registries are reached")
            if table is not None:  # one that vanished meanwhile is none
                found = found.updated(_read(table, warn))
        return found

    @property
    def routes(self) -> Rules:
        """Where references are read and written."""
        return Rules(self.rules)

    def updated(self, later: RegistriesConf) -> RegistriesConf:
        """What holds after another file was read."""
        helpers = self.helpers if later.helpers is None else later.helpers
        return RegistriesConf(merged(self.rules, later.rules), self.names.updated(later.names), helpers)


def load_aliases(path: Path) -> ShortNames:
    """The aliases in a file that has nothing else; none where there is no file. Raises InvalidInput."""
    table = Table.load(path)
    return ShortNames() if table is None else _names(table)


def _read(table: Table, warn: Warn) -> RegistriesConf:
    if _VERSION_1 in table.values:
        return _read_version_1(table)
    for key in table.others(_GLOBAL):
        if key == _UNSUPPORTED or isinstance(table.values[key], dict | list):
            table.refuse(key, "is not supported", f"known are {', '.join(_GLOBAL)}")
        warn(f"{table.path}: {key[:MOST_SHOWN]} is not known, and passed over")
    return RegistriesConf(_rules(table, warn), _names(table), _order(table))


def _read_version_1(table: Table) -> RegistriesConf:
    """Three lists of registries, which name no mirrors and move nothing."""
    for key in table.others([_VERSION_1]):
        table.refuse(key, f"does not go with {_VERSION_1}, which is of version 1", "write [[registry]] tables")
    lists = table.table(_VERSION_1)
    for key in lists.others(("search", "insecure", "block")):
        lists.refuse(key, "is not known", "known are search, insecure, block")
    search, insecure, block = (lists.table(key) for key in ("search", "insecure", "block"))
    unsafe, forbidden = (
        [_location(part, "registries", text) for text in part.texts("registries") or ()] for part in (insecure, block)
    )
    rules = tuple(
        Rule(name, name, str(table.path), insecure=name in unsafe, blocked=name in forbidden)
        for name in dict.fromkeys((*forbidden, *unsafe))
    )
    return RegistriesConf(rules, ShortNames({}, _searched(search, "registries"), "", str(table.path)))


def _rules(table: Table, warn: Warn) -> tuple[Rule, ...]:
    """The rules of a file. Of two with the same prefix the first counts, and they must agree on what they permit."""
    found: dict[str, Rule] = {}
    permitting: dict[str, Rule] = {}
    for entry in table.tables("registry"):
        rule = _rule(entry)
        other = permitting.setdefault(rule.location or rule.prefix, rule)
        if (rule.insecure, rule.blocked) != (other.insecure, other.blocked):
            key = "insecure" if rule.insecure != other.insecure else "blocked"
            entry.refuse(key, f"is not as for {other.prefix!r}, which is the same place")
        if rule.prefix in found:
            warn(f"{table.path}: {rule.prefix!r} has several [[registry]] tables, of which the first counts")
        found.setdefault(rule.prefix, rule)
    return tuple(found.values())


def _rule(entry: Table) -> Rule:
    entry.check(_REGISTRY)
    location = _location(entry, "location", entry.text("location"))
    prefix = _checked(entry, "prefix", entry.text("prefix") or location, parse_prefix)
    if not prefix:
        entry.refuse("location", "is missing", "a [[registry]] table names a location, or a prefix like *.example.com")
    if not location and not prefix.startswith(WILDCARD):
        entry.refuse("location", f"is missing for the prefix {prefix!r}", "only *.example.com may do without")
    by_digest = entry.flag("mirror-by-digest-only")
    return Rule(
        prefix,
        location,
        str(entry.path),
        entry.flag("insecure"),
        entry.flag("blocked"),
        tuple(_mirror(mirror, by_digest=by_digest) for mirror in entry.tables("mirror")),
    )


def _mirror(entry: Table, *, by_digest: bool) -> Mirror:
    entry.check(_MIRROR)
    location = _location(entry, "location", entry.text("location"))
    if not location:
        entry.refuse("location", "is missing")
    pulls = entry.text("pull-from-mirror")
    if pulls and by_digest:
        entry.refuse("pull-from-mirror", "does not go with mirror-by-digest-only")
    if pulls and pulls not in {known.value for known in Pulls}:
        entry.refuse("pull-from-mirror", "is not known", f"known are {', '.join(known.value for known in Pulls)}")
    return Mirror(location, entry.flag("insecure"), Pulls.DIGEST if by_digest else Pulls(pulls or Pulls.ALL.value))


def _names(table: Table) -> ShortNames:
    aliases = table.table("aliases")
    for name, value in aliases.values.items():
        if not isinstance(value, str):
            aliases.refuse(name[:MOST_SHOWN], "is not a string")
    mode = table.text(_MODE)
    if mode and mode not in MODES:
        table.refuse(_MODE, "is not known", f"known are {', '.join(MODES)}")
    try:
        found = parse_aliases(aliases.values, str(table.path))
    except InvalidInput as error:
        raise InvalidInput(f"{table.path}: aliases: {error}", advice=error.advice()) from None
    return ShortNames(found, _searched(table, _SEARCH), mode, str(table.path))


def _order(table: Table) -> Order | None:
    found = table.texts(_HELPERS)
    return None if found is None else Order(found or (FILES,), str(table.path))


def _searched(table: Table, key: str) -> tuple[str, ...] | None:
    found = table.texts(key)
    if found is None:
        return None
    for text in found:
        if not is_registry(text.rstrip("/")):
            table.refuse(key, f"has what is not a registry: {text[:MOST_SHOWN]!r}", "write host or host:port")
    return tuple(_location(table, key, text) for text in found)


def _location(entry: Table, key: str, text: str) -> str:
    return _checked(entry, key, text, parse_location)


def _checked(entry: Table, key: str, text: str, parse: Callable[[str], str]) -> str:
    try:
        return parse(text) if text.rstrip("/") else ""
    except InvalidInput as error:
        entry.refuse(key, str(error), error.advice())
