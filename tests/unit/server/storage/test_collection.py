"""What is collected, what never is, and when."""

from __future__ import annotations

import fcntl
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pratique.server.storage.collection import Collector
from pratique.server.storage.garbage import Garbage
from pratique.server.storage.locks import Locks
from pratique.server.storage.repositories import Storage
from pratique.spec import media
from pratique.spec.digest import Digest

from ..asking import CONFIG, LAYER, Asking, describe, image

GRACE = 3600.0
ORPHAN = b"nobody needs this"


def age(path: Path, seconds: float = 2 * GRACE) -> None:
    """Let a path, and everything below it, look as if it had last been used so long ago."""
    moment = time.time() - seconds
    for below in (path, *path.rglob("*")):
        os.utime(below, (moment, moment))


def collect(storage: Storage, *, dry_run: bool = False, untagged: bool = False) -> list[tuple[str, str, str]]:
    found = Collector(storage, GRACE, untagged=untagged).collect(dry_run=dry_run)
    return sorted((garbage.kind, garbage.repository, garbage.name) for garbage in found)


def gone(ask: Asking, *digests: Digest) -> bool:
    return not any(ask.storage.blob_path(digest).exists() for digest in digests)


def has(ask: Asking, repository: str, *contents: bytes) -> bool:
    return all(ask("GET", f"/v2/{repository}/blobs/{Digest.of(each)}").content == each for each in contents)


# --- Blobs


def test_an_orphan_goes_and_what_is_needed_stays(ask: Asking) -> None:
    ask.push_image("foo/bar", "v1")
    digest = ask.push_blob("foo/bar", ORPHAN)
    age(ask.storage.folder)
    assert collect(ask.storage) == [("blob", "", str(digest)), ("link", "foo/bar", str(digest))]
    assert gone(ask, digest)
    assert ask("HEAD", f"/v2/foo/bar/blobs/{digest}").status == 404
    assert has(ask, "foo/bar", CONFIG, LAYER)
    assert ask("GET", "/v2/foo/bar/manifests/v1").content == image()
    assert collect(ask.storage) == []


def test_what_it_tells(ask: Asking) -> None:
    digest = ask.push_blob("foo", ORPHAN)
    age(ask.storage.folder)
    link, blob, *_ = Collector(ask.storage, GRACE).collect(dry_run=True)
    assert blob == Garbage("blob", "", str(digest), len(ORPHAN), blob.age)
    assert 2 * GRACE <= blob.age < 2 * GRACE + 60
    assert link.size == 71


def test_a_dry_run_removes_nothing(ask: Asking) -> None:
    ask.push_image("foo", "v1")
    ask.push_blob("foo", ORPHAN)
    ask("POST", "/v2/foo/blobs/uploads/", b"")
    ask.push_manifest("foo", "v1", image(annotations={"a": "b"}))
    age(ask.storage.folder)
    before = sorted(path for path in ask.storage.folder.rglob("*") if path.parent.name != "locks")
    told = collect(ask.storage, dry_run=True, untagged=True)
    assert sorted(path for path in ask.storage.folder.rglob("*") if path.parent.name != "locks") == before
    assert collect(ask.storage, untagged=True) == told
    assert {kind for kind, _, _ in told} == {"blob", "link", "manifest", "upload"}


@pytest.mark.parametrize("seconds", [0.0, GRACE - 60])
def test_nothing_goes_before_its_grace_has_ended(ask: Asking, seconds: float) -> None:
    ask.push_blob("foo", ORPHAN)
    ask("POST", "/v2/foo/blobs/uploads/", b"")
    age(ask.storage.folder, seconds)
    assert collect(ask.storage, untagged=True) == []


def test_a_link_goes_where_no_manifest_of_its_repository_needs_it(ask: Asking) -> None:
    ask.push_image("foo", "v1")
    ask.push_blob("bar", LAYER)
    age(ask.storage.folder)
    assert collect(ask.storage) == [("link", "bar", str(Digest.of(LAYER)))]
    assert has(ask, "foo", LAYER)
    assert ask("HEAD", f"/v2/bar/blobs/{Digest.of(LAYER)}").status == 404


