"""Delete the tags of a repository whose images are old. Nothing is deleted without --delete.

prune.py localhost:5000/app --days 90 --keep 'v*' --keep latest
"""

import argparse
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase

import pratique


def main() -> None:
    parser = argparse.ArgumentParser(description="Delete the tags of a repository whose images are old.")
    parser.add_argument("repository", help="for instance localhost:5000/app")
    parser.add_argument("--days", type=float, default=90, help="how old they may become (%(default)s)")
    parser.add_argument("--keep", action="append", default=[], metavar="PATTERN", help="tags that stay in any case")
    parser.add_argument("--delete", action="store_true", help="do it; else it is only said")
    said = parser.parse_args()
    with pratique.connect() as registries:
        repository = registries.repository(said.repository)
        count = 0
        for tag, created in list(old(repository, datetime.now(UTC) - timedelta(days=said.days), said.keep)):
            deletion = repository.delete(tag, dry_run=not said.delete)
            print(f"{created:%Y-%m-%d}  {deletion.outcome:8}  {deletion.reference}")
            count += 1
        print(f"{count} {'deleted' if said.delete else 'to delete: call it again with --delete'}", file=sys.stderr)


def old(repository: pratique.Repository, limit: datetime, keep: list[str]) -> Iterator[tuple[str, datetime]]:
    tags = [tag for tag in repository.tags() if not any(fnmatchcase(tag, pattern) for pattern in keep)]
    for tag, found in zip(tags, repository.inspections(tags), strict=True):
        if found.created and found.created < limit:  # what does not say when it was made stays
            yield tag, found.created


if __name__ == "__main__":
    try:
        main()
    except pratique.Error as error:
        sys.exit(f"prune: {error}")
