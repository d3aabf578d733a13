"""Docker's and OCI's forms of the same image."""

from __future__ import annotations

import json

import pytest

from pratique.errors import Unsupported
from pratique.http.message import Body
from pratique.image.convert import TO_DOCKER, TO_OCI, convert
from pratique.image.sample import Content, Sample, image, index
from pratique.spec import media
from pratique.spec.digest import Digest
from pratique.spec.manifest import ATTESTED, Manifest
from pratique.spec.platform import Platform
from pratique.stores.memory import Memory
from pratique.stores.reading import manifest_of
from pratique.transfer.copy import Options, copy

from .test_edited import attested

PLATFORMS = [Platform.parse(f"linux/{name}") for name in ("amd64", "arm64")]


def filled() -> tuple[Memory, Sample]:
    store = Memory()
    sample = index((image(platform, {"hello": b"x"}) for platform in PLATFORMS), {"org.example": "note"})
    for part in sample.below:
        store.push(part.descriptor, Body.of(part.raw).open)
    store.push(sample.root.descriptor, Body.of(sample.root.raw).open, tags=["1"])
    return store, sample


def test_an_index_becomes_a_list_and_an_index_again() -> None:
    source, sample = filled()
    docker, oci = Memory(), Memory()
    there = copy(source, "1", docker, ["1"], options=Options(convert=lambda m, r: convert(m, TO_DOCKER, r)))
    found = manifest_of(docker, docker.resolve("1"))
    assert (found.media_type, found.digest) == (media.DOCKER_LIST, there.descriptor.digest)
    assert found.annotations == {}
    child = manifest_of(docker, found.manifests[1])
    assert child.media_type == media.DOCKER_MANIFEST
    assert child.config is not None
    assert child.config.media_type == media.DOCKER_CONFIG
    assert [layer.media_type for layer in child.layers] == [media.DOCKER_LAYER_GZIP]
    assert [str(entry.platform) for entry in found.manifests] == ["linux/amd64", "linux/arm64"]
    back = copy(docker, "1", oci, ["1"], options=Options(convert=lambda m, r: convert(m, TO_OCI, r)))
    again = manifest_of(oci, oci.resolve("1"))
    assert [entry.digest for entry in again.manifests] == [part.descriptor.digest for part in sample.below[2::3]]
    assert back.changed
    assert not copy(docker, "1", oci, ["1"], options=Options(convert=lambda m, r: convert(m, TO_OCI, r))).changed


def test_what_has_the_form_already_stays_as_it_is() -> None:
    source, sample = filled()
    target = Memory()
    compact = Content.of(
        json.dumps(json.loads(sample.root.raw)).encode(), media.OCI_INDEX
    )  # other bytes than we would write
    source.push(compact.descriptor, Body.of(compact.raw).open, tags=["1"])
    result = copy(source, "1", target, ["1"], options=Options(convert=lambda m, r: convert(m, TO_OCI, r)))
    assert result.descriptor.digest == compact.descriptor.digest


def test_attestations_stay_and_are_about_the_image_in_its_new_form() -> None:
    store, target = Memory(), Memory()
    attested(store)
    copy(store, "1", target, ["1"], options=Options(convert=lambda m, r: convert(m, TO_DOCKER, r)))
    first, second, *marks = manifest_of(target, target.resolve("1")).manifests
    assert [mark.annotations[ATTESTED] for mark in marks] == [str(first.digest), str(second.digest)]
    assert {mark.media_type for mark in marks} == {media.OCI_MANIFEST}


def test_dockers_type_for_zstd_becomes_ocis() -> None:
    document = {
        "schemaVersion": 2,
        "mediaType": media.DOCKER_MANIFEST,
        "config": {"mediaType": media.DOCKER_CONFIG, "digest": str(Digest.of(b"{}")), "size": 2},
        "layers": [{"mediaType": media.DOCKER_LAYER_ZSTD, "digest": str(Digest.of(b"")), "size": 0}],
    }
    made = convert(Manifest.parse(json.dumps(document).encode()), TO_OCI, {})
    assert [layer.media_type for layer in made.layers] == [media.OCI_LAYER_ZSTD]


def test_what_docker_has_no_place_for_is_refused() -> None:
    document = {
        "schemaVersion": 2,
        "mediaType": media.OCI_MANIFEST,
        "config": {"mediaType": media.OCI_CONFIG, "digest": str(Digest.of(b"{}")), "size": 2},
        "layers": [{"mediaType": f"{media.OCI_LAYER}+zstd", "digest": str(Digest.of(b"")), "size": 0}],
    }
    with pytest.raises(Unsupported, match="Docker's form has no place for") as caught:
        convert(Manifest.parse(json.dumps(document).encode()), TO_DOCKER, {})
    assert "recompress" in (caught.value.advice() or "")
