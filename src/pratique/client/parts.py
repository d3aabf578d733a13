"""Files, folders and standard input as the layers of an artifact."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO, Final, cast

from ..errors import InvalidInput, NotFound
from ..expressions import expression
from ..http.message import Stream
from ..image import artifact
from ..image.artifact import TITLE, UNPACK, UNPACKED
from ..spec import media
from ..spec.descriptor import Descriptor
from ..spec.digest import Digest
from ..stores.base import ContentAt
from ..stores.compression import GZIP, PIECE_BYTES, Writable, packing
from ..values import field, frozen
from .blob import measured

STANDARD_INPUT: Final = "-"

# A media type at the end of a word (RFC 6838 §4.2), which a path would hardly look like.
_TYPED = expression(r"(?P<path>.+):(?P<type>[A-Za-z0-9][\w.+-]*/[A-Za-z0-9][\w.+-]*(?:\s*;.*)?)")


@frozen
class PushedFile:
    """What becomes a layer: the file or folder at `path`, or standard input where that is `-`.

    `title` is the name under which it is found again, by default the path, or its last part where that leads elsewhere;
    a folder is packed as tar and gzip, and unpacked by whoever pulls it.
    """

    path: str
    media_type: str = ""
    title: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict, hash=False)

    @classmethod
    def parse(cls, text: str) -> PushedFile:
        """Read `FILE[:MEDIATYPE]`. Raises InvalidInput."""
        found = _TYPED.fullmatch(text)
        path, media_type = (found["path"], found["type"]) if found else (text, "")
        if not path:
            raise InvalidInput("a file without a name")
        return cls(path, media_type)

    @property
    def name(self) -> str:
        """The title that it gets. Raises InvalidInput where there is none."""
        if self.title:
            return "/".join(artifact.path(self.title))
        if self.path != STANDARD_INPUT:
            path = Path(self.path)
            leads_away = path.is_absolute() or ".." in path.parts or not path.parts
            return path.resolve().name if leads_away else "/".join(artifact.path(self.path))
        raise InvalidInput("standard input has no name", advice="give it one by --name")


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
    usual = artifact.UNKNOWN_CONTENT
    with _told(file.path):
        if file.path == STANDARD_INPUT:
            path = _keep(kept, lambda write: _pour(sys.stdin.buffer, write))
        elif Path(file.path).is_dir():
            path, usual = kept, media.OCI_LAYER_GZIP
            annotations |= {UNPACKED: str(_pack(file, kept)), UNPACK: "true"}
        else:
            path = Path(file.path)
        digest, size = measured(path)
    described = Descriptor(file.media_type or usual, digest, size, annotations={**annotations, **file.annotations})
    return Part(described, opened_file(path))


def config_part(text: str) -> Part:
    """The config that `FILE[:MEDIATYPE]` is. Raises NotFound, InvalidInput."""
    file = PushedFile.parse(text)
    path = Path(file.path)
    with _told(file.path):
        digest, size = measured(path)
    return Part(Descriptor(file.media_type or artifact.UNKNOWN_CONFIG, digest, size), opened_file(path))


def _pack(file: PushedFile, target: Path) -> Digest:
    """Write a folder as tar and gzip, the same for the same content; the digest is the tar's."""
    from ..image.layers.folder import pack

    with target.open("wb") as sink, packing(sink, GZIP) as packed:
        hashing = _Hashing(packed)
        pack({file.name: Path(file.path)}, hashing.write)
    return hashing.digest


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


def _keep(path: Path, pour: Callable[[Callable[[bytes], object]], None]) -> Path:
    with path.open("wb") as file:
        pour(file.write)
    return path


def _pour(stream: BinaryIO, write: Callable[[bytes], object]) -> None:
    while data := stream.read(PIECE_BYTES):
        write(data)


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
        raise InvalidInput(f"{path} cannot be read: {error.strerror}") from None
