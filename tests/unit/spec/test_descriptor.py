"""Descriptors: what is read of them, what is refused, and how they are written."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.errors import Misbehaved
from pratique.spec import media
from pratique.spec.descriptor import MOST_BYTES, Descriptor
from pratique.spec.digest import Digest
from pratique.spec.platform import Platform

DIGEST = "sha256:" + "a" * 64
LEAST: dict[str, Any] = {"mediaType": media.OCI_LAYER_GZIP, "digest": DIGEST, "size": 3}
EVERYTHING = LEAST | {
    "platform": {"architecture": "arm", "os": "linux", "variant": "v7"},
    "artifactType": "application/vnd.example+json",
    "annotations": {"org.opencontainers.image.title": "a.txt", "leer": "", "ü": "→"},
    "urls": ["https://example.com/a", "https://example.com/b"],
    "data": "e30=",
}

lines = st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=8)
descriptors = st.builds(
    Descriptor,
    media_type=lines,
    digest=st.binary(max_size=4).map(Digest.of),
    size=st.integers(0, MOST_BYTES),
    platform=st.none() | st.builds(Platform, lines, lines, lines, lines),
    artifact_type=lines,
    annotations=st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3),
    urls=st.lists(st.text(max_size=5), max_size=3).map(tuple),
    data=st.none() | st.binary(min_size=1, max_size=5),
)


@given(descriptors)
def test_a_descriptor_is_read_as_it_is_written(descriptor: Descriptor) -> None:
    assert Descriptor.from_json(descriptor.to_json()) == descriptor
    assert len({descriptor, Descriptor.from_json(descriptor.to_json())}) == 1


def test_every_field() -> None:
    found = Descriptor.from_json(EVERYTHING)
    assert found.media_type == media.OCI_LAYER_GZIP
    assert found.digest == Digest.parse(DIGEST)
    assert found.size == 3
    assert found.platform == Platform("linux", "arm", "v7")
    assert found.artifact_type == "application/vnd.example+json"
    assert found.annotations == EVERYTHING["annotations"]
    assert found.urls == ("https://example.com/a", "https://example.com/b")
    assert found.data == b"{}"
    assert found.to_json() == EVERYTHING


def test_fields_without_a_value_are_left_out() -> None:
    assert Descriptor.from_json(LEAST).to_json() == LEAST
    assert (
        Descriptor.from_json(LEAST | {"platform": None, "urls": [], "annotations": {}, "data": ""}).to_json() == LEAST
    )


def test_unknown_fields_are_passed_over() -> None:
    assert Descriptor.from_json(LEAST | {"reserved": [1]}) == Descriptor.from_json(LEAST)


def test_the_media_type_may_be_missing() -> None:
    """Old manifests of some tools leave it out; what is pointed at is a blob then."""
    found = Descriptor.from_json({"digest": DIGEST, "size": 0})
    assert (found.media_type, found.is_manifest) == ("", False)


@pytest.mark.parametrize("media_type", sorted(media.MANIFESTS))
def test_manifests_are_not_blobs(media_type: str) -> None:
    assert Descriptor.from_json(LEAST | {"mediaType": media_type}).is_manifest
    assert not Descriptor.from_json(LEAST).is_manifest


@pytest.mark.parametrize("size", [0, 1, 2**31, 2**32, 2**53 + 1, MOST_BYTES])
def test_sizes(size: int) -> None:
    assert Descriptor.from_json(LEAST | {"size": size}).size == size


WRONG: dict[str, list[Any]] = {
    "mediaType": [1, [], {}, True, "text/plain\r\nX-Evil: 1", "text/plän", "\ud800"],
    "digest": [None, "", 1, [], DIGEST.upper(), "sha256:abc", "md5:" + "a" * 32, "../../etc", DIGEST + "\n"],
    "size": [None, -1, MOST_BYTES + 1, 10**4000, 1.0, 1e300, float("inf"), True, "3", [], {}],
    "platform": ["linux/amd64", 1, [], [{}], {"os": 1}, {"architecture": []}, {"os.features": "a"}],
    "artifactType": [1, [], "a\nb"],
    "annotations": ["a", [], {"a": 1}, {"a": None}, {"a": ["b"]}, {"a": {}}],
    "urls": ["https://example.com", {}, [1], [None], [["a"]]],
    "data": [1, [], "e30", "e30=!", "!!!!", "é", "e3 0=", "\ud800", "e30=\n"],
}


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in WRONG.items() for value in values])
def test_wrong_values(key: str, value: Any) -> None:
    with pytest.raises(Misbehaved, match=r"^manifest's layer") as caught:
        Descriptor.from_json(EVERYTHING | {key: value}, "manifest's layer")
    assert len(str(caught.value)) < 400
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("key", ["digest", "size"])
def test_what_may_not_be_missing(key: str) -> None:
    with pytest.raises(Misbehaved):
        Descriptor.from_json({name: value for name, value in LEAST.items() if name != key})


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(sorted(EVERYTHING)), anything)
def test_any_value_of_any_field_is_right_or_an_error(key: str, value: Any) -> None:
    try:
        found = Descriptor.from_json(EVERYTHING | {key: value})
    except Misbehaved:
        return
    assert Descriptor.from_json(found.to_json()) == found
