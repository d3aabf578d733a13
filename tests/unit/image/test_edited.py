"""Edits of every image of an index, and what they make as a source."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pratique.errors import InvalidInput, Misbehaved, NotFound, Unsupported
from pratique.image.convert import TO_DOCKER
from pratique.image.edited import Edited, edit
from pratique.image.image import Image
from pratique.image.layers.bench import Bench
from pratique.image.settings import all_of, labels, platform
from pratique.image.stack import append
from pratique.spec import media
from pratique.spec.descriptor import Descriptor
from pratique.spec.digest import Digest
from pratique.spec.manifest import ATTESTATION, ATTESTED, Manifest
from pratique.spec.platform import Platform
from pratique.stores.base import NAMELESS, Source
from pratique.stores.memory import Memory
from pratique.stores.reading import manifest_of
from pratique.transfer.copy import copy

from .images import AMD64, entry, layer_of, put, put_image, put_index
from .layers.tars import file, layer

ARM = Platform.parse("linux/arm/v7")
UNKNOWN = Platform.parse("unknown/unknown")
LABEL = labels({"a": "1"})


def attestation(store: Memory, about: Manifest, *, subject: bool = False) -> Manifest:
    """As BuildKit writes it: an image's types, with statements in place of layers."""
    statement = put(store, b'{"_type": "https://in-toto.io/Statement/v0.1"}', "application/vnd.in-toto+json")
    config = {
        "os": "unknown",
        "architecture": "unknown",
        "rootfs": {"type": "layers", "diff_ids": [str(statement.digest)]},
    }
    document: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": media.OCI_MANIFEST,
        "config": put(store, json.dumps(config).encode(), media.OCI_CONFIG).to_json(),
        "layers": [statement.to_json()],
    }
    if subject:
        document["subject"] = entry(about)
    raw = json.dumps(document).encode()
    put(store, raw, media.OCI_MANIFEST)
    return Manifest.parse(raw)


def attested(store: Memory, *, subject: bool = False) -> tuple[Manifest, list[Manifest]]:
    images = [put_image(store, [layer(file("x"))], platform=each) for each in (AMD64, ARM)]
    marks = [attestation(store, image, subject=subject) for image in images]
    entries = [entry(image, each, annotations={"k": "v"}) for image, each in zip(images, (AMD64, ARM), strict=True)]
    entries += [
        entry(mark, UNKNOWN, annotations={ATTESTATION: "attestation-manifest", ATTESTED: str(image.digest)})
        for mark, image in zip(marks, images, strict=True)
    ]
    return put_index(store, entries, "1", annotations={"i": "j"}, unknown=[1]), images


@pytest.mark.parametrize("subject", [False, True])
def test_every_image_of_an_index_is_changed_and_attestations_follow(subject: bool) -> None:
    store, target = Memory(), Memory()
    root, images = attested(store, subject=subject)
    made = edit(store, root, LABEL)
    copy(made, made.root.digest, target, ["1"])
    found = manifest_of(target, target.resolve("1"))
    assert (found.annotations, found.document["unknown"]) == ({"i": "j"}, [1])
    assert [str(each.platform) for each in found.manifests] == ["linux/amd64", "linux/arm/v7", *["unknown/unknown"] * 2]
    first, second, about_first, about_second = found.manifests
    assert first.annotations == {"k": "v"}
    assert (about_first.annotations[ATTESTED], about_second.annotations[ATTESTED]) == (
        str(first.digest),
        str(second.digest),
    )
    assert {first.digest, second.digest}.isdisjoint(image.digest for image in images)
    for described, about in ((about_first, first), (about_second, second)):
        mark = manifest_of(target, described)
        assert mark.layers[0].media_type == "application/vnd.in-toto+json"
        assert (mark.subject.digest if mark.subject else None) == (about.digest if subject else None)
    assert Image.read(target, manifest_of(target, first)).config["config"] == {"Labels": {"a": "1"}}


