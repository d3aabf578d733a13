"""Manifests: what a stranger's bytes are taken for, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.errors import Misbehaved, NotFound, Unsupported
from pratique.spec import media
from pratique.spec.descriptor import Descriptor
from pratique.spec.digest import Digest
from pratique.spec.manifest import Manifest, platforms
from pratique.spec.platform import Platform

Json = dict[str, Any]


def pointer(media_type: str, content: bytes = b"", **more: Any) -> Json:
    return {"mediaType": media_type, "digest": str(Digest.of(content)), "size": len(content)} | more


CONFIG = pointer(media.OCI_CONFIG, b"{}")
LAYERS = [pointer(media.OCI_LAYER_GZIP, b"base"), pointer(media.OCI_LAYER_GZIP, b"top")]
SUBJECT = pointer(media.OCI_MANIFEST, b"the subject")
IMAGE: Json = {"schemaVersion": 2, "mediaType": media.OCI_MANIFEST, "config": CONFIG, "layers": LAYERS}
DOCKER_IMAGE: Json = {
    "schemaVersion": 2,
    "mediaType": media.DOCKER_MANIFEST,
    "config": pointer(media.DOCKER_CONFIG, b"{}"),
    "layers": [pointer("application/vnd.docker.image.rootfs.diff.tar.gzip", b"base")],
}
ENTRIES = [
    pointer(media.OCI_MANIFEST, b"amd64", platform={"os": "linux", "architecture": "amd64"}),
    pointer(media.OCI_MANIFEST, b"arm64", platform={"os": "linux", "architecture": "arm64", "variant": "v8"}),
]
INDEX: Json = {"schemaVersion": 2, "mediaType": media.OCI_INDEX, "manifests": ENTRIES}
DOCKER_LIST: Json = {"schemaVersion": 2, "mediaType": media.DOCKER_LIST, "manifests": ENTRIES}
ARTIFACT: Json = IMAGE | {
    "artifactType": "application/vnd.example.sbom+json",
    "config": pointer(media.OCI_EMPTY, b"{}", data="e30="),
    "layers": [pointer("application/spdx+json", b"sbom")],
    "subject": SUBJECT,
    "annotations": {"org.opencontainers.image.created": "2026-01-01T00:00:00Z"},
}
ARTIFACT_MANIFEST: Json = {
    "mediaType": media.OCI_ARTIFACT_MANIFEST,
    "artifactType": "application/vnd.example.sbom+json",
    "blobs": [pointer("application/spdx+json", b"sbom")],
    "subject": SUBJECT,
}


def raw(document: Any) -> bytes:
    return json.dumps(document, indent=3).encode()


def parsed(document: Any, content_type: str = "") -> Manifest:
    return Manifest.parse(raw(document), content_type)


def names(descriptors: tuple[Descriptor, ...]) -> list[str]:
    return [str(descriptor.digest) for descriptor in descriptors]


def without(document: Json, *keys: str) -> Json:
    return {key: value for key, value in document.items() if key not in keys}


# What there is


def test_an_image() -> None:
    image = parsed(IMAGE, media.OCI_MANIFEST)
    assert image.media_type == media.OCI_MANIFEST
    assert image.config == Descriptor.from_json(CONFIG)
    assert image.layers == tuple(Descriptor.from_json(layer) for layer in LAYERS)
    assert image.manifests == ()
    assert image.subject is None
    assert not image.is_index
    assert image.artifact_type == media.OCI_CONFIG  # as the referrers API has it
    assert image.annotations == {}
    assert names(image.successors()) == [CONFIG["digest"], *(layer["digest"] for layer in LAYERS)]


def test_dockers_schema_2() -> None:
    image = parsed(DOCKER_IMAGE, media.DOCKER_MANIFEST)
    assert image.media_type == media.DOCKER_MANIFEST
    assert image.config is not None
    assert image.config.media_type == media.DOCKER_CONFIG
    assert len(image.successors()) == 2


@pytest.mark.parametrize("document", [INDEX, DOCKER_LIST])
def test_an_index(document: Json) -> None:
    index = parsed(document, document["mediaType"])
    assert index.media_type == document["mediaType"]
    assert index.is_index
    assert (index.config, index.layers) == (None, ())
    assert index.manifests == tuple(Descriptor.from_json(entry) for entry in ENTRIES)
    assert index.successors() == index.manifests
    assert index.artifact_type == ""


def test_an_artifact_with_a_subject() -> None:
    artifact = parsed(ARTIFACT)
    assert artifact.artifact_type == "application/vnd.example.sbom+json"
    assert artifact.subject == Descriptor.from_json(SUBJECT)
    assert artifact.annotations == ARTIFACT["annotations"]
    assert artifact.config is not None
    assert artifact.config.data == b"{}"
    assert SUBJECT["digest"] not in names(artifact.successors())


def test_an_index_with_a_subject_and_a_type() -> None:
    index = parsed(INDEX | {"artifactType": "a/b", "subject": SUBJECT, "annotations": {"a": "b"}})
    assert index.subject == Descriptor.from_json(SUBJECT)
    assert index.artifact_type == "a/b"
    assert index.annotations == {"a": "b"}


def test_the_artifact_manifest_that_came_and_went() -> None:
    artifact = parsed(ARTIFACT_MANIFEST)
    assert artifact.media_type == media.OCI_ARTIFACT_MANIFEST
    assert names(artifact.successors()) == [ARTIFACT_MANIFEST["blobs"][0]["digest"]]
    assert artifact.subject == Descriptor.from_json(SUBJECT)
    assert artifact.artifact_type == "application/vnd.example.sbom+json"


def test_nothing_in_it_is_nothing_in_it() -> None:
    assert parsed(IMAGE | {"layers": []}).layers == ()
    assert parsed(INDEX | {"manifests": []}).successors() == ()
    assert parsed(IMAGE | {"layers": None, "annotations": None, "subject": None}).successors() != ()


# The bytes


@pytest.mark.parametrize("document", [IMAGE, DOCKER_IMAGE, INDEX, DOCKER_LIST, ARTIFACT, ARTIFACT_MANIFEST])
@pytest.mark.parametrize("indent", [None, 0, 3, "\t"])
@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_the_bytes_stay_as_they_came(document: Json, indent: int | str | None, algorithm: str) -> None:
    content = json.dumps(document, indent=indent).encode() + b"\n \r\n"
    manifest = Manifest.parse(content, "", algorithm)
    assert manifest.raw is content
    assert manifest.digest == Digest.of(content, algorithm)
    assert manifest.descriptor.size == len(content)


def test_manifests_of_the_same_bytes_are_equal() -> None:
    assert parsed(IMAGE) == parsed(IMAGE)
    assert parsed(IMAGE) != Manifest.parse(raw(IMAGE) + b"\n")


def test_the_bytes_are_not_shown() -> None:
    assert "schemaVersion" not in repr(parsed(IMAGE))


# The media type


@pytest.mark.parametrize("generic", [*sorted(media.GENERIC), "Application/JSON; charset=utf-8"])
@pytest.mark.parametrize("document", [IMAGE, DOCKER_IMAGE, INDEX, DOCKER_LIST, ARTIFACT, ARTIFACT_MANIFEST])
def test_a_generic_content_type_leaves_it_to_the_document(document: Json, generic: str) -> None:
    assert parsed(document, generic).media_type == document["mediaType"]


@pytest.mark.parametrize(
    ("document", "media_type"),
    [
        (IMAGE, media.OCI_MANIFEST),
        (DOCKER_IMAGE, media.DOCKER_MANIFEST),
        (INDEX, media.OCI_INDEX),
        (DOCKER_LIST, media.OCI_INDEX),  # nothing tells them apart
        (ARTIFACT, media.OCI_MANIFEST),
        (ARTIFACT_MANIFEST, media.OCI_ARTIFACT_MANIFEST),
    ],
)
@pytest.mark.parametrize("generic", sorted(media.GENERIC))
def test_where_both_are_silent_the_shape_tells(document: Json, media_type: str, generic: str) -> None:
    """The image specification lets an OCI manifest leave its mediaType out."""
    assert parsed(without(document, "mediaType"), generic).media_type == media_type
    assert parsed(document | {"mediaType": ""}, generic).media_type == media_type


@pytest.mark.parametrize("document", [IMAGE, DOCKER_IMAGE, INDEX, DOCKER_LIST, ARTIFACT_MANIFEST])
def test_the_content_type_tells_where_the_document_is_silent(document: Json) -> None:
    content_type = f"{document['mediaType'].upper()}; charset=utf-8"
    assert parsed(without(document, "mediaType"), content_type).media_type == document["mediaType"]


@pytest.mark.parametrize("document", [IMAGE, DOCKER_IMAGE, INDEX, DOCKER_LIST, ARTIFACT_MANIFEST])
@pytest.mark.parametrize("said", [*sorted(media.MANIFESTS | media.SCHEMA_1), "application/vnd.example", "image/png"])
def test_the_document_is_believed_before_the_header(document: Json, said: str) -> None:
    """The digest vouches for the one and for nothing of the other."""
    manifest = parsed(document, said)
    assert manifest.media_type == document["mediaType"]
    assert manifest.successors()


UNKNOWN = "application/vnd.example.future.v9+json"


@pytest.mark.parametrize(
    "content",
    [
        raw({"schemaVersion": 9, "things": [1]}),
        raw({"schemaVersion": 1}),
        raw({"mediaType": "application/vnd.example.other+json", "layers": "many", "manifests": 1}),
        raw({"mediaType": ["a"], "artifactType": 1, "annotations": []}),
        b"[]",
        b"\x00\xff not JSON",
        b"",
    ],
)
def test_unknown_types_are_kept_and_not_read(content: bytes) -> None:
    manifest = Manifest.parse(content, f"{UNKNOWN}; charset=utf-8")
    assert manifest.media_type == UNKNOWN
    assert manifest.raw is content
    assert manifest.digest == Digest.of(content)
    assert (manifest.successors(), manifest.subject, manifest.config) == ((), None, None)
    assert (manifest.artifact_type, manifest.annotations, manifest.is_index) == ("", {}, False)


@pytest.mark.parametrize("said", ["", "application/json", media.OCI_MANIFEST])
@pytest.mark.parametrize("more", [{}, {"schemaVersion": 1}, {"layers": "many", "manifests": 1, "annotations": 7}])
def test_unknown_types_that_only_the_document_names(said: str, more: Json) -> None:
    manifest = parsed({"mediaType": UNKNOWN} | more, said)
    assert manifest.media_type == UNKNOWN
    assert manifest.successors() == ()


# What is refused


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"schemaVersion": 1, "name": "a", "tag": "b", "fsLayers": [], "history": []}, ""),
        ({"schemaVersion": 1, "name": "a", "tag": "b", "fsLayers": []}, "application/json"),
        ({"schemaVersion": 1, "fsLayers": []}, media.DOCKER_SCHEMA_1),
        ({"schemaVersion": 1, "fsLayers": [], "signatures": []}, media.DOCKER_SCHEMA_1_SIGNED),
        ({"schemaVersion": 1, "fsLayers": []}, media.DOCKER_MANIFEST),
        ({"mediaType": media.DOCKER_SCHEMA_1}, ""),
        ({"mediaType": media.DOCKER_SCHEMA_1_SIGNED}, UNKNOWN),
    ],
)
def test_schema_1_is_refused_with_a_sentence(document: Json, said: str) -> None:
    with pytest.raises(Unsupported, match="Docker schema 1") as caught:
        parsed(document, said)
    assert "push the image again" in (caught.value.advice() or "")


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (IMAGE | {"manifests": ENTRIES}, ""),
        (IMAGE | {"manifests": []}, media.OCI_MANIFEST),
        (DOCKER_IMAGE | {"manifests": ENTRIES}, ""),
        (INDEX | {"layers": LAYERS}, ""),
        (INDEX | {"config": CONFIG}, ""),
        (INDEX | {"layers": None}, ""),
        (DOCKER_LIST | {"layers": LAYERS, "config": CONFIG}, ""),
        (without(INDEX, "mediaType"), media.OCI_MANIFEST),
        (without(IMAGE, "mediaType"), media.OCI_INDEX),
        (without(IMAGE, "mediaType"), media.DOCKER_LIST),
        (without(IMAGE | INDEX, "mediaType"), ""),
        (without(IMAGE | INDEX, "mediaType"), "application/json"),
        (IMAGE | {"manifests": ENTRIES}, UNKNOWN),
    ],
)
def test_what_may_be_read_in_two_ways_is_refused(document: Json, said: str) -> None:
    with pytest.raises(Misbehaved, match="calls itself an"):
        parsed(document, said)


def test_a_name_that_is_there_twice_is_refused() -> None:
    with pytest.raises(Misbehaved, match="one name twice"):
        Manifest.parse(raw(IMAGE)[:-1] + b',"layers":[]}')


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"null", b"{", b"<html>", b"\xff", b"{}", b'{"schemaVersion": 2}', b'{"errors": []}']
)
@pytest.mark.parametrize("said", ["", "application/json", "text/html"])
def test_what_is_no_manifest(content: bytes, said: str) -> None:
    with pytest.raises(Misbehaved):
        Manifest.parse(content, said)


POINTER_WRONG: list[Any] = [
    "x",
    1,
    [],
    [CONFIG],
    {},
    {"digest": CONFIG["digest"]},
    CONFIG | {"size": -1},
    CONFIG | {"digest": "x"},
]
WRONG: dict[str, tuple[Json, list[Any]]] = {
    "mediaType": (IMAGE, [1, [], {}, True, "a\nb"]),
    "config": (IMAGE, POINTER_WRONG),
    "layers": (IMAGE, ["x", 1, {}, CONFIG, [1], [[]], [None], [CONFIG, {}], [CONFIG | {"size": "3"}]]),
    "subject": (ARTIFACT, POINTER_WRONG),
    "artifactType": (ARTIFACT, [1, [], {}, "a\r\nb", "\x1b"]),
    "annotations": (ARTIFACT, ["x", 1, [], {"a": 1}, {"a": None}, {"a": []}]),
    "manifests": (INDEX, ["x", 1, {}, [1], [None], [{}], [ENTRIES[0] | {"platform": "linux/amd64"}]]),
    "blobs": (ARTIFACT_MANIFEST, ["x", 1, {}, [1], [{}]]),
}


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, (_, values) in WRONG.items() for value in values])
@pytest.mark.parametrize("said", ["", "own"])
def test_wrong_values(key: str, value: Any, said: str) -> None:
    document = WRONG[key][0]
    with pytest.raises(Misbehaved, match=r"^manifest") as caught:
        parsed(document | {key: value}, document["mediaType"] if said else "")
    assert str(caught.value).isprintable()


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([CONFIG, LAYERS, ENTRIES]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
keys = st.sampled_from([*WRONG, "schemaVersion", "other"])
types = st.sampled_from(["", "application/json", UNKNOWN, *sorted(media.MANIFESTS | media.SCHEMA_1)])


@given(st.sampled_from([IMAGE, INDEX, ARTIFACT, ARTIFACT_MANIFEST]), st.dictionaries(keys, anything, max_size=3), types)
def test_any_document_is_a_manifest_or_an_error(document: Json, changes: Json, said: str) -> None:
    content = json.dumps(document | changes).encode()
    try:
        manifest = Manifest.parse(content, said)
    except (Misbehaved, Unsupported):
        return
    assert manifest.raw is content
    assert manifest.successors() == (
        *([manifest.config] if manifest.config else []),
        *manifest.layers,
        *manifest.manifests,
    ) or (manifest.media_type == media.OCI_ARTIFACT_MANIFEST)
    assert manifest.subject is None or manifest.subject.size >= 0
    assert isinstance(manifest.artifact_type, str)


@given(st.binary(max_size=100), types)
def test_arbitrary_bytes_are_a_manifest_or_an_error(content: bytes, said: str) -> None:
    try:
        manifest = Manifest.parse(content, said)
    except (Misbehaved, Unsupported):
        return
    assert manifest.media_type == said == UNKNOWN or content.lstrip().startswith(b"{")


# Choosing


def entry(name: bytes, os: str, architecture: str, **more: Any) -> Json:
    return pointer(media.OCI_MANIFEST, name, platform={"os": os, "architecture": architecture} | more)


CHOICES = parsed(
    INDEX
    | {
        "manifests": [
            pointer(media.OCI_MANIFEST, b"no platform"),
            entry(b"attestation", "unknown", "unknown"),
            entry(b"first", "linux", "amd64"),
            entry(b"second", "linux", "amd64"),
            entry(b"v6", "linux", "arm", variant="v6"),
            entry(b"v7", "linux", "arm", variant="v7"),
            entry(b"arm64", "linux", "arm64"),
            entry(b"2022", "windows", "amd64", **{"os.version": "10.0.20348.2227"}),
            entry(b"2019", "windows", "amd64", **{"os.version": "10.0.17763.5329"}),
        ]
    }
)


@pytest.mark.parametrize(
    ("wish", "name"),
    [
        ("linux/amd64", b"first"),
        ("linux/x86_64", b"first"),
        ("linux/arm", b"v7"),
        ("linux/arm/v6", b"v6"),
        ("linux/arm64/v8", b"arm64"),
        ("windows/amd64", b"2022"),
        ("windows/amd64:10.0.17763", b"2019"),
    ],
)
def test_the_first_that_fits_is_chosen(wish: str, name: bytes) -> None:
    assert CHOICES.select(Platform.parse(wish)).digest == Digest.of(name)


def test_where_none_fits_the_error_names_what_there_is() -> None:
    with pytest.raises(NotFound, match="no image for linux/s390x") as caught:
        CHOICES.select(Platform.parse("linux/s390x"))
    assert caught.value.advice() == (
        "its platforms: linux/amd64, linux/arm/v6, linux/arm/v7, linux/arm64, "
        "windows/amd64:10.0.20348.2227, windows/amd64:10.0.17763.5329"
    )


def test_an_index_that_names_no_platform() -> None:
    with pytest.raises(NotFound) as caught:
        parsed(INDEX | {"manifests": [pointer(media.OCI_MANIFEST, b"a")]}).select(Platform.parse("linux/amd64"))
    assert caught.value.advice() == "its platforms: none that it names"


def test_of_very_many_platforms_the_first_are_named() -> None:
    many = [
        {**pointer(media.OCI_MANIFEST, b"a"), "platform": {"os": "linux", "architecture": f"a{n}"}} for n in range(5000)
    ]
    assert parsed(INDEX | {"manifests": many}).choices.endswith("linux/a18, linux/a19 and 4980 more")


def test_platforms_are_named_once_and_attestations_are_none() -> None:
    assert platforms(CHOICES.manifests)[:2] == ["linux/amd64", "linux/arm/v6"]
    assert not any("unknown" in name for name in platforms(CHOICES.manifests))


def test_a_manifest_of_an_unknown_type_may_refer_to_another() -> None:
    subject = {"mediaType": media.OCI_MANIFEST, "digest": str(Digest.of(b"x")), "size": 1}
    document = {"subject": subject, "artifactType": "application/x", "annotations": {"a": "b"}}
    found = Manifest.parse(json.dumps(document).encode(), "application/vnd.example+json")
    assert found.subject is not None
    assert found.subject.digest == Digest.of(b"x")
    assert (found.artifact_type, found.annotations) == ("application/x", {"a": "b"})


@pytest.mark.parametrize(
    "document",
    [
        {"subject": "sha256:0"},
        {"subject": {"digest": "x"}},
        {"subject": {}, "artifactType": 3},
        {"subject": {"mediaType": "a/b", "digest": str(Digest.of(b"x")), "size": 1}, "annotations": {"a": 1}},
    ],
)
def test_what_an_unknown_type_means_by_subject_may_be_something_else(document: dict[str, object]) -> None:
    found = Manifest.parse(json.dumps(document).encode(), "application/vnd.example+json")
    assert found.subject is None
    assert found.artifact_type == ""
