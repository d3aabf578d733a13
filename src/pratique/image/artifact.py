"""Artifacts that are not images (image specification, manifest.md, §Guidelines for Artifact Usage): files under titles.

The annotations for files and packed folders are those that oras writes and reads.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ..errors import InvalidInput
from ..expressions import expression
from ..spec import media
from ..spec.descriptor import Descriptor
from ..spec.digest import Digest
from ..spec.document import encode
from ..spec.manifest import Manifest

MOST_TITLE_BYTES: Final = 4096  # of the path that a title is, as in Linux's PATH_MAX
MOST_NAME_BYTES: Final = 255  # of each name in it, as in Linux's NAME_MAX
MOST_NAMES: Final = 256  # in a title, or in the path of a file in a packed folder: how deep they may lie

# A media type (RFC 6838 §4.2), perhaps with parameters.
_MEDIA_TYPE = expression(r"[A-Za-z0-9][\w!#$&^.+-]{0,126}/[A-Za-z0-9][\w!#$&^.+-]{0,126}(?:\s*;[ -~]*)?")

TITLE: Final = "org.opencontainers.image.title"
UNPACK: Final = "io.deis.oras.content.unpack"  # "true": the content is a packed folder
UNPACKED: Final = "io.deis.oras.content.digest"  # that of the tar before it was packed

ARCHIVES: Final = (".tar", ".gz", ".tgz")  # ends of names of packed tars that are to stay files

UNKNOWN_TYPE: Final = "application/vnd.unknown.artifact.v1"
UNKNOWN_CONFIG: Final = "application/vnd.unknown.config.v1+json"

EMPTY: Final = b"{}"


def empty() -> Descriptor:
    """What stands where a manifest needs content and there is none (manifest.md, §Guidance for an Empty Descriptor)."""
    return Descriptor(media.OCI_EMPTY, Digest.of(EMPTY), len(EMPTY), data=EMPTY)


def artifact(
    layers: Sequence[Descriptor],
    *,
    artifact_type: str = "",
    config: Descriptor | None = None,
    annotations: Mapping[str, str] | None = None,
    subject: Descriptor | None = None,
) -> Manifest:
    """The manifest of an artifact; the same parts give the same bytes.

    Without a config, or with an empty one, it has a type, that of unknown artifacts if none is given; with another the config's
    type says what it is. Raises InvalidInput for types that are none, Misbehaved for what makes no manifest.
    """
    config = config or empty()
    kind = artifact_type or (UNKNOWN_TYPE if config.media_type == media.OCI_EMPTY else "")
    _check_types(kind, *(each.media_type for each in (config, *layers)))
    document: dict[str, Any] = {"schemaVersion": 2, "mediaType": media.OCI_MANIFEST}
    if kind:
        document["artifactType"] = kind
    document["config"] = config.to_json()
    document["layers"] = [layer.to_json() for layer in layers or [empty()]]
    if subject is not None:
        document["subject"] = Descriptor(subject.media_type, subject.digest, subject.size).to_json()
    if annotations:
        document["annotations"] = dict(annotations)
    return Manifest.parse(encode(document))


def _check_types(*names: str) -> None:
    for name in filter(None, names):
        if not _MEDIA_TYPE.fullmatch(name):
            raise InvalidInput(f"{name[:200]!r} is no media type", advice="a type looks like application/spdx+json")


def files(manifest: Manifest) -> tuple[Descriptor, ...]:
    """What of an artifact has a title, and so is a file or a folder."""
    return tuple(layer for layer in _content(manifest) if layer.annotations.get(TITLE))


def untitled(manifest: Manifest) -> tuple[Descriptor, ...]:
    """What of an artifact has content and no title, and so no name as a file."""
    return tuple(
        layer
        for layer in _content(manifest)
        if not layer.annotations.get(TITLE) and layer.media_type != media.OCI_EMPTY
    )


def _content(manifest: Manifest) -> tuple[Descriptor, ...]:
    return manifest.successors() if manifest.media_type == media.OCI_ARTIFACT_MANIFEST else manifest.layers


def is_folder(descriptor: Descriptor) -> bool:
    """Whether a file of an artifact is a packed folder: it says so, or it is a packed tar and not named as an archive is.

    PyPI's oras pushes folders without saying so, and unpacks every layer of this type.
    """
    said = descriptor.annotations.get(UNPACK)
    if said is not None or descriptor.media_type != media.OCI_LAYER_GZIP:
        return said == "true"
    return not descriptor.annotations.get(TITLE, "").lower().endswith(ARCHIVES)


def path(title: str) -> tuple[str, ...]:
    """The names on the way to a file with this title, from the folder that it is put into.

    Raises InvalidInput for a title that leads out of that folder, or to the folder itself, and for what is no name of a file.
    """
    names = tuple(name for name in title.split("/") if name not in ("", "."))
    if title.startswith("/") or ".." in names or not names:
        raise InvalidInput(
            f"the title {title[:200]!r} leads out of the folder",
            advice="the artifact was made wrongly or with bad intent; `blob get` reads its content by the digest",
        )
    if not _is_text(title) or not is_possible(names) or len(title.encode()) > MOST_TITLE_BYTES:
        raise InvalidInput(
            f"the title {title[:200]!r} is no name of a file",
            advice="the artifact was made wrongly; `blob get` reads its content by the digest",
        )
    return names


def is_possible(names: Sequence[str]) -> bool:
    """Whether a file may be called so: no name is too long, none has a zero byte, and it does not lie too deep."""
    return len(names) <= MOST_NAMES and all(
        "\0" not in name and len(os.fsencode(name)) <= MOST_NAME_BYTES for name in names
    )


def _is_text(title: str) -> bool:
    """Whether a title has a place in UTF-8; JSON can write half a letter, which has none."""
    return not any("\ud800" <= letter <= "\udfff" for letter in title)


def leaves(link: bytes, depth: int) -> bool:
    """Whether a symbolic link may lead out of a folder, so many folders below which it lies.

    After the steps up it must go down only: what is on its way may be a link itself.
    """
    parts = [part for part in link.split(b"/") if part not in (b"", b".")]
    up = next((count for count, part in enumerate(parts) if part != b".."), len(parts))
    return link[:1] in (b"", b"/") or b".." in parts[up:] or up > depth
