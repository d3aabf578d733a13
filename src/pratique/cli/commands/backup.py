"""Save a repository, all tags and what refers to them, in one layout or archive."""

from __future__ import annotations

import argparse

from ...client.artifacts.backups import backup, saved
from ...errors import InvalidReference
from ...spec.reference import Reference
from .. import options
from ..copied import report
from ..made import add_moving, moving
from ..output import Output

EXAMPLES = r"""examples:
  pratique backup localhost:5000/app oci:backup
  pratique backup --dry-run localhost:5000/app app.tar
  pratique backup --include 'v1\..*' localhost:5000/app app.tar.gz
  pratique backup --keep-going --no-referrers localhost:5000/app oci-archive:app.tar.zst"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("repository", metavar="REPO", help="what to save")
    parser.add_argument("target", metavar="DST", help="oci:PATH, oci-archive:PATH, or a PATH; - is standard output")
    add_saving(parser)
    parser.set_defaults(run=run)


def add_saving(parser: argparse.ArgumentParser) -> None:
    """What saving and restoring have in common."""
    parser.add_argument("--include", metavar="REGEX", type=options.expression, help="only tags that match as a whole")
    parser.add_argument("--exclude", metavar="REGEX", type=options.expression, help="no tags that match as a whole")
    parser.add_argument("--no-referrers", action="store_true", help="leave out what refers to the tags")
    parser.add_argument("--keep-going", action="store_true", help="go on after a failure")
    parser.add_argument("--dry-run", action="store_true", help="copy nothing; say what would be")
    add_moving(parser)
    options.add_registry(parser)
    options.add_global(parser)


def run(arguments: argparse.Namespace, output: Output) -> int:
    reference, target = repository(arguments.repository), saved(arguments.target)
    with moving(arguments, output, reference) as registries:
        found = backup(
            str(reference),
            target,
            include=arguments.include,
            exclude=arguments.exclude,
            referrers=not arguments.no_referrers,
            keep_going=arguments.keep_going,
            registries=registries,
            dry_run=arguments.dry_run,
            jobs=arguments.jobs,
        )
    return report(output, target, found, dry_run=arguments.dry_run)


def repository(text: str) -> Reference:
    """The repository. Raises InvalidReference where one of its tags is named, and says how to choose it."""
    found = options.reference(text)
    if found.tag is not None or found.digest is not None:
        raise InvalidReference(f"{text!r} names a tag or digest", advice=f"--include chooses tags of {found.place}")
    return found