def test_one_platform_is_changed_and_the_others_stay() -> None:
    store = Memory()
    root, images = attested(store)
    made = edit(store, root, LABEL, [ARM])
    first, second, about_first, about_second = made.root.manifests
    assert first.digest == images[0].digest
    assert second.digest != images[1].digest
    assert about_first.annotations[ATTESTED] == str(first.digest)
    assert about_second.annotations[ATTESTED] == str(second.digest)
    with pytest.raises(NotFound, match="no image for linux/s390x"):
        edit(store, root, LABEL, [Platform.parse("linux/s390x")])


def test_an_edit_that_changes_nothing_keeps_every_byte() -> None:
    store = Memory()
    root, _ = attested(store)
    made = edit(store, root, all_of([]))
    assert (made.root.raw, made.changed) == (root.raw, {})


def test_twice_is_once() -> None:
    store = Memory()
    root, _ = attested(store)
    once = edit(store, root, LABEL)
    twice = edit(once, once.root, LABEL)
    assert (twice.root.raw, twice.changed) == (once.root.raw, {})


def test_indexes_within_indexes_and_what_is_no_image() -> None:
    store = Memory()
    image = put_image(store, [])
    inner = put_index(store, [entry(image, AMD64)])
    artifact = {
        "schemaVersion": 2,
        "mediaType": media.OCI_MANIFEST,
        "artifactType": "application/x",
        "config": put(store, b"{}", media.OCI_EMPTY).to_json(),
        "layers": [],
    }
    raw = json.dumps(artifact).encode()
    put(store, raw, media.OCI_MANIFEST)
    kept = entry(Manifest.parse(raw))
    root = put_index(store, [entry(inner), kept, entry(image, AMD64)])
    made = edit(store, root, LABEL)
    nested, same, direct = made.root.document["manifests"]
    assert same == kept
    assert manifest_of(made, Descriptor.from_json(nested)).manifests[0].digest == Digest.parse(direct["digest"])
    with pytest.raises(Unsupported, match="is no image"):
        Image.read(store, Manifest.parse(raw))


def test_an_index_too_deep_is_refused() -> None:
    store = Memory()
    root = put_image(store, [])
    for _ in range(5):
        root = put_index(store, [entry(root)])
    with pytest.raises(Misbehaved, match="nests more than 4 deep"):
        edit(store, root, LABEL)


def test_a_new_platform_is_the_entrys_as_well() -> None:
    store = Memory()
    root = put_index(store, [entry(put_image(store, []), AMD64)])
    made = edit(store, root, platform(ARM), [AMD64])
    assert [str(each.platform) for each in made.root.manifests] == ["linux/arm/v7"]


def test_the_platform_of_an_entry_loses_what_it_does_not_have_any_more() -> None:
    store = Memory()
    image = put_image(store, [], platform=Platform.parse("linux/arm/v7"))
    said = {"os": "linux", "architecture": "arm", "variant": "v7", "os.version": "1"}
    root = put_index(store, [{**entry(image), "platform": said}])

    def made(wanted: str) -> Any:
        (found,) = edit(store, root, platform(Platform.parse(wanted))).root.document["manifests"]
        return found["platform"]

    assert made("linux/amd64") == {"architecture": "amd64", "os": "linux"}
    assert made("linux/arm") == {"architecture": "arm", "os": "linux"}
    version = {"os": "linux", "architecture": "arm", "variant": "v7", "os.version": "2.0"}
    assert made("linux/arm/v7:2.0") == version


def test_the_version_of_a_platform_is_moved_and_what_only_the_entry_says_stays() -> None:
    store = Memory()
    image = put_image(store, [], platform=Platform.parse("windows/arm64"))
    said = {"os": "windows", "architecture": "arm64", "variant": "v8", "os.version": "10.0.1"}
    root = put_index(store, [{**entry(image), "platform": said}])
    made = edit(store, root, lambda image: image.configured(**{"os.version": "10.0.2"}))
    assert made.root.document["manifests"][0]["platform"] == {**said, "os.version": "10.0.2"}


def test_two_images_cannot_be_for_one_platform() -> None:
    store = Memory()
    root, _ = attested(store)
    with pytest.raises(InvalidInput, match="two images of an index would be for linux/s390x"):
        edit(store, root, platform(Platform.parse("linux/s390x")))
    with pytest.raises(InvalidInput, match="two images of an index would be for linux/amd64"):
        edit(store, root, platform(AMD64), [ARM])


