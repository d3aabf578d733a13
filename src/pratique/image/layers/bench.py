"""Layers that are made: packed and hashed once, on their way into a file without a name."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from contextvars import copy_context
from pathlib import Path
from types import TracebackType
from typing import Final

from ...errors import Error, InvalidInput, NotFound
from ...http.events import Observer, ignore
from ...http.message import Stream
from ...spec.descriptor import Descriptor
from ...spec.digest import Digest
from ...stores import compression
from ...stores.base import Advances
from ...stores.compression import EXPANSION, GZIP, PLAIN, ZSTD, Expansion
from ...stores.content import Early, Entrusts
from ...stores.reading import Opens, opened
from ...values import field, frozen
from .media import layer_type, packed_as
from .pieces import Packed
from .spool import Spool
from .walk import Write

HIGHEST_LEVELS: Final = {PLAIN: 0, GZIP: 9, ZSTD: 22}
GZIP_LEVEL: Final = 1  # of ISA-L: the ratio of Go's best speed, at a third of its time
EARLY_BYTES: Final = 4 << 20  # of a layer after which it begins to be sent; what is smaller is sent in a moment


@frozen
class Packing:
    """How a layer is packed: `kind` is PLAIN, GZIP or ZSTD of `stores.compression`; level 0 is the usual one for layers."""

    kind: str = GZIP
    level: int = 0

    def __post_init__(self) -> None:
        """Raise InvalidInput for a level that there is not."""
        if not 0 <= self.level <= HIGHEST_LEVELS[self.kind]:
            raise InvalidInput(
                f"{self.kind} has no level {self.level}", advice=f"its levels go up to {HIGHEST_LEVELS[self.kind]}"
            )

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

    def packed(self, expansion: Expansion = EXPANSION, *, entrusts: bool = False) -> Packed:
        """Its content, to be read. Raises Unsupported for a type that is no tar, or an encrypted one.

        Where it `entrusts` its reader with comparing the diff id, only the size of what is read is verified.
        """
        packed_as(self.descriptor.media_type)
        what = f"the layer {self.descriptor.digest}"
        return Packed(lambda: self._opened(entrusts=entrusts), what, expansion, self.descriptor.digest)

    @contextmanager
    def _opened(self, *, entrusts: bool) -> Iterator[Stream]:
        with opened(self.source, self.descriptor) as stream:
            if entrusts and isinstance(stream, Entrusts):
                stream.entrust()
            yield stream


class Bench:
    """Where layers are made, and a place to read them from until it is closed. Several threads may make layers at once.

    `folder` is where the files without names are; the system's own folder for such files where it is None.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._target: Advances | None = None
        self._tell: Observer = ignore
        self._files: dict[Digest, Spool] = {}
        self._early: dict[Spool, Early] = {}

    def send_to(self, target: Advances, tell: Observer) -> None:
        """Send what is made from now on to a target before it is whole; `tell` is told of that as `Advances` says."""
        self._target, self._tell = target, tell

    def make(
        self,
        pour: Callable[[Write], object],
        *,
        packing: Packing = PACKING,
        media_type: str = "",
        docker: bool = False,
        annotations: Mapping[str, str] | None = None,
        is_wanted: bool = True,
    ) -> Layer:
        """The layer of the tar that `pour` writes, with OCI's or Docker's media type, or another.

        What is not yet known to be wanted is not sent in advance.
        Raises Unsupported for what Docker has no type for, and what `pour` raises.
        """
        media_type = media_type or layer_type(packing.kind, docker=docker)
        plain, hashed = hashlib.sha256(), hashlib.sha256()
        with self._written(is_early=is_wanted) as file:
            with compression.packing(_Both(file, hashed), packing.kind, packing.used) as packer:

                def hashing(data: bytes | memoryview) -> None:
                    plain.update(data)
                    packer.write(data)

                pour(hashing)
            file.finish()
        descriptor = Descriptor(
            media_type,
            Digest("sha256", hashed.hexdigest()),
            file.size,
            annotations=dict(annotations or {}),
        )
        self._take(descriptor, file)
        return Layer(descriptor, Digest("sha256", plain.hexdigest()), self)

    def keep(self, layer: Layer) -> Layer:
        """The layer as one that is read from where it comes from only once, however often it is opened here."""
        digest = layer.descriptor.digest
        if digest not in self._files:
            with self._written() as file, layer.packed().content() as stream:
                while data := stream.read(compression.PIECE_BYTES):
                    file.write(data)
            self._take(layer.descriptor, file)
        return Layer(layer.descriptor, layer.diff_id, self)

    def open(self, descriptor: Descriptor, *, offset: int = 0) -> AbstractContextManager[Stream]:
        """The content of a layer that was made or kept here. Raises NotFound."""
        found = self._files.get(descriptor.digest)
        if found is None or found.size != descriptor.size:
            raise NotFound(f"no layer {descriptor.digest} of {descriptor.size} bytes was made here")
        # Nobody else can write to what has no name, so that it need not be verified again.
        return found.content(min(offset, found.size))

    def close(self) -> None:
        """Let go of everything that was made, and of what was sent of it and is not wanted."""
        self._forget()
        while self._early:
            self._early.popitem()[1].drop()

    def _forget(self) -> None:
        while self._files:
            self._files.popitem()[1].close()

    @contextmanager
    def _written(self, *, is_early: bool = False) -> Iterator[Spool]:
        """A file to be written, which may be sent meanwhile; it is gone where that fails."""
        # A packer's own thread writes, which knows nothing of the context.
        context = copy_context()
        send = (lambda grown: context.run(self._send, grown)) if is_early else None
        file = Spool(self._folder, EARLY_BYTES, send)
        try:
            yield file
        except BaseException:
            file.close()
            raise

    def _send(self, file: Spool) -> None:
        with suppress(Error):  # as the push will tell
            early = self._target.advance(file.growing, self._tell) if self._target else None
            if early:
                self._early[file] = early

    def _take(self, descriptor: Descriptor, file: Spool) -> None:
        if self._files.setdefault(descriptor.digest, file) is not file:
            file.close()
        elif file in self._early:
            self._early[file].finish(descriptor)

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is None or issubclass(kind, Exception):
            self.close()
        else:
            self._forget()  # who interrupts a program does not wait for a registry


class _Both:
    """What a packer writes to: a file, and its digest."""

    def __init__(self, file: Spool, hashed: hashlib._Hash) -> None:
        self._file = file
        self._hash = hashed

    def write(self, data: bytes | memoryview, /) -> int:
        self._hash.update(data)
        return self._file.write(data)

    def flush(self) -> None:
        """Nothing: the file has no buffer."""
