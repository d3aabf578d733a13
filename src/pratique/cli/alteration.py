"""What commands share that change images: where from, where to, and which platforms."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from ..client.images.changes import Change
from ..client.images.delivery import FOLLOWING
from ..client.images.surgery import alter, beside
from ..errors import InvalidInput
from ..image.layers.bench import Packing
from ..image.scratch import SCRATCH
from ..stores.compression import GZIP, PLAIN, ZSTD
from ..stores.locations import Location
from ..transfer.copy import Result
from . import options
from .made import add_making, moving, report
from .output import Output

KINDS: Final = {"gzip": GZIP, "zstd": ZSTD, "none": PLAIN}
PLACE: Final = "REF, oci:PATH[:NAME], oci-archive:…, docker-archive:… or dir:PATH"

_EPOCH: Final = "SOURCE_DATE_EPOCH"  # https://reproducible-builds.org/specs/source-date-epoch/


def add_image(parser: argparse.ArgumentParser, more: str = "") -> None:
    """The image that a command is about."""
    parser.add_argument("reference", metavar="REF", help=f"{PLACE}{more}")


def add_altering(parser: argparse.ArgumentParser) -> None:
    """What every command takes that changes images."""
    parser.add_argument(
        "--platform",
        metavar="OS/ARCH",
        type=options.platform,
        action="append",
        default=[],
        help="of an index change only this one's image; may be repeated",
    )
    parser.add_argument("--alone", action="store_true", help="leave out the images that --platform does not name")
    add_target(parser)


def add_target(parser: argparse.ArgumentParser) -> None:
    """Where what is made goes."""
    parser.add_argument(
        "--referrers", choices=FOLLOWING, default="drop", help="what becomes of those of the old digest (default drop)"
    )
    parser.add_argument("--to", metavar="DST", help="where it goes (default: where it is); any store")
    add_making(parser)
    options.add_registry(parser)
    options.add_global(parser)


def add_packing(parser: argparse.ArgumentParser, default: str) -> None:
    """How layers are packed."""
    kind = default if default in KINDS else None
    text = f"how layers are packed (default {default})"
    parser.add_argument("--compression", choices=[*KINDS], default=kind, help=text)
    parser.add_argument("--level", metavar="N", type=options.positive, help="how thoroughly")


def packing(arguments: argparse.Namespace) -> Packing | None:
    """What the options say of that; None where they say nothing. Raises InvalidInput."""
    if arguments.level and arguments.compression in (None, "none"):
        raise InvalidInput("--level goes with --compression gzip or zstd")
    if arguments.compression is None:
        return None
    return Packing(KINDS[arguments.compression], arguments.level or 0)


def moment(text: str | None = None) -> datetime | None:
    """A time of RFC 3339 or in seconds since the epoch; without one that of SOURCE_DATE_EPOCH, if any. Raises InvalidInput."""
    if not text:
        return _epoch(os.environ.get(_EPOCH))
    try:
        if text.isascii() and text.isdigit():
            return datetime.fromtimestamp(int(text), UTC)
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        raise InvalidInput(
            f"{text[:80]!r} is no time", advice="a time looks like 2026-01-31T12:00:00Z, or 1769860800"
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _epoch(text: str | None) -> datetime | None:
    """What SOURCE_DATE_EPOCH says. Raises InvalidInput for anything but a number of seconds, as its specification wants."""
    if not text:
        return None
    try:
        if not (text.isascii() and text.isdigit()):
            raise ValueError(text)
        return datetime.fromtimestamp(int(text), UTC)
    except (ValueError, OverflowError, OSError):
        raise InvalidInput(
            f"{_EPOCH} is {text[:80]!r}, which is no time in seconds since 1970",
            advice="set it to a number such as 1769860800, or not at all",
        ) from None


def altered(arguments: argparse.Namespace, output: Output, change: Change, *others: Location | None) -> None:
    """Change the image of a command, which reads `others` as well where they are said, and say what came of it."""
    made(arguments, output, partial(alter, change=change, **narrowed(arguments)), *others)


def narrowed(arguments: argparse.Namespace) -> dict[str, Any]:
    """Which images of an index are meant. Raises InvalidInput."""
    if arguments.alone and not arguments.platform:
        raise InvalidInput("--alone goes with --platform", advice="say which images are wanted")
    return {"platforms": arguments.platform, "alone": arguments.alone}


def made(arguments: argparse.Namespace, output: Output, make: Callable[..., Result], *others: Location | None) -> None:
    """Have something made of what a command names, and say what came of it."""
    source = None if arguments.reference == SCRATCH else Location.parse(arguments.reference)
    target = Location.parse(arguments.to) if arguments.to else beside(source)
    with moving(arguments, output, target, source, *others) as registries:
        where = {"registries": registries, "dry_run": arguments.dry_run, "jobs": arguments.jobs}
        result = make(source or SCRATCH, target=target, tags=arguments.tag, referrers=arguments.referrers, **where)
    report(arguments, output, target, result)
