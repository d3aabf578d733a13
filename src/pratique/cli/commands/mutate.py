"""Change what the config of an image says of running it, and its annotations; its layers stay where they are."""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Callable, Iterator

from ...client.images.changes import based, in_turn
from ...client.images.changes import configure as change
from ...errors import InvalidInput
from ...image import settings
from ...image.image import Edit
from ...stores.locations import Location
from .. import alteration, options
from ..made import pairs
from ..output import Output

EXAMPLES = """examples:
  pratique mutate --env LANG=C.UTF-8 --label team=harbour --tag 1.1 localhost:5000/app:1.0
  pratique mutate --entrypoint '["/bin/app", "--serve"]' --user 1000 --tag 1.1 localhost:5000/app:1.0
  pratique mutate --env-rm DEBUG --port 8080 --port-rm 80 --to oci:app:1.1 ghcr.io/org/app:1.0
  pratique mutate --annotation org.opencontainers.image.version=1.1 --dry-run localhost:5000/app:1.0"""

# Options that set one field; an empty text takes it away.
_FIELDS = {
    "entrypoint": ("COMMAND", "the program and its first arguments; takes Cmd away", settings.entrypoint),
    "cmd": ("COMMAND", "the arguments, or the program where there is no entrypoint", settings.command),
    "user": ("USER", "the user, with :GROUP", settings.user),
    "workdir": ("PATH", "the folder in which it begins", settings.folder),
    "stop-signal": ("SIGNAL", "the signal that ends it", settings.stop_signal),
    "healthcheck": ("COMMAND", "what tells whether it is well: a line for a shell, or NONE", settings.healthcheck),
    "author": ("TEXT", "who made it", settings.author),
}
# Of these the ones that are lists of words.
_LISTS = {
    "entrypoint": "words of a shell, or a JSON list",
    "cmd": "words of a shell, or a JSON list",
    "healthcheck": "or a JSON list of words",
}
# Options that set values by their names, and take them away.
_VALUES = {
    "env": ("a variable", settings.environment),
    "label": ("a label", settings.labels),
    "annotation": ("an annotation of the manifest", settings.annotate),
}
_KEYS = {"port": ("PORT", settings.ports), "volume": ("PATH", settings.volumes)}


def configure(parser: argparse.ArgumentParser) -> None:
    alteration.add_image(parser)
    for name, (metavar, text, _) in _FIELDS.items():
        json_too = f"; {_LISTS[name]}" if name in _LISTS else ""
        parser.add_argument(f"--{name}", metavar=metavar, help=f"{text}{json_too}; '' takes it away")
    for name, (what, _) in _VALUES.items():
        _repeated(parser, f"--{name}", "KEY=VALUE", f"set {what}")
        _repeated(parser, f"--{name}-rm", "KEY", f"take {what} away")
    for name, (metavar, _) in _KEYS.items():
        _repeated(parser, f"--{name}", metavar, f"add a {name}")
        _repeated(parser, f"--{name}-rm", metavar, f"take a {name} away")
    parser.add_argument("--set-platform", metavar="OS/ARCH", type=options.platform, help="what it runs on")
    parser.add_argument(
        "--created", metavar="TIME", help="when it was made: RFC 3339, or seconds since 1970; '' takes it away"
    )
    parser.add_argument(
        "--annotate-labels", action="store_true", help="set an annotation for each label that it has then"
    )
    parser.add_argument(
        "--base",
        metavar="REF",
        help="say in the annotations that it is based on this, whose layers it has to begin with",
    )
    alteration.add_altering(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, output: Output) -> None:
    edits = list(_edits(vars(arguments)))
    bases = [Location.parse(arguments.base)] if arguments.base else []
    if not edits and not bases:
        raise InvalidInput("nothing is to be changed", advice="see: pratique mutate --help")
    alteration.altered(arguments, output, in_turn([change(edits), *map(based, bases)]), *bases)


def _edits(said: dict[str, object]) -> Iterator[Edit]:
    """What the options say; the entrypoint before the command, which it takes away."""
    for name, (_, _, edit) in _FIELDS.items():
        text = said[name.replace("-", "_")]
        if isinstance(text, str):
            yield _set(edit, name, text)  # type: ignore[arg-type]  # each takes what its option gives
    for name, (_, change_values) in _VALUES.items():
        values, removed = _words(said, name), _words(said, f"{name}_rm")
        if values or removed:
            yield change_values(pairs(values, f"--{name}"), removed)
    for name, (_, change_keys) in _KEYS.items():
        added, removed = _words(said, name), _words(said, f"{name}_rm")
        if added or removed:
            yield change_keys(added, removed)
    if said["set_platform"]:
        yield settings.platform(said["set_platform"])  # type: ignore[arg-type]  # the parser made one
    if said["created"] is not None:
        yield settings.created(alteration.moment(str(said["created"])) if said["created"] else None)
    if said["annotate_labels"]:
        yield settings.annotate_labels()


def _set(edit: Callable[[object], Edit], name: str, text: str) -> Edit:
    if not text:
        return edit(None)
    if name == "healthcheck":
        return edit(_check(text))
    return edit((_list(text, name) or None) if name in _LISTS else text)


def _check(text: str) -> list[str]:
    """The command of a health check, as Docker has it."""
    if text.startswith("["):
        return ["CMD", *_list(text, "healthcheck")]
    return [text] if text == "NONE" else ["CMD-SHELL", text]


def _list(text: str, name: str) -> list[str]:
    """A list of words, as JSON or as a shell would split it. Raises InvalidInput."""
    try:
        found = json.loads(text) if text.startswith("[") else shlex.split(text)
    except ValueError as error:
        raise InvalidInput(f"--{name} wants words or a JSON list, not {text[:80]!r}: {error}") from None
    if not all(isinstance(word, str) for word in found):
        raise InvalidInput(f"--{name} wants a list of texts, not {text[:80]!r}")
    return list(found)


def _words(said: dict[str, object], name: str) -> list[str]:
    found = said[name]
    return list(found) if isinstance(found, list) else []


def _repeated(parser: argparse.ArgumentParser, name: str, metavar: str, text: str) -> None:
    parser.add_argument(name, metavar=metavar, action="append", default=[], help=f"{text}; may be repeated")
