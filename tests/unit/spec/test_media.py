"""Media types: what is a manifest, and what a header says."""

from __future__ import annotations

import pytest

from pratique.spec import media


@pytest.mark.parametrize(
    ("content_type", "essence"),
    [
        ("", ""),
        ("application/json", "application/json"),
        ("Application/JSON; charset=utf-8", "application/json"),
        (" text/plain ;charset=utf-8", "text/plain"),
        ("application/vnd.oci.image.index.v1+json;q=1;r=2", media.OCI_INDEX),
        (";", ""),
    ],
)
def test_essence(content_type: str, essence: str) -> None:
    assert media.essence(content_type) == essence


@pytest.mark.parametrize("media_type", sorted(media.MANIFESTS | media.SCHEMA_1))
def test_manifests(media_type: str) -> None:
    assert media.is_manifest(media_type)


@pytest.mark.parametrize(
    "media_type",
    [media.OCI_CONFIG, media.OCI_LAYER, media.OCI_LAYER_GZIP, media.OCI_EMPTY, media.DOCKER_CONFIG, "", "a/b"],
)
def test_blobs(media_type: str) -> None:
    assert not media.is_manifest(media_type)


def test_the_kinds_do_not_overlap() -> None:
    assert not media.INDEXES & media.IMAGES
    assert not media.MANIFESTS & media.SCHEMA_1
    assert not media.MANIFESTS & media.GENERIC
    assert media.INDEXES | media.IMAGES < media.MANIFESTS


def test_every_known_manifest_is_accepted_by_name_and_schema_1_never_is() -> None:
    named = {media.essence(item) for item in media.ACCEPT}
    assert named >= media.MANIFESTS
    assert not named & media.SCHEMA_1
    assert media.ACCEPT[-1].startswith("*/*")


def test_types_are_written_as_essence_has_them() -> None:
    for media_type in media.MANIFESTS | media.SCHEMA_1 | media.GENERIC:
        assert media.essence(media_type) == media_type
