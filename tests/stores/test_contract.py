"""The suite that every store of the table passes."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from pratique.errors import ContentMismatch, Error, InvalidInput, NotFound
from pratique.http.message import Body, Stream
from pratique.image.sample import Content, Sample, index
from pratique.spec import media
from pratique.spec.digest import Digest
from pratique.spec.manifest import Manifest
from pratique.stores.base import NAMELESS, Deletes, Describes, Lists, Mounts, Refers, Revises, Source, Stages, Target
from pratique.values import replace

from .contract import (
    AMD64,
    ROWS,
    SBOM,
    SIGNATURE,
    Place,
    Row,
    bare,
    manifest,
    nested,
    of_layer,
    put,
    referrer,
    several,
    single,
)


@pytest.fixture(params=ROWS, ids=lambda row: row.name)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    row: Row = request.param
    with row.opening(tmp_path) as opened:
        yield Place(row, opened)


def needs(place: Place, *abilities: type) -> None:
    """Leave the test out where the store cannot do that, and nobody says that it can."""
    if not all(isinstance(place.open(), ability) for ability in abilities):
        pytest.skip(f"{place.row.name} does not: {', '.join(ability.__name__ for ability in abilities)}")


def needs_names(place: Place) -> None:
    if not place.row.names:
        pytest.skip(f"{place.row.name} keeps no names")


def tags_of(place: Place, *tags: str) -> Sequence[str]:
    return tags if place.row.names else (NAMELESS,)


def assert_holds(place: Place, *samples: Sample) -> None:
    """Every piece is there, byte for byte, and nothing has another digest than before."""
    store = place.open()
    for part in [part for sample in samples for part in (*sample.below, sample.root)]:
        assert place.read(part.descriptor) == part.raw
        if isinstance(store, Target) and not isinstance(store, Stages):
            assert store.exists(part.descriptor)
        if part.descriptor.is_manifest:
            assert store.resolve(part.descriptor.digest) == bare(part.descriptor)


# --- Reading what was written ---------------------------------------------------------------------


def test_it_is_what_its_protocols_say(place: Place) -> None:
    assert isinstance(place.open(), Target)
    place.put(single())
    assert isinstance(place.open(), Source)


@pytest.mark.parametrize("sample", [single(), several(), nested()], ids=["image", "index", "nested"])
def test_what_was_pushed_is_there_byte_for_byte(place: Place, sample: Sample) -> None:
    place.put(sample, tags=tags_of(place, "1.0"))
    assert place.open().resolve(tags_of(place, "1.0")[0]) == bare(sample.root.descriptor)
    assert_holds(place, sample)


def test_a_root_needs_no_name(place: Place) -> None:
    place.put(several())
    assert_holds(place, several())


def test_a_digest_may_be_written_as_text(place: Place) -> None:
    place.put(single())
    assert place.open().resolve(str(single().root.descriptor.digest)) == bare(single().root.descriptor)


def test_content_is_opened_several_times_at_once(place: Place) -> None:
    sample = single()
    place.put(sample)
    store, layer = place.open(), sample.below[0]
    with store.open(layer.descriptor) as first, store.open(layer.descriptor) as second:
        head = first.read(10)
        assert b"".join(iter(lambda: second.read(7), b"")) == layer.raw
        assert head + first.read() == layer.raw


def test_content_is_read_into_a_buffer(place: Place) -> None:
    sample = single()
    place.put(sample)
    content, buffer = bytearray(), bytearray(11)
    with place.open().open(sample.below[0].descriptor) as stream:
        while count := stream.readinto(buffer):
            content += buffer[:count]
        assert stream.readinto(buffer) == 0
    assert content == sample.below[0].raw


@pytest.mark.parametrize("part", [0, 1, 2], ids=["layer", "config", "manifest"])
def test_content_is_read_from_an_offset(place: Place, part: int) -> None:
    sample = single()
    content = (*sample.below, sample.root)[part]
    place.put(sample)
    for offset in (0, 1, len(content.raw) // 2, len(content.raw) - 1):
        assert place.read(content.descriptor, offset) == content.raw[offset:]


def test_a_layer_without_a_byte(place: Place) -> None:
    sample = of_layer(Content.of(b"", "application/octet-stream"))
    place.put(sample)
    assert_holds(place, sample)


@pytest.mark.parametrize(
    "media_type",
    [
        media.OCI_LAYER + "+zstd",
        media.OCI_LAYER,
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
        "application/vnd.example.model.weights.v1",
    ],
)
def test_layers_of_any_type(place: Place, media_type: str) -> None:
    sample = of_layer(Content.of(b"\x28\xb5\x2f\xfd\x04\x00\x19\x00\x00abc\xd5\x3e\xe8\x1c", media_type))
    place.put(sample)
    assert_holds(place, sample)


def test_sha512(place: Place) -> None:
    sample = of_layer(Content.of(b"of sha512", media.OCI_LAYER, algorithm="sha512"), algorithm="sha512")
    place.put(sample)
    assert_holds(place, sample)
    if place.row.nameless:
        assert place.open().resolve(NAMELESS) == bare(sample.root.descriptor)


def test_a_layer_that_lives_elsewhere_is_not_needed(place: Place) -> None:
    foreign = Content.of(b"from elsewhere", "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip")
    layer = Content(replace(foreign.descriptor, urls=("https://layers.example/1",)), foreign.raw)
    whole = of_layer(layer)
    without = Sample(whole.root, whole.below[1:])
    place.put(without)
    assert_holds(place, without)
    with pytest.raises(NotFound):
        place.read(layer.descriptor)


def test_a_layer_that_lives_elsewhere_can_be_kept(place: Place) -> None:
    foreign = Content.of(b"from elsewhere", "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip")
    sample = of_layer(Content(replace(foreign.descriptor, urls=("https://layers.example/1",)), foreign.raw))
    place.put(sample)
    assert_holds(place, sample)


def test_data_in_a_descriptor_is_its_content(place: Place) -> None:
    if not place.row.inline:
        pytest.skip(f"{place.row.name} leaves data to who asks")
    place.put(single())
    content = Content.of(b"in the descriptor", "text/plain")
    inline = replace(content.descriptor, data=content.raw)
    assert place.read(inline) == content.raw
    assert place.read(inline, 7) == content.raw[7:]
    with pytest.raises(ContentMismatch):
        place.read(replace(inline, data=b"in the descriptor?"))
    with pytest.raises(ContentMismatch):
        place.read(replace(inline, data=b"in thE descriptor"))


# --- What is not there ----------------------------------------------------------------------------


def test_a_blob_is_described_by_its_digest(place: Place) -> None:
    needs(place, Describes)
    place.put(single())
    store = place.open()
    for part in single().below:
        found = store.blob(part.descriptor.digest)
        assert (found.digest, found.size) == (part.descriptor.digest, len(part.raw))
        assert place.read(found) == part.raw
    with pytest.raises(NotFound):
        store.blob(Digest.of(b"a stranger"))


def test_what_was_never_pushed_is_not_found(place: Place) -> None:
    place.put(single())
    stranger = single("stranger")
    for part in (*stranger.below[:1], stranger.root):
        with pytest.raises(NotFound):
            place.read(part.descriptor)
    with pytest.raises(NotFound):
        place.open().resolve(stranger.root.descriptor.digest)
    with pytest.raises(NotFound):
        place.open().resolve("nobody")


def test_nothing_is_in_a_store_that_nobody_made(place: Place) -> None:
    sample = single()
    assert not place.open().exists(sample.root.descriptor)
    assert not place.open().exists(sample.below[0].descriptor)
    if place.row.readable:
        for name in (sample.root.descriptor.digest, "1.0"):
            with pytest.raises(NotFound):
                place.open().resolve(name)


# --- Content that lies ----------------------------------------------------------------------------

LAYER = Content.of(b"the layer that was promised", media.OCI_LAYER)


@pytest.mark.parametrize(
    "raw",
    [b"the layer that was Promised", LAYER.raw[:-1], LAYER.raw + b"!", b"", LAYER.raw * 3],
    ids=["changed", "short", "long", "empty", "thrice"],
)
def test_what_is_not_its_digest_is_refused_and_never_seen(place: Place, raw: bytes) -> None:
    expected = ContentMismatch if place.row.refuses else Error
    with place.writing() as target:
        put(target, Content.of(b"something else", media.OCI_LAYER))
        with pytest.raises(expected):
            target.push(LAYER.descriptor, Body.of(raw).open)
        assert not target.exists(LAYER.descriptor)
        put(target, LAYER)  # and nothing is in the way of the right content
        assert target.exists(LAYER.descriptor)
        config = Content.of(b"{}", media.OCI_CONFIG)
        put(target, config)
        put(target, manifest(config, [LAYER.descriptor]), (NAMELESS,))
    assert place.read(LAYER.descriptor) == LAYER.raw


def test_a_manifest_that_is_not_its_digest_is_refused_and_never_seen(place: Place) -> None:
    sample = single()
    expected = ContentMismatch if place.row.refuses else Error
    with place.writing() as target:
        for part in sample.below:
            put(target, part)
        with pytest.raises(expected):
            target.push(sample.root.descriptor, Body.of(sample.root.raw + b" ").open)
        with pytest.raises(expected):
            target.push(sample.root.descriptor, Body.of(sample.root.raw.replace(b"2", b"3", 1)).open)
        assert not target.exists(sample.root.descriptor)
        put(target, sample.root, tags_of(place, "1.0"))
    assert_holds(place, sample)


class Interrupted(Exception):
    """What happened to the source."""


class Breaking:
    """A stream that breaks after its bytes."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    def read(self, size: int = -1, /) -> bytes:
        if not self._raw:
            raise Interrupted
        data, self._raw = self._raw, b""
        return data

    def readinto(self, buffer: bytearray | memoryview, /) -> int:
        data = self.read()
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        pass


