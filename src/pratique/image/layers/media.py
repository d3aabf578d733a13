"""Media types of layers (image specification, media-types.md and layer.md; Docker's before it)."""

from __future__ import annotations

from typing import Final

from ...errors import Unsupported
from ...spec import media
from ...stores.compression import GZIP, PLAIN, ZSTD

_OCI: Final = {PLAIN: media.OCI_LAYER, GZIP: media.OCI_LAYER_GZIP, ZSTD: media.OCI_LAYER_ZSTD}
_DOCKER: Final = {PLAIN: media.DOCKER_LAYER, GZIP: media.DOCKER_LAYER_GZIP, ZSTD: media.DOCKER_LAYER_ZSTD}
_FOREIGN: Final = frozenset(
    {
        media.OCI_LAYER_FOREIGN,
        media.OCI_LAYER_FOREIGN_GZIP,
        media.OCI_LAYER_FOREIGN_ZSTD,
        media.DOCKER_LAYER_FOREIGN,
    }
)

LAYERS: Final = _FOREIGN.union(_OCI.values(), _DOCKER.values())


def layer_type(packing: str, *, docker: bool = False) -> str:
    """The media type of a layer that is packed in this way. Raises Unsupported for zstd in Docker's form.

    There is a younger type for it, but what reads Docker's form, such as skopeo, does not take it.
    """
    if docker and packing == ZSTD:
        raise Unsupported(
            "Docker's form has no place for layers of zstd", advice="`convert` the image to OCI's form first"
        )
    return (_DOCKER if docker else _OCI)[packing]


def is_layer(media_type: str) -> bool:
    """Whether content of this type is a tar that can be read; encrypted layers and those of artifacts are not."""
    return media_type in LAYERS


def packed_as(media_type: str) -> str:
    """How a layer of this type is packed. Raises Unsupported for a type that is no layer which can be read."""
    if not is_layer(media_type):
        raise Unsupported(f"a layer of the type {media_type or 'none'} cannot be read or changed")
    if media_type.endswith(("gzip", ".gz")):
        return GZIP
    return ZSTD if media_type.endswith("zstd") else PLAIN


def is_distributable(media_type: str) -> bool:
    """Whether registries may be given content of this type."""
    return media_type not in _FOREIGN
