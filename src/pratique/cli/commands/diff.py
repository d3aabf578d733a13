"""Compare two images: fields of manifests and configs, and files by their content."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from typing import Any

from ...client.contents import compare
from ...image.comparison import Difference
from ...image.layers.files import Change, File
from ...stores.locations import Location
from .. import options
from ..alteration import PLACE
from ..connect import connected
from ..made import named
from ..output import Output
from .ls_files import document

EXAMPLES = """examples:
  pratique diff --platform linux/amd64 ghcr.io/org/app:1.0 ghcr.io/org/app:1.1
  pratique diff --times oci:backup:1.0 localhost:5000/app:1.0
  pratique diff --json localhost:5000/app:1.0 localhost:5000/app:1.1"""

_SIGNS = {"added": "+", "removed": "-", "changed": "~"}


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("before", metavar="REF", help=PLACE)
    parser.add_argument("after", metavar="REF", help="the same")
    parser.add_argument("--platform", metavar="OS/ARCH", type=options.platform, help="which image of an index")
    parser.add_argument("--times", action="store_true", help="when files were modified counts")
    options.add_registry(parser)
    options.add_global(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, output: Output) -> int:
    before, after = Location.parse(arguments.before), Location.parse(arguments.after)
    with connected(arguments, output, named(before, after)) as registries:
        found = compare(before, after, platform=arguments.platform, times=arguments.times, registries=registries)
    if output.as_json:
        output.document(
            {
                "manifest": [_field(each) for each in found.manifest],
                "config": [_field(each) for each in found.config],
                "files": [_file(each) for each in found.files],
            }
        )
    else:
        _print(output, "manifest", found.manifest)
        _print(output, "config", found.config)
        for change in found.files:
            output.line(f"{_SIGNS[change.kind]} file {change.path}{_sizes(change)}")
    return int(bool(found))


def _print(output: Output, what: str, found: Iterable[Difference]) -> None:
    for each in found:
        sign = "+" if each.is_added else "-" if each.is_removed else "~"
        values = [_shown(each.before)] * (not each.is_added) + [_shown(each.after)] * (not each.is_removed)
        output.line(f"{sign} {what} {each.place or '/'}: {' -> '.join(values)}")


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _sizes(change: Change) -> str:
    """What is known of the sizes, where both are files or one is."""
    sizes = [str(each.size) for each in (change.before, change.after) if each and each.kind == "file"]
    return f" ({' -> '.join(sizes)} bytes)" if sizes else ""


def _field(each: Difference) -> dict[str, Any]:
    kind = "added" if each.is_added else "removed" if each.is_removed else "changed"
    return {"place": each.place, "kind": kind, "before": each.before, "after": each.after}


def _file(change: Change) -> dict[str, Any]:
    def shown(file: File | None) -> dict[str, Any] | None:
        return document(file) if file else None

    path = change.path
    return {"path": path, "kind": change.kind, "before": shown(change.before), "after": shown(change.after)}
