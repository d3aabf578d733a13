"""JSON from strangers: read within limits, and looked at one checked field at a time; and how ours is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn, cast

from ..errors import Misbehaved


def parse_object(raw: bytes, what: str, *, secret: bool = False) -> dict[str, Any]:
    """The JSON object in `raw`, which `what` names for the error; nothing of a `secret` one is shown there.

    Raises Misbehaved for anything else: not UTF-8, not JSON, NaN, nesting too deep, a number too long, a name that an
    object has twice (RFC 8259 §4), not an object.
    """
    shown = "" if secret else f": {_excerpt(raw)}"
    document = _parse(raw, what, shown)
    if not isinstance(document, dict):
        raise Misbehaved(f"{what} is not a JSON object{shown}")
    return cast("dict[str, Any]", document)


def parse_objects(raw: bytes, what: str) -> tuple[Mapping[str, Any], ...]:
    """The objects of the JSON list in `raw`, which `what` names for the error. Raises Misbehaved as `parse_object` does."""
    shown = f": {_excerpt(raw)}"
    document = _parse(raw, what, shown)
    if not isinstance(document, list) or not all(isinstance(item, dict) for item in document):
        raise Misbehaved(f"{what} is not a JSON list of objects{shown}")
    return tuple(document)


def text(document: Mapping[str, Any], key: str, what: str, default: str = "") -> str:
    """A string field; `default` where it is absent or null. Raises Misbehaved for another type."""
    value = document.get(key)
    if value is None:
        return default
    if not isinstance(value, str):
        _wrong(what, key, "a string", value)
    return value


def line(document: Mapping[str, Any], key: str, what: str) -> str:
    """A string field of printable ASCII, fit for a header field and a terminal. Raises Misbehaved for anything else."""
    value = text(document, key, what)
    if not (value.isascii() and value.isprintable()):
        _wrong(what, key, "printable ASCII", value)
    return value


def texts(document: Mapping[str, Any], key: str, what: str) -> tuple[str, ...]:
    """A field with a list of strings; empty where it is absent or null. Raises Misbehaved for another type."""
    value = document.get(key)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        _wrong(what, key, "a list of strings", value)
    return tuple(value)


def mapping(document: Mapping[str, Any], key: str, what: str) -> Mapping[str, Any] | None:
    """A field with an object; None where it is absent or null. Raises Misbehaved for another type."""
    value = document.get(key)
    if value is not None and not isinstance(value, dict):
        _wrong(what, key, "an object", value)
    return value


def mappings(document: Mapping[str, Any], key: str, what: str) -> tuple[Mapping[str, Any], ...]:
    """A field with a list of objects; empty where it is absent or null. Raises Misbehaved for another type."""
    value = document.get(key)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        _wrong(what, key, "a list of objects", value)
    return tuple(value)


def encode(document: Mapping[str, Any]) -> bytes:
    """A manifest or config as bytes, always the same for the same document; in lines, for people read them."""
    import json

    return json.dumps(document, indent=2, ensure_ascii=False).encode()


def _parse(raw: bytes, what: str, shown: str) -> object:
    import json

    try:
        return json.loads(raw.decode("utf-8"), parse_constant=_refuse_constant, object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        raise Misbehaved(f"{what} is not JSON{shown} ({_reason(error)})") from None


def _wrong(what: str, key: str, expected: str, value: object) -> NoReturn:
    raise Misbehaved(f"{what}: {key!r} is not {expected} but {_shown(value)}")


def _shown(value: object) -> str:
    # The content of a list or an object may be too deep and too long to be written out.
    if isinstance(value, (list, dict)):
        return "a list" if isinstance(value, list) else "an object"
    return _excerpt(value[:61].encode("utf-8", "replace")) if isinstance(value, str) else str(value)[:60]


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Readers differ in which of two values they take, so that one digest would name two documents.
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("an object has one name twice")
    return document


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _excerpt(raw: bytes) -> str:
    shown = raw[:60].decode("utf-8", "replace")
    return repr(shown) if len(raw) <= 60 else f"{shown!r}…"


def _reason(error: Exception) -> str:
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)
