"""Files, folders and standard input as the layers of an artifact."""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO, Final, cast

from ...errors import InvalidInput, NotFound
from ...expressions import expression
from ...http.message import Stream
from ...image import artifact
from ...image.artifact import TITLE, UNPACK, UNPACKED
from ...spec import media
from ...spec.descriptor import Descriptor
from ...spec.digest import Digest
from ...spec.platform import Platform
from ...stores.base import ContentAt
from ...stores.compression import GZIP, PIECE_BYTES, Writable, packing
from ...stores.content import of_bytes
from ...stores.files import FULL
from ...values import field, frozen, replace
from ..blob import measured

STANDARD_INPUT: Final = "-"

# Of folders: half the time of gzip's usual level, 4 % more bytes. The lower ones give other bytes on other kinds of processors.
GZIP_LEVEL: Final = 4

# A media type at the end of a word (RFC 6838 §4.2), which a path would hardly look like; or a colon alone, for a path that does.
_TYPED = expression(r"(?P<path>.+):(?P<type>[A-Za-z0-9][\w.+-]*/[A-Za-z0-9][\w.+-]*(?:\s*;.*)?)?")


@frozen
class PushedFile:
    """What becomes a layer, or the config: the file or folder at `path`, or standard input where that is `-`.

    `title` is the name under which it is found again, by default the path, or its last part where that leads elsewhere;
    a folder is packed as tar and gzip, and unpacked by whoever pulls it.
    """

    path: str
    media_type: str = ""
    title: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict, hash=False)

    @classmethod
    def parse(cls, text: str) -> PushedFile:
        """Read `FILE[:MEDIATYPE]`; `FILE:` is a file whose name looks as though it had a type. Raises InvalidInput."""
        found = _TYPED.fullmatch(text)
        path, media_type = (found["path"], found["type"] or "") if found else (text, "")
        if not path:
            raise InvalidInput("a file without a name")
        return cls(path, media_type)

    @property
    def name(self) -> str:
        """The title that it gets. Raises InvalidInput where there is none."""
        if self.title:
            return _titled(self.title)
        if self.path == STANDARD_INPUT:
            raise InvalidInput("standard input has no name", advice="give it one by --name")
        path = Path(self.path)
        leads_away = path.is_absolute() or ".." in path.parts or not path.parts
        return _titled(path.resolve().name if leads_away else self.path)


def _titled(name: str) -> str:
    try:
        name.encode()
        return "/".join(artifact.path(name))
    except (InvalidInput, UnicodeEncodeError):
        raise InvalidInput(
            f"nobody could pull a file with the title {name[:200]!r}",
            advice="a title is a path below a folder, in UTF-8",
        ) from None


@frozen
class Part:
    """A layer or config that was made: its descriptor, and its content from any byte on."""

    descriptor: Descriptor
    content: ContentAt = field(repr=False, compare=False)


def parts(files: Iterable[PushedFile], folder: Path) -> list[Part]:
    """The layers that files make; what has to be packed or kept goes into `folder`.

    Raises NotFound, and InvalidInput for two of one title and for what cannot be read.
    """
    listed = list(files)
    names = [file.name for file in listed]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InvalidInput(f"two files have the title {twice!r}", advice="push them by different paths")
    return [part(file, folder / str(number)) for number, file in enumerate(listed)]


def part(file: PushedFile, kept: Path) -> Part:
    """The layer that one file makes; what has to be packed or kept is written to `kept`. Raises NotFound, InvalidInput."""
    annotations = {TITLE: file.name}
    usual = media.OCTETS
    with _told(file.path):
        if file.path != STANDARD_INPUT and Path(file.path).is_dir():
            path, usual = kept, media.OCI_LAYER_GZIP
            annotations |= {UNPACKED: str(_pack(file, kept)), UNPACK: "true"}
        else:
            path = _readable(file.path, kept)
        digest, size = measured(path)
    described = Descriptor(file.media_type or usual, digest, size, annotations={**annotations, **file.annotations})
    if path != kept and artifact.is_folder(described):  # a file that would be taken for a folder
        described = replace(described, annotations={UNPACK: "false", **described.annotations})
    return Part(described, opened_file(path))


