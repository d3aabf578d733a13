"""Descriptors (image specification, descriptor.md): the name, type and size of content."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..errors import InvalidDigest, Misbehaved
from ..values import field, frozen
from . import document as reading
from .digest import Digest
from .media import is_manifest
from .platform import Platform

MOST_BYTES: Final = 2**63 - 1  # the specification's sizes are int64


@frozen
class Descriptor:
    """What content is called (`digest`), what it is (`media_type`) and how long (`size`, bytes)."""

    media_type: str
    digest: Digest
    size: int
    platform: Platform | None = None
    artifact_type: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict, hash=False)
    urls: tuple[str, ...] = ()
    data: bytes | None = field(default=None, repr=False)

    @property
    def is_manifest(self) -> bool:
        """Whether the content is a manifest or an index rather than a blob."""
        return is_manifest(self.media_type)

    @classmethod
    def from_json(cls, document: Mapping[str, Any], what: str = "descriptor") -> Descriptor:
        """Read a descriptor's object; `what` names it for the error. Raises Misbehaved."""
        platform = reading.mapping(document, "platform", what)
        return cls(
            media_type=reading.line(document, "mediaType", what),
            digest=_digest(document, what),
            size=_size(document, what),
            platform=Platform.from_json(platform, f"{what}'s platform") if platform else None,
            artifact_type=reading.line(document, "artifactType", what),
            annotations=read_annotations(document, what),
            urls=reading.texts(document, "urls", what),
            data=_data(document, what),
        )

    def to_json(self) -> dict[str, Any]:
        """The object as a manifest has it; fields without a value are left out."""
        optional = {
            "platform": self.platform.to_json() if self.platform else None,
            "artifactType": self.artifact_type,
            "annotations": dict(self.annotations),
            "urls": list(self.urls),
            "data": _encoded(self.data) if self.data is not None else None,
        }
        required: dict[str, Any] = {"mediaType": self.media_type, "digest": str(self.digest), "size": self.size}
        return required | {key: value for key, value in optional.items() if value}


def read_annotations(document: Mapping[str, Any], what: str) -> Mapping[str, str]:
    """The `annotations` of a manifest or descriptor: strings to strings. Raises Misbehaved."""
    found = reading.mapping(document, "annotations", what) or {}
    for key, value in found.items():
        if not isinstance(value, str):
            raise Misbehaved(f"{what}: annotation {key[:80]!r} is not a string")
    return found


def _digest(document: Mapping[str, Any], what: str) -> Digest:
    try:
        return Digest.parse(reading.text(document, "digest", what))
    except InvalidDigest as error:
        raise Misbehaved(f"{what}: {error}") from None


def _size(document: Mapping[str, Any], what: str) -> int:
    size = document.get("size")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= MOST_BYTES:
        raise Misbehaved(f"{what}: 'size' is not a number of bytes: {str(size)[:40]!r}")
    return size


def _data(document: Mapping[str, Any], what: str) -> bytes | None:
    encoded = reading.text(document, "data", what)
    if not encoded:
        return None
    import base64

    try:
        return base64.b64decode(encoded, validate=True)
    except ValueError:  # binascii.Error, or a character that is not ASCII
        raise Misbehaved(f"{what}: 'data' is not base64") from None


def _encoded(data: bytes) -> str:
    import base64

    return base64.b64encode(data).decode()
