"""JSON from strangers: read within limits, and looked at one checked field at a time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn, cast

from ..errors import Misbehaved


def parse_object(raw: bytes, what: str) -> dict[str, Any]:
    """The JSON object in `raw`, which `what` names for the error.

    Raises Misbehaved for anything else: not UTF-8, not JSON, NaN, nesting too deep, a number too long, not an object.
    """
    try:
        document = json.loads(raw.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise Misbehaved(f"{what} is not JSON: {_excerpt(raw)} ({_reason(error)})") from None
    if not isinstance(document, dict):
        raise Misbehaved(f"{what} is not a JSON object: {_excerpt(raw)}")
    return cast("dict[str, Any]", document)


def text(document: Mapping[str, Any], key: str, what: str, default: str = "") -> str:
    """A string field; `default` where it is absent or null. Raises Misbehaved for another type."""
    value = document.get(key)
    if value is None:
        return default
    if not isinstance(value, str):
        _wrong(what, key, "a string", value)
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


def _wrong(what: str, key: str, expected: str, value: object) -> NoReturn:
    raise Misbehaved(f"{what}: {key!r} is not {expected} but {_excerpt(repr(value).encode())}")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _excerpt(raw: bytes) -> str:
    shown = raw[:60].decode("utf-8", "replace")
    return repr(shown) if len(raw) <= 60 else f"{shown!r}…"


def _reason(error: Exception) -> str:
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)
