"""Find the images of a repository that nobody has signed: by referrers, or by tags as cosign makes them.

unsigned.py ghcr.io/org/app
"""

import argparse
import json
import sys
from collections.abc import Iterator

import pratique

SIGNATURES = ("application/vnd.cncf.notary.signature", "application/vnd.dev.cosign.", "application/vnd.dev.sigstore.")


def main() -> None:
    parser = argparse.ArgumentParser(description="Find the images of a repository without a signature.")
    parser.add_argument("repository", help="for instance ghcr.io/org/app")
    parser.add_argument("--json", action="store_true", help="print one document")
    said = parser.parse_args()
    with pratique.connect() as registries:
        found = dict(unsigned(registries.repository(said.repository)))
    if said.json:
        print(json.dumps(found, indent=2))
    else:
        for tag, digest in found.items():
            print(f"{tag:16} {digest}")
    sys.exit(1 if found else 0)


def unsigned(repository: pratique.Repository) -> Iterator[tuple[str, str]]:
    tags = set(repository.tags())
    for tag in sorted(tag for tag in tags if not tag.startswith("sha256-")):  # which is the signature of another
        digest = repository.resolve(tag).digest
        types = [referrer.artifact_type or "" for referrer in repository.referrers(digest)]
        if f"sha256-{digest.encoded}.sig" not in tags and not any(each.startswith(SIGNATURES) for each in types):
            yield tag, str(digest)


if __name__ == "__main__":
    try:
        main()
    except pratique.Error as error:
        sys.exit(f"unsigned: {error}")
