"""Media types of layers (image specification, media-types.md and layer.md; Docker's before it)."""

from __future__ import annotations

from typing import Final

from ...errors import Unsupported
from ...spec import media
from ...stores.compression import GZIP, PLAIN, ZSTD
from ..convert import DOCKER_LAYER, DOCKER_LAYER_FOREIGN, DOCKER_LAYER_GZIP, OCI_LAYER_FOREIGN

DOCKER_LAYER_ZSTD: Final = f"{DOCKER_LAYER}.zstd"
OCI_LAYER_ZSTD: Final = f"{media.OCI_LAYER}+zstd"
_OCI: Final = {PLAIN: media.OCI_LAYER, GZIP: media.OCI_LAYER_GZIP, ZSTD: OCI_LAYER_ZSTD}
_DOCKER: Final = {PLAIN: DOCKER_LAYER, GZIP: DOCKER_LAYER_GZIP, ZSTD: DOCKER_LAYER_ZSTD}
_NONDISTRIBUTABLE: Final = "application/vnd.oci.image.layer.nondistributable.v1.tar"

LAYERS: Final = frozenset(
    {
        *_OCI.values(),
        *_DOCKER.values(),
        *(_NONDISTRIBUTABLE + suffix for suffix in ("", "+gzip", "+zstd")),
        DOCKER_LAYER_FOREIGN,
        OCI_LAYER_FOREIGN,
    }
)


def layer_type(packing: str, *, docker: bool = False) -> str:
    """The media type of a layer that is packed in this way."""
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
    return not media_type.startswith(_NONDISTRIBUTABLE) and media_type != DOCKER_LAYER_FOREIGN
