"""Copying between stores in memory: what is planned, what moves, and what is told."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from io import BytesIO

import pytest

from pratique.auth.authenticator import Authenticator
from pratique.auth.scopes import ScopeSet
from pratique.errors import ContentMismatch, Denied, Error, Misbehaved, NotFound, Unsupported
from pratique.http.events import Event, Warned
from pratique.http.message import Body, Request, Response, Stream
from pratique.http.session import Session
from pratique.image.sample import Content, Sample, image, index
from pratique.spec import media
from pratique.spec.descriptor import Descriptor
from pratique.spec.digest import Digest
from pratique.spec.manifest import Manifest
from pratique.spec.platform import Platform
from pratique.stores.base import NAMELESS
from pratique.stores.base import Content as Recipe
from pratique.stores.foreign import fetching
from pratique.stores.memory import Memory
from pratique.stores.reading import manifest_of
from pratique.transfer.copy import Options, Result, copy
from pratique.transfer.events import Arrival, Copied, Done, Moved, Planned, Started
from pratique.transfer.plan import MOST_UNASKED_BYTES, plan
from pratique.transfer.repository import TAGS_AT_ONCE, Failure, copy_tags
from pratique.transfer.selection import Selection
from pratique.transfer.tags import Choice, digest_of, version_range
from pratique.values import replace

AMD64, ARM64, S390X = (Platform.parse(f"linux/{name}") for name in ("amd64", "arm64", "s390x"))


def made(*platforms: Platform, greeting: str = "hello") -> Sample:
    files = {"hello": greeting.encode()}
    return index(image(platform, files, labels={"for": str(platform)}) for platform in platforms)


def fill(store: Memory, content: Sample, *names: str) -> Sample:
    for part in content.below:
        store.push(part.descriptor, Body.of(part.raw).open)
    store.push(content.root.descriptor, Body.of(content.root.raw).open, tags=names or (NAMELESS,))
    return content


class Watched(Memory):
    """A store in memory that does not mount, and notes what is asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[Digest] = []
        self.asked: list[Digest] = []
        self.broken: set[Digest] = set()

    def mounts_from(self, source: object) -> bool:
        return False

    def exists(self, descriptor: Descriptor) -> bool:
        self.asked.append(descriptor.digest)
        return super().exists(descriptor)

    def open(self, descriptor: Descriptor, *, offset: int = 0) -> AbstractContextManager[Stream]:
        self.opened.append(descriptor.digest)
        if descriptor.digest in self.broken:
            return closing(BytesIO(b"something else"))
        return super().open(descriptor, offset=offset)


def everything(content: Sample) -> set[Digest]:
    return {part.descriptor.digest for part in (*content.below, content.root)}


def test_the_whole_graph_is_copied_under_every_name() -> None:
    source, target = Watched(), Watched()
    content = fill(source, made(AMD64, ARM64), "1")
    events: list[Event] = []
    result = copy(source, "1", target, ["1", "latest"], tell=events.append)
    assert result.changed
    assert result.descriptor.digest == content.root.descriptor.digest
    assert {target.resolve(name).digest for name in ("1", "latest")} == {content.root.descriptor.digest}
    assert all(target.exists(part.descriptor) for part in content.below)
    kinds = [type(event) for event in events]
    assert kinds[0] is Planned
    assert kinds[-1] is Copied
    assert kinds.count(Started) == kinds.count(Done) == 3  # the layer is shared
    moved = sum(event.count for event in events if isinstance(event, Moved))
    assert moved == sum(part.descriptor.size for part in content.below if not part.descriptor.is_manifest) - len(
        content.below[0].raw
    )


def test_what_is_there_is_not_sent_again() -> None:
    source, target = Watched(), Watched()
    fill(source, made(AMD64), "1")
    copy(source, "1", target, ["1"])
    source.opened.clear()
    assert not copy(source, "1", target, ["1"]).changed
    assert source.opened == []
    other = fill(source, made(AMD64, ARM64), "2")
    planned = copy(source, "2", target, ["2"]).plan
    assert planned is not None
    assert len(planned.blobs) == 1  # the config of arm64
    assert [manifest.digest for manifest in planned.manifests] == [
        other.below[-1].descriptor.digest,
        other.root.descriptor.digest,
    ]


