"""Options that many commands have, defined once."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from ..errors import InvalidInput, InvalidReference, Unsupported
from ..spec.platform import Platform
from ..spec.reference import Reference, endpoint_of
from ..stores.locations import FILES, Location
from .output import Output

T = TypeVar("T")

MOST_DIGITS: Final = 18  # of a number
MOST_SECONDS: Final = 30 * 24 * 3600.0
SHIFTS: Final = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}  # units of a size, as powers of two
UNITS: Final = {"d": 24 * 3600, "h": 3600, "m": 60, "s": 1}  # of a duration, in seconds, the largest first

PLACES: Final = (
    "a reference, oci:PATH[:NAME], oci-archive:…, docker-archive:… or dir:PATH; - reads them from standard input"
)

# What holds where nothing is said. Parsers set only what is given, so that what stands before a command stays.
DEFAULTS: Final[Mapping[str, Any]] = {
    "json": False, "quiet": False, "debug": False,
    "creds": None, "authfile": None, "anonymous": False, "strict_creds": False, "eager_creds": False, "realm": None,
    "plain_http": False, "tls_verify": True, "ca_file": None, "cert": None, "key": None,
    "registries_conf": None, "proxy": None, "timeout": None, "retries": None, "max_manifest": None,
}  # fmt: skip


def add_global(parser: argparse.ArgumentParser) -> None:
    """What every command takes. They may stand before the command as well."""
    group = parser.add_argument_group("output")
    add = _adder(group)
    add("--json", action="store_true", help="print one JSON document")
    add("--quiet", "-q", action="store_true", help="print no warnings")
    add("--debug", action="store_true", help="print each request, challenge and decision; no secrets")


def add_registry(parser: argparse.ArgumentParser) -> None:
    """What every command takes that talks to a registry."""
    group = parser.add_argument_group("credentials")
    add = _adder(group)
    add("--creds", metavar="USER[:PASSWORD]", help="the credential for the registries named here, and no other")
    add("--authfile", metavar="FILE", help="credentials in the form of Docker's config.json")
    add("--anonymous", action="store_true", help="use no credentials")
    add("--strict-creds", action="store_true", help="fail where a stored credential is refused")
    add("--eager-creds", action="store_true", help="show a credential where one is merely invited")
    add(
        "--realm", metavar="HOST=URL", action="append", help="the token service of a registry, instead of what it names"
    )
    group = parser.add_argument_group("connection")
    add = _adder(group)
    add("--plain-http", action="store_true", help="speak http, not https, to the registries named here")
    add("--tls-verify", action=argparse.BooleanOptionalAction, help="verify certificates (the default)")
    _add_written_out(add, "tls-verify")
    add("--ca-file", metavar="FILE", help="trust these authorities instead of the system's")
    add("--cert", metavar="FILE", help="a client certificate for the registries named here")
    add("--key", metavar="FILE", help="its key")
    add("--registries-conf", metavar="FILE", help="rules for registries: this file alone, or none")
    add("--proxy", metavar="URL", help="the proxy for everything, or none, instead of what the machine says")
    add("--timeout", metavar="SECONDS", type=seconds, help="give up the whole command after so long")
    add("--retries", metavar="N", type=count, help="tries after the first (default 3)")
    add("--max-manifest", metavar="BYTES", type=size, help="the largest manifest to read (default 4194304)")


def add_platform(parser: argparse.ArgumentParser, meaning: str) -> None:
    """For commands that can be about one image of an index; `meaning` is their help."""
    parser.add_argument("--platform", metavar="OS/ARCH", type=platform, help=meaning)


def add_jobs(parser: argparse.ArgumentParser) -> None:
    """For commands that move or read many blobs."""
    from ..stores.crew import JOBS

    parser.add_argument("--jobs", metavar="N", type=positive, default=JOBS, help=f"blobs at once (default {JOBS})")


def add_short_names(parser: argparse.ArgumentParser) -> None:
    """For commands that read what a reference names."""
    parser.add_argument(
        "--short-names",
        action="store_true",
        help="a name without a registry is an alias or searched for, as registries.conf says",
    )


# What each side of a copy may have of its own.
SIDES: Final = ("src", "dest")
_OF_A_SIDE: Final = {
    "creds": {"metavar": "USER[:PASSWORD]"},
    "authfile": {"metavar": "FILE"},
    "anonymous": {"action": "store_true"},
    "plain-http": {"action": "store_true"},
    "tls-verify": {"action": argparse.BooleanOptionalAction},
    "ca-file": {"metavar": "FILE"},
    "cert": {"metavar": "FILE"},
    "key": {"metavar": "FILE"},
    "proxy": {"metavar": "URL"},
}


def add_sides(parser: argparse.ArgumentParser) -> None:
    """The options of one side: `--src-creds` is for the source only, where `--creds` is for both."""
    for side in SIDES:
        group = parser.add_argument_group(f"of the {'source' if side == 'src' else 'destination'} only")
        for name, settings in _OF_A_SIDE.items():
            group.add_argument(f"--{side}-{name}", default=None, help=f"as --{name}", **settings)  # type: ignore[arg-type]
        _add_written_out(group.add_argument, f"{side}-tls-verify")


def _add_written_out(add: Callable[..., object], name: str) -> None:
    """`--NAME=false` and `--NAME=true`, as skopeo writes them: options of their own, so that no word after them is taken."""
    for value in (False, True):
        settings = {"dest": name.replace("-", "_"), "action": "store_const", "const": value, "help": argparse.SUPPRESS}
        add(f"--{name}={str(value).lower()}", **settings)


def side(arguments: argparse.Namespace, name: str) -> argparse.Namespace:
    """The arguments as one side sees them: its own options, and the common ones for the rest."""
    seen = argparse.Namespace(**vars(arguments))
    own = {key.replace("-", "_"): getattr(arguments, f"{name}_{key.replace('-', '_')}") for key in _OF_A_SIDE}
    given = {key: value for key, value in own.items() if value is not None}
    if {"creds", "authfile", "anonymous"} & set(given):
        seen.creds, seen.authfile, seen.anonymous = None, None, False
    for key, value in given.items():
        setattr(seen, key, value)
    return seen


def _adder(group: argparse._ArgumentGroup) -> Any:
    def add(*names: str, **settings: Any) -> None:
        group.add_argument(*names, default=argparse.SUPPRESS, **settings)

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


def argument(read: Callable[[str], T]) -> Callable[[str], T]:
    """A type for argparse from a function that raises InvalidInput: the function's own words are shown."""

    def convert(text: str) -> T:
        try:
            return read(text)
        except InvalidInput as error:
            raise argparse.ArgumentTypeError(f"{error}{f' ({error.advice()})' if error.advice() else ''}") from None

    return convert