def test_what_has_no_image_in_it_is_not_left_as_it_is_without_a_word() -> None:
    store = Memory()
    artifact = put(store, b"{}", media.OCI_EMPTY)
    document = {"schemaVersion": 2, "mediaType": media.OCI_MANIFEST, "artifactType": "application/x"}
    raw = json.dumps({**document, "config": artifact.to_json(), "layers": []}).encode()
    put(store, raw, media.OCI_MANIFEST)
    for root in (Manifest.parse(raw), put_index(store, [entry(Manifest.parse(raw))])):
        with pytest.raises(Unsupported, match="has no image in it"):
            edit(store, root, LABEL)


@pytest.mark.parametrize("subject", [False, True])
def test_an_index_gets_another_form_with_its_images_and_keeps_attestations(subject: bool) -> None:
    store, target = Memory(), Memory()
    root, images = attested(store, subject=subject)
    change = all_of([LABEL, lambda image: image.converted(TO_DOCKER)])
    made = edit(store, root, change, types=TO_DOCKER)
    copy(made, made.root.digest, target, ["1"])
    assert made.root.media_type == media.DOCKER_LIST
    first, second, *marks = made.root.manifests
    assert {first.media_type, second.media_type} == {media.DOCKER_MANIFEST}
    assert [mark.annotations[ATTESTED] for mark in marks] == [str(first.digest), str(second.digest)]
    for mark, about in zip(marks, (first, second), strict=True):
        found = manifest_of(target, mark)
        assert found.layers[0].media_type == "application/vnd.in-toto+json"
        assert (found.subject.digest if found.subject else None) == (about.digest if subject else None)
    assert Image.read(target, manifest_of(target, first)).config["config"] == {"Labels": {"a": "1"}}
    assert images[0].config is not None


def test_an_edited_image_is_a_source() -> None:
    store = Memory()
    root = put_image(store, [layer(file("x"))], "1")
    with Bench() as bench:
        new = layer_of(bench, layer(file("y")))
        made = edit(store, root, append(new))
        assert isinstance(made, Source)
        assert made.resolve(NAMELESS).digest == made.resolve(made.root.digest).digest == made.root.digest
        assert made.resolve("1").digest == root.digest
        assert (made.origin(new.descriptor), made.origin(root.layers[0])) == (bench, store)
        with made.open(new.descriptor, offset=5) as stream:
            rest = stream.read()
        assert len(rest) == new.descriptor.size - 5
        assert "memory" in str(made)


def test_only_what_is_read_is_pulled() -> None:
    """The layers that stay are not opened, neither for the edit nor for a target that has them."""

    class Counted(Memory):
        def __init__(self) -> None:
            super().__init__()
            self.opened: list[str] = []

        def open(self, descriptor: Descriptor, *, offset: int = 0) -> Any:
            self.opened.append(descriptor.media_type)
            return super().open(descriptor, offset=offset)

    store = Counted()
    root = put_image(store, [layer(file("x"))], "1")
    with Bench() as bench:
        made: Edited = edit(store, root, append(layer_of(bench, layer(file("y")))))
        copy(made, NAMELESS, store, ["2"])
    assert store.opened == [media.OCI_CONFIG]


def test_diff_ids_that_do_not_fit_are_refused() -> None:
    store = Memory()
    root = put_image(store, [layer(file("x"))])
    config = put(store, json.dumps({"rootfs": {"diff_ids": []}}).encode(), media.OCI_CONFIG)
    document = {**root.document, "config": config.to_json()}
    with pytest.raises(Misbehaved, match="0 diff ids for 1 layers"):
        Image.read(store, Manifest.parse(json.dumps(document).encode()))
    bad = put(store, json.dumps({"rootfs": {"diff_ids": ["x"]}}).encode(), media.OCI_CONFIG)
    with pytest.raises(Misbehaved, match="no digest"):
        Image.read(store, Manifest.parse(json.dumps({**root.document, "config": bad.to_json()}).encode()))
    assert issubclass(InvalidInput, ValueError)
