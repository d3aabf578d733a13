"""The programs that are measured, and how each is told what to do. A place is a tag of a registry or of a layout."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.server import PATH

from .registries import Address

Words = list[str]
EACH = "EACH-OF-THEM"  # in the place of the tag, in a command that a loop repeats


@dataclass(frozen=True, slots=True)
class Remote:
    """A tag of a repository."""

    at: Address
    repository: str
    tag: str = ""

    def __str__(self) -> str:
        return f"{self.at.address}/{self.repository}" + (f":{self.tag}" if self.tag else "")

    def at_tag(self, tag: str) -> Remote:
        return replace(self, tag=tag)

    @property
    def is_plain(self) -> bool:
        return self.at.scheme == "http"


@dataclass(frozen=True, slots=True)
class Layout:
    """A tag of an OCI layout."""

    folder: Path
    tag: str

    def __str__(self) -> str:
        return f"{self.folder}:{self.tag}"


Place = Remote | Layout


@dataclass(frozen=True, slots=True)
class Many:
    """Several tags of a repository, and a file with a reference to each, one a line."""

    repository: Remote
    tags: Sequence[str]
    written: Path


class Program:
    """One program. Each method answers the words of a command, or nothing where the program cannot do that."""

    name = ""
    asks_version: Sequence[str] = ("version",)

    def __init__(self, path: str) -> None:
        self.path = path

    def version(self) -> Words:
        """Print the version."""
        return [self.path, *self.asks_version]

    def copy(self, source: Place, target: Place) -> Words | None:
        """Copy an image under its digest."""

    def repository(self, source: Many, target: Remote) -> Words | None:
        """Copy all tags of a repository."""
        return loop(self.copy(source.repository.at_tag(EACH), target.at_tag(EACH)), source.tags)

    def digest(self, reference: Remote) -> Words | None:
        """Print the digest of a reference."""

    def digests(self, many: Many) -> Words | None:
        """Print the digests of many references."""
        return loop(self.digest(many.repository.at_tag(EACH)), many.tags)

    def tags(self, repository: Remote, size: int) -> Words | None:
        """List the tags of a repository, in pages of `size`; nothing where that cannot be said."""

    def details(self, repository: Remote) -> Words | None:
        """List tags with digest, date and platforms."""

    def export(self, source: Place, scratch: Path) -> Words | None:
        """Write the file system of an image to nowhere, with a folder that may be made for that."""

    def flatten(self, source: Place, target: Place, scratch: Path) -> Words | None:
        """Make one layer of all."""

    def append(self, source: Place, target: Place, tar: Path) -> Words | None:
        """Put a layer on top."""

    def recompress(self, source: Place, target: Place) -> Words | None:
        """Pack the layers by zstd."""


class Pratique(Program):
    name = "pratique"
    asks_version = ("--version",)

    def copy(self, source: Place, target: Place) -> Words:
        return [*self._told("copy", source, target), _oci(source), _oci(target)]

    def repository(self, source: Many, target: Remote) -> Words:
        return [*self._told("copy", source.repository, target), "--all-tags", str(source.repository), str(target)]

    def digest(self, reference: Remote) -> Words:
        return [*self._told("digest", reference), str(reference)]

    def digests(self, many: Many) -> Words:
        words = [*self._told("digest", many.repository), "-"]
        return ["/bin/sh", "-c", f"{shlex.join(words)} <{shlex.quote(str(many.written))}"]

    def tags(self, repository: Remote, size: int) -> Words:
        return [*self._told("tags", repository), "--page-size", str(size), str(repository)]

    def details(self, repository: Remote) -> Words:
        return [*self._told("tags", repository), "--details", str(repository)]

    def export(self, source: Place, scratch: Path) -> Words:  # noqa: ARG002
        return nowhere([*self._told("export", source), _oci(source)])

    def flatten(self, source: Place, target: Place, scratch: Path) -> Words:  # noqa: ARG002
        return [*self._told("flatten", source, target), "--to", _oci(target), _oci(source)]

    def append(self, source: Place, target: Place, tar: Path) -> Words:
        return [*self._told("append", source, target), "--to", _oci(target), _oci(source), str(tar)]

    def recompress(self, source: Place, target: Place) -> Words:
        return [*self._told("recompress", source, target), "--compression=zstd", "--to", _oci(target), _oci(source)]

    def _told(self, verb: str, *places: Place) -> Words:
        plain = any(isinstance(place, Remote) and place.is_plain for place in places)
        return [self.path, verb, "--quiet", *(["--plain-http"] if plain else [])]


class Crane(Program):
    name = "crane"

    def copy(self, source: Place, target: Place) -> Words:
        if isinstance(source, Layout):
            return self._told("push", target, str(source.folder), str(target))
        if isinstance(target, Layout):
            return self._told("pull", source, "--format=oci", str(source), str(target.folder))
        return self._told("copy", source, str(source), str(target))

    def repository(self, source: Many, target: Remote) -> Words:
        return self._told("copy", target, "--all-tags", str(source.repository), str(target))

    def digest(self, reference: Remote) -> Words:
        return self._told("digest", reference, str(reference))

    def tags(self, repository: Remote, size: int) -> Words | None:
        # It knows no other size, and takes the second page of a registry on loopback over TLS for a change of scheme.
        can = size == 1000 and repository.is_plain
        return self._told("ls", repository, str(repository)) if can else None

    def export(self, source: Place, scratch: Path) -> Words | None:  # noqa: ARG002
        return nowhere(self._told("export", source, str(source), "-")) if isinstance(source, Remote) else None

    def flatten(self, source: Place, target: Place, scratch: Path) -> Words | None:  # noqa: ARG002
        both = isinstance(source, Remote) and isinstance(target, Remote)
        return self._told("flatten", source, "-t", str(target), str(source)) if both else None

    def append(self, source: Place, target: Place, tar: Path) -> Words | None:
        both = isinstance(source, Remote) and isinstance(target, Remote)
        return self._told("append", source, "-b", str(source), "-f", str(tar), "-t", str(target)) if both else None

    def _told(self, verb: str, place: Place, *words: str) -> Words:
        plain = isinstance(place, Remote) and place.is_plain
        return [self.path, verb, *(["--insecure"] if plain else []), *words]


class Regctl(Program):
    name = "regctl"

    def copy(self, source: Place, target: Place) -> Words:
        return [*self._told("image", "copy", places=(source, target)), _ocidir(source), _ocidir(target)]

    def digest(self, reference: Remote) -> Words:
        return [*self._told("image", "digest", places=[reference]), str(reference)]

    def append(self, source: Place, target: Place, tar: Path) -> Words:
        told = self._told("image", "mod", places=(source, target))
        return [*told, "--create", _ocidir(target), "--layer-add", f"tar={tar}", _ocidir(source)]

    def recompress(self, source: Place, target: Place) -> Words:
        told = self._told("image", "mod", places=(source, target))
        return [*told, "--create", _ocidir(target), "--layer-compress", "zstd", _ocidir(source)]

    def _told(self, *verb: str, places: Iterable[Place]) -> Words:
        remote = {place.at.address for place in places if isinstance(place, Remote) and place.is_plain}
        return [self.path, *verb, *(f"--host=reg={address},tls=disabled" for address in sorted(remote))]


class Oras(Program):
    name = "oras"

    def copy(self, source: Place, target: Place) -> Words:
        return [
            self.path,
            "copy",
            "--no-tty",
            *self._side("from", source),
            *self._side("to", target),
            str(source),
            str(target),
        ]

    def digest(self, reference: Remote) -> Words:
        return [self.path, "resolve", *(["--plain-http"] if reference.is_plain else []), str(reference)]

    @staticmethod
    def _side(side: str, place: Place) -> Words:
        if isinstance(place, Layout):
            return [f"--{side}-oci-layout"]
        return [f"--{side}-plain-http"] if place.is_plain else []


class Skopeo(Program):
    name = "skopeo"
    asks_version = ("--version",)

    def copy(self, source: Place, target: Place) -> Words:
        sides = [*self._side("src", source), *self._side("dest", target)]
        return [*self._told("copy"), "--preserve-digests", *sides, _docker(source), _docker(target)]

    def repository(self, source: Many, target: Remote) -> Words:
        sides = [*self._side("src", source.repository), *self._side("dest", target)]
        below = (
            f"{target.at.address}/{target.repository.rpartition('/')[0]}"  # it adds the last part of the source's name
        )
        return [*self._told("sync"), "--src", "docker", "--dest", "docker", *sides, str(source.repository), below]

    def digest(self, reference: Remote) -> Words:
        insecure = ["--tls-verify=false"] if reference.is_plain else []
        return [*self._told("inspect"), "--no-tags", "--format", "{{.Digest}}", *insecure, _docker(reference)]

    def _told(self, verb: str) -> Words:
        return [self.path, "--insecure-policy", verb]

    @staticmethod
    def _side(side: str, place: Place) -> Words:
        return [f"--{side}-tls-verify=false"] if isinstance(place, Remote) and place.is_plain else []


class Umoci(Program):
    """It works within one layout. What it has no command for is put together of those that it has, and of GNU tar."""

    name = "umoci"
    asks_version = ("--version",)

    def export(self, source: Place, scratch: Path) -> Words | None:
        if isinstance(source, Remote):
            return None
        packed = ["tar", "-C", str(scratch / "rootfs"), "-c", "."]
        # GNU tar reads no file where it finds that it writes to nowhere.
        return _one_by_one([*self._unpacked(source, scratch), f"{shlex.join(packed)} | cat >/dev/null"])

    def flatten(self, source: Place, target: Place, scratch: Path) -> Words | None:
        if isinstance(source, Remote):
            return None
        words = [self.path, "insert", *self._rootless(), "--image", str(target), str(scratch / "rootfs"), "/"]
        empty = [self.path, "new", "--image", str(target)]
        return _one_by_one([*self._unpacked(source, scratch), shlex.join(empty), shlex.join(words)])

    def append(self, source: Place, target: Place, tar: Path) -> Words | None:
        if isinstance(source, Remote) or isinstance(target, Remote):
            return None
        return [self.path, "raw", "add-layer", "--image", str(source), "--tag", target.tag, str(tar)]

    def _unpacked(self, source: Place, scratch: Path) -> list[str]:
        return [shlex.join([self.path, "unpack", *self._rootless(), "--image", str(source), str(scratch)])]

    @staticmethod
    def _rootless() -> Words:
        return ["--rootless"] if os.getuid() else []


class Python(Program):
    """An interpreter that does nothing: what any program in this language costs."""

    name = "python -c pass"
    asks_version = ("-c", "pass")

    def digest(self, reference: Remote) -> Words:  # noqa: ARG002  (it stands for any command)
        return self.version()

    def digests(self, many: Many) -> None:
        """A loop that does nothing is nobody to be compared with."""


PYTHON = Python.name
PEERS = (Crane, Regctl, Oras, Skopeo, Umoci)


def loop(words: Words | None, tags: Sequence[str]) -> Words | None:
    """A command for each tag, one after the other, by a shell; the tag is EACH in a word that needs no quotes."""
    if words is None:
        return None
    command = shlex.join(words).replace(EACH, "$tag")
    return ["/bin/sh", "-c", f"for tag in {shlex.join(tags)}; do {command} || exit 1; done"]


def nowhere(words: Words) -> Words:
    """A command whose output nobody reads."""
    return ["/bin/sh", "-c", f"{shlex.join(words)} >/dev/null"]


def _one_by_one(commands: Sequence[str]) -> Words:
    """Commands of a shell, one after the other, as long as they succeed."""
    return ["/bin/sh", "-c", " && ".join(commands)]


def installed() -> list[Program]:
    """Pratique, the peers that are found, and the interpreter."""
    found = [(peer, shutil.which(peer.name, path=PATH)) for peer in PEERS]
    ours = str(Path(sys.executable).with_name("pratique"))
    return [Pratique(ours), *(peer(path) for peer, path in found if path), Python(sys.executable)]


def version(program: Program) -> str:
    """What a program says of its version."""
    words = [program.path, "--version"] if isinstance(program, Python) else program.version()
    said = subprocess.run(words, check=True, capture_output=True, text=True, env=os.environ | {"LANG": "C"}).stdout
    lines = [line.split(":", 1)[-1].strip() for line in said.splitlines() if line.strip()]
    return lines[0].removeprefix(f"{program.name} ").removeprefix("version ")


def _oci(place: Place) -> str:
    return f"oci:{place}" if isinstance(place, Layout) else str(place)


def _ocidir(place: Place) -> str:
    return f"ocidir://{place}" if isinstance(place, Layout) else str(place)


def _docker(place: Place) -> str:
    return f"oci:{place}" if isinstance(place, Layout) else f"docker://{place}"