def test_a_link_of_now_keeps_content_of_long_ago(ask: Asking) -> None:
    digest = ask.push_blob("foo", ORPHAN)
    age(ask.storage.blob_path(digest).parent)  # so docker-registry leaves it that mounts a blob
    assert collect(ask.storage) == []
    assert has(ask, "foo", ORPHAN)


def test_a_deleted_manifest_takes_its_blobs_with_it(ask: Asking) -> None:
    digest = ask.push_image("foo", "v1")
    age(ask.storage.folder)
    ask("DELETE", f"/v2/foo/manifests/{digest}")
    age(ask.storage.folder)
    collect(ask.storage)
    assert gone(ask, digest, Digest.of(CONFIG), Digest.of(LAYER))
    assert list((ask.storage.folder / "docker/registry/v2/blobs").rglob("data")) == []


def use_by_head(ask: Asking, digest: Digest) -> None:
    assert ask("HEAD", f"/v2/foo/blobs/{digest}").status == 200


def use_by_mount(ask: Asking, digest: Digest) -> None:
    assert ask("POST", f"/v2/bar/blobs/uploads/?mount={digest}&from=foo", b"").status == 201


def use_by_push(ask: Asking, digest: Digest) -> None:
    assert ask.push_blob("bar", ORPHAN) == digest


@pytest.mark.parametrize("use", [use_by_head, use_by_mount, use_by_push])
def test_what_was_used_has_its_grace_again(ask: Asking, use: Callable[[Asking, Digest], None]) -> None:
    digest = ask.push_blob("foo", ORPHAN)
    age(ask.storage.folder)
    use(ask, digest)
    collect(ask.storage)
    assert not gone(ask, digest)


def use_by_manifest(ask: Asking, digest: Digest) -> None:
    layer = describe(ORPHAN, media.OCI_LAYER)
    assert layer["digest"] == str(digest)
    assert ask.push_manifest("foo", "v1", image(layers=[layer])).status == 201


def test_a_manifest_that_comes_while_it_reads(ask: Asking) -> None:
    ask.push_blob("foo", CONFIG)
    digest, first = ask.push_blob("foo", ORPHAN), ask.push_blob("bar", LAYER)
    age(ask.storage.folder)
    running = Collector(ask.storage, GRACE).collect()
    assert next(running).repository == "bar"
    use_by_manifest(ask, digest)
    assert {garbage.name for garbage in running} == {str(first)}
    assert has(ask, "foo", CONFIG, ORPHAN)


class Interrupted(Locks):
    """Locks that let something happen just before the collector takes them the given time."""

    def __init__(self, storage: Storage, moment: int, happen: Callable[[], None]) -> None:
        super().__init__(storage.paths.locks)
        self._left = moment
        self._happen = happen

    @contextmanager
    def collecting(self) -> Iterator[None]:
        self._left -= 1
        if self._left == 0:
            self._happen()
        with super().collecting():
            yield


# A collector takes the locks to begin, for the links of the one repository, and for the blobs.
@pytest.mark.parametrize(
    ("moment", "use"),
    [
        (1, use_by_head),
        (1, use_by_manifest),
        (2, use_by_head),
        (2, use_by_mount),
        (2, use_by_manifest),
        (2, use_by_push),
        (3, use_by_push),
    ],
)
def test_a_use_between_finding_and_removing(ask: Asking, moment: int, use: Callable[[Asking, Digest], None]) -> None:
    ask.push_blob("foo", CONFIG)
    digest = ask.push_blob("foo", ORPHAN)
    age(ask.storage.folder)
    storage = Storage(ask.storage.folder)
    used = threading.Event()

    def happen() -> None:
        use(ask, digest)
        used.set()

    storage.locks = Interrupted(storage, moment, happen)
    collect(storage)
    assert used.is_set()
    repository = "bar" if use in {use_by_mount, use_by_push} else "foo"
    assert has(ask, repository, ORPHAN)
    if use is use_by_manifest:
        assert has(ask, "foo", CONFIG)


