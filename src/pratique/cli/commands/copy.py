"""Copy an image, an artifact or many tags from any store to any store, every digest kept."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...client.copying import FORMS, How, copy, copy_tags
from ...errors import InvalidInput
from ...http.events import Observer
from ...stores.locations import Location
from ...transfer.copy import Result
from ...transfer.repository import Failure
from ...transfer.tags import version_range
from .. import options, trace
from ..connect import expanded
from ..copied import report
from ..output import Output
from ..progress import STYLES, shown
from ..sides import sides

EXAMPLES = """examples:
  pratique copy docker.io/library/debian:12 localhost:5000/debian:12
  pratique copy --platform linux/arm64 ghcr.io/org/app:1.2 oci:backup:1.2
  pratique copy --referrers --digest-tags ghcr.io/org/app:1.2 registry.example.com/app:1.2
  pratique copy --all-tags --semver '>=1.2 <2' --newest 5 ghcr.io/org/app registry.example.com/app
  pratique copy --src-creds robot:$A --dest-creds admin:$B registry.example.com/a:1 registry.example.com/b:1
  pratique copy oci-archive:app.tar:1.2 localhost:5000/app:1.2 --tag latest"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source", metavar="SRC", help="REF, oci:PATH[:NAME], oci-archive:…, docker-archive:… or dir:PATH"
    )
    parser.add_argument("target", metavar="DST", help="the same; - as a path is a standard stream")
    parser.add_argument(
        "--platform",
        type=options.platform,
        action="append",
        default=[],
        help="only this platform; several make a smaller index",
    )
    parser.add_argument(
        "--keep-index", action="store_true", help="with --platform: the index as it is, though it lists more"
    )
    parser.add_argument("--tag", metavar="TAG", action="append", default=[], help="a further name at the destination")
    parser.add_argument("--all-tags", action="store_true", help="every tag of the source, under its own name")
    parser.add_argument(
        "--include", metavar="REGEX", type=options.expression, help="of all tags only those that match as a whole"
    )
    parser.add_argument(
        "--exclude", metavar="REGEX", type=options.expression, help="of all tags none that match as a whole"
    )
    parser.add_argument(
        "--semver",
        metavar="RANGE",
        type=options.argument(version_range),
        help="with --all-tags: only versions in the range",
    )
    parser.add_argument(
        "--newest", metavar="N", type=options.positive, help="with --all-tags: only the N highest versions"
    )
    parser.add_argument("--referrers", action="store_true", help="signatures, SBOMs and whatever else refers to it")
    parser.add_argument(
        "--artifact-type", metavar="TYPE", action="append", default=[], help="only referrers of this type"
    )
    parser.add_argument("--digest-tags", action="store_true", help="tags such as sha256-….sig")
    parser.add_argument("--foreign", action="store_true", help="move layers that live elsewhere by their URLs")
    parser.add_argument("--format", choices=sorted(FORMS), help="convert manifests; their digests change")
    parser.add_argument("--no-clobber", action="store_true", help="leave tags that exist as they are")
    parser.add_argument("--verify", action="store_true", help="hash here what a registry verifies as it stores it")
    parser.add_argument("--if-changed", action="store_true", help="print nothing where nothing had to be done")
    parser.add_argument("--dry-run", action="store_true", help="copy nothing; say what would be")
    parser.add_argument("--keep-going", action="store_true", help="with --all-tags: go on after a failure")
    parser.add_argument(
        "--digest-file", metavar="FILE", type=options.writable, help="write the digest at the destination to a file"
    )
    options.add_jobs(parser)
    parser.add_argument("--chunk-size", metavar="BYTES", type=options.size, help="upload in pieces of this size")
    parser.add_argument("--progress", choices=STYLES, default="auto", help="how to show what moves")
    options.add_registry(parser)
    options.add_sides(parser)
    options.add_short_names(parser)
    options.add_global(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, output: Output) -> int:
    source, target = Location.parse(arguments.source), Location.parse(arguments.target)
    if source.reference is not None:
        source = Location.parse(expanded(arguments, output, arguments.source))
    _check(arguments, source, target)
    try:
        with shown(arguments.progress, output, trace.observer(output)) as tell:
            found = _copy(arguments, output, source, target, tell)
    except KeyboardInterrupt:
        output.note("what has arrived is kept; the same command goes on from there")
        raise
    if arguments.digest_file:
        digests = [str(result.descriptor.digest) for result in found if isinstance(result, Result)]
        if digests:
            Path(arguments.digest_file).write_text("".join(f"{digest}\n" for digest in digests), "utf-8")
    return report(output, target, found, many=arguments.all_tags, dry_run=arguments.dry_run, quiet=arguments.if_changed)


def _copy(
    arguments: argparse.Namespace, output: Output, source: Location, target: Location, tell: Observer
) -> Sequence[Result | Failure]:
    with sides(arguments, output, source, target, tell) as (registries, target_registries):
        where: Any = {"registries": registries, "target_registries": target_registries, "tell": tell}
        if not arguments.all_tags:
            return [copy(source, target, tags=arguments.tag, **where, **_how(arguments))]
        return copy_tags(
            source,
            target,
            include=arguments.include,
            exclude=arguments.exclude,
            semver=arguments.semver,
            newest=arguments.newest,
            keep_going=arguments.keep_going,
            **where,
            **_how(arguments),
        )


def _check(arguments: argparse.Namespace, source: Location, target: Location) -> None:
    """What makes no sense together. Raises InvalidInput."""
    if arguments.keep_index and not arguments.platform:
        raise InvalidInput("--keep-index goes with --platform")
    if arguments.format and (
        arguments.keep_index or arguments.referrers or arguments.artifact_type or arguments.digest_tags
    ):
        raise InvalidInput("--format changes digests, by which --keep-index, --referrers and --digest-tags go")
    choosing = (arguments.include, arguments.exclude, arguments.semver, arguments.newest)
    if not arguments.all_tags and any(choice is not None for choice in choosing):
        raise InvalidInput("--include, --exclude, --semver and --newest go with --all-tags")
    if not arguments.all_tags:
        return
    if arguments.tag:
        raise InvalidInput("--tag gives one image a further name, and --all-tags copies many")
    for place in (source, target):
        if place.said:
            raise InvalidInput(f"{place} names one image, and --all-tags copies all", advice="leave the tag out")


def _how(arguments: argparse.Namespace) -> How:
    return {
        "platforms": arguments.platform,
        "keep_index": arguments.keep_index,
        "referrers": arguments.referrers,
        "artifact_types": arguments.artifact_type,
        "digest_tags": arguments.digest_tags,
        "foreign": arguments.foreign,
        "form": arguments.format,
        "no_clobber": arguments.no_clobber,
        "verify": arguments.verify,
        "dry_run": arguments.dry_run,
        "jobs": arguments.jobs,
    }