@contextmanager
def breaking() -> Iterator[Stream]:
    yield Breaking(LAYER.raw[:10])


def test_content_that_breaks_off_is_never_seen(place: Place) -> None:
    with place.writing() as target:
        with pytest.raises(Interrupted):
            target.push(LAYER.descriptor, breaking)
        assert not target.exists(LAYER.descriptor)
        put(target, LAYER)
        config = Content.of(b"{}", media.OCI_CONFIG)
        put(target, config)
        put(target, manifest(config, [LAYER.descriptor]), (NAMELESS,))
    assert place.read(LAYER.descriptor) == LAYER.raw


def test_a_descriptor_that_lies_about_the_size_of_what_is_there(place: Place) -> None:
    sample = single()
    place.put(sample)
    layer = sample.below[0].descriptor
    for size in (layer.size - 1, layer.size + 1, 0):
        lying = replace(layer, size=size)
        with pytest.raises(ContentMismatch):
            place.read(lying)
        if place.row.refuses and size:
            with pytest.raises(ContentMismatch):
                place.read(lying, 1)
        assert isinstance(place.open(), Stages) or not place.open().exists(lying)


# --- Names ----------------------------------------------------------------------------------------


def test_tags_are_listed(place: Place) -> None:
    needs_names(place)
    place.put(single(), tags=["1.0", "latest"])
    needs(place, Lists)
    assert sorted(place.open().tags()) == ["1.0", "latest"]
    assert place.open().resolve("1.0") == place.open().resolve("latest") == bare(single().root.descriptor)


