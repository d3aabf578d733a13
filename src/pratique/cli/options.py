"""Options that many commands have, defined once."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, Final

from ..errors import InvalidInput
from .output import Output

MOST_SECONDS: Final = 30 * 24 * 3600.0


def add_global(parser: argparse.ArgumentParser, *, defaults: bool = False) -> None:
    """What every command takes. They may stand before the command as well; only there they have `defaults`."""
    group = parser.add_argument_group("output")
    add = _adder(group, defaults=defaults)
    add("--json", default=False, action="store_true", help="print one JSON document")
    add("--quiet", "-q", default=False, action="store_true", help="print no warnings")
    add("--debug", default=False, action="store_true", help="print each request, challenge and decision; no secrets")


def add_registry(parser: argparse.ArgumentParser, *, defaults: bool = False) -> None:
    """What every command takes that talks to a registry."""
    group = parser.add_argument_group("credentials")
    add = _adder(group, defaults=defaults)
    add("--creds", metavar="USER[:PASSWORD]", help="the credential for the registries named here, and no other")
    add("--authfile", metavar="FILE", help="credentials in the form of Docker's config.json")
    add("--anonymous", default=False, action="store_true", help="use no credentials")
    add("--strict-creds", default=False, action="store_true", help="fail where a stored credential is refused")
    add("--eager-creds", default=False, action="store_true", help="show a credential where one is merely invited")
    add(
        "--realm", metavar="HOST=URL", action="append", help="the token service of a registry, instead of what it names"
    )
    group = parser.add_argument_group("connection")
    add = _adder(group, defaults=defaults)
    add("--plain-http", default=False, action="store_true", help="speak http, not https")
    add("--tls-verify", default=True, action=argparse.BooleanOptionalAction, help="verify certificates (the default)")
    add("--ca-file", metavar="FILE", help="trust these authorities instead of the system's")
    add("--cert", metavar="FILE", help="a client certificate (mutual TLS)")
    add("--key", metavar="FILE", help="its key")
    add("--timeout", metavar="SECONDS", type=seconds, help="give up the whole command after so long")
    add("--retries", metavar="N", default=3, type=count, help="tries after the first (default 3)")
    add("--max-manifest", metavar="BYTES", type=count, help="the largest manifest to read (default 4194304)")


def _adder(group: argparse._ArgumentGroup, *, defaults: bool) -> Any:
    def add(*names: str, default: Any = None, **settings: Any) -> None:
        # A command's own parser sets only what is given: what stood before the command stays.
        group.add_argument(*names, default=default if defaults else argparse.SUPPRESS, **settings)

    return add


def leaf(
    verbs: Any, name: str, summary: str, run: Callable[[argparse.Namespace, Output], int | None]
) -> argparse.ArgumentParser:
    """A verb of a command that has several, with everything that talking to a registry takes."""
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=summary, description=summary)
    add_registry(parser)
    add_global(parser)
    parser.set_defaults(run=run)
    return parser


def seconds(text: str) -> float:
    """A time in seconds, above zero."""
    value = float(text)
    if not 0 < value <= MOST_SECONDS:
        raise argparse.ArgumentTypeError(f"not a number of seconds above zero: {text!r}")
    return value


def count(text: str) -> int:
    """A number, zero or more."""
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"not a number above zero: {text!r}")
    return value


def overrides(pairs: list[str] | None) -> dict[str, str]:
    """`HOST=URL` as a map. Raises InvalidInput."""
    found = {}
    for pair in pairs or []:
        host, equals, url = pair.partition("=")
        if not equals or not url.startswith(("http://", "https://")):
            raise InvalidInput(f"--realm wants HOST=URL, not {pair!r}")
        found[host] = url
    return found


def names(words: list[str]) -> list[str]:
    """The words; `-` stands for the lines of standard input. Raises InvalidInput where there are none."""
    import sys

    found: list[str] = []
    for word in words:
        found += [line.strip() for line in sys.stdin if line.strip()] if word == "-" else [word]
    if not found:
        raise InvalidInput("no reference was given")
    return found
