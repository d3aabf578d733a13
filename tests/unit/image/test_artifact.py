"""Manifests of artifacts, and the paths that titles are."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique import Descriptor, Digest, InvalidInput, Manifest
from pratique.image import artifact
from pratique.spec import media

FILE = Descriptor("text/plain", Digest.of(b"hi"), 2, annotations={artifact.TITLE: "hi.txt"})
CONFIG = Descriptor("application/vnd.example.config", Digest.of(b"{}x"), 3)


def test_an_artifact_without_a_config_has_a_type() -> None:
    made = artifact.artifact([FILE])
    assert (made.artifact_type, made.media_type) == (artifact.UNKNOWN_TYPE, media.OCI_MANIFEST)
    assert made.config is not None
    assert (made.config.media_type, made.config.data) == (media.OCI_EMPTY, b"{}")
    assert made.layers == (FILE,)
    assert artifact.artifact([FILE], artifact_type="a/b").artifact_type == "a/b"


def test_the_type_of_a_config_says_what_an_artifact_is() -> None:
    made = artifact.artifact([FILE], config=CONFIG)
    assert "artifactType" not in made.document
    assert made.artifact_type == "application/vnd.example.config"


def test_an_empty_config_says_nothing() -> None:
    """manifest.md: where the config's type is the empty one, `artifactType` MUST be set."""
    made = artifact.artifact([FILE], config=Descriptor(media.OCI_EMPTY, Digest.of(b"{}"), 2))
    assert made.document["artifactType"] == artifact.UNKNOWN_TYPE


@pytest.mark.parametrize("name", ["sbom", "a b/c", "a/", "/b", "a/b/c", "a/b\n", "text/plain; x=\n", "ä/b"])
def test_what_is_no_media_type(name: str) -> None:
    with pytest.raises(InvalidInput, match="no media type"):
        artifact.artifact([FILE], artifact_type=name)
    with pytest.raises(InvalidInput, match="no media type"):
        artifact.artifact([Descriptor(name, Digest.of(b"x"), 1)])


@pytest.mark.parametrize("name", ["a/b", "application/vnd.a.b-c_d+json", "text/plain; charset=utf-8", "x/y;a=b"])
def test_what_is_a_media_type(name: str) -> None:
    assert artifact.artifact([FILE], artifact_type=name).artifact_type == name


def test_what_has_no_files_has_an_empty_layer() -> None:
    made = artifact.artifact([], artifact_type="a/b", annotations={"text": "good"})
    assert [layer.media_type for layer in made.layers] == [media.OCI_EMPTY]
    assert artifact.files(made) == artifact.untitled(made) == ()


def test_a_subject_is_named_by_type_digest_and_size_alone() -> None:
    described = Descriptor(media.OCI_INDEX, Digest.of(b"x"), 1, annotations={"a": "b"}, artifact_type="a/b")
    made = artifact.artifact([FILE], subject=described)
    assert made.document["subject"] == {"mediaType": media.OCI_INDEX, "digest": str(described.digest), "size": 1}


def test_the_same_parts_give_the_same_bytes() -> None:
    assert artifact.artifact([FILE]).raw == artifact.artifact([FILE]).raw


def test_files_are_what_has_a_title() -> None:
    untitled = Descriptor("text/plain", Digest.of(b"no"), 2)
    assert artifact.files(artifact.artifact([untitled, FILE])) == (FILE,)
    assert artifact.untitled(artifact.artifact([untitled, FILE])) == (untitled,)
    old = {"mediaType": media.OCI_ARTIFACT_MANIFEST, "blobs": [FILE.to_json()]}
    assert artifact.files(Manifest.parse(json.dumps(old).encode())) == (FILE,)


@pytest.mark.parametrize(
    ("media_type", "title", "unpack", "is_folder"),
    [
        ("a/b", "manual", "true", True),
        ("a/b", "manual", "", False),
        (media.OCI_LAYER_GZIP, "manual", None, True),  # as PyPI's oras pushes folders
        (media.OCI_LAYER_GZIP, "manual", "false", False),
        (media.OCI_LAYER_GZIP, "manual.tar.gz", None, False),
        (media.OCI_LAYER_GZIP, "MANUAL.TGZ", None, False),
        (media.OCI_LAYER, "manual", None, False),
    ],
)
def test_packed_folders(media_type: str, title: str, unpack: str | None, is_folder: bool) -> None:
    said = {artifact.TITLE: title} | ({} if unpack is None else {artifact.UNPACK: unpack})
    assert artifact.is_folder(Descriptor(media_type, Digest.of(b"x"), 1, annotations=said)) == is_folder


@pytest.mark.parametrize(
    "title",
    [
        "../x",
        "/x",
        "a/../../x",
        "a/..",
        "..",
        ".",
        "",
        "/",
        "a\0b",
        "x" * 5000,
        "x" * 256,
        "é" * 128,
        "a/" * 256 + "b",
        "\ud800",
        "a/\udcff",
    ],
)
def test_titles_that_lead_out_are_refused(title: str) -> None:
    with pytest.raises(InvalidInput):
        artifact.path(title)


@pytest.mark.parametrize("title", ["x" * 255, "é" * 127, "a/" * 255 + "b"])
def test_titles_are_as_long_and_as_deep_as_files_can_be(title: str) -> None:
    assert "/".join(artifact.path(title)) == title


@given(st.text(st.sampled_from("ab./\\\0"), max_size=12))
def test_a_title_is_a_path_below_the_folder_or_refused(title: str) -> None:
    with contextlib.suppress(InvalidInput):
        names = artifact.path(title)
        assert names
        assert not {"", ".", ".."} & set(names)
        assert not any("/" in name or "\0" in name for name in names)


@pytest.mark.parametrize(
    ("link", "depth", "leaves"),
    [("a", 0, False), ("../a", 1, False), ("../a", 0, True), ("/a", 5, True), ("a/..", 5, True), ("", 1, True)],
)
def test_links_that_lead_out(link: str, depth: int, leaves: bool) -> None:
    assert artifact.leaves(link.encode(), depth) == leaves
