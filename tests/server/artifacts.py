"""Content of every kind that a registry keeps, made on the spot."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pratique.server.api.manifests import MOST_BYTES
from pratique.spec import media
from pratique.spec.digest import Digest

NOT_PUSHED = b"what nobody pushed"
ARTIFACT_TYPE = "application/vnd.example.artifact"
EMPTY = b"{}"
EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
FOREIGN_TYPE = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"


@dataclass(frozen=True)
class Document:
    """A manifest as it is pushed."""

    raw: bytes
    media_type: str

    @property
    def json(self) -> dict[str, Any]:
        return dict(json.loads(self.raw))


@dataclass(frozen=True)
class Artifact:
    """Blobs and the manifests over them, the root last. Some registries are asked to take a `sparse` one."""

    blobs: tuple[bytes, ...]
    manifests: tuple[Document, ...]
    sparse: bool = False

    @property
    def root(self) -> Document:
        return self.manifests[-1]


class Maker:
    """Makes artifacts whose descriptors have digests of one algorithm."""

    def __init__(self, algorithm: str) -> None:
        self.algorithm = algorithm

    def digest(self, content: bytes) -> Digest:
        return Digest.of(content, self.algorithm)

    def describe(self, content: bytes, media_type: str, **extra: Any) -> dict[str, Any]:
        """The descriptor of some content."""
        return {"mediaType": media_type, "digest": str(self.digest(content)), "size": len(content)} | extra

    def config(self, architecture: str = "amd64", **extra: Any) -> bytes:
        return json.dumps({"architecture": architecture, "os": "linux", "algorithm": self.algorithm} | extra).encode()

    def image(self, *layers: bytes, over: bytes = b"", layer_type: str = media.OCI_LAYER, **extra: Any) -> Document:
        """The manifest of an image over its config; `extra` are other fields."""
        fields = {
            "schemaVersion": 2,
            "mediaType": media.OCI_MANIFEST,
            "config": self.describe(over or self.config(), media.OCI_CONFIG),
            "layers": [self.describe(layer, layer_type) for layer in layers],
        }
        return Document(json.dumps(fields | extra).encode(), media.OCI_MANIFEST)

    def index(self, *children: Document, **extra: Any) -> Document:
        """An index over other manifests."""
        entries = [self.describe(child.raw, child.media_type) for child in children]
        fields = {"schemaVersion": 2, "mediaType": media.OCI_INDEX, "manifests": entries}
        return Document(json.dumps(fields | extra).encode(), media.OCI_INDEX)

    def missing(self) -> dict[str, Any]:
        """A subject that is not there."""
        return self.describe(NOT_PUSHED, media.OCI_MANIFEST)


LAYERS = (gzip.compress(b"the first layer", mtime=0), gzip.compress(b"the second layer", mtime=0))


def image(make: Maker) -> Artifact:
    return Artifact((make.config(), *LAYERS), (make.image(*LAYERS),))


def uncompressed(make: Maker) -> Artifact:
    layer = b"a tar as it is"
    root = make.image(layer, layer_type="application/vnd.oci.image.layer.v1.tar")
    return Artifact((make.config(), layer), (root,))


def index(make: Maker) -> Artifact:
    configs = make.config("amd64"), make.config("arm64")
    images = [make.image(*LAYERS, over=config) for config in configs]
    return Artifact((*configs, *LAYERS), (*images, make.index(*images)))


def nested(make: Maker) -> Artifact:
    below = index(make)
    return Artifact(below.blobs, (*below.manifests, make.index(below.root, *below.manifests[:1])))


def artifact(make: Maker) -> Artifact:
    config = make.describe(EMPTY, EMPTY_TYPE)
    return Artifact((EMPTY, b"content"), (make.image(b"content", config=config, artifactType=ARTIFACT_TYPE),))


def artifact_index(make: Maker) -> Artifact:
    below = artifact(make)
    return Artifact(below.blobs, (*below.manifests, make.index(below.root, artifactType=ARTIFACT_TYPE)))


def subject(make: Maker) -> Artifact:
    below = image(make)
    of = make.describe(below.root.raw, below.root.media_type)
    root = make.image(LAYERS[0], subject=of, artifactType=ARTIFACT_TYPE, annotations={"org.example": "note"})
    return Artifact(below.blobs, (*below.manifests, root))


def subject_of_index(make: Maker) -> Artifact:
    below = index(make)
    of = make.describe(below.root.raw, below.root.media_type)
    return Artifact(below.blobs, (*below.manifests, make.index(*below.manifests[:1], subject=of)))


def subject_missing(make: Maker) -> Artifact:
    return Artifact((make.config(), *LAYERS), (make.image(*LAYERS, subject=make.missing()),))


def data_field(make: Maker) -> Artifact:
    config = make.config()
    inline = make.describe(config, media.OCI_CONFIG, data=base64.b64encode(config).decode())
    return Artifact((config, *LAYERS), (make.image(*LAYERS, config=inline),))


def foreign(make: Maker) -> Artifact:
    layer = make.describe(NOT_PUSHED, FOREIGN_TYPE, urls=["https://registry.test/layer"])
    return Artifact((make.config(),), (make.image(layers=[layer]),))


def custom(make: Maker) -> Artifact:
    config = make.config(custom={"a": [1, None]})
    return Artifact((config, *LAYERS), (make.image(*LAYERS, over=config, custom={"b": 2.5}),))


def without_layers(make: Maker) -> Artifact:
    return Artifact((make.config(),), (make.image(),))


def empty_layer(make: Maker) -> Artifact:
    return Artifact((make.config(), b""), (make.image(b""),))


def empty_index(make: Maker) -> Artifact:
    return Artifact((), (make.index(),))


def large(make: Maker) -> Artifact:
    rest = MOST_BYTES - len(make.image(annotations={"a": ""}).raw)
    return Artifact((make.config(),), (make.image(annotations={"a": "x" * rest}),))


def sparse_image(make: Maker) -> Artifact:
    return Artifact((make.config(),), (make.image(NOT_PUSHED),), sparse=True)


def sparse_index(make: Maker) -> Artifact:
    images = make.image(*LAYERS), make.image(NOT_PUSHED)
    return Artifact((make.config(), *LAYERS), (images[0], make.index(*images)), sparse=True)


KINDS: tuple[Callable[[Maker], Artifact], ...] = (
    image, uncompressed, index, nested, artifact, artifact_index, subject, subject_of_index, subject_missing, data_field,
    foreign, custom, without_layers, empty_layer, empty_index, large, sparse_image, sparse_index,
)  # fmt: skip
