"""Whether an image is what its digests say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pratique.errors import Unreachable
from pratique.image.sample import stored
from pratique.image.validation import validate, validate_fast
from pratique.spec import media
from pratique.spec.descriptor import Descriptor
from pratique.spec.digest import Digest
from pratique.spec.manifest import Manifest
from pratique.stores.memory import Memory

from .images import entry, put, put_image, put_index
from .layers.tars import file, layer

RAW = layer(file("a", b"x"))


def root_of(manifest: Manifest) -> Descriptor:
    return Descriptor(manifest.media_type, manifest.digest, len(manifest.raw))


def image_of(store: Memory, diff_id: Digest, described: Descriptor) -> Descriptor:
    config = put(store, json.dumps({"rootfs": {"diff_ids": [str(diff_id)]}}).encode(), media.OCI_CONFIG)
    document = {
        "schemaVersion": 2,
        "mediaType": media.OCI_MANIFEST,
        "config": config.to_json(),
        "layers": [described.to_json()],
    }
    return put(store, json.dumps(document).encode(), media.OCI_MANIFEST)


def test_what_is_right_has_no_problems() -> None:
    store = Memory()
    images = [put_image(store, [RAW, layer(file("b"))]), put_image(store, [RAW], docker=True)]
    root = root_of(put_index(store, [entry(image) for image in images]))
    assert list(validate(store, root)) == []
    assert list(validate_fast(store, root)) == []


@pytest.mark.parametrize(
    ("content", "media_type", "diff_id", "message"),
    [
        (stored(RAW), media.OCI_LAYER_GZIP, Digest.of(b"x"), "the config says"),
        (RAW, media.OCI_LAYER_GZIP, Digest.of(RAW), "not packed, and its type is"),
        (stored(RAW), f"{media.OCI_LAYER}+zstd", Digest.of(RAW), "is gzip, and its type is"),
        (stored(b"no tar" * 200), media.OCI_LAYER_GZIP, Digest.of(b"no tar" * 200), "is not a tar"),
        (stored(RAW)[:-9], media.OCI_LAYER_GZIP, Digest.of(RAW), "not whole as gzip"),
        (stored(layer(file("../x"))), media.OCI_LAYER_GZIP, Digest.of(layer(file("../x"))), "leads out of it"),
    ],
)
def test_layers_that_lie(content: bytes, media_type: str, diff_id: Digest, message: str) -> None:
    store = Memory()
    root = image_of(store, diff_id, put(store, content, media_type))
    (problem,) = validate(store, root)
    assert (problem.descriptor.digest, message in str(problem)) == (Digest.of(content), True)
    assert list(validate_fast(store, root)) == []


def test_what_is_missing_is_told_and_the_rest_is_looked_at() -> None:
    store = Memory()
    gone = Descriptor(media.OCI_LAYER, Digest.of(b"gone"), 4)
    broken = image_of(store, Digest.of(b"gone"), gone)
    lost = Descriptor(media.OCI_MANIFEST, Digest.of(b"lost"), 4)
    good = put_image(store, [RAW])
    document = [lost.to_json(), broken.to_json(), entry(good)]
    root = root_of(put_index(store, document))
    for found in (validate(store, root), validate_fast(store, root)):
        assert {problem.descriptor.digest for problem in found} == {gone.digest, lost.digest}


def test_a_size_that_lies() -> None:
    store = Memory()
    described = put(store, stored(RAW), media.OCI_LAYER_GZIP)
    root = image_of(store, Digest.of(RAW), Descriptor(described.media_type, described.digest, described.size + 1))
    for found in (validate(store, root), validate_fast(store, root)):
        assert [problem.descriptor.digest for problem in found] == [described.digest]


def test_content_of_several_images_is_read_once() -> None:
    class Counted(Memory):
        def __init__(self) -> None:
            super().__init__()
            self.opened: list[Digest] = []

        def open(self, descriptor: Descriptor, *, offset: int = 0) -> Any:
            self.opened.append(descriptor.digest)
            return super().open(descriptor, offset=offset)

    store = Counted()
    images = [put_image(store, [RAW], annotations={"n": str(number)}) for number in range(2)]
    root = root_of(put_index(store, [entry(image) for image in images]))
    assert list(validate(store, root)) == []
    assert store.opened.count(images[0].layers[0].digest) == 1


def test_trouble_on_the_way_is_not_a_problem_of_the_image() -> None:
    class Away(Memory):
        def open(self, descriptor: Descriptor, *, offset: int = 0) -> Any:
            raise Unreachable("nobody answers")

    store = Away()
    root = root_of(put_image(store, [RAW]))
    with pytest.raises(Unreachable):
        list(validate(store, root))