def test_pushing_again_changes_nothing(place: Place) -> None:
    for _ in range(2):
        place.put(several(), tags=tags_of(place, "1.0"))
    assert_holds(place, several())
    if place.row.names and isinstance(place.open(), Lists):
        assert list(place.open().tags()) == ["1.0"]


def test_a_tag_moves_and_the_others_stay(place: Place) -> None:
    needs_names(place)
    needs(place, Lists)
    if not place.row.grows:
        pytest.skip(f"{place.row.name} is written anew")
    place.put(single("old"), tags=["1.0", "latest"])
    place.put(single("new"), tags=["latest"])
    store = place.open()
    assert store.resolve("1.0").digest == single("old").root.descriptor.digest
    assert store.resolve("latest").digest == single("new").root.descriptor.digest
    assert sorted(store.tags()) == ["1.0", "latest"]
    assert_holds(place, single("old"), single("new"))


def test_a_manifest_gets_another_tag(place: Place) -> None:
    needs_names(place)
    if not place.row.grows:
        pytest.skip(f"{place.row.name} is written anew")
    place.put(single(), tags=["1.0"])
    with place.writing() as target:
        put(target, single().root, ["stable"])
    assert place.open().resolve("stable") == place.open().resolve("1.0")


def test_another_root_without_a_name_takes_the_place_of_the_first(place: Place) -> None:
    place.put(single("old"))
    place.put(several("new"))
    if place.row.nameless:
        assert place.open().resolve(NAMELESS) == bare(several("new").root.descriptor)
    assert_holds(place, several("new"))


