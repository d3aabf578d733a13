"""List the tags of repositories, or the names in layouts and archives; with --details what is behind them."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from ...client.connection import open as open_store
from ...client.store import Store
from ...stores.inspection import Inspection
from .. import options
from ..connect import connected, named
from ..output import Output, moment, size
from ..several import Several

EXAMPLES = """examples:
  pratique tags ghcr.io/org/app
  pratique tags --sort version --limit 5 docker.io/library/debian
  pratique tags --details --sort date localhost:5000/app
  pratique tags --details oci:backup
  pratique tags --include '1\\..*' --exclude '.*-rc.*' --json ghcr.io/org/app"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "repositories",
        metavar="REPO",
        nargs="+",
        help="a repository, oci:PATH, oci-archive:PATH or docker-archive:PATH; - reads them from standard input",
    )
    parser.add_argument("--details", action="store_true", help="digest, date, size and platforms of each")
    parser.add_argument("--sort", choices=("name", "version", "date"), help="versions and dates: the newest first")
    parser.add_argument("--limit", metavar="N", type=options.count, help="at most so many of each repository")
    parser.add_argument("--include", metavar="REGEX", type=options.expression, help="only tags that match as a whole")
    parser.add_argument("--exclude", metavar="REGEX", type=options.expression, help="no tags that match as a whole")
    parser.add_argument("--full-ref", action="store_true", help="print REPOSITORY:TAG")
    parser.add_argument("--page-size", metavar="N", type=options.positive, help="tags to ask for at a time")
    options.add_registry(parser)
    options.add_global(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, output: Output) -> int:
    names = options.names(arguments.repositories)
    places = {name: options.store(name) for name in names}
    several: Several[Iterable[Any]] = Several(output, names)
    full = arguments.full_ref or len(names) > 1
    documents = []
    with connected(arguments, output, named(*places.values())) as registries:

        def work(name: str) -> Iterator[Any]:
            with open_store(places[name], registries=registries) as store:
                yield from (inspections if arguments.details else chosen)(store, arguments)

        # One list is printed as it comes; several are fetched at once and printed one after the other.
        for name, found in several.results(work if len(names) == 1 else lambda name: list(work(name))):
            place = places[name].place
            if output.as_json:
                documents.append({"repository": place, "tags": [_entry(item) for item in found]})
            elif arguments.details:
                _print_details(output, list(found), f"{place}:" if full else "")
            else:
                for tag in found:
                    output.line(f"{place}:{tag}" if full else tag)
    if output.as_json:
        output.document(several.documents(documents))
    return several.exit_code


def chosen(store: Store, arguments: argparse.Namespace) -> Iterable[str]:
    """The tags that the options ask for, in their order."""
    if arguments.sort == "date":
        return [inspection.name for inspection in inspections(store, arguments)]
    return islice(_matching(store, arguments), arguments.limit)


def inspections(store: Store, arguments: argparse.Namespace) -> list[Inspection]:
    """What is behind the tags that the options ask for, in their order."""
    tags, by_date = _matching(store, arguments), arguments.sort == "date"
    found = store.inspections(tags if by_date else islice(tags, arguments.limit), by_date=by_date)
    return list(islice(found, arguments.limit))


def _matching(store: Store, arguments: argparse.Namespace) -> Iterator[str]:
    sort = None if arguments.sort == "date" else arguments.sort  # only what matches is read for its date
    for tag in store.tags(sort=sort, page_size=arguments.page_size):
        if arguments.include and not arguments.include.fullmatch(tag):
            continue
        if not (arguments.exclude and arguments.exclude.fullmatch(tag)):
            yield tag


def _entry(item: str | Inspection) -> str | dict[str, Any]:
    if isinstance(item, str):
        return item
    return {
        "tag": item.name,
        "digest": str(item.digest),
        "media_type": item.manifest.media_type,
        "created": item.created.isoformat() if item.created else None,
        "size": item.size,
        "platforms": list(item.platforms),
    }


def _print_details(output: Output, found: list[Inspection], prefix: str) -> None:
    rows = [
        (
            prefix + item.name,
            str(item.digest)[:19],
            moment(item.created),
            size(item.size),
            ", ".join(item.platforms) or "-",
        )
        for item in found
    ]
    output.table(("TAG", "DIGEST", "CREATED", "SIZE", "PLATFORMS"), rows)
