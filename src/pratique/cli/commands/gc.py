"""Remove what nothing needs any more from the folder of an embedded registry, also while it is served."""

from __future__ import annotations

import argparse

from ...client.serving import collect
from ...server.storage.collection import GRACE
from ...server.storage.garbage import Garbage
from ...values import as_dict
from .. import options
from ..output import Output, counted, size

EXAMPLES = """examples:
  pratique gc --dry-run ./registry
  pratique gc --grace 2h /srv/registry
  pratique gc --untagged --grace 7d --json /srv/registry

docs/storage.md says what goes, and why nothing goes that a push needs."""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", metavar="PATH", help="the folder that --storage of serve names")
    parser.add_argument("--dry-run", action="store_true", help="remove nothing, print what would go")
    parser.add_argument(
        "--grace",
        metavar="DURATION",
        type=options.duration,
        default=GRACE,
        help="what was used since then stays: a number of seconds, or with m, h or d (default 24h)",
    )
    parser.add_argument("--untagged", action="store_true", help="manifests that no tag leads to go as well")
    options.add_global(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, output: Output) -> None:
    collected = collect(arguments.path, grace=arguments.grace, untagged=arguments.untagged, dry_run=arguments.dry_run)
    _report(output, collected, arguments)


def _report(output: Output, collected: list[Garbage], arguments: argparse.Namespace) -> None:
    total = sum(garbage.size for garbage in collected)
    if output.as_json:
        facts = {"path": arguments.path, "dry_run": arguments.dry_run, "count": len(collected), "size": total}
        output.document(facts | {"garbage": [as_dict(garbage) for garbage in collected]})
        return
    if collected:
        rows = [(each.kind, each.repository, each.name, size(each.size), _age(each.age)) for each in collected]
        output.table(("KIND", "REPOSITORY", "NAME", "SIZE", "AGE"), rows)
    verb = "would be removed" if arguments.dry_run else "removed"
    output.line(f"{counted(len(collected), 'thing')} {verb}, {size(total)}")


def _age(seconds: float) -> str:
    """The largest unit that fits at least twice, for people."""
    unit = next((unit for unit, worth in options.UNITS.items() if seconds >= 2 * worth), "s")
    return f"{seconds / options.UNITS[unit]:.0f} {unit}"