def test_a_blob_has_no_tag(place: Place) -> None:
    needs_names(place)
    if not place.row.refuses:
        pytest.skip(f"{place.row.name} leaves that to the server")
    with pytest.raises(InvalidInput):
        place.open().push(LAYER.descriptor, Body.of(LAYER.raw).open, tags=["1.0"])


# --- Deleting -------------------------------------------------------------------------------------


def test_a_tag_is_deleted_and_only_that(place: Place) -> None:
    needs_names(place)
    needs(place, Deletes, Lists)
    place.put(single(), tags=["1.0", "latest"])
    place.open().delete("latest")
    store = place.open()
    assert list(store.tags()) == ["1.0"]
    with pytest.raises(NotFound):
        store.resolve("latest")
    with pytest.raises(NotFound):
        store.delete("latest")
    store.delete("1.0")
    assert list(place.open().tags()) == []
    assert_holds(place, single())


def test_a_manifest_is_deleted_under_all_its_tags(place: Place) -> None:
    needs(place, Deletes, Lists)
    place.put(single("old"), tags=["1.0", "latest"])
    place.put(single("new"), tags=["2.0"])
    digest = single("old").root.descriptor.digest
    place.open().delete(digest)
    store = place.open()
    assert list(store.tags()) == ["2.0"]
    assert not store.exists(single("old").root.descriptor)
    for name in (digest, "1.0", "latest"):
        with pytest.raises(NotFound):
            store.resolve(name)
    with pytest.raises(NotFound):
        store.delete(digest)
    assert_holds(place, single("new"))


def test_what_was_deleted_can_be_pushed_again(place: Place) -> None:
    needs(place, Deletes)
    place.put(single(), tags=["1.0"])
    place.open().delete(single().root.descriptor.digest)
    place.put(single(), tags=["1.0"])
    assert_holds(place, single())


def test_what_a_tag_names_is_changed_where_it_is(place: Place) -> None:
    needs_names(place)
    needs(place, Revises)
    old, new = several().root, Manifest.parse(single("new").root.raw)
    place.put(several(), tags=["1.0", "latest"])
    place.put(single("new"), tags=["2.0"])
    seen: list[Manifest] = []

    def change(found: Manifest) -> Manifest:
        seen.append(found)
        return new

    assert place.open().revise("1.0", change).digest == new.digest
    assert seen[0].raw == old.raw
    store = place.open()
    assert store.resolve("1.0").digest == store.resolve("2.0").digest == new.digest
    assert store.resolve("latest").digest == old.descriptor.digest
    assert store.revise("latest", lambda found: found).raw == old.raw
    with pytest.raises(NotFound):
        store.revise("none", change)


# --- Referrers ------------------------------------------------------------------------------------


