"""Compare two images: fields of manifests and configs, and files by their content."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Any, Final

from ...client.images.differences import Differences, compare, compare_indexes
from ...image.comparison import Difference
from ...image.layers.files import Change, File
from ...spec.descriptor import Descriptor
from ...stores.locations import Location
from .. import options
from ..alteration import PLACE
from ..connect import connected, named
from ..output import Output
from . import ls_files

EXAMPLES = """examples:
  pratique diff --platform linux/amd64 ghcr.io/org/app:1.0 ghcr.io/org/app:1.1
  pratique diff --times oci:backup:1.0 localhost:5000/app:1.0
  pratique diff --json localhost:5000/app:1.0 localhost:5000/app:1.1"""

_SIGNS = {"added": "+", "removed": "-", "changed": "~"}
_LAYERS: Final = "/layers"  # in a manifest


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("before", metavar="REF", help=PLACE)
    parser.add_argument("after", metavar="REF", help="the same")
    options.add_platform(parser, "only this image of an index; otherwise all are compared")
    parser.add_argument("--times", action="store_true", help="when files were modified counts")
    options.add_registry(parser)
    options.add_global(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, output: Output) -> int:
    places = Location.parse(arguments.before), Location.parse(arguments.after)
    with connected(arguments, output, named(*places)) as registries:
        if arguments.platform:
            platform = arguments.platform
            found = [compare(*places, platform=platform, times=arguments.times, registries=registries)]
        else:
            found = compare_indexes(*places, times=arguments.times, registries=registries)
    if output.as_json:
        several = {"images": [document(each) for each in found if each]}
        output.document(several if len(found) > 1 else document(found[0]))
    else:
        for each in found:
            before = f"{each.platform}: " if each.platform else ""
            for line in lines(each, "manifest" if each.platform or len(found) == 1 else "index"):
                output.line(before + line)
    return int(any(found))


def document(found: Differences) -> dict[str, Any]:
    """What two images differ in, as JSON."""
    facts = {
        "manifest": [_field(each) for each in found.manifest],
        "config": [_field(each) for each in found.config],
        "files": [_file(each) for each in found.files],
    }
    return {"platform": str(found.platform), **facts} if found.platform else facts


def lines(found: Differences, name: str = "manifest") -> Iterator[str]:
    """The same for people: one line for each field, each entry of a list, and each file.

    What follows from others is left out: digest and size of a config that differs, and the diff ids of layers that do.
    """
    followed = {"/config/digest", "/config/size"} if found.config else set()
    if any(each.place == _LAYERS for each in found.manifest):
        followed.add("/rootfs/diff_ids")
    for what, differences in ((name, found.manifest), ("config", found.config)):
        for each in differences:
            if each.place not in followed:
                yield from _told(what, each)
    for change in found.files:
        yield f"{_SIGNS[change.kind]} file {change.path}{_facts(change)}"


def _told(what: str, each: Difference) -> Iterator[str]:
    if not each.place:
        yield f"{'+' if each.is_added else '-'} image"
    elif isinstance(each.before or [], list) and isinstance(each.after or [], list):
        shown = _layer if each.place == _LAYERS else lambda value: f"{what} {each.place}: {_shown(value)}"
        one, two = [shown(value) for value in each.before or ()], [shown(value) for value in each.after or ()]
        for _, start, end, other, last in SequenceMatcher(None, one, two).get_opcodes():
            if one[start:end] != two[other:last]:
                yield from (f"- {line}" for line in one[start:end])
                yield from (f"+ {line}" for line in two[other:last])
    else:
        values = [_shown(each.before)] * (not each.is_added) + [_shown(each.after)] * (not each.is_removed)
        yield f"{_SIGNS[_kind(each)]} {what} {each.place}: {' -> '.join(values)}"


def _layer(entry: Any) -> str:
    found = Descriptor.from_json(entry, "a layer")
    return f"layer {found.digest} ({found.size} bytes, {found.media_type})"


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _facts(change: Change) -> str:
    """What is known of what changed; of a file that was added or removed its size."""
    sizes = [str(each.size) for each in (change.before, change.after) if each and each.kind == "file"]
    facts = [f"{' -> '.join(dict.fromkeys(sizes))} bytes"] if sizes and change.fields in ((), ("content",)) else []
    if change.before and change.after and "kind" in change.fields:
        facts = [f"{change.before.kind} -> {change.after.kind}"]
    elif change.before and change.after:
        said = {name: (_fact(change.before, name), _fact(change.after, name)) for name in change.fields}
        facts = [
            f"{name} {one} -> {two}" if one != two else name + (one and f", {one}") for name, (one, two) in said.items()
        ]
    return f" ({', '.join(facts)})" if facts else ""


def _fact(file: File, name: str) -> str:
    """What there is to show of a field."""
    shown = {
        "content": f"{file.size} bytes" if file.kind == "file" else "",
        "mode": f"{file.mode:04o}",
        "owner": "/".join(map(str, file.owner)),
        "link": file.link,
        "device": ",".join(map(str, file.device)),
        "modified": file.modified,
    }
    return shown.get(name, "")


def _kind(each: Difference) -> str:
    return "added" if each.is_added else "removed" if each.is_removed else "changed"


def _field(each: Difference) -> dict[str, Any]:
    return {"place": each.place, "kind": _kind(each), "before": each.before, "after": each.after}


def _file(change: Change) -> dict[str, Any]:
    def shown(file: File | None) -> dict[str, Any] | None:
        return ls_files.document(file) if file else None

    fields = {"fields": list(change.fields)} if change.fields else {}
    return {
        "path": change.path,
        "kind": change.kind,
        **fields,
        "before": shown(change.before),
        "after": shown(change.after),
    }
