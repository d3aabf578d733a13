"""Indexes as values: made, and changed without touching what was not meant."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pratique import Digest, InvalidInput, Manifest, NotFound, Platform, Unsupported
from pratique.image import index as edits
from pratique.image.sample import image, index
from pratique.spec import media
from pratique.spec.manifest import ATTESTATION, ATTESTED

PLATFORMS = ("linux/amd64", "linux/arm64", "linux/arm/v7")


def single(platform: str, content: bytes = b"") -> Manifest:
    return Manifest.parse(image(Platform.parse(platform), {"file": content}).root.raw)


def attested(*, unknown: str = "") -> Manifest:
    """An index as BuildKit writes it: two images, each with an attestation, and perhaps what nobody knows."""
    manifests = [single(platform) for platform in PLATFORMS[:2]]
    listed: list[Any] = [
        edits.entry(each, Platform.parse(name)) for each, name in zip(manifests, PLATFORMS, strict=False)
    ]
    for each in manifests:
        said = {ATTESTATION: "attestation-manifest", ATTESTED: str(each.digest)}
        about = single("unknown/unknown", str(each.digest).encode())
        listed.append(edits.entry(about, Platform("unknown", "unknown"), said))
    document = {"schemaVersion": 2, "mediaType": media.OCI_INDEX, "manifests": listed}
    return Manifest.parse(json.dumps(document | ({"unknown": unknown} if unknown else {})).encode())


def names(found: Manifest) -> list[str]:
    return [str(each.platform) for each in found.manifests]


def test_an_index_lists_what_it_is_given_in_order() -> None:
    listed = [edits.entry(single(name), Platform.parse(name), {"a": "b"}) for name in PLATFORMS]
    made = edits.made(listed, annotations={"c": "d"}, artifact_type="x/y")
    assert names(made) == list(PLATFORMS)
    assert (made.media_type, made.annotations, made.artifact_type) == (media.OCI_INDEX, {"c": "d"}, "x/y")
    assert made.manifests[0].annotations == {"a": "b"}


def test_a_list_of_docker_s_has_no_annotations() -> None:
    listed = [edits.entry(single("linux/amd64"), Platform.parse("linux/amd64"))]
    made = edits.made(listed, "docker")
    assert made.media_type == media.DOCKER_LIST
    with pytest.raises(Unsupported):
        edits.made(listed, "docker", {"a": "b"})
    with pytest.raises(Unsupported):
        edits.annotated(made, {"a": "b"})
    with pytest.raises(Unsupported):
        edits.annotated(made, {"a": "b"}, lambda _: True)


def test_a_new_image_takes_the_place_of_the_old_one_and_its_attestation() -> None:
    old = attested(unknown="kept")
    new = single("linux/amd64", b"new")
    found = edits.having(old, [edits.entry(new, Platform.parse("linux/x86_64"))])
    assert found.manifests[0].digest == new.digest
    assert names(found)[1:] == ["linux/arm64", "unknown/unknown"]
    assert found.manifests[2].annotations[ATTESTED] == str(old.manifests[1].digest)
    assert found.document["unknown"] == "kept"


def test_what_is_listed_is_listed_once_and_what_is_new_comes_last() -> None:
    old = attested()
    assert edits.having(old, [edits.entries(old)[0], edits.entries(old)[3]]) is old
    more = edits.having(old, [edits.entry(single("linux/arm/v7"), Platform.parse("linux/arm/v7"))])
    assert names(more) == [*names(old), "linux/arm/v7"]


@pytest.mark.parametrize("word", ["linux/arm64", "digest"])
def test_attestations_go_with_their_image(word: str) -> None:
    old = attested()
    word = str(old.manifests[1].digest) if word == "digest" else word
    kept = edits.keeping(old, edits.choosing(old, [word]))
    assert [each.digest for each in kept.manifests] == [old.manifests[1].digest, old.manifests[3].digest]
    goes = edits.choosing(old, [word])
    rest = edits.keeping(old, lambda each: not goes(each))
    assert [each.digest for each in rest.manifests] == [old.manifests[0].digest, old.manifests[2].digest]


def test_what_is_not_there_cannot_be_chosen() -> None:
    with pytest.raises(NotFound) as told:
        edits.choosing(attested(), ["linux/s390x"])
    assert told.value.advice() == "its platforms: linux/amd64, linux/arm64"
    with pytest.raises(NotFound):
        edits.choosing(attested(), [str(Digest.of(b"nothing"))])


def test_annotations_are_set_and_taken_away() -> None:
    old = attested()
    once = edits.annotated(old, {"a": "1", "b": "2"})
    assert once.annotations == {"a": "1", "b": "2"}
    assert edits.annotated(once, {"a": None}).annotations == {"b": "2"}
    assert "annotations" not in edits.annotated(once, {"a": None, "b": None}).document
    entry = edits.annotated(old, {"a": "1"}, edits.choosing(old, ["linux/amd64"]))
    assert [each.annotations.get("a") for each in entry.manifests] == ["1", None, None, None]


def test_what_does_not_change_keeps_its_bytes() -> None:
    old = Manifest.parse(index([image(Platform.parse("linux/amd64"), {"a": b""})]).root.raw)
    assert edits.annotated(old, {"a": None}) is old
    assert edits.keeping(old, lambda _: True) is old


def test_an_image_is_no_index() -> None:
    with pytest.raises(InvalidInput):
        edits.annotated(single("linux/amd64"), {"a": "b"})
