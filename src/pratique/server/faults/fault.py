"""One fault: what happens, to which requests and how often, as a table of the file of faults says it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from ...config.tables import Table
from ...errors import InvalidInput
from ...http.message import Request, Response, Transport
from ...http.origin import split
from ...spec import endpoints
from ...values import field, frozen
from ..access.guard import TOKEN_PATH
from . import effects

MOST_TIMES: Final = 1_000_000_000  # of any number of requests in a file
MANNER: Final = "manner"
TOKEN: Final = "token"  # noqa: S105  # the name of an end-point

# The end-points by the names that a file has for them.
ENDPOINTS: Final[Mapping[str, endpoints.Endpoint | None]] = {
    "ping": endpoints.VERSION,
    "catalog": endpoints.REPOSITORIES,
    "tags": endpoints.TAGS,
    "referrers": endpoints.REFERRERS,
    "manifest": endpoints.MANIFEST,
    "manifest-put": endpoints.MANIFEST_PUT,
    "manifest-delete": endpoints.MANIFEST_DELETE,
    "blob": endpoints.BLOB,
    "blob-delete": endpoints.BLOB_DELETE,
    "upload-begin": endpoints.UPLOADS,
    "upload-chunk": endpoints.UPLOAD_CHUNK,
    "upload-end": endpoints.UPLOAD_END,
    "upload-status": endpoints.UPLOAD_STATUS,
    "upload-cancel": endpoints.UPLOAD_CANCEL,
    TOKEN: None,
}


EFFECTS: Final[Mapping[str, Callable[..., Transport]]] = {
    "answer": effects.Answers,
    "mask": effects.Masks,
    "cut": effects.Cuts,
    "slow": effects.Slows,
    "corrupt": effects.Corrupts,
    "header": effects.Fields,
}
# Effects that are manners under a shorter name.
MANNERS: Final = {"expired": "token-expired-401-same-token", "redirect": "redirect-strips-authorization"}
MATCH_KEYS: Final = ("method", "path", "endpoint", "repository", "query")
TURN_KEYS: Final = ("after", "every", "count", "probability")


@frozen(kw_only=True)
class Match:
    """Which requests a fault may happen to; what is empty fits every request."""

    methods: tuple[str, ...] = ()
    path: str = ""
    endpoint: str = ""
    repository: str = ""
    query: str = ""

    def fits(self, request: Request) -> bool:
        """Whether a request is one of them."""
        parts = split(request.url)
        path = unquote(parts.path)
        return (
            (not self.methods or request.method in self.methods)
            and (not self.path or fnmatchcase(path, self.path))
            and (not self.query or fnmatchcase(unquote(parts.query), self.query))
            and (not self.repository or fnmatchcase(endpoints.repository_of(path) or "", self.repository))
            and (not self.endpoint or self._is_endpoint(request.method, path))
        )

    def _is_endpoint(self, method: str, path: str) -> bool:
        if self.endpoint == TOKEN:
            return path == TOKEN_PATH
        found = endpoints.find(method, path)
        return found is not None and found[0] is ENDPOINTS[self.endpoint]


@frozen(kw_only=True)
class Turn:
    """How often a fault happens to the requests that fit: not to the first `after` of them, then to each `every`th, with
    a `probability`, `count` times in all (0: without end)."""

    after: int = 0
    every: int = 1
    count: int = 0
    probability: float = 1.0


@frozen(kw_only=True)
class Fault:
    """One fault: an effect of `EFFECTS`, or a manner, with its options. `name` is what it is called where it is seen."""

    effect: str
    options: Mapping[str, Any] = field(default_factory=dict)
    manner: str = ""
    match: Match = Match()
    turn: Turn = Turn()
    name: str = ""

    @classmethod
    def of(cls, document: Mapping[str, Any] | str) -> Fault:
        """A fault as a table of the file has it, or the name of a manner. Raises InvalidInput, naming the key."""
        values = {MANNER: document} if isinstance(document, str) else document
        return read(Table(Path("a fault"), "", values))

    def before(self, registry: Transport) -> Transport:
        """The fault before a registry, for every request. Raises InvalidInput for options that make no sense."""
        if self.effect != MANNER:
            return EFFECTS[self.effect](registry, **self.options)
        from .manners.base import find  # sixty manners are of no use to whoever has none

        return find(self.manner).before(registry, **self.options)


def _nowhere(_: Request) -> Response:
    return Response.of(404)


# --- The file


def read(table: Table) -> Fault:
    """A fault from a table of the file. Raises InvalidInput, naming the file and the key."""
    effects_known = (*EFFECTS, *MANNERS, MANNER)
    table.check(("name", *MATCH_KEYS, *TURN_KEYS, *effects_known))
    found = [key for key in table.values if key in effects_known]
    if len(found) != 1:
        advice = f"a fault has one of {', '.join(effects_known)}"
        raise InvalidInput(f"{table.path}: {table.where.rstrip('.') or 'it'} has {len(found)} effects", advice=advice)
    effect, manner, options = _effect(table, found[0])
    name = table.text("name") or manner or effect
    return Fault(effect=effect, options=options, manner=manner, match=_match(table), turn=_turn(table), name=name)


def _effect(table: Table, key: str) -> tuple[str, str, Mapping[str, Any]]:
    """The effect, the manner and the options; put before nothing once, so that what makes no sense is told now."""
    within = Table(table.path, table.where, {}) if isinstance(table.values[key], str) else table.table(key)
    manner = MANNERS.get(key, "")
    if key == MANNER:
        manner = table.text(key) if isinstance(table.values[key], str) else within.text("name")
    effect = MANNER if manner or key == MANNER else key
    options = {name: value for name, value in within.values.items() if not (key == MANNER and name == "name")}
    try:
        make = _maker(effect, manner)
        checked = {name.replace("-", "_"): _option(within, name, make) for name in options}
        Fault(effect=effect, options=checked, manner=manner).before(_nowhere)
    except (InvalidInput, TypeError) as error:
        told = str(error).removeprefix(f"{table.path}: ")
        told = told.partition("() ")[2] if isinstance(error, TypeError) else told
        advice = error.advice() if isinstance(error, InvalidInput) else None
        raise InvalidInput(f"{table.path}: {table.where}{key}: {told}", advice=advice) from None
    return effect, manner, checked


def _maker(effect: str, manner: str) -> Callable[..., Transport]:
    if effect != MANNER:
        return EFFECTS[effect]
    from .manners.base import find

    found = find(manner)
    if found.make is None:
        raise InvalidInput(f"{manner!r} is a matter of access", advice=f"an access file has it: {found.access!r}")
    return found.make


# What an option may be, by the annotation of its parameter.
_KINDS: Final[Mapping[str, tuple[tuple[type, ...], str]]] = {
    "int": ((int,), "a whole number"),
    "int | str": ((int, str), "a whole number or a text"),
    "float": ((int, float), "a number"),
    "float | None": ((int, float), "a number"),
    "str": ((str,), "a text"),
    "bool": ((bool,), "true or false"),
    "tuple[str, ...]": ((list, tuple), "a list of texts"),
    "tuple[int, ...]": ((list, tuple), "a list of whole numbers"),
    "Mapping[str, str] | None": ((dict,), "a table of texts"),
}


def _option(within: Table, name: str, make: Callable[..., Transport]) -> Any:
    """The value of an option, checked by the parameter that it is for. Raises InvalidInput."""
    known = {
        parameter.name: _KINDS[parameter.annotation]
        for parameter in inspect.signature(make).parameters.values()
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.annotation in _KINDS
    }
    if name.replace("-", "_") not in known:
        advice = f"known are {', '.join(each.replace('_', '-') for each in known)}" if known else "it has no options"
        raise InvalidInput(f"unknown key {name!r}", advice=advice)
    kinds, words = known[name.replace("-", "_")]
    value = within.values[name]
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise InvalidInput(f"{name} is not {words}")
    inner = int if words.endswith("numbers") else str
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    if not all(isinstance(item, inner) for item in items):
        raise InvalidInput(f"{name} is not {words}")
    return tuple(value) if isinstance(value, list) else value


def _match(table: Table) -> Match:
    named = table.values.get("method", [])
    methods = (named,) if isinstance(named, str) else table.texts("method") or ()
    endpoint = table.text("endpoint")
    if endpoint not in ("", *ENDPOINTS):
        table.refuse("endpoint", f"is none: {endpoint!r}", f"known are {', '.join(ENDPOINTS)}")
    return Match(
        methods=tuple(method.upper() for method in methods),
        path=table.text("path"),
        endpoint=endpoint,
        repository=table.text("repository"),
        query=table.text("query"),
    )


def _turn(table: Table) -> Turn:
    probability = table.values.get("probability", 1)
    if isinstance(probability, bool) or not isinstance(probability, int | float) or not 0 <= probability <= 1:
        table.refuse("probability", "is not a number from 0 to 1")
    return Turn(
        after=table.number("after", 0, MOST_TIMES) or 0,
        every=table.number("every", 1, MOST_TIMES) or 1,
        count=table.number("count", 1, MOST_TIMES) or 0,
        probability=float(probability),
    )
