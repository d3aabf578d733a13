"""Layers that are made: packed and hashed once, on their way into a file without a name."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Protocol

from ...errors import NotFound
from ...http.message import Stream
from ...spec.descriptor import Descriptor
from ...spec.digest import Digest
from ...stores import compression
from ...stores.compression import EXPANSION, GZIP, Expansion
from ...stores.content import opened
from ...stores.tar import MemberStream, write_whole
from ...values import field, frozen
from .media import layer_type, packed_as
from .pieces import Packed
from .walk import Write

GZIP_LEVEL: Final = 2  # of ISA-L: the ratio of Go's best speed at a third of its time


class Opens(Protocol):
    """Where content can be read, as `Source.open` has it."""

    def open(self, descriptor: Descriptor, *, offset: int = 0) -> AbstractContextManager[Stream]: ...


@frozen
class Packing:
    """How a layer is packed: `kind` is PLAIN, GZIP or ZSTD of `stores.compression`; level 0 is the usual one for layers."""

    kind: str = GZIP
    level: int = 0

    @property
    def used(self) -> int:
        """The level as `stores.compression` has it."""
        return self.level or (GZIP_LEVEL if self.kind == GZIP else 0)


PACKING: Final = Packing()


@frozen
class Layer:
    """A layer of an image: its descriptor, the digest of its tar (config.md, `diff_ids`), and where it can be read."""

    descriptor: Descriptor
    diff_id: Digest
    source: Opens = field(repr=False, compare=False)

    def packed(self, expansion: Expansion = EXPANSION) -> Packed:
        """Its content, to be read. Raises Unsupported for a type that is no tar, or an encrypted one."""
        packed_as(self.descriptor.media_type)
        what = f"the layer {self.descriptor.digest}"
        # `opened` wants a source; all that it does with one is to open content.
        source: Any = self.source
        return Packed(lambda: opened(source, self.descriptor), what, expansion)


class Bench:
    """Where layers are made, and a place to read them from until it is closed. Several threads may make layers at once.

    `folder` is where the files without names are; the system's own folder for such files where it is None.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._files: dict[Digest, _File] = {}

    def make(
        self,
        pour: Callable[[Write], object],
        *,
        packing: Packing = PACKING,
        media_type: str = "",
        docker: bool = False,
        annotations: Mapping[str, str] | None = None,
    ) -> Layer:
        """The layer of the tar that `pour` writes, with OCI's or Docker's media type, or another. Raises what `pour` raises."""
        plain, hashed = hashlib.sha256(), hashlib.sha256()
        with self._written() as file, compression.packing(_Both(file, hashed), packing.kind, packing.used) as packer:

            def hashing(data: bytes | memoryview) -> None:
                plain.update(data)
                packer.write(data)

            pour(hashing)
        descriptor = Descriptor(
            media_type or layer_type(packing.kind, docker=docker),
            Digest("sha256", hashed.hexdigest()),
            file.size,
            annotations=dict(annotations or {}),
        )
        self._take(descriptor.digest, file)
        return Layer(descriptor, Digest("sha256", plain.hexdigest()), self)

    def keep(self, layer: Layer) -> Layer:
        """The layer as one that is read from where it comes from only once, however often it is opened here."""
        digest = layer.descriptor.digest
        if digest not in self._files:
            with self._written() as file, layer.packed().content() as stream:
                while data := stream.read(compression.PIECE_BYTES):
                    file.write(data)
            self._take(digest, file)
        return Layer(layer.descriptor, layer.diff_id, self)

    def open(self, descriptor: Descriptor, *, offset: int = 0) -> AbstractContextManager[Stream]:
        """The content of a layer that was made or kept here. Raises NotFound."""
        found = self._files.get(descriptor.digest)
        if found is None or found.size != descriptor.size:
            raise NotFound(f"no layer {descriptor.digest} of {descriptor.size} bytes was made here")
        # Nobody else can write to what has no name, so that it need not be verified again.
        return found.content(min(offset, found.size))

    def close(self) -> None:
        """Let go of everything that was made."""
        while self._files:
            self._files.popitem()[1].close()

    @contextmanager
    def _written(self) -> Iterator[_File]:
        """A file to be written; it is gone where that fails."""
        file = _File(self._folder)
        try:
            yield file
        except BaseException:
            file.close()
            raise

    def _take(self, digest: Digest, file: _File) -> None:
        if self._files.setdefault(digest, file) is not file:
            file.close()

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class _File:
    """A file without a name that is written once."""

    def __init__(self, folder: Path | None) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 (`close` closes it)
        self.size = 0

    def write(self, data: bytes | memoryview) -> None:
        self.size += len(data)
        write_whole(self._file, data)

    def content(self, offset: int) -> AbstractContextManager[Stream]:
        return closing(MemberStream(self._file, offset, self.size - offset, "a layer that was made"))

    def close(self) -> None:
        self._file.close()


class _Both:
    """What a packer writes to: a file, and its digest."""

    def __init__(self, file: _File, hashed: hashlib._Hash) -> None:
        self._file = file
        self._hash = hashed

    def write(self, data: bytes | memoryview, /) -> int:
        self._hash.update(data)
        self._file.write(data)
        return len(data)

    def flush(self) -> None:
        """Nothing: the file has no buffer."""