def test_a_dry_run_has_exact_totals_and_does_nothing() -> None:
    source, target = Watched(), Watched()
    content = fill(source, made(AMD64, ARM64), "1")
    result = copy(source, "1", target, ["1"], options=Options(dry_run=True))
    assert result.plan is not None
    unique = {part.descriptor.digest: part.descriptor.size for part in (*content.below, content.root)}
    assert result.plan.size == sum(unique.values())
    assert result.plan.saved == 0
    with pytest.raises(NotFound):
        target.resolve("1")


def test_a_dry_run_counts_once_what_tags_share() -> None:
    source, target = Watched(), Watched()
    fill(source, made(AMD64, ARM64), "1", "2")
    first, second = copy_tags(source, target, ["1", "2"], options=Options(dry_run=True, jobs=1))
    assert isinstance(first, Result)
    assert isinstance(second, Result)
    assert first.plan is not None
    assert second.plan is not None
    plans = sorted((first.plan, second.plan), key=lambda each: each.size)
    assert (plans[0].blobs, plans[0].size < plans[1].size) == ((), True)


def test_no_clobber_leaves_what_is_there() -> None:
    source, target = Watched(), Watched()
    fill(source, made(AMD64, greeting="new"), "1")
    old = fill(target, made(AMD64, greeting="old"), "1")
    assert not copy(source, "1", target, ["1"], options=Options(no_clobber=True)).changed
    assert target.resolve("1").digest == old.root.descriptor.digest
    copy(source, "1", target, ["1"])
    assert target.resolve("1").digest != old.root.descriptor.digest


def test_one_platform_becomes_an_image() -> None:
    source, target = Watched(), Watched()
    content = fill(source, made(AMD64, ARM64), "1")
    result = copy(source, "1", target, ["1"], options=Options(Selection((ARM64,))))
    assert result.descriptor.digest == content.below[-1].descriptor.digest
    assert target.resolve("1").media_type == media.OCI_MANIFEST
    assert not copy(source, "1", target, ["1"], options=Options(Selection((ARM64,)))).changed


def test_several_platforms_become_a_smaller_index_with_their_attestations() -> None:
    source, target = Watched(), Watched()
    images = [image(platform, {"hello": b"x"}, labels={"for": str(platform)}) for platform in (AMD64, ARM64, S390X)]
    document = json.loads(index(images).root.raw)
    attestation = image(Platform("unknown", "unknown"), {"sbom": b"{}"})
    for of in images:
        entry = {
            **attestation.root.descriptor.to_json(),
            "annotations": {"vnd.docker.reference.digest": str(of.root.descriptor.digest)},
        }
        document["manifests"].append(entry)
    root = Content.of_json(document, media.OCI_INDEX)
    below = tuple(part for each in (*images, attestation) for part in (*each.below, each.root))
    fill(source, Sample(root, below), "1")
    events: list[Event] = []
    result = copy(source, "1", target, ["1"], options=Options(Selection((AMD64, S390X))), tell=events.append)
    assert result.descriptor.digest != root.descriptor.digest
    assert [event.text for event in events if isinstance(event, Warned)] == [
        f"of the index {root.descriptor.digest} a smaller one was made: {result.descriptor.digest}"
    ]
    kept = manifest_of(target, target.resolve("1"))
    assert [str(entry.platform) for entry in kept.manifests] == ["linux/amd64", "linux/s390x", *["unknown/unknown"] * 2]
    assert not target.exists(images[1].root.descriptor)
    sparse = copy(source, "1", target, ["sparse"], options=Options(Selection((AMD64,), keep_index=True)))
    assert sparse.descriptor.digest == root.descriptor.digest


def test_a_platform_that_is_not_there_names_those_that_are() -> None:
    source, target = Watched(), Watched()
    fill(source, made(AMD64, ARM64), "1")
    with pytest.raises(NotFound) as caught:
        copy(source, "1", target, ["1"], options=Options(Selection((S390X,))))
    assert "linux/amd64, linux/arm64" in str(caught.value.advice())


