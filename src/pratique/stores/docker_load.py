"""Writing archives for `docker load`: `saved` has their form."""

from __future__ import annotations

import hashlib
import json
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Final

from ..errors import InvalidInput, NotFound, Unsupported
from ..spec import media
from ..spec.descriptor import Descriptor
from ..spec.digest import Digest
from ..spec.manifest import Manifest
from ..spec.reference import Reference
from ..values import frozen
from . import compression
from .base import NAMELESS, Content
from .compression import EXPANSION, PIECE_BYTES, Expansion, Unpacked
from .content import VerifiedStream, whole
from .saved import LAYERS, LEGACY, LIST, MOST_CONFIG_BYTES, Saved, check_diff_id, diff_ids, full_name, make_manifest
from .staging import Destination, Staging

ENCRYPTED: Final = "+encrypted"


@frozen
class _Blob:
    """A file in the folder; `digest` and `size` (bytes) are those of what is in it, unpacked."""

    name: str
    digest: Digest
    size: int


class DockerArchiveTarget:
    """A new archive for `docker load`, of any number of images under any number of names.

    Such an archive has no manifests and no indexes, and its layers are plain tars: layers are unpacked and checked against the
    config, which is kept as it is. `converted` says what became of a manifest. What was at the path is replaced; see
    `staging.Staging` for `destination`. It can be used by several threads at once.
    """

    def __init__(self, destination: Destination, *, expansion: Expansion = EXPANSION) -> None:
        self._staging = Staging(destination)
        self._expansion = expansion
        self._lock = threading.Lock()
        self._blobs: dict[Digest, _Blob] = {}
        self._images: dict[Digest, Saved] = {}  # by what they were converted to, in the order in which they came
        self._converted: dict[Digest, Descriptor] = {}

    def __str__(self) -> str:
        return str(self._staging)

    def exists(self, descriptor: Descriptor) -> bool:
        """Whether the content was pushed."""
        return descriptor.digest in (self._converted if descriptor.is_manifest else self._blobs)

    def admit(self, root: Manifest) -> None:
        """Raises Unsupported for an index, before anything of it is moved."""
        self._refuse_index(root.media_type)

    def push(self, descriptor: Descriptor, content: Content, *, tags: Sequence[str] = ()) -> None:
        """Put content, and an image under names as well: `repository[:tag]` as Docker understands it, or NAMELESS.

        Raises ContentMismatch; Unsupported for an index and for what is no image; InvalidInput for a name that Docker does not
        allow and for a layer that cannot be unpacked; NotFound for an image whose layers were not pushed before it.
        """
        if not descriptor.is_manifest:
            if tags:
                raise InvalidInput(f"{descriptor.digest} is no manifest, and cannot have a name")
            self._push_blob(descriptor, content)
            return
        self._refuse_index(descriptor.media_type)
        names = [_checked_name(tag) for tag in tags if tag != NAMELESS]
        manifest = Manifest.parse(whole(content, descriptor), descriptor.media_type, descriptor.digest.algorithm)
        self._push_image(manifest, names, is_root=bool(tags))

    def converted(self, digest: Digest) -> Descriptor:
        """What `DockerArchive` will call the image that was pushed with this digest. Raises NotFound."""
        try:
            return self._converted[digest]
        except KeyError:
            raise NotFound(f"{self} has no image {digest}") from None

    def finish(self) -> None:
        """Write the archive. Raises Unsupported where no image was pushed."""
        if not self._images:
            raise Unsupported(f"no image was put into {self}")
        # Names came as several threads took turns; the same content is to make the same archive.
        images = sorted(self._images.values(), key=lambda image: (not image.tags, image.tags))
        self._write(LIST, [image.to_json() for image in images])
        self._write(LEGACY, _repositories(images))
        configs = sorted({image.config for image in images})
        layers = sorted({layer for image in images for layer in image.layers})
        self._staging.finish([LIST, LEGACY, *configs, *layers])

    def discard(self) -> None:
        """Forget everything; what was at the path stays as it was."""
        self._staging.discard()

    def _refuse_index(self, media_type: str) -> None:
        if media_type in media.INDEXES:
            raise Unsupported(
                f"{self} cannot hold an index: Docker's archives have one image for a name",
                advice="choose one of its images with --platform, or write an oci-archive",
            )

    # Blobs

    def _push_blob(self, descriptor: Descriptor, content: Content) -> None:
        is_config = descriptor.media_type in media.IMAGE_CONFIGS
        if is_config and descriptor.size > MOST_CONFIG_BYTES:
            raise Unsupported(
                f"the config {descriptor.digest} has {descriptor.size} bytes, {MOST_CONFIG_BYTES} at most"
            )
        what = f"the {'config' if is_config else 'layer'} {descriptor.digest}"
        path = self._staging.folder / f".{uuid.uuid4()}.tmp"
        try:
            with (
                content() as stream,
                path.open("xb") as file,
                _verifying(VerifiedStream(stream, descriptor)) as verified,
            ):
                if is_config:  # kept as it is, whatever it looks like
                    digest, size = _pour(verified, file)
                else:
                    with closing(Unpacked(verified, what, self._expansion)) as unpacked:
                        digest, size = _pour(unpacked, file)
            name = f"{digest.encoded}.{'json' if is_config else 'tar'}"
            path.replace(path.with_name(name))
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        self._blobs[descriptor.digest] = _Blob(name, digest, size)

    def _blob(self, descriptor: Descriptor, manifest: Manifest) -> _Blob:
        try:
            return self._blobs[descriptor.digest]
        except KeyError:
            raise NotFound(
                f"{self} does not have {descriptor.digest}, which the image {manifest.digest} needs"
            ) from None

    # Images

    def _push_image(self, manifest: Manifest, names: Sequence[str], *, is_root: bool) -> None:
        if manifest.config is None or manifest.config.media_type not in media.IMAGE_CONFIGS:
            raise Unsupported(
                f"{self} cannot hold {manifest.digest}: it is an artifact, and Docker's archives have images only",
                advice="write an oci-archive",
            )
        config = self._blob(manifest.config, manifest)
        layers = self._layers(manifest, config)
        described = [Descriptor(LAYERS[compression.PLAIN], digest, blob.size) for digest, blob in layers]
        converted, _ = make_manifest(Descriptor(media.DOCKER_CONFIG, config.digest, config.size), described)
        with self._lock:
            self._converted[manifest.digest] = converted
            if is_root:
                self._name(converted.digest, config.name, names, [blob.name for _, blob in layers])

    def _layers(self, manifest: Manifest, config: _Blob) -> list[tuple[Digest, _Blob]]:
        """The layers of an image, by what they are unpacked. Raises ContentMismatch, NotFound, Misbehaved, Unsupported."""
        raw = (self._staging.folder / config.name).read_bytes()
        expected = diff_ids(raw, f"the config {config.digest}")
        if len(expected) != len(manifest.layers):
            raise Unsupported(
                f"the image {manifest.digest} has {len(manifest.layers)} layers, and its config knows of {len(expected)}"
            )
        layers = []
        for layer, diff_id in zip(manifest.layers, expected, strict=True):
            if layer.media_type.endswith(ENCRYPTED):
                raise Unsupported(f"the layer {layer.digest} is encrypted; Docker's archives have plain layers")
            blob = self._blob(layer, manifest)
            check_diff_id(diff_id, self._hashed(blob, diff_id.algorithm), f"the layer {layer.digest}")
            layers.append((diff_id, blob))
        return layers

    def _hashed(self, blob: _Blob, algorithm: str) -> Digest:
        if blob.digest.algorithm == algorithm:
            return blob.digest
        with (self._staging.folder / blob.name).open("rb") as file:
            return Digest(algorithm, hashlib.file_digest(file, algorithm).hexdigest())

    def _name(self, digest: Digest, config: str, names: Sequence[str], layers: Sequence[str]) -> None:
        """Add an image, or names to it; a name that another image had is taken from it."""
        for other, image in self._images.items():
            kept = tuple(tag for tag in image.tags if tag not in names)
            self._images[other] = Saved(image.config, kept, image.layers)
        before = self._images[digest].tags if digest in self._images else ()
        self._images[digest] = Saved(config, tuple(sorted({*before, *names})), tuple(layers))

    def _write(self, name: str, document: object) -> None:
        raw = json.dumps(document, separators=(",", ":")).encode()
        (self._staging.folder / name).write_bytes(raw)


