"""The single file: Pratique and what it needs, without compiled parts, as a zip that Python runs (PEP 441)."""

from __future__ import annotations

import stat
import time
import zipfile
from collections.abc import Iterator
from importlib.metadata import Distribution
from pathlib import Path
from typing import IO, Final

from .dependencies import PROJECT, Graph, installed

SHEBANG: Final = b"#!/usr/bin/env python3\n"
MAIN: Final = b"""import sys

if sys.version_info < (3, 11):  # said in the words of any Python 3, for nothing else here can be read by an older one
    sys.stderr.write("pratique: this needs Python 3.11 or newer, and %s is %d.%d\\n" % (sys.executable, *sys.version_info[:2]))
    sys.exit(8)

# The packages of this machine may be of versions that do not fit.
sys.path = [place for place in sys.path if not place.endswith(("site-packages", "dist-packages"))]

from pratique.cli.main import main

sys.exit(main())
"""
FIRST_SECOND: Final = 315532800  # that a zip can name: 1980, in seconds since 1970

# What an installer notes for itself. Licences stay.
_NOTES: Final = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"})


def write(path: Path, wheel: Path, graph: Graph, epoch: int) -> None:
    """Write the single file of a wheel; its members are from `epoch`, in seconds since 1970."""
    with zipfile.ZipFile(wheel) as ours:
        members = {name: ours.read(name) for name in ours.namelist() if _is_wanted(name)}
    for found in pure(graph):
        members.update(_files(found))
    members["__main__.py"] = MAIN
    with path.open("wb") as file:
        file.write(SHEBANG)
        _pack(file, members, epoch)
    path.chmod(0o755)


def pure(graph: Graph) -> Iterator[Distribution]:
    """What is needed and has no compiled parts; what only those with such parts need is left out as well."""
    ahead, seen = list(graph[PROJECT]), set[str]()
    while ahead:
        name = ahead.pop()
        found = installed(name)
        if name not in seen and found and is_pure(found):
            seen.add(name)
            ahead += graph[name]
            yield found


def is_pure(found: Distribution) -> bool:
    """Whether a distribution is the same on every system (binary distribution format, §File contents)."""
    said = (found.read_text("WHEEL") or "").splitlines()
    tags = [line for line in said if line.startswith("Tag: ")]
    return "Root-Is-Purelib: true" in said and all(tag.endswith("-none-any") for tag in tags)


def _files(found: Distribution) -> Iterator[tuple[str, bytes]]:
    for file in found.files or ():
        if _is_wanted(str(file)):
            yield str(file), Path(str(found.locate_file(file))).read_bytes()


def _is_wanted(name: str) -> bool:
    """Whether a file belongs into it: nothing that lies beside the packages, and nothing that Python has compiled."""
    parts = name.split("/")
    first, last = parts[0], parts[-1]
    return first != ".." and not first.endswith(".data") and last not in _NOTES and not last.endswith(".pyc")


def _pack(file: IO[bytes], members: dict[str, bytes], epoch: int) -> None:
    year, month, day, hour, minute, second, *_ = time.gmtime(max(epoch, FIRST_SECOND))
    with zipfile.ZipFile(file, "w") as packed:
        for name, content in sorted(members.items()):
            member = zipfile.ZipInfo(name, (year, month, day, hour, minute, second))
            member.external_attr = (stat.S_IFREG | 0o644) << 16
            packed.writestr(member, content, zipfile.ZIP_DEFLATED, 9)