def referring_to(subject: Descriptor, name: str) -> Sample:
    config, layer = Content.of(b"{}", media.OCI_EMPTY), Content.of(name.encode(), "text/plain")
    document = {
        "schemaVersion": 2,
        "mediaType": media.OCI_MANIFEST,
        "artifactType": f"application/{name}",
        "config": config.descriptor.to_json(),
        "layers": [layer.descriptor.to_json()],
        "subject": subject.to_json(),
    }
    return Sample(Content.of_json(document, media.OCI_MANIFEST), (config, layer))


def test_referrers_go_along_with_what_refers_to_them() -> None:
    source, target = Watched(), Watched()
    content = fill(source, made(AMD64), "1")
    child = content.below[-1].descriptor
    sbom = fill(source, referring_to(child, "sbom"))
    signature = fill(source, referring_to(sbom.root.descriptor, "signature"))
    other = fill(source, referring_to(content.root.descriptor, "other"))
    assert copy(source, "1", target, ["1"]).companions == ()
    assert list(target.referrers(child.digest)) == []
    typed = copy(source, "1", target, ["1"], options=Options(referrers=True, artifact_types=("application/sbom",)))
    assert [companion.descriptor.digest for companion in typed.companions] == [sbom.root.descriptor.digest]
    whole = copy(source, "1", target, ["1"], options=Options(referrers=True))
    found = {companion.descriptor.digest for companion in whole.companions}
    assert found == {signature.root.descriptor.digest, other.root.descriptor.digest}
    assert whole.changed
    assert not copy(source, "1", target, ["1"], options=Options(referrers=True)).changed


def test_tags_named_after_digests_go_along() -> None:
    source, target = Watched(), Watched()
    content = fill(source, made(AMD64), "1")
    tag = f"sha256-{content.root.descriptor.digest.encoded}.sig"
    fill(source, made(ARM64), tag)
    fill(source, made(ARM64, greeting="?"), f"sha256-{'0' * 64}.sig")
    copy(source, "1", target, ["1"], options=Options(digest_tags=True))
    assert sorted(target.tags()) == ["1", tag]


def test_content_that_is_not_what_its_digest_says_stops_the_copy() -> None:
    source, target = Watched(), Watched()
    content = fill(source, made(AMD64), "1")
    layer = content.below[0].descriptor
    source.broken.add(layer.digest)
    with pytest.raises(ContentMismatch):
        copy(source, "1", target, ["1"])
    assert not target.exists(layer)
    with pytest.raises(NotFound):
        target.resolve("1")
    source.broken.clear()
    assert copy(source, "1", target, ["1"]).changed


def test_inline_data_is_not_asked_for_and_verified() -> None:
    source, target = Watched(), Watched()
    config = Content.of(b"{}", media.OCI_EMPTY)
    for data, error in (("e30=", None), ("W10=", ContentMismatch)):
        entry = {**config.descriptor.to_json(), "data": data}
        root = Content.of_json(
            {"schemaVersion": 2, "mediaType": media.OCI_MANIFEST, "config": entry, "layers": []}, media.OCI_MANIFEST
        )
        source.push(config.descriptor, Body.of(config.raw).open)
        source.push(root.descriptor, Body.of(root.raw).open, tags=["1"])
        if error is None:
            copy(source, "1", target, ["1"])
            assert config.descriptor.digest not in source.opened
        else:
            with pytest.raises(error):
                copy(source, "1", Watched(), ["1"])


def test_foreign_layers_stay_where_they_are_unless_asked_for() -> None:
    source, target = Watched(), Watched()
    layer, config = Content.of(b"layer", media.OCI_LAYER), Content.of(b"{}", media.OCI_CONFIG)
    entry = {**layer.descriptor.to_json(), "urls": ["https://elsewhere.test/layer"]}
    document = {
        "schemaVersion": 2,
        "mediaType": media.OCI_MANIFEST,
        "config": config.descriptor.to_json(),
        "layers": [entry],
    }
    root = Content.of_json(document, media.OCI_MANIFEST)
    fill(source, Sample(root, (layer, config)), "1")
    result = copy(source, "1", target, ["1"])
    assert result.plan is not None
    assert [foreign.digest for foreign in result.plan.foreign] == [layer.descriptor.digest]
    assert not target.exists(layer.descriptor)
    copy(source, "1", target, ["2"], options=Options(foreign=lambda *_: pytest.fail("the source has it")))
    assert target.exists(layer.descriptor)