# --- What manifests need


def test_a_manifest_of_an_unknown_type_keeps_what_it_mentions(ask: Asking) -> None:
    digest = ask.push_blob("foo", ORPHAN)
    manifest = json.dumps({"anything": [{"deep": f"{digest}"}]}).encode()
    assert ask("PUT", "/v2/foo/manifests/v1", manifest, Content_Type="application/vnd.test+json").status == 201
    age(ask.storage.folder)
    assert collect(ask.storage) == []


def test_a_manifest_that_is_written_with_escapes(ask: Asking) -> None:
    ask.push_blob("foo", CONFIG)
    ask.push_blob("foo", LAYER)
    assert ask.push_manifest("foo", "v1", image().replace(b"sha256:", b"sh\\u0061256:")).status == 201
    age(ask.storage.folder)
    assert collect(ask.storage) == []


def test_sha512(ask: Asking) -> None:
    digest = Digest.of(LAYER, "sha512")
    assert ask("POST", f"/v2/foo/blobs/uploads/?digest={digest}", LAYER).status == 201
    ask.push_blob("foo", CONFIG)
    layers = [{"mediaType": media.OCI_LAYER, "digest": str(digest), "size": len(LAYER)}]
    manifest = image(layers=layers)
    name = Digest.of(manifest, "sha512")
    assert ask.push_manifest("foo", str(name), manifest).status == 201
    age(ask.storage.folder)
    assert collect(ask.storage) == []
    ask("DELETE", f"/v2/foo/manifests/{name}")
    age(ask.storage.folder)
    collect(ask.storage)
    assert gone(ask, digest, name)


def test_a_manifest_that_cannot_be_read_ends_the_collection(ask: Asking) -> None:
    ask.push_image("foo", "v1")
    orphan = ask.push_blob("zoo", ORPHAN)
    path = ask.storage.blob_path(Digest.of(image()))
    path.unlink()
    path.mkdir()  # as good as a disk that fails
    age(ask.storage.folder)
    with pytest.raises(OSError):  # noqa: PT011
        collect(ask.storage)
    assert not gone(ask, orphan)
    assert has(ask, "foo", CONFIG, LAYER)


def test_repositories_with_names_that_are_none_keep_what_they_need(ask: Asking) -> None:
    ask.push_image("foo", "v1")
    folder = ask.storage.repository("foo")
    folder.rename(folder.with_name("Foo"))
    age(ask.storage.folder)
    assert collect(ask.storage) == []


# --- Untagged manifests


def push_untagged(ask: Asking, raw: bytes, media_type: str = media.OCI_MANIFEST) -> Digest:
    digest = Digest.of(raw)
    assert ask("PUT", f"/v2/foo/manifests/{digest}", raw, Content_Type=media_type).status == 201
    return digest


def index(*manifests: bytes, **extra: Any) -> bytes:
    entries = [describe(manifest, media.OCI_MANIFEST) for manifest in manifests]
    return json.dumps({"schemaVersion": 2, "mediaType": media.OCI_INDEX, "manifests": entries} | extra).encode()


@pytest.fixture
def family(ask: Asking) -> dict[str, bytes]:
    """An index with an image and a signature of the image, each pushed by its digest."""
    ask.push_blob("foo", CONFIG)
    ask.push_blob("foo", LAYER)
    child = image(annotations={"is": "child"})
    signature = image(subject=describe(child, media.OCI_MANIFEST))
    top = index(child)
    push_untagged(ask, child)
    push_untagged(ask, signature)
    push_untagged(ask, top, media.OCI_INDEX)
    return {"child": child, "signature": signature, "top": top}


def kept(ask: Asking, family: dict[str, bytes]) -> set[str]:
    return {name for name, raw in family.items() if ask("HEAD", f"/v2/foo/manifests/{Digest.of(raw)}").status == 200}