def test_what_refers_to_a_manifest_is_found_by_it(place: Place) -> None:
    needs(place, Refers)
    base = several()
    subject = base.root.descriptor
    sbom, signature = referrer(subject, SBOM, b'{"a": 1}'), referrer(subject, SIGNATURE, b'{"b": 2}')
    of_child = referrer(base.below[2].descriptor, SBOM, b'{"c": 3}')
    place.put(base, tags=["1.0"])
    for each in (sbom, signature, of_child):
        place.put(each, tags=())
    store = place.open()
    found = {entry.digest: entry.artifact_type for entry in store.referrers(subject.digest)}
    assert found == {sbom.root.descriptor.digest: SBOM, signature.root.descriptor.digest: SIGNATURE}
    assert [entry.digest for entry in store.referrers(subject.digest, SBOM)] == [sbom.root.descriptor.digest]
    assert list(store.referrers(subject.digest, "application/none")) == []
    assert [entry.digest for entry in store.referrers(base.below[2].descriptor.digest)] == [
        of_child.root.descriptor.digest
    ]
    assert list(store.referrers(sbom.root.descriptor.digest)) == []
    assert_holds(place, base, sbom, signature, of_child)
    assert list(store.tags()) == ["1.0"]


def test_what_refers_may_come_before_its_subject_and_without_a_name(place: Place) -> None:
    needs(place, Refers)
    base = single()
    signature = referrer(base.root.descriptor, SIGNATURE)
    place.put(signature)
    place.put(base)
    assert [entry.digest for entry in place.open().referrers(base.root.descriptor.digest)] == [
        signature.root.descriptor.digest
    ]
    if place.row.nameless:
        assert place.open().resolve(NAMELESS) == bare(base.root.descriptor)


def test_what_refers_does_not_take_the_place_of_an_image_without_a_name(place: Place) -> None:
    needs(place, Refers)
    base = single()
    place.put(base)
    place.put(referrer(base.root.descriptor, SIGNATURE))
    if place.row.nameless:
        assert place.open().resolve(NAMELESS) == bare(base.root.descriptor)
    assert_holds(place, base)


# --- Many at once ---------------------------------------------------------------------------------


def test_many_threads_push_at_once(place: Place) -> None:
    images = [single(f"number {number}") for number in range(12)]
    start = threading.Barrier(4)

    def work(target: Target, number: int) -> None:
        start.wait()
        for each in images[number % 2 :: 2]:  # two threads have the same images
            for part in (*each.below, each.root):
                put(target, part, tags_of_manifest(part, each))

    def tags_of_manifest(part: Content, each: Sample) -> Sequence[str]:
        return [f"n{images.index(each)}"] if part is each.root and place.row.names else ()

    with place.writing() as target, ThreadPoolExecutor(4) as crew:
        list(crew.map(lambda number: work(target, number), range(4)))
        if not place.row.names:
            put(target, index(images).root, (NAMELESS,))
    assert_holds(place, *images)
    if place.row.names and isinstance(place.open(), Lists):
        assert sorted(place.open().tags()) == sorted(f"n{number}" for number in range(12))


# --- Mounting -------------------------------------------------------------------------------------


def test_what_is_mounted_from_a_store_of_its_kind_is_there(place: Place, tmp_path: Path) -> None:
    needs(place, Mounts)
    sample = single()
    place.put(sample, tags=["1.0"])
    (tmp_path / "second").mkdir()
    with place.row.opening(tmp_path / "second") as opened:
        target = opened()
        if not target.mounts_from(place.open()):
            pytest.skip(f"{place.row.name} mounts only from itself")
        for part in sample.below:
            assert target.mount(part.descriptor, place.open())
            assert target.exists(part.descriptor)
        assert not target.mount(LAYER.descriptor, place.open())


def test_platforms_do_not_matter_to_a_store(place: Place) -> None:
    assert single().root.descriptor.platform == AMD64
    place.put(single())
    assert place.open().resolve(single().root.descriptor.digest).platform is None


def test_digests_are_of_the_bytes(place: Place) -> None:
    place.put(several(), tags=tags_of(place, "1.0"))
    root = place.open().resolve(tags_of(place, "1.0")[0])
    assert Digest.of(place.read(root)) == root.digest
