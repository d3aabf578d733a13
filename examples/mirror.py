"""Mirror the newest versions of a repository, with whatever refers to them: signatures, SBOMs.

mirror.py ghcr.io/org/app localhost:5000/app --newest 5
"""

import argparse
import json
import sys

import pratique


def main() -> None:
    parser = argparse.ArgumentParser(description="Mirror the newest versions of a repository.")
    parser.add_argument("source", help="a repository, for instance ghcr.io/org/app")
    parser.add_argument("target", help="where they go: a repository, or oci:PATH")
    parser.add_argument("--newest", type=int, default=5, help="how many versions (%(default)s)")
    parser.add_argument("--range", default=">=0.0.0", help="of which versions (%(default)s)")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be copied")
    parser.add_argument("--json", action="store_true", help="print one document")
    said = parser.parse_args()
    results = pratique.copy_tags(
        said.source, said.target, semver=said.range, newest=said.newest,
        referrers=True, keep_going=True, dry_run=said.dry_run,
    )  # fmt: skip
    if said.json:
        print(json.dumps({each.name: outcome(each) for each in results}, indent=2))
    else:
        for each in results:
            print(f"{each.name:16} {outcome(each)}")
    if any(isinstance(each, pratique.Failure) for each in results):
        sys.exit(1)


def outcome(each: pratique.Result | pratique.Failure) -> str:
    if isinstance(each, pratique.Failure):
        return f"failed: {each.error}"
    return f"{each.plan.size if each.plan else 0} bytes" if each.changed else "there already"


if __name__ == "__main__":
    try:
        main()
    except pratique.Error as error:
        sys.exit(f"mirror: {error}")
