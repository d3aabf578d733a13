"""Archives that `docker save`, skopeo and others made; `saved` has their form, and `docker_load` writes them."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing
from pathlib import Path

from ..errors import InvalidInput, Misbehaved, NotFound, Unsupported
from ..expressions import expression
from ..http.message import Stream
from ..spec import document as reading
from ..spec import media
from ..spec.descriptor import Descriptor
from ..spec.digest import Digest, mismatch
from ..spec.manifest import Manifest
from ..spec.reference import is_tag
from ..values import field, frozen
from . import compression
from .base import NAMELESS
from .compression import EXPANSION, PIECE_BYTES, Expansion, Unpacked
from .content import of_bytes, verified
from .reading import manifest_of
from .saved import (
    LAYERS,
    LEGACY,
    LIST,
    MOST_CONFIG_BYTES,
    MOST_LIST_BYTES,
    Saved,
    check_diff_id,
    diff_ids,
    full_name,
    make_manifest,
)
from .tar import Incoming, Tar

# Configs are called by their digest: `<hex>.json`, `blobs/sha256/<hex>`, `sha256:<hex>`.
_NAMED_BY_DIGEST = expression(r"(?:.*[/:])?([a-f0-9]{64})(?:\.json)?", re.ASCII | re.DOTALL)


@frozen
class Image:
    """An image with the manifest that was made for it, and the members where its content is."""

    descriptor: Descriptor
    raw: bytes = field(repr=False)
    members: Mapping[Digest, str]


class DockerArchive:
    """An archive that `docker save`, skopeo or others made, as a source; it reads modern and older forms.

    A name is `repository:tag` as Docker understands it, a tag alone, `@N` for the image of that number from 0 on, or NAMELESS for
    the only one. Layers that are compressed stay as they are. It can be read by several threads at once, and is closed by
    whoever opened it; see `tar.Tar` for what is refused.
    """

    def __init__(self, source: Path | Incoming, *, expansion: Expansion = EXPANSION) -> None:
        self._expansion = expansion
        self._tar = Tar(source, links=True, expansion=expansion)
        self._lock = threading.Lock()
        self._images: dict[Saved, Image] = {}
        self._digests: dict[tuple[str, Digest], Digest] = {}  # of compressed layers, each of which is read once
        try:
            self._saved = self._read_list()
        except BaseException:
            self._tar.close()
            raise

    def __str__(self) -> str:
        return self._tar.what

    def resolve(self, name: str | Digest) -> Descriptor:
        """The manifest made for an image. Raises NotFound, ContentMismatch, and InvalidInput for an ambiguous name."""
        digest = name if isinstance(name, Digest) else Digest.find(name)
        if digest is None:
            return self._image(self._saved[self._number(str(name))]).descriptor
        for image in self._all():
            if image.descriptor.digest == digest:
                return image.descriptor
        raise NotFound(f"{self} has no image {name}")

    def manifest(self, name: str | Digest) -> Manifest:
        """The same, with its bytes. Raises what `resolve` does."""
        return manifest_of(self, self.resolve(name))

    def blob(self, digest: Digest) -> Descriptor:
        """The descriptor of a config or layer. Raises NotFound, ContentMismatch."""
        for image in self._all():
            if (name := image.members.get(digest)) is not None:
                return Descriptor(media.OCTETS, digest, self._tar.find(name).size)
        raise NotFound(f"{self} has no content {digest}")

    def open(self, descriptor: Descriptor, *, offset: int = 0) -> AbstractContextManager[Stream]:
        """The content of a descriptor from byte `offset` on. Raises NotFound, ContentMismatch."""
        for image in self._all():
            if image.descriptor.digest == descriptor.digest:
                return of_bytes(image.raw, descriptor, offset)
            if (name := image.members.get(descriptor.digest)) is not None:
                return verified(self._opener(name), self._tar.find(name).size, descriptor, offset)
        raise NotFound(f"{self} has no content {descriptor.digest}")

    def tags(self) -> Iterator[str]:
        """The names of all images, in the order of the archive; `@N` for an image that has none."""
        for number, saved in enumerate(self._saved):
            yield from saved.tags or (f"@{number}",)

    def close(self) -> None:
        """Close the file."""
        self._tar.close()

    def __enter__(self) -> DockerArchive:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Names

    def _read_list(self) -> tuple[Saved, ...]:
        if LIST not in self._tar:
            if LEGACY in self._tar:
                raise Unsupported(
                    f"{self} was saved by a Docker before 1.10, a form that was given up in 2016",
                    advice="load it into Docker and save it again",
                )
            raise InvalidInput(f"{self} is no archive of docker save: it has no {LIST}", advice=self._advice())
        raw = self._tar.read(LIST, MOST_LIST_BYTES)
        return tuple(map(Saved.from_json, reading.parse_objects(raw, f"{self}: {LIST}")))

    def _advice(self) -> str | None:
        return "it is an OCI layout: oci-archive:PATH" if "oci-layout" in self._tar else None

    def _number(self, name: str) -> int:
        if name.startswith("@"):
            return self._checked_number(name)
        found = self._matching(name) if name != NAMELESS else list(range(len(self._saved)))
        if not found:
            raise NotFound(f"{self} has no image {name!r}" if name else f"{self} has no images", advice=self._names())
        if len({self._saved[number].config for number in found}) > 1:
            what = f"several images called {name!r}" if name else f"{len(found)} images"
            raise InvalidInput(f"{self} has {what}: name one", advice=self._names())
        return found[0]

    def _checked_number(self, name: str) -> int:
        digits = name.removeprefix("@")
        if not (digits.isascii() and digits.isdigit() and len(digits) < 10 and int(digits) < len(self._saved)):
            raise NotFound(f"{self} has no image {name!r}", advice=f"it has {len(self._saved)} images, from @0 on")
        return int(digits)

    def _matching(self, name: str) -> list[int]:
        """The images of a name: first as it is written, then as Docker understands it, then as a tag alone."""
        wanted = full_name(name)
        rules: tuple[Callable[[str], bool], ...] = (
            lambda tag: tag == name,
            lambda tag: wanted is not None and full_name(tag) == wanted,
            lambda tag: is_tag(name) and tag.rpartition(":")[2] == name,
        )
        for rule in rules:
            if found := [number for number, saved in enumerate(self._saved) if any(map(rule, saved.tags))]:
                return found
        return []

    def _names(self) -> str:
        return f"its images: {', '.join(self.tags())[:1000] or 'none'}"

    # Images

    def _all(self) -> Iterator[Image]:
        """All images, those that are known already first."""
        known = dict(self._images)
        yield from known.values()
        yield from (self._image(saved) for saved in self._saved if saved not in known)

    def _image(self, saved: Saved) -> Image:
        with self._lock:
            if saved not in self._images:
                self._images[saved] = self._describe(saved)
            return self._images[saved]

    def _describe(self, saved: Saved) -> Image:
        raw = self._tar.read(saved.config, MOST_CONFIG_BYTES)
        digest = Digest.of(raw)
        named = _NAMED_BY_DIGEST.fullmatch(saved.config)
        if named and named[1] != digest.encoded:
            raise mismatch(f"{self}: {saved.config}", Digest("sha256", named[1]), digest)
        unpacked = diff_ids(raw, f"{self}: the config {digest}")
        if len(unpacked) != len(saved.layers):
            raise Misbehaved(f"{self}: the config {digest} has {len(unpacked)} layers, {LIST} has {len(saved.layers)}")
        layers = [self._layer(name, diff_id) for name, diff_id in zip(saved.layers, unpacked, strict=True)]
        names = zip((layer.digest for layer in layers), saved.layers, strict=True)
        descriptor, manifest = make_manifest(Descriptor(media.DOCKER_CONFIG, digest, len(raw)), layers)
        return Image(descriptor, manifest, {**dict(names), digest: saved.config})

    def _layer(self, name: str, diff_id: Digest) -> Descriptor:
        """A layer as it lies in the archive. The digest of a plain one is what the config says, and is verified on reading."""
        with self._tar.open(name) as stream:
            kind = compression.kind(stream.read(compression.HEAD_BYTES))
        size = self._tar.find(name).size
        if kind and (name, diff_id) not in self._digests:
            self._digests[name, diff_id] = self._verify(name, diff_id)
        digest = self._digests[name, diff_id] if kind else diff_id
        return Descriptor(LAYERS[kind], digest, size)

    def _verify(self, name: str, diff_id: Digest) -> Digest:
        """Read a compressed layer once: its digest. Raises ContentMismatch where it does not unpack to `diff_id`."""
        hashed = hashlib.new(diff_id.algorithm)
        with self._tar.open(name) as stream, closing(_Hashed(stream)) as packed:
            with closing(Unpacked(packed, f"{self}: {name}", self._expansion)) as unpacked:
                while piece := unpacked.read(PIECE_BYTES):
                    hashed.update(piece)
            while packed.read(PIECE_BYTES):
                pass
            check_diff_id(diff_id, Digest(diff_id.algorithm, hashed.hexdigest()), f"{self}: {name}")
            return packed.digest

    def _opener(self, name: str) -> Callable[[int], AbstractContextManager[Stream]]:
        return lambda offset: self._tar.open(name, offset=offset)


class _Hashed:
    """A stream whose digest is known when it was read to its end."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._hash = hashlib.sha256()

    @property
    def digest(self) -> Digest:
        return Digest("sha256", self._hash.hexdigest())

    def read(self, size: int = -1, /) -> bytes:
        data = self._stream.read(size)
        self._hash.update(data)
        return data

    def readinto(self, buffer: bytearray | memoryview, /) -> int:
        count = self._stream.readinto(buffer)
        self._hash.update(memoryview(buffer)[:count])
        return count

    def close(self) -> None:
        """The stream below is closed by whoever opened it."""