def test_foreign_layers_are_fetched_from_their_urls_as_anybody_could() -> None:
    layer, config = Content.of(b"layer", media.OCI_LAYER), Content.of(b"{}", media.OCI_CONFIG)
    entry = {**layer.descriptor.to_json(), "urls": ["https://gone.test/layer", "https://elsewhere.test/layer?sig=1"]}
    document = {"schemaVersion": 2, "config": config.descriptor.to_json(), "layers": [entry]}
    root = Content.of_json({**document, "mediaType": media.OCI_MANIFEST}, media.OCI_MANIFEST)
    source, target = Watched(), Watched()
    fill(source, Sample(root, (config,)), "1")
    seen: list[Request] = []

    def elsewhere(request: Request) -> Response:
        seen.append(request)
        return Response.of(200, layer.raw) if request.origin.host == "elsewhere.test" else Response.of(404)

    session: Session[ScopeSet] = Session(elsewhere, Authenticator())
    copy(source, "1", target, ["1"], options=Options(foreign=fetching(session)))
    assert target.exists(layer.descriptor)
    assert [request.origin.host for request in seen] == ["gone.test", "elsewhere.test"]
    assert not any("Authorization" in request.headers for request in seen)
    assert all(request.public_only for request in seen)


def test_foreign_layers_of_a_private_registry_may_be_on_a_private_network() -> None:
    layer = Content.of(b"layer", media.OCI_LAYER)
    descriptor = replace(layer.descriptor, urls=("https://elsewhere.test/layer",))
    asked: list[bool] = []

    def elsewhere(request: Request) -> Response:
        asked.append(request.public_only)
        return Response.of(200, layer.raw)

    session: Session[ScopeSet] = Session(elsewhere, Authenticator())
    for confided in (False, True):
        with fetching(session, [lambda: False, lambda: True][confided])(descriptor, 0) as stream:
            assert stream.read() == layer.raw
    assert asked == [True, False]


def test_many_tags_share_what_they_have_in_common() -> None:
    source, target = Watched(), Watched()
    for number in range(20):
        files = {"base": b"the same"}
        fill(source, image(AMD64, files, labels={"number": str(number)}), f"1.{number}")
    results = copy_tags(source, target, source.tags())
    assert sorted(target.tags()) == sorted(source.tags())
    assert len(results) == 20
    assert len([digest for digest in source.opened if source.opened.count(digest) > 1]) == 0


def test_a_failure_among_many_is_data_or_an_error() -> None:
    source, target = Watched(), Watched()
    for name in ("good", "bad"):
        fill(source, made(AMD64, greeting=name), name)
    source.broken.add(made(AMD64, greeting="bad").below[0].descriptor.digest)
    results = copy_tags(source, target, ["bad", "good"], keep_going=True)
    assert [isinstance(result, Failure) for result in results] == [True, False]
    assert list(target.tags()) == ["good"]
    with pytest.raises(ContentMismatch):
        copy_tags(source, Watched(), ["bad"])


