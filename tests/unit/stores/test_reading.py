"""Errors about content say where it was read."""

from __future__ import annotations

from pathlib import Path

import pytest

from pratique.errors import ContentMismatch, Misbehaved
from pratique.spec.descriptor import Descriptor
from pratique.spec.digest import Digest
from pratique.stores.files import FolderFiles
from pratique.stores.layout import Layout
from pratique.stores.reading import Opens, manifest_of, opened

RAW = b"content"
DIGEST = Digest.of(RAW)


def layout_of(folder: Path, content: bytes, digest: Digest = DIGEST) -> Layout:
    """A layout that has `content` in the place of what the digest says."""
    blobs = folder / "blobs" / digest.algorithm
    blobs.mkdir(parents=True)
    (blobs / digest.encoded).write_bytes(content)
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (folder / "index.json").write_text('{"schemaVersion": 2, "manifests": []}')
    return Layout(FolderFiles(folder))


def read(store: Opens) -> None:
    """Read to the end what the digest says."""
    with opened(store, Descriptor("application/octet-stream", DIGEST, len(RAW))) as stream:
        while stream.read(2):
            pass


@pytest.mark.parametrize("content", [b"consent", b"con", b"contents"], ids=["other", "shorter", "longer"])
def test_content_that_is_another_is_blamed_on_its_store(tmp_path: Path, content: bytes) -> None:
    store = layout_of(tmp_path, content)
    with pytest.raises(ContentMismatch) as caught:
        read(store)
    assert caught.value.__notes__ == [f"read from the layout {tmp_path}"]


def test_who_is_nearer_to_it_says_so_alone(tmp_path: Path) -> None:
    store = layout_of(tmp_path, b"consent")

    class Above:
        """What reads from another, as an image that was edited does."""

        def open(self, descriptor: Descriptor, *, offset: int = 0):  # type: ignore[no-untyped-def]
            return opened(store, descriptor, offset)

    with pytest.raises(ContentMismatch) as caught:
        read(Above())
    assert caught.value.__notes__ == [f"read from the layout {tmp_path}"]


def test_what_is_no_manifest_is_blamed_on_its_store(tmp_path: Path) -> None:
    store = layout_of(tmp_path, RAW)
    with pytest.raises(Misbehaved) as caught:
        manifest_of(store, Descriptor("application/vnd.oci.image.manifest.v1+json", DIGEST, len(RAW)))
    assert caught.value.__notes__ == [f"read from the layout {tmp_path}"]
