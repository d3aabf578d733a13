"""The reference of the library, as its docstrings have it.

In a page, `<!-- every name of MODULE -->` is replaced by what the module has in `__all__`, and `<!-- every error -->` by the
tree of exceptions.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from importlib import import_module
from itertools import chain
from typing import Any, Final

from sphinx.application import Sphinx

import pratique
from pratique import aio, errors

ERRORS: Final = "<!-- every error -->"

# What signatures mean by names that nobody imports; the page has an entry for each.
MEANT: Final = {
    "Observer": "pratique.http.events",
    "Told": "pratique.client.credentials",
    "Chooses": "pratique.config.proxies",
    "Place": "pratique.client.places",
    "Form": "pratique.client.copying",
}

_NAMES: Final = re.compile(r"^<!-- every name of ([\w.]+) -->$", re.MULTILINE)
_FENCE: Final = re.compile(r"^```\w*$")
_RAISED: Final = re.compile(r"\bRaises [^.]*")
_ERROR: Final = re.compile(
    rf"(?<![\w`.])(?:{'|'.join(name for name, value in vars(errors).items() if inspect.isclass(value))})(?![\w`])"
)


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("source-read", _read)
    app.connect("autodoc-process-docstring", _write)
    app.connect("autodoc-process-signature", _qualify)
    return {"parallel_read_safe": True}


def _read(app: Sphinx, _page: str, source: list[str]) -> None:
    text = _NAMES.sub(lambda found: "\n".join(listed(found[1])), source[0])
    text = text.replace(ERRORS, "\n".join(tree(errors.Error)))
    if text != source[0]:
        app.env.note_reread()  # it is of the code, and not of the page
        source[0] = text


def listed(module: str) -> Iterator[str]:
    """An entry for each public name of a module but for the exceptions, which have a page of their own; functions come first."""
    face = import_module(module)
    values = {f"{module}.{name}": getattr(face, name) for name in face.__all__}
    functions = {name: value for name, value in values.items() if inspect.isfunction(value)}
    for name in functions:
        yield from directive("function", name)
    for name in sorted(set(chain.from_iterable(map(keywords, functions.values())))):
        yield from directive("class", name, ":members:")
    for name, value in values.items():
        if not inspect.isclass(value):
            yield from directive("data", name, ":no-value:") if name not in functions else ()
        elif not issubclass(value, errors.Error):
            yield from directive("class", name, ":members:")


def keywords(function: Callable[..., Any]) -> Iterator[str]:
    """The classes beside a function whose fields are keywords of it (PEP 692)."""
    for parameter in inspect.signature(function).parameters.values():
        found = re.fullmatch(r"Unpack\[(\w+)\]", str(parameter.annotation))
        kind = found and getattr(import_module(function.__module__), found[1], None)
        if kind and kind.__module__ == function.__module__:
            yield f"{kind.__module__}.{kind.__name__}"


def tree(kind: type[errors.Error]) -> Iterator[str]:
    """An entry for each exception, those above first."""
    code = f"The exit code of a command is {kind.exit_code}."
    yield from directive("exception", f"{errors.__name__}.{kind.__name__}", ":members:", ":show-inheritance:", "", code)
    for below in kind.__subclasses__():
        if below.__module__ == errors.__name__:
            yield from tree(below)


def directive(kind: str, name: str, *lines: str) -> Iterator[str]:
    yield from ["````{eval-rst}", f".. auto{kind}:: {name}", *(f"   {line}" for line in lines), "````", ""]


def _write(_app: Sphinx, _what: str, _name: str, _value: Any, _options: Any, lines: list[str]) -> None:
    """Docstrings have fenced blocks, as the pages have; what they say is raised leads to its entry."""
    inside = False
    for at, line in enumerate(lines):
        if _FENCE.match(line.strip()):
            inside = not inside
            lines[at] = "::\n" if inside else ""
        elif inside:
            lines[at] = f"    {line}"
    text = "\n".join(lines)
    lines[:] = _RAISED.sub(lambda found: _ERROR.sub(_linked, found[0]), text).split("\n")


def _qualify(
    _app: Sphinx, _what: str, name: str, _value: Any, _options: Any, arguments: str | None, result: str | None
) -> tuple[str | None, str | None]:
    """Names in full; of classes of one name in both faces, that of the face which the signature belongs to is meant."""
    face = aio if name.startswith(f"{aio.__name__}.") else pratique
    homes = MEANT | {each: face.__name__ for each in aio.__all__ if each in pratique.__all__ and each[0].isupper()}
    known = re.compile(rf"(?<![\w.])(?:{'|'.join(homes)})\b")

    def qualified(text: str | None) -> str | None:
        return text and known.sub(lambda found: f"{homes[found[0]]}.{found[0]}", text)

    return qualified(arguments), qualified(result)


def _linked(found: re.Match[str]) -> str:
    return f":py:exc:`~{errors.__name__}.{found[0]}`"