def test_two_copies_at_once_move_content_once() -> None:
    source, target = Watched(), Watched()
    content = fill(source, made(AMD64), "1")
    threads = [threading.Thread(target=copy_tags, args=(source, target, ["1"])) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert target.resolve("1").digest == content.root.descriptor.digest


def test_the_largest_move_first_and_progress_is_true() -> None:
    source, target = Watched(), Watched()
    fill(source, image(AMD64, {"a": b"x" * 10}), "1")
    events: list[Event] = []
    copy(source, "1", target, ["1"], options=Options(jobs=1), tell=events.append)
    started = [event.descriptor.size for event in events if isinstance(event, Started)]
    assert started == sorted(started, reverse=True)
    for event in events:
        if isinstance(event, Done):
            moved = sum(e.count for e in events if isinstance(e, Moved) and e.descriptor == event.descriptor)
            assert (event.how, moved) == (Arrival.MOVED, event.descriptor.size)


@pytest.mark.parametrize(
    ("range_", "inside", "outside"),
    [
        (">=1.2 <2", ["1.2", "v1.9.9", "1.2.0"], ["1.1", "2", "2.0.0", "latest", "1.3.0-rc1", "1.2-alpine"]),
        (">=1.0.0-rc1", ["1.0.0-rc2", "1.0.0"], ["0.9", "1.0.0-beta"]),
        ("==1.2.3", ["1.2.3", "v1.2.3"], ["1.2.4"]),
    ],
)
def test_ranges_of_versions(range_: str, inside: list[str], outside: list[str]) -> None:
    contains = version_range(range_)
    assert [tag for tag in inside if not contains(tag)] == []
    assert [tag for tag in outside if contains(tag)] == []


@pytest.mark.parametrize("text", ["", "nonsense", ">=", "~1", ">=x.y"])
def test_what_is_no_range(text: str) -> None:
    with pytest.raises(Error):
        version_range(text)


def test_the_newest_versions() -> None:
    assert Choice(newest=2).of(["1.9", "1.10", "1.2", "latest"]) == ["1.10", "1.9"]


def test_digest_tags() -> None:
    digest = Digest.of(b"x")
    assert digest_of(f"sha256-{digest.encoded}.sig") == digest_of(f"sha256-{digest.encoded}") == digest
    assert digest_of("sha256-123.sig") is None
    assert digest_of("latest") is None


def test_a_plan_reads_only() -> None:
    source, target = Watched(), Watched()
    fill(source, made(AMD64, ARM64), "1")
    found = plan(source, manifest_of(source, source.resolve("1")), target)
    assert len(found.graph) == 3
    assert len(found.blobs) == 3
    assert list(target.tags()) == []


class Asked(Watched):
    """A store that can be asked for a name as a registry is, and notes that."""

    def __init__(self, listing: Callable[[], Iterator[str]] | None = None) -> None:
        super().__init__()
        self.listing = listing
        self.names: list[str] = []
        self.listed = 0
        self._pushing = threading.local()

    def push(self, descriptor: Descriptor, content: Recipe, *, tags: Sequence[str] = ()) -> None:
        self._pushing.now = True  # then it asks itself
        try:
            super().push(descriptor, content, tags=tags)
        finally:
            self._pushing.now = False

    def exists(self, descriptor: Descriptor) -> bool:
        return Memory.exists(self, descriptor) if getattr(self._pushing, "now", False) else super().exists(descriptor)

    def find(self, name: str) -> Descriptor | None:
        self.names.append(name)
        try:
            return self.resolve(name)
        except NotFound:
            return None

    def tags(self) -> Iterator[str]:
        self.listed += 1
        return super().tags() if self.listing is None else self.listing()


def raising(error: Error | None) -> Callable[[], Iterator[str]]:
    def listing() -> Iterator[str]:
        if error:
            raise error
        yield ""

    return listing


def many() -> tuple[Watched, list[str]]:
    source, names = Watched(), [f"v{number}" for number in range(2 * TAGS_AT_ONCE)]
    for name in names:
        fill(source, made(AMD64, greeting=name), name)
    return source, names


@pytest.mark.parametrize("listing", [None, raising(NotFound("no repository"))], ids=["an empty list", "no list"])
def test_a_target_without_names_is_not_asked_for_each(listing: Callable[[], Iterator[str]] | None) -> None:
    source, names = many()
    target = Asked(listing)
    copy_tags(source, target, names)
    assert len(target.names) <= TAGS_AT_ONCE  # those at once, before it is known
    assert (target.listed, target.asked) == (1, [])
    assert sorted(Memory.tags(target)) == sorted(names)


@pytest.mark.parametrize(
    "listing", [lambda: iter(["other"]), *map(raising, (Denied("no"), Unsupported("no"), Misbehaved("?")))]
)
def test_a_target_that_may_have_names_is_asked_for_each_and_for_content_once(
    listing: Callable[[], Iterator[str]],
) -> None:
    source, names = many()
    target = Asked(listing)
    there = fill(target, made(AMD64, greeting=names[3]), "other")
    source.opened.clear()
    copy_tags(source, target, names)
    assert sorted(target.names) == sorted(names)
    assert target.listed == 1
    blobs = {part.descriptor.digest for part in there.below if not part.descriptor.is_manifest}
    assert not blobs & set(source.opened)
    assert len(target.asked) == len(set(target.asked))
    target.asked.clear()
    copy_tags(source, target, names)
    assert target.asked == []


def test_what_is_large_is_asked_for_even_where_nothing_has_a_name() -> None:
    source, names = many()
    large = os.urandom(MOST_UNASKED_BYTES * 2).hex()
    content = fill(source, made(AMD64, greeting=large), "large")
    target = Asked()
    layer = content.below[0]
    target.push(layer.descriptor, Body.of(layer.raw).open)
    source.opened.clear()
    copy_tags(source, target, [*names, "large"])
    assert layer.descriptor.digest not in source.opened
    assert target.asked == [layer.descriptor.digest]


def test_one_copy_asks_for_its_names_and_lists_nothing() -> None:
    source, target = Watched(), Asked()
    content = fill(source, made(AMD64), "1")
    copy(source, "1", target, ["1", "2"])
    assert (target.names, target.listed) == (["1", "2"], 0)
    assert set(target.asked) == everything(content) - {content.root.descriptor.digest}


def test_a_manifest_is_read_once_and_only_where_it_is_needed() -> None:
    source, target = Reading(), Watched()
    fill(source, made(AMD64), "1")
    copy(source, "1", target, ["1"])
    assert source.reads == ["manifest 1"]
    copy(source, "1", target, ["1"])
    assert source.reads == ["manifest 1", "resolve 1"]
    copy(source, "1", target, ["1", "2"])
    assert source.reads[2:] == ["resolve 1"]


class Reading(Watched):
    """A store that notes by which way its names are read."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[str] = []

    def resolve(self, name: str | Digest) -> Descriptor:
        self.reads.append(f"resolve {name}")
        return super().manifest(name).descriptor

    def manifest(self, name: str | Digest) -> Manifest:
        self.reads.append(f"manifest {name}")
        return super().manifest(name)


class Dripping(BytesIO):
    """Content of which the first byte comes when `go` says so, and one with each read."""

    def __init__(self, raw: bytes, go: threading.Event) -> None:
        super().__init__(raw)
        self._go = go
        self.begun, self.left = threading.Event(), threading.Event()
        self.reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self._drip()
        return super().read(1 if size else 0)

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        self._drip()
        return super().readinto(memoryview(buffer)[:1])

    def _drip(self) -> None:
        self.reads += 1
        self.begun.set()
        assert self._go.wait(60)

    def close(self) -> None:
        super().close()
        self.left.set()


class Uneven(Watched):
    """A store with content that drips, and with content that is broken, but not before the other has begun."""

    def __init__(self) -> None:
        super().__init__()
        self.dripping: dict[Digest, Dripping] = {}

    def open(self, descriptor: Descriptor, *, offset: int = 0) -> AbstractContextManager[Stream]:
        if descriptor.digest in self.dripping:
            return closing(self.dripping[descriptor.digest])
        if descriptor.digest in self.broken:
            assert all(stream.begun.wait(60) for stream in self.dripping.values())
        return super().open(descriptor, offset=offset)


@pytest.mark.parametrize("several", [False, True])
def test_what_is_under_way_ends_with_the_copy_that_failed(several: bool) -> None:
    source, target, go = Uneven(), Watched(), threading.Event()
    good, bad = fill(source, made(AMD64, greeting="good"), "good"), fill(source, made(AMD64, greeting="bad"), "bad")
    parts = {part.descriptor.digest: part for part in (good if several else bad).below}
    large = max(parts.values(), key=lambda part: len(part.raw))
    source.dripping[large.descriptor.digest] = stream = Dripping(large.raw, go)
    source.broken |= {part.descriptor.digest for part in bad.below if "config" in part.descriptor.media_type}
    events: list[Event] = []
    with pytest.raises(ContentMismatch):
        copy_tags(source, target, ["bad", "good"] if several else ["bad"], tell=events.append)
    told = len(events)
    go.set()
    assert stream.left.wait(60)
    assert stream.reads == 1
    assert events[told:] == []
    assert list(target.tags()) == []
