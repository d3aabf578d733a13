"""Indexes as values: made, and changed without touching what was not meant."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pratique import Digest, InvalidInput, Manifest, NotFound, Platform, Unsupported
from pratique.image import index as edits
from pratique.image.sample import image, index
from pratique.spec import media
from pratique.spec.descriptor import Descriptor
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
        edits.made(listed, "docker", annotations={"a": "b"})
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
    kept = edits.keeping(old, edits.choosing([word]))
    assert [each.digest for each in kept.manifests] == [old.manifests[1].digest, old.manifests[3].digest]
    rest = edits.without(old, edits.choosing([word]))
    assert [each.digest for each in rest.manifests] == [old.manifests[0].digest, old.manifests[2].digest]


def test_what_is_not_there_cannot_be_chosen() -> None:
    with pytest.raises(NotFound) as told:
        edits.check(attested(), ["linux/s390x"])
    assert told.value.advice() == "its platforms: linux/amd64, linux/arm64"
    with pytest.raises(NotFound):
        edits.check(attested(), [str(Digest.of(b"nothing"))])


def test_an_attestation_that_is_named_goes_alone_and_is_kept_alone() -> None:
    old = attested()
    images, attestations = old.manifests[:2], old.manifests[2:]
    assert edits.without(old, edits.choosing(["unknown/unknown"])).manifests == images
    assert edits.without(old, edits.choosing([str(attestations[0].digest)])).manifests == (*images, attestations[1])
    assert edits.keeping(old, edits.choosing([str(attestations[0].digest)])).manifests == attestations[:1]


def mixed() -> Manifest:
    """An index of images for two operating systems, and of an artifact."""
    listed = [edits.entry(single(name), Platform.parse(name)) for name in ("linux/amd64", "windows/amd64:10.0.1")]
    note = edits.entry(single("linux/arm64"), None, {"lang": "en", "draft": ""})
    return edits.made([*listed, {**note, "artifactType": "text/x"}])


@pytest.mark.parametrize(
    ("wish", "kept"),
    [
        ("linux", [0]),
        ("windows", [1]),
        ("windows/amd64", [1]),
        ("windows/amd64:10.0", [1]),
        (edits.Typed("text/x"), [2]),
        (edits.Noted("draft"), [2]),
        (edits.Noted("lang", "en"), [2]),
        (lambda each: each.platform is not None, [0, 1]),
    ],
)
def test_entries_are_named_in_many_ways(wish: edits.Wish, kept: list[int]) -> None:
    old = mixed()
    edits.check(old, [wish])
    assert edits.keeping(old, edits.choosing([wish])).manifests == tuple(old.manifests[number] for number in kept)


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        (edits.Typed("text/y"), "no entry of the type text/y"),
        (edits.Noted("lang", "de"), "no entry with the annotation lang=de"),
        (edits.Noted("x"), "no entry with the annotation x$"),
        ("darwin", "no darwin"),
        (lambda _: False, "no entry that was to be chosen"),
    ],
)
def test_a_wish_that_no_entry_is_is_told(wish: edits.Wish, told: str) -> None:
    with pytest.raises(NotFound, match=told):
        edits.check(mixed(), [wish])


def test_of_several_for_one_platform_none_is_left_but_the_new_one() -> None:
    twice = [single("linux/amd64", content) for content in (b"one", b"two")]
    old = edits.made([edits.entry(each, Platform.parse("linux/amd64")) for each in twice])
    found = edits.having(old, [edits.entries(old)[1]])
    assert [each.digest for each in found.manifests] == [twice[1].digest]


def test_one_image_may_be_for_several_platforms() -> None:
    image = single("linux/amd64")
    named = [edits.entry(image, Platform.parse(name)) for name in ("linux/amd64", "linux/arm64", "linux/riscv64")]
    found = edits.having(edits.made(named[:2]), [named[2], named[0]])
    assert list(edits.entries(found)) == [named[0], named[1], named[2]]
    unnamed = edits.made([edits.entry(image, None)])
    assert list(edits.entries(edits.having(unnamed, [named[1]]))) == [named[1]]


def test_what_attests_an_image_stays_while_the_image_is_listed() -> None:
    image = single("linux/amd64")
    named = [edits.entry(image, Platform.parse(name)) for name in ("linux/amd64", "linux/arm64")]
    attestation = edits.entry(
        single("unknown/unknown"), Platform.parse("unknown/unknown"), {ATTESTED: str(image.digest)}
    )
    old = edits.made([*named, attestation])
    new = edits.entry(single("linux/arm64", b"new"), Platform.parse("linux/arm64"))
    assert attestation in edits.entries(edits.having(old, [new]))
    assert attestation in edits.entries(edits.without(old, edits.choosing(["linux/arm64"])))
    assert list(edits.entries(edits.without(old, edits.choosing(["linux"])))) == []


def test_what_does_the_same_for_another_version_or_type_is_not_replaced() -> None:
    old = mixed()
    newer = edits.entry(single("windows/amd64"), Platform.parse("windows/amd64:10.0.2"))
    wasm = {**edits.entry(single("linux/amd64", b"x"), Platform.parse("linux/amd64")), "artifactType": "a/b"}
    assert len(edits.having(old, [newer, wasm]).manifests) == 5


def test_another_platform_is_said_of_an_entry() -> None:
    old = mixed()
    platform = Platform("windows", "amd64", os_version="10.0.9", os_features=("win32k",))
    new = edits.fitted(old, platform, edits.choosing(["windows"]))
    assert new.manifests[1].platform == platform
    assert (new.manifests[0], new.manifests[2]) == (old.manifests[0], old.manifests[2])


def test_what_refers_to_something() -> None:
    subject = Descriptor(media.OCI_MANIFEST, Digest.of(b""), 0)
    assert edits.made([], subject=subject).subject == subject
    with pytest.raises(Unsupported):
        edits.made([], "docker", subject=subject)


@pytest.mark.parametrize(
    "listed", [edits.entry(single("linux/amd64"), None), edits.entry(mixed(), Platform.parse("linux/amd64"))]
)
def test_a_list_of_docker_s_lists_images_with_platforms(listed: edits.Entry) -> None:
    with pytest.raises(Unsupported, match="each with its platform"):
        edits.made([listed], "docker")


def test_what_is_hardly_meant_is_doubted() -> None:
    assert edits.doubts(attested()) == edits.doubts(mixed()) == []
    assert edits.doubts(edits.made([])) == ["the index lists nothing"]
    twice = [edits.entry(single(name), Platform.parse(name)) for name in ("linux/arm64", "linux/aarch64")]
    assert edits.doubts(edits.made(twice)) == [
        "the index has 2 images for linux/arm64, of which clients take the first"
    ]
    other = {**twice[1], "annotations": {"compression": "zstd"}}
    assert edits.doubts(edits.made([twice[0], other])) == []


def test_annotations_are_set_and_taken_away() -> None:
    old = attested()
    once = edits.annotated(old, {"a": "1", "b": "2"})
    assert once.annotations == {"a": "1", "b": "2"}
    assert edits.annotated(once, {"a": None}).annotations == {"b": "2"}
    assert "annotations" not in edits.annotated(once, {"a": None, "b": None}).document
    entry = edits.annotated(old, {"a": "1"}, edits.choosing(["linux/amd64"]))
    assert [each.annotations.get("a") for each in entry.manifests] == ["1", None, None, None]


def test_what_does_not_change_keeps_its_bytes() -> None:
    old = Manifest.parse(index([image(Platform.parse("linux/amd64"), {"a": b""})]).root.raw)
    assert edits.annotated(old, {"a": None}) is old
    assert edits.keeping(old, lambda _: True) is old


def test_an_image_is_no_index() -> None:
    with pytest.raises(InvalidInput):
        edits.annotated(single("linux/amd64"), {"a": "b"})