def _checked_name(tag: str) -> str:
    if Reference.parse(tag).digest is not None:
        raise InvalidInput(f"{tag!r}: Docker's archives have images under tags, not digests")
    return full_name(tag) or tag


def _repositories(images: Sequence[Saved]) -> dict[str, dict[str, str]]:
    """The file `repositories`: for each name its uppermost layer, as Docker 25 and later write it."""
    found: dict[str, dict[str, str]] = {}
    for image in images:
        for repository, _, tag in (name.rpartition(":") for name in image.tags):
            if image.layers:
                found.setdefault(repository, {})[tag] = Path(image.layers[-1]).stem
    return found


@contextmanager
def _verifying(stream: VerifiedStream) -> Iterator[VerifiedStream]:
    """Reads to the verified end whatever is done with the stream: content that was changed on the way is that, not damaged."""
    try:
        yield stream
    except InvalidInput:
        _drain(stream)
        raise
    _drain(stream)


def _drain(stream: VerifiedStream) -> None:
    while stream.read(PIECE_BYTES):
        pass


def _pour(source: VerifiedStream | Unpacked, file: IO[bytes]) -> tuple[Digest, int]:
    hashed, size = hashlib.sha256(), 0
    buffer = memoryview(bytearray(PIECE_BYTES))
    while count := source.readinto(buffer):
        hashed.update(buffer[:count])
        file.write(buffer[:count])
        size += count
    return Digest("sha256", hashed.hexdigest()), size
