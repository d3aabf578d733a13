"""Where content is, as people write it: `[docker://]REFERENCE`, `oci:PATH[:NAME]`, `dir:PATH` and the archives."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Final, cast

from ..errors import InvalidInput
from ..spec.digest import Digest
from ..spec.reference import Reference
from ..values import frozen
from .base import NAMELESS, Readable, Stages, Target

if TYPE_CHECKING:
    from pathlib import Path

    from .tar import Incoming

REGISTRY: Final = "docker"
LAYOUT: Final = "oci"
OCI_ARCHIVE: Final = "oci-archive"
DOCKER_ARCHIVE: Final = "docker-archive"
DIRECTORY: Final = "dir"
FILES: Final = (OCI_ARCHIVE, DOCKER_ARCHIVE, LAYOUT, DIRECTORY)

STANDARD_STREAM: Final = "-"


@frozen
class Location:
    """A store and, where given, a name in it. Of a registry `reference` says both; of files the path and the name do."""

    kind: str
    path: str = ""
    name: str = NAMELESS
    reference: Reference | None = None

    @classmethod
    def parse(cls, text: str) -> Location:
        """Read a location. Raises InvalidInput, InvalidReference."""
        for kind in FILES:
            if text.startswith(f"{kind}:"):
                return cls._of_files(kind, text.removeprefix(f"{kind}:"), text)
        if text.startswith(("docker-daemon:", "containers-storage:")):
            raise InvalidInput(
                f"{text!r}: this kind of store is not known here", advice=f"known are {', '.join(FILES)}"
            )
        reference = Reference.parse(text)
        return cls(REGISTRY, name=reference.name, reference=reference)

    @classmethod
    def _of_files(cls, kind: str, rest: str, text: str) -> Location:
        path, name = _digested(rest) if kind == DIRECTORY else _divide(rest)
        if path == STANDARD_STREAM and kind in (LAYOUT, DIRECTORY):
            raise InvalidInput(f"{text!r}: a folder is no stream", advice="an oci-archive can be one")
        if not path:
            raise InvalidInput(
                f"{text!r} names no path", advice=f"it looks like {kind}:PATH{'' if kind == DIRECTORY else '[:NAME]'}"
            )
        return cls(kind, path, name)

    @property
    def is_stream(self) -> bool:
        """Whether it is standard input or output."""
        return self.path == STANDARD_STREAM

    @property
    def said(self) -> str:
        """The tag, digest or name that it says; empty where it says none."""
        return self.name if self.reference is None else str(self.reference.digest or self.reference.tag or "")

    @property
    def place(self) -> str:
        """The store alone: `registry/repository`, or the kind and the path."""
        return self.reference.place if self.reference else f"{self.kind}:{self.path}"

    def __str__(self) -> str:
        if self.reference is not None:
            return str(self.reference)
        separator = "@" if ":" in self.name and Digest.find(self.name) else ":"
        return f"{self.place}{separator + self.name if self.name else ''}"


@contextmanager
def open_source(location: Location) -> Iterator[Readable]:
    """The store of files at a location, to read from. Raises NotFound, InvalidInput, Misbehaved."""
    path = _path(location)
    if location.kind == DIRECTORY:
        from .directory import Directory

        yield Directory(path)
    elif location.kind == LAYOUT:
        from .files import FolderFiles
        from .layout import Layout

        yield Layout(FolderFiles(path))
    elif location.kind == OCI_ARCHIVE:
        from .archive import TarFiles
        from .layout import Layout
        from .tar import Tar

        with closing(Tar(_incoming(location))) as tar:
            yield Layout(TarFiles(tar))
    else:
        from .docker_archive import DockerArchive

        with closing(DockerArchive(_incoming(location))) as archive:
            yield archive


@contextmanager
def open_target(location: Location) -> Iterator[Target]:
    """The store of files at a location, to write to; what was not finished is discarded. Raises InvalidInput, Unsupported."""
    path = _path(location)
    target: Target
    if location.kind == DIRECTORY:
        from .directory import Directory

        target = Directory(path)
    elif location.kind == LAYOUT:
        from .files import FolderFiles
        from .layout import Layout

        target = Layout(FolderFiles(path))
    elif location.kind == OCI_ARCHIVE:
        from .archive import ArchiveTarget
        from .files import FolderFiles
        from .layout import Layout

        target = ArchiveTarget(
            sys.stdout.buffer if location.is_stream else path, lambda folder: Layout(FolderFiles(folder))
        )
    else:
        from .docker_load import DockerArchiveTarget

        target = DockerArchiveTarget(sys.stdout.buffer if location.is_stream else path)
    try:
        yield target
    finally:
        if isinstance(target, Stages):
            target.discard()


def _incoming(location: Location) -> Path | Incoming:
    return cast("Incoming", sys.stdin.buffer) if location.is_stream else _path(location)


def _path(location: Location) -> Path:
    from pathlib import Path  # names of registries pass through here, too, and it takes long to load

    return Path(location.path)


def _divide(rest: str) -> tuple[str, str]:
    """Path and name: `PATH@sha256:…`, or what follows the first colon after the path's last slash."""
    place, digest = _digested(rest)
    if digest:
        return _divide(place)[0], digest  # a digest says more than a name before it
    folder, slash, last = rest.rpartition("/")
    # A name may have slashes itself, as `repo/app:1` in Docker's archives: then the path's own colon comes first.
    head, colon, name = rest.partition(":")
    if colon and "/" in name:
        return head, name
    file, _, name = last.partition(":")
    return f"{folder}{slash}{file}", name


def _digested(rest: str) -> tuple[str, str]:
    """What stands before `@sha256:…`, and that digest; NAMELESS where there is none."""
    place, at, digest = rest.rpartition("@")
    return (place, digest) if at and Digest.find(digest) else (rest, NAMELESS)
