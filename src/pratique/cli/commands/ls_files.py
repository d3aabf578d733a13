"""List the files of an image, as its layers make them together."""

from __future__ import annotations

import argparse
import stat
from datetime import UTC, datetime
from typing import Any, Final

from ...client.images.contents import list_files
from ...image.layers.files import File
from ...stores.locations import Location
from .. import options
from ..alteration import add_image
from ..connect import connected, named
from ..output import Output, moment

EXAMPLES = """examples:
  pratique ls-files localhost:5000/app:1.0
  pratique ls-files --long --platform linux/arm64 docker.io/library/debian:12 etc/apt
  pratique ls-files --layers localhost:5000/app:1.0 "**/*.so"
  pratique ls-files --json --digests oci:backup:1.2"""

_TYPES: Final = {"folder": stat.S_IFDIR, "symlink": stat.S_IFLNK, "device": stat.S_IFCHR, "pipe": stat.S_IFIFO}


def configure(parser: argparse.ArgumentParser) -> None:
    add_image(parser)
    paths = "only this file, or this folder and what is in it; *, ? and ** are patterns"
    parser.add_argument("paths", metavar="PATH", nargs="*", default=[], help=paths)
    options.add_platform(parser, "which image of an index")
    parser.add_argument("--long", "-l", action="store_true", help="mode, owner, size and date as well")
    parser.add_argument("--digests", action="store_true", help="the digest of each file's content as well")
    parser.add_argument("--layers", action="store_true", help="the digest of the layer that each file is from as well")
    options.add_registry(parser)
    options.add_global(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, output: Output) -> None:
    source = Location.parse(arguments.reference)
    with connected(arguments, output, named(source)) as registries:
        found = list_files(
            source,
            paths=arguments.paths,
            platform=arguments.platform,
            digests=arguments.digests,
            registries=registries,
        )
    if output.as_json:
        output.document([document(file) for file in found])
        return
    for file in found:
        output.line(" ".join((*_facts(file, arguments), _shown(file) if arguments.long else file.path)))


def document(file: File) -> dict[str, Any]:
    """A file as JSON."""
    facts = {
        "path": file.path,
        "kind": file.kind,
        "size": file.size,
        "mode": f"{file.mode:04o}",
        "owner": list(file.owner),
        "modified": _modified(file).isoformat(),
        "link": file.link or None,
        "digest": str(file.digest) if file.digest else None,
        "attributes": dict(file.attributes),
        "layer": str(file.layer) if file.layer else None,
    }
    return {key: value for key, value in facts.items() if value is not None and value != {}}


def _facts(file: File, arguments: argparse.Namespace) -> list[str]:
    facts = []
    if arguments.long:
        mode = stat.filemode(_TYPES.get(file.kind, stat.S_IFREG) | file.mode)
        facts += [mode, "/".join(map(str, file.owner)), str(file.size), moment(_modified(file))]
    if arguments.digests:
        facts.append(str(file.digest or "-"))
    if arguments.layers:
        facts.append(str(file.layer or "-"))
    return facts


def _shown(file: File) -> str:
    if not file.link:
        return file.path
    return f"{file.path} {'->' if file.kind == 'symlink' else 'link to'} {file.link}"


def _modified(file: File) -> datetime:
    try:
        return datetime.fromtimestamp(float(file.modified), UTC)
    except (ValueError, OverflowError, OSError):  # before or after all that calendars know
        return datetime.fromtimestamp(0, UTC)