def test_untagged_manifests_stay_unless_asked(ask: Asking, family: dict[str, bytes]) -> None:
    age(ask.storage.folder)
    assert collect(ask.storage) == []
    assert kept(ask, family) == {"child", "signature", "top"}


def test_untagged_manifests_go_with_their_blobs(ask: Asking, family: dict[str, bytes]) -> None:
    age(ask.storage.folder)
    told = collect(ask.storage, untagged=True, dry_run=True)
    assert collect(ask.storage, untagged=True) == told
    assert [kind for kind, _, _ in told].count("manifest") == 3
    assert kept(ask, family) == set()
    assert gone(ask, Digest.of(LAYER), *map(Digest.of, family.values()))


def test_a_tag_keeps_what_it_leads_to(ask: Asking, family: dict[str, bytes]) -> None:
    assert ask("PUT", "/v2/foo/manifests/v1", family["top"], Content_Type=media.OCI_INDEX).status == 201
    age(ask.storage.folder)
    assert collect(ask.storage, untagged=True) == []
    assert kept(ask, family) == {"child", "signature", "top"}


def test_a_tag_of_the_child_keeps_its_signature_and_not_the_index(ask: Asking, family: dict[str, bytes]) -> None:
    ask.push_manifest("foo", "v1", family["child"])
    age(ask.storage.folder)
    collect(ask.storage, untagged=True)
    assert kept(ask, family) == {"child", "signature"}
    assert has(ask, "foo", LAYER)


@pytest.mark.parametrize("name", ["top", "child"])
def test_what_was_used_leads_on_as_a_tag_does(ask: Asking, family: dict[str, bytes], name: str) -> None:
    age(ask.storage.folder)
    assert ask("HEAD", f"/v2/foo/manifests/{Digest.of(family[name])}").status == 200
    collect(ask.storage, untagged=True)
    assert {"child", "signature", name} == kept(ask, family)
    assert has(ask, "foo", LAYER)


def test_a_tag_that_moved_leaves_its_manifest_a_grace(ask: Asking, family: dict[str, bytes]) -> None:
    ask("PUT", "/v2/foo/manifests/v1", family["top"], Content_Type=media.OCI_INDEX)
    age(ask.storage.folder)
    ask.push_manifest("foo", "v1", image())
    collect(ask.storage, untagged=True)
    assert kept(ask, family) == {"child", "signature", "top"}
    age(ask.storage.folder)
    collect(ask.storage, untagged=True)
    assert kept(ask, family) == set()
    assert ask("GET", "/v2/foo/manifests/v1").content == image()


# --- What else is left


def test_uploads_that_nobody_goes_on_with(ask: Asking) -> None:
    old, new = (ask("POST", "/v2/foo/blobs/uploads/", b"").field("Location") for _ in range(2))
    for location in (old, new):
        ask("PATCH", location, LAYER)
    age(ask.storage.folder)
    ask("PATCH", new, LAYER)
    assert collect(ask.storage) == [("upload", "foo", old.rpartition("/")[2])]
    assert ask("GET", old).status == 404
    assert ask("PATCH", old, LAYER).status == 404
    assert ask("GET", new).status == 204


def test_an_upload_that_somebody_is_at(ask: Asking) -> None:
    location = ask("POST", "/v2/foo/blobs/uploads/", b"").field("Location")
    data = ask.storage.repository("foo") / "_uploads" / location.rpartition("/")[2] / "data"
    age(ask.storage.folder)
    with data.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert collect(ask.storage) == []
    assert len(collect(ask.storage)) == 1


