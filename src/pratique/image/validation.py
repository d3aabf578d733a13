"""Whether an image is what its digests say, down to the files (descriptor.md, config.md, layer.md)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from typing import Final, Protocol

from ..errors import ContentMismatch, Error, InvalidInput, Misbehaved, NotFound
from ..http.message import Stream
from ..spec.descriptor import Descriptor
from ..spec.digest import Digest
from ..stores.base import Source
from ..stores.compression import PIECE_BYTES, Unpacked
from ..stores.crew import JOBS, in_parallel
from ..stores.reading import manifest_of, opened
from ..values import frozen
from .image import Image, check_diff_id, is_image
from .layers.media import is_layer, packed_as
from .layers.walk import Walk


@frozen
class Problem:
    """Something that is not as a descriptor says: where, and what."""

    descriptor: Descriptor
    error: Error

    def __str__(self) -> str:
        return f"{self.descriptor.digest}: {self.error}"


class Holds(Source, Protocol):
    """A source that can be asked for content without reading it."""

    def exists(self, descriptor: Descriptor) -> bool: ...


Check = Callable[[Image | None, Descriptor], object]  # raises one of _WRONG where a blob is not as it should be

_WRONG: Final = (ContentMismatch, NotFound, InvalidInput, Misbehaved)


def validate(source: Source, root: Descriptor, *, jobs: int = JOBS) -> Iterator[Problem]:
    """Read everything below a root, and tell what is not right: digests, sizes, types, diff ids, tars.

    Content that several manifests share is read once. What is not an answer about content (a registry that cannot be reached or
    refuses) is raised.
    """
    yield from _problems(source, root, lambda image, blob: _read(source, image, blob), jobs)


def validate_fast(source: Holds, root: Descriptor, *, jobs: int = JOBS) -> Iterator[Problem]:
    """The same without reading layers: manifests and configs are read, and the rest is asked for."""

    def held(_: Image | None, blob: Descriptor) -> None:
        if not blob.urls and not source.exists(blob):
            raise NotFound(f"{source} does not have it, or in another size than {blob.size} bytes")

    yield from _problems(source, root, held, jobs)


def _problems(source: Source, root: Descriptor, check: Check, jobs: int) -> Iterator[Problem]:
    seen: set[Digest] = set()
    waiting = [root]
    while waiting:
        descriptor = waiting.pop()
        if descriptor.digest in seen:
            continue
        seen.add(descriptor.digest)
        try:
            manifest = manifest_of(source, descriptor)
            image = Image.read(source, manifest) if is_image(manifest) else None
        except _WRONG as error:
            yield Problem(descriptor, error)
            continue
        below = manifest.successors()
        waiting += [each for each in reversed(below) if each.is_manifest]
        blobs = {each.digest: each for each in below if not each.is_manifest and each.digest not in seen}
        seen |= blobs.keys()
        found = in_parallel(partial(_checked, check, image), blobs.values(), jobs)
        yield from (problem for problem in found if problem)


def _checked(check: Check, image: Image | None, blob: Descriptor) -> Problem | None:
    try:
        check(image, blob)
    except _WRONG as error:
        return Problem(blob, error)
    return None


def _read(source: Source, image: Image | None, blob: Descriptor) -> None:
    """Read a blob to its end; a layer of an image as the tar that its config says."""
    layers = [layer for layer in image.layers if layer.descriptor == blob] if image else []
    with opened(source, blob) as stream:
        if layers and is_layer(blob.media_type):
            try:
                found = _diff_id(stream, blob)
            except (InvalidInput, Misbehaved):
                _drain(stream)  # a wrong digest says more than what it leads to
                raise
            check_diff_id(layers[0], found)
        _drain(stream)


def _diff_id(stream: Stream, blob: Descriptor) -> Digest:
    """The digest of a layer's tar, which is walked to its end."""
    what, hashed = f"the layer {blob.digest}", hashlib.sha256()
    with closing(Unpacked(stream, what)) as plain:
        if plain.kind != packed_as(blob.media_type):
            raise Misbehaved(f"{what} is {plain.kind or 'not packed'}, and its type is {blob.media_type}")

        def pieces() -> Iterator[bytes]:
            while piece := plain.read(PIECE_BYTES):
                hashed.update(piece)
                yield piece

        for _ in Walk(pieces(), what):
            pass
    return Digest("sha256", hashed.hexdigest())


def _drain(stream: Stream) -> None:
    while stream.read(PIECE_BYTES):
        pass
