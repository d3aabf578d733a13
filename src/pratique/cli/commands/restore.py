"""Bring a backup back into a repository, all tags and what refers to them."""

from __future__ import annotations

import argparse

from ...client.artifacts.backups import restore, saved
from ...stores.locations import Location
from ..copied import report
from ..made import moving
from ..output import Output
from .backup import add_saving, repository

EXAMPLES = """examples:
  pratique restore oci:backup localhost:5000/app
  pratique restore --dry-run app.tar localhost:5000/restored/app
  pratique restore --include 1.0 app.tar localhost:5000/app
  pratique restore --no-clobber oci-archive:app.tar.zst localhost:5000/app"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", metavar="SRC", help="oci:PATH, oci-archive:PATH, or a PATH; - is standard input")
    parser.add_argument("repository", metavar="REPO", help="where to bring it")
    parser.add_argument("--no-clobber", action="store_true", help="leave tags that exist as they are")
    add_saving(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, output: Output) -> int:
    source, reference = saved(arguments.source), repository(arguments.repository)
    with moving(arguments, output, reference) as registries:
        found = restore(
            source,
            str(reference),
            include=arguments.include,
            exclude=arguments.exclude,
            referrers=not arguments.no_referrers,
            keep_going=arguments.keep_going,
            no_clobber=arguments.no_clobber,
            registries=registries,
            dry_run=arguments.dry_run,
            jobs=arguments.jobs,
        )
    return report(output, Location.parse(str(reference)), found, dry_run=arguments.dry_run)