def test_what_killed_processes_left(ask: Asking) -> None:
    digest = ask.push_image("foo", "v1")
    folder, root = ask.storage.repository("foo"), ask.storage.folder / "docker/registry/v2"
    name = ".01234567-89ab-cdef-0123-456789abcdef.tmp"
    hidden = "ab" * 32
    made = [
        folder / "_layers/sha256" / Digest.of(LAYER).encoded / name,
        folder / "_manifests/revisions/sha256" / digest.encoded / name,
        folder / "_manifests/tags/v1/current" / name,
        ask.storage.blob_path(digest).with_name(name),
        ask.storage.private / name,
        folder / "_layers/sha256" / hidden / name,
        folder / "_manifests/revisions/sha256" / hidden / "media-type",
        folder / "_manifests/tags/v2/index/sha256" / hidden / "link",
        root / "blobs/sha256/ab" / hidden / name,
        folder / "_uploads" / "01234567-89ab-cdef-0123-456789abcdef" / "startedat",
    ]
    for path in made:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
    assert collect(ask.storage) == []  # not before its time
    assert ask("GET", "/v2/foo/tags/list").json["tags"] == ["v1"]
    age(ask.storage.folder)
    told = collect(ask.storage)
    assert not any(path.exists() for path in made)
    assert {kind for kind, _, _ in told} == {"leftover", "upload"}
    assert not (folder / "_layers/sha256" / hidden).exists()
    assert collect(ask.storage) == []
    assert ask("GET", "/v2/foo/manifests/v1").content == image()
    assert has(ask, "foo", CONFIG, LAYER)


def test_a_repository_with_nothing_in_it(ask: Asking) -> None:
    ask.push_blob("foo/bar/baz", ORPHAN)
    ask.push_image("foo", "v1")
    for _ in range(2):  # what was just emptied has its grace as well
        assert ask("GET", "/v2/_catalog").json["repositories"] == ["foo", "foo/bar/baz"]
        age(ask.storage.folder)
        collect(ask.storage)
    assert ask("GET", "/v2/_catalog").json["repositories"] == ["foo"]
    assert not (ask.storage.repository("foo") / "bar").exists()
    assert ask("GET", "/v2/foo/bar/baz/tags/list").status == 404
    assert has(ask, "foo", CONFIG, LAYER)


def test_a_grace_of_nothing_is_safe(ask: Asking) -> None:
    ask.push_image("foo", "v1")
    assert list(Collector(ask.storage, 0.0).collect()) == []  # it has just been pushed: younger than files' times tell


def test_collecting_for_ever(ask: Asking, caplog: pytest.LogCaptureFixture) -> None:
    digest = ask.push_blob("foo", ORPHAN)
    age(ask.storage.folder)
    stop = threading.Event()
    thread = threading.Thread(target=Collector(ask.storage, GRACE).run_forever, args=(stop, 0.01))
    with caplog.at_level("INFO"):
        thread.start()
        for _ in range(1000):
            if gone(ask, digest):
                break
            stop.wait(0.01)
        stop.set()
        thread.join(10)
    assert not thread.is_alive()
    assert gone(ask, digest)
    assert "collected" in caplog.text


class Stop(threading.Event):
    """Ends it after the first collection, and remembers how long the next one was to wait."""

    seconds: float | None = None

    def wait(self, timeout: float | None = None) -> bool:
        self.seconds = timeout
        self.set()
        return True


@pytest.mark.parametrize(("grace", "pause"), [(24 * 3600, 3600), (60, 60), (0, 1)])
def test_a_short_grace_is_looked_after_more_often(ask: Asking, grace: float, pause: float) -> None:
    stop = Stop()
    Collector(ask.storage, grace).run_forever(stop)
    assert stop.seconds == pause


@pytest.mark.parametrize(
    ("error", "places"), [(OSError(30, "Read-only file system"), 0), (RuntimeError("a mistake"), 1)]
)
def test_a_collection_that_fails_is_told_and_is_not_the_last(
    ask: Asking, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception, places: int
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(Collector, "collect", fail)
    stop = Stop()
    Collector(ask.storage).run_forever(stop)
    assert stop.seconds == 3600
    [record] = caplog.records
    assert str(error) in caplog.text
    assert ("Traceback" in caplog.text) == bool(places)
    assert record.levelname in {"WARNING", "ERROR"}
