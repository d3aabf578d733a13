"""An image as a value: its manifest and config as documents, and its layers (image specification, manifest.md and config.md)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..errors import ContentMismatch, InvalidInput, Misbehaved, Unsupported
from ..spec import document as reading
from ..spec import media
from ..spec.descriptor import Descriptor
from ..spec.digest import Digest
from ..spec.manifest import Manifest
from ..spec.platform import Platform
from ..stores.base import Source
from ..stores.inspection import config_of
from ..values import field, frozen, replace
from .convert import convert, is_attestation
from .layers.bench import Layer

Document = Mapping[str, Any]


@frozen
class Image:
    """An image to be changed.

    `manifest` and `config` are documents whose unknown fields are kept; what they say of config and layers is written anew
    from `layers`. `source` is where it was read.
    """

    manifest: Document = field(hash=False)
    config: Document = field(hash=False)
    layers: tuple[Layer, ...]
    original: Manifest = field(repr=False)
    raw_config: bytes = field(repr=False)

    @classmethod
    def read(cls, source: Source, manifest: Manifest) -> Image:
        """An image with its config read; its layers are not. Raises Unsupported for an artifact, and Misbehaved for a config
        that does not fit to the layers.
        """
        if not is_image(manifest):
            raise Unsupported(
                f"{manifest.digest} is no image but {manifest.artifact_type or manifest.media_type}",
                advice="only images have layers and a config that can be changed",
            )
        raw = config_of(source, manifest) or b""
        what = f"the config of {manifest.digest}"
        config = reading.parse_object(raw, what)
        diff_ids = [_digest(text, what) for text in reading.texts(_rootfs(config, what), "diff_ids", what)]
        if len(diff_ids) != len(manifest.layers):
            raise Misbehaved(f"{what} has {len(diff_ids)} diff ids for {len(manifest.layers)} layers")
        layers = (Layer(*pair, source) for pair in zip(manifest.layers, diff_ids, strict=True))
        return cls(manifest.document, config, tuple(layers), manifest, raw)

    @property
    def is_docker(self) -> bool:
        """Whether its types are Docker's."""
        return self.original.media_type == media.DOCKER_MANIFEST

    @property
    def platform(self) -> Platform:
        """What its config says that it runs on."""
        return Platform.from_json(self.config, "the config")

    @property
    def annotations(self) -> Mapping[str, str]:
        """Those of its manifest."""
        found: Mapping[str, str] = self.manifest.get("annotations") or {}
        return found

    @property
    def history(self) -> tuple[Document, ...]:
        """How it was made (config.md, `history`), from the oldest step on."""
        return reading.mappings(self.config, "history", "the config")

    @property
    def is_told(self) -> bool:
        """Whether the history tells of each layer."""
        return sum(not entry.get("empty_layer") for entry in self.history) == len(self.layers)

    @property
    def diff_ids(self) -> tuple[Digest, ...]:
        return tuple(layer.diff_id for layer in self.layers)

    def having(self, layers: Sequence[Layer], history: Sequence[Document] | None) -> Image:
        """The image with other layers and another history; without any for None."""
        rootfs = {"type": "layers", **_rootfs(self.config, "the config")}
        config = {**self.config, "rootfs": {**rootfs, "diff_ids": [str(each.diff_id) for each in layers]}}
        config.pop("history", None)
        if history is not None:
            config["history"] = [dict(entry) for entry in history]
        return replace(self, config=config, layers=tuple(layers))

    def configured(self, **changes: Any) -> Image:
        """The image with other fields in its config; those that are None are taken away."""
        config = {**self.config, **changes}
        return replace(self, config={key: value for key, value in config.items() if value is not None})

    def annotated(self, annotations: Mapping[str, str]) -> Image:
        """The image with exactly these annotations of its manifest. Raises Unsupported where Docker's form has no place."""
        manifest = {key: value for key, value in self.manifest.items() if key != "annotations"}
        if annotations:
            if self.is_docker:
                raise Unsupported(
                    "Docker's form of an image has no place for annotations", advice="convert it to OCI's form first"
                )
            manifest["annotations"] = dict(annotations)
        return replace(self, manifest=manifest)

    def converted(self, types: Mapping[str, str]) -> Image:
        """The image in Docker's or OCI's form, config and layers as they are. Raises Unsupported for what has no type there."""
        written = self.written()
        manifest = convert(written.manifest, types)
        described = zip(manifest.layers, self.layers, strict=True)
        layers = tuple(replace(layer, descriptor=descriptor) for descriptor, layer in described)
        return replace(
            self, manifest=manifest.document, original=manifest, layers=layers, raw_config=written.raw_config
        )

    def written(self) -> Written:
        """The manifest and the config as bytes; those of the original where nothing was changed."""
        raw_config = self.raw_config if _parsed(self.raw_config) == self.config else reading.encode(self.config)
        old = self.original.config
        described = {"digest": str(Digest.of(raw_config)), "size": len(raw_config)}
        if old is None:
            raise InvalidInput(f"{self.original.digest} has no config")
        entry = {key: value for key, value in self.manifest["config"].items() if key != "data"} | described
        if raw_config == self.raw_config:
            entry = self.manifest["config"]
        entries = [_entry(layer, self.original) for layer in self.layers]
        document = {**self.manifest, "config": entry, "layers": entries}
        if document == self.original.document:
            return Written(self.original, Descriptor.from_json(entry), self.raw_config)
        manifest = Manifest.parse(reading.encode(document), self.original.media_type, self.original.digest.algorithm)
        return Written(manifest, Descriptor.from_json(entry), raw_config)


@frozen
class Written:
    """An image as bytes: its manifest, and its config with its descriptor."""

    manifest: Manifest
    config: Descriptor
    raw_config: bytes = field(repr=False)


Edit = Callable[[Image], Image]


def is_image(manifest: Manifest) -> bool:
    """Whether a manifest is of an image that runs: not an index, an artifact, or an attestation of BuildKit's."""
    config = manifest.config
    return config is not None and config.media_type in media.IMAGE_CONFIGS and not is_attestation(manifest)


def check_diff_id(layer: Layer, found: Digest) -> None:
    """Raise ContentMismatch where a layer's tar is not what the config says."""
    if found != layer.diff_id:
        raise ContentMismatch(
            f"the layer {layer.descriptor.digest} is the tar {found}; the config says {layer.diff_id}",
            expected=str(layer.diff_id),
            actual=str(found),
            advice="the image was made wrongly: no runtime would take it",
        )


def _entry(layer: Layer, original: Manifest) -> dict[str, Any]:
    """A layer as a manifest has it: as the original had it, unknown fields included."""
    for entry in original.document.get("layers") or ():
        if (
            entry.get("digest") == str(layer.descriptor.digest)
            and entry.get("mediaType") == layer.descriptor.media_type
        ):
            return dict(entry)
    return layer.descriptor.to_json()


def _parsed(raw: bytes) -> object:
    return reading.parse_object(raw, "the config")


def _rootfs(config: Document, what: str) -> Document:
    return reading.mapping(config, "rootfs", what) or {}


def _digest(text: str, what: str) -> Digest:
    found = Digest.find(text)
    if found is None:
        raise Misbehaved(f"{what} has the diff id {text[:80]!r}, which is no digest")
    return found
