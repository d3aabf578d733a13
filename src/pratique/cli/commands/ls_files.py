"""List the files of an image, as its layers make them together."""

from __future__ import annotations

import argparse
import stat
from datetime import UTC, datetime
from typing import Any, Final

from ...client.contents import list_files
from ...image.layers.files import File
from ...stores.locations import Location
from .. import options
from ..alteration import add_image
from ..connect import connected
from ..made import named
from ..output import Output, moment

EXAMPLES = """examples:
  pratique ls-files localhost:5000/app:1.0
  pratique ls-files --long --platform linux/arm64 docker.io/library/debian:12 etc/apt
  pratique ls-files --json --digests oci:backup:1.2"""

_TYPES: Final = {"folder": stat.S_IFDIR, "symlink": stat.S_IFLNK, "device": stat.S_IFCHR, "pipe": stat.S_IFIFO}


def configure(parser: argparse.ArgumentParser) -> None:
    add_image(parser)
    parser.add_argument("paths", metavar="PATH", nargs="*", help="only this file, or this folder and what is in it")
    parser.add_argument("--platform", metavar="OS/ARCH", type=options.platform, help="which image of an index")
    parser.add_argument("--long", "-l", action="store_true", help="mode, owner, size and date as well")
    parser.add_argument("--digests", action="store_true", help="the digest of each file's content as well")
    options.add_registry(parser)
    options.add_global(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, output: Output) -> None:
    source = Location.parse(arguments.reference)
    with connected(arguments, output, named(source)) as registries:
        found = list_files(source, platform=arguments.platform, digests=arguments.digests, registries=registries)
    wanted = [path.strip("/") for path in arguments.paths]
    chosen = [file for file in found if not wanted or any(_is_in(file, path) for path in wanted)]
    if output.as_json:
        output.document([document(file) for file in chosen])
        return
    for file in chosen:
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
    }
    return {key: value for key, value in facts.items() if value is not None and value != {}}


def _is_in(file: File, path: str) -> bool:
    return not path or file.path.rstrip("/") == path or file.path.startswith(f"{path}/")


def _facts(file: File, arguments: argparse.Namespace) -> list[str]:
    facts = []
    if arguments.long:
        mode = stat.filemode(_TYPES.get(file.kind, stat.S_IFREG) | file.mode)
        facts += [mode, "/".join(map(str, file.owner)), str(file.size), moment(_modified(file))]
    if arguments.digests:
        facts.append(str(file.digest or "-"))
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