def seconds(text: str) -> float:
    """A time in seconds, above zero."""
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value <= MOST_SECONDS:
        raise argparse.ArgumentTypeError(f"not a number of seconds above zero: {text!r}")
    return value


def duration(text: str) -> float:
    """A time in seconds, zero or more, from a number with a unit: `90`, `90s`, `15m`, `24h`, `7d`."""
    found = re.fullmatch(r"(?P<number>\d{1,9}(?:\.\d{1,9})?)(?P<unit>[smhd]?)", text, re.ASCII)
    if found is None:
        raise argparse.ArgumentTypeError(f"not a time: {text!r} (a number of seconds, or one with m, h or d)")
    return float(found["number"]) * UNITS[found["unit"] or "s"]


def count(text: str) -> int:
    """A number, zero or more."""
    if not (text.isascii() and text.isdigit() and len(text) < MOST_DIGITS):
        raise argparse.ArgumentTypeError(f"not a number, zero or more: {text!r}")
    return int(text)


def positive(text: str) -> int:
    """A number, one or more."""
    value = count(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"not a number, one or more: {text!r}")
    return value


def size(text: str) -> int:
    """Bytes, one or more, from a number that may have a unit, a power of 1024: `65536`, `64K`, `16MiB`, `5G`."""
    found = re.fullmatch(r"(?P<number>\d{1,18})(?:(?P<unit>[KMGT])(?:i?B)?)?", text, re.ASCII | re.IGNORECASE)
    value = int(found["number"]) << SHIFTS[(found["unit"] or "").upper()] if found else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"not a number of bytes: {text!r} (one or more, perhaps with K, M, G or T)")
    return value


platform = argument(Platform.parse)


def is_file(text: str) -> bool:
    """Whether a location is of a store of files."""
    return text.startswith(tuple(f"{kind}:" for kind in FILES))


def location(text: str) -> Location:
    """A location of any store, to be read. Raises InvalidInput, InvalidReference."""
    if text.startswith(("https://", "http://")):
        raise InvalidReference(
            f"{text!r} is a URL", advice="a reference begins with the host; --plain-http speaks http"
        )
    return Location.parse(text)


def store(text: str) -> Location:
    """A location of a store as a whole. Raises InvalidInput where it names something in it."""
    found = location(text)
    if found.said:
        what = "what is in a store" if found.reference is None else "a tag or digest"
        raise InvalidInput(f"{text!r} names {what}", advice=f"the store is {found.place}")
    return found


def reference(text: str) -> Reference:
    """A reference to a registry. Raises InvalidReference, and Unsupported for stores of files."""
    found = location(text)
    if found.reference is None:
        raise Unsupported(f"{text!r}: this command is for registries", advice="pratique copy reads and writes files")
    return found.reference


def repository(text: str) -> Reference:
    """A reference to a repository as a whole. Raises InvalidReference where it names a tag or digest."""
    found = reference(text)
    if found.tag is not None or found.digest is not None:
        raise InvalidReference(f"{text!r} names a tag or digest", advice=f"the repository is {found.place}")
    return found


def writable(text: str) -> str:
    """A file to be written when the rest is done; one that cannot be is refused before anything is done."""
    from pathlib import Path

    path = Path(text)
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"{text} cannot be written")
    return text


def expression(text: str) -> re.Pattern[str]:
    """A regular expression."""
    from ..transfer.tags import pattern

    return argument(pattern)(text)


def overrides(pairs: list[str] | None) -> dict[str, str]:
    """`HOST=URL` as a map. Raises InvalidInput."""
    found = {}
    for pair in pairs or []:
        host, equals, url = pair.partition("=")
        if not equals or not url.startswith(("http://", "https://")):
            raise InvalidInput(f"--realm wants HOST=URL, not {pair!r}")
        found[endpoint_of(host)] = url
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