def config_part(file: PushedFile, kept: Path) -> Part:
    """The config that a file is; what has to be kept is written to `kept`. Raises NotFound, InvalidInput."""
    with _told(file.path):
        path = _readable(file.path, kept)
        digest, size = measured(path)
    described = Descriptor(file.media_type or artifact.UNKNOWN_CONFIG, digest, size, annotations=dict(file.annotations))
    return Part(described, opened_file(path))


def platform_part(platform: Platform) -> Part:
    """The config of an artifact for one platform: that of an image (config.md) with nothing else in it."""
    import json

    raw = json.dumps(platform.to_json(), separators=(",", ":")).encode()
    described = Descriptor(media.OCI_CONFIG, Digest.of(raw), len(raw))
    return Part(described, lambda offset: of_bytes(raw, described, offset))


def _readable(path: str, kept: Path) -> Path:
    """Where content can be read more than once; that of standard input, a pipe or a device is kept for it."""
    if path == STANDARD_INPUT:
        if sys.stdin is None:
            raise InvalidInput("standard input is closed, and is to be pushed")
        return _keep(kept, sys.stdin.buffer)
    if stat.S_ISREG(Path(path).stat().st_mode):
        return Path(path)
    with Path(path).open("rb") as stream:
        return _keep(kept, stream)


def _pack(file: PushedFile, target: Path) -> Digest:
    """Write a folder as tar and gzip, the same for the same content; the digest is the tar's."""
    from ...image.layers.folder import pack

    folder = Path(file.path).resolve()
    _judge(file.name, folder)
    with target.open("wb") as sink, packing(sink, GZIP, GZIP_LEVEL) as packed:
        hashing = _Hashing(packed)
        pack({file.name: folder}, hashing.write, links=False)  # oras looks for the other name of a hard link elsewhere
    return hashing.digest


def _judge(title: str, folder: Path) -> None:
    """Raise InvalidInput for what whoever pulls a folder would refuse: devices, pipes, and links that lead out of it."""
    for here, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(here, name)
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode):
                depth = title.count("/") + len(path.relative_to(folder).parts)
                if artifact.leaves(os.fsencode(path.readlink()), depth):
                    raise InvalidInput(
                        f"{path} links to {path.readlink()}, which leads out of the folder; nobody would unpack that",
                        advice="put a copy of what it leads to in its place",
                    )
            elif not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
                raise InvalidInput(f"{path} is a device, pipe or socket; nobody would unpack that")


class _Hashing:
    """A writer that knows the digest of what passed it."""

    def __init__(self, sink: Writable) -> None:
        self._sink = sink
        self._hashed = hashlib.sha256()

    def write(self, data: bytes | memoryview) -> None:
        self._hashed.update(data)
        self._sink.write(data)

    @property
    def digest(self) -> Digest:
        return Digest("sha256", self._hashed.hexdigest())


def _keep(path: Path, stream: BinaryIO) -> Path:
    with path.open("wb") as file:
        while data := stream.read(PIECE_BYTES):
            file.write(data)
    return path


def opened_file(path: Path) -> ContentAt:
    """The content of a file, from any byte on."""

    def opened(offset: int) -> AbstractContextManager[Stream]:
        file = path.open("rb", buffering=0)
        file.seek(offset)
        return cast("AbstractContextManager[Stream]", file)

    return opened


@contextmanager
def _told(path: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise NotFound(f"there is no file {path}") from None
    except OSError as error:
        if error.errno in FULL:
            what = "standard input" if path == STANDARD_INPUT else path
            raise InvalidInput(
                f"{what} is kept in {tempfile.gettempdir()} until it is sent: {error.strerror}",
                advice="TMPDIR names a folder with more room",
            ) from None
        raise InvalidInput(f"{path} cannot be read: {error.strerror}") from None
