"""One image of an index: the only one, or that for a platform."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from pratique import Manifest, Misbehaved, NotFound, Platform
from pratique.image.sample import Sample, image, index
from pratique.spec import media
from pratique.spec.manifest import ATTESTED
from pratique.stores.inspection import MOST_DEPTH, single
from pratique.stores.memory import Memory
from tests.stores.contract import push

AMD64, ARM64 = (Platform.parse(f"linux/{name}") for name in ("amd64", "arm64"))
AMD, ARM = (image(platform, {"file": str(platform).encode()}) for platform in (AMD64, ARM64))


def stored(*samples: Sample) -> Memory:
    store = Memory()
    for sample in samples:
        push(store, sample, ["1"])
    return store


def listing(*entries: tuple[Sample, Platform], attested: Sequence[Sample] = ()) -> Manifest:
    """An index of images, and of what attests them."""
    listed = [{**each.root.descriptor.to_json(), "platform": platform.to_json()} for each, platform in entries]
    unknown = Platform("unknown", "unknown").to_json()
    for each in attested:
        said = {ATTESTED: str(entries[0][0].root.descriptor.digest)}
        listed.append({**each.root.descriptor.to_json(), "platform": unknown, "annotations": said})
    document = {"schemaVersion": 2, "mediaType": media.OCI_INDEX, "manifests": listed}
    return Manifest.parse(json.dumps(document).encode())


def test_an_image_is_itself_whatever_is_asked_for() -> None:
    manifest = Manifest.parse(AMD.root.raw)
    assert single(stored(AMD), manifest) == single(stored(AMD), manifest, ARM64) == (manifest, None)


def test_the_only_image_needs_no_platform_and_attestations_do_not_count() -> None:
    """So BuildKit makes an image for one platform."""
    found, said = single(stored(AMD), listing((AMD, AMD64), attested=[ARM]))
    assert (found.raw, said) == (AMD.root.raw, AMD64)


def test_of_several_one_is_chosen() -> None:
    store, both = stored(AMD, ARM), listing((AMD, AMD64), (ARM, ARM64))
    assert single(store, both, ARM64)[0].raw == ARM.root.raw
    with pytest.raises(NotFound, match="is an index of 2 images") as told:
        single(store, both)
    assert str(told.value.advice()) == "choose one by its platform: linux/amd64, linux/arm64"
    with pytest.raises(NotFound, match="no image for linux/s390x"):
        single(store, both, Platform.parse("linux/s390x"))


def test_an_index_in_an_index_is_looked_into_but_not_without_end() -> None:
    within = AMD
    for _ in range(MOST_DEPTH - 1):
        within = index([within])
    assert single(stored(within), Manifest.parse(within.root.raw))[0].raw == AMD.root.raw
    deeper = index([within])
    with pytest.raises(Misbehaved, match="nests more than"):
        single(stored(deeper), Manifest.parse(deeper.root.raw))
