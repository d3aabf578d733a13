"""Manifests in the storage: their bytes, verified, with the type that they were pushed as."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ...errors import Misbehaved, NotFound, Unsupported
from ...spec import media
from ...spec.digest import Digest
from ...spec.manifest import Manifest
from ...stores.files import sync_folder
from ...values import frozen
from . import disk
from .cache import Cache
from .paths import MEDIA_TYPE, Paths

USUAL_ALGORITHM: Final = "sha256"
ENTRY_BYTES: Final = 1000  # that keeping a manifest takes beside its own bytes, about
MOST_BYTES: Final = 32 << 20  # of manifests that are kept in memory


@frozen
class Stored:
    """A manifest as it was pushed."""

    raw: bytes
    digest: Digest
    media_type: str


class StoredManifests:
    """The manifests of a storage.

    The bytes of a digest never change, so they are kept in memory; whether the repository has the manifest is looked up
    each time, by its link.
    """

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._kept: Cache[str, tuple[disk.Stamp, Stored]] = Cache(MOST_BYTES)

    def find(self, repository: str, digest: Digest) -> Stored:
        """Raises NotFound, and ContentMismatch where the stored bytes are damaged."""
        revision = self._paths.revision(repository, digest)
        stamp = disk.stamp(revision)
        if stamp is not None:
            kept = self._kept.get(revision)
            if kept is not None and kept[0] == stamp:
                return kept[1]
            stored = self.load(repository, digest)
            self._kept.put(revision, (stamp, stored), len(stored.raw) + ENTRY_BYTES)
            return stored
        raise NotFound(f"{repository} has no manifest {digest}")

    def load(self, repository: str, digest: Digest) -> Stored:
        """The same from disk, for whoever reads many."""
        raw = disk.read(self._paths.blob(digest))
        if raw is None:
            raise NotFound(f"{repository} has no manifest {digest}")
        digest.verify(raw, f"the stored manifest {digest}")
        said = disk.read_link(_type_path(self._paths.revision(repository, digest)))
        return Stored(raw, digest, (said or b"").decode("ascii", "replace") or guess_type(raw))

    def put(self, repository: str, manifest: Manifest) -> None:
        """Store a manifest and give it to a repository."""
        revision = self._paths.revision(repository, manifest.digest)
        with disk.lasting() as changes:
            changes.write(self._paths.blob(manifest.digest), manifest.raw)
            if guess_type(manifest.raw) != manifest.media_type:
                changes.write(_type_path(revision), manifest.media_type.encode())
            else:
                disk.remove(_type_path(revision))
            changes.write(revision, str(manifest.digest).encode())

    def remove(self, repository: str, digest: Digest) -> None:
        """Take a manifest from a repository; its bytes stay until they are collected."""
        revision = self._paths.revision(repository, digest)
        disk.remove(revision)
        disk.remove(_type_path(revision))
        sync_folder(Path(revision).parent)


def guess_type(raw: bytes) -> str:
    """The type that a manifest's own words tell; empty where they do not."""
    try:
        return Manifest.parse(raw).media_type
    except Unsupported:
        return media.DOCKER_SCHEMA_1_SIGNED
    except Misbehaved:
        return ""


def referring(raw: bytes, media_type: str = "", algorithm: str = USUAL_ALGORITHM) -> Manifest | None:
    """A manifest that has a subject; None for any other content."""
    # Most manifests have none, and to parse them all takes long. A name in JSON may be written with escapes.
    if b"subject" not in raw and b"\\u" not in raw:
        return None
    try:
        manifest = Manifest.parse(raw, media_type, algorithm)
    except (Misbehaved, Unsupported):
        return None
    return manifest if manifest.subject else None


def _type_path(revision: str) -> str:
    return f"{revision.rpartition('/')[0]}/{MEDIA_TYPE}"
