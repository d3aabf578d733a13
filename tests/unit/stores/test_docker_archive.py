"""Archives of `docker save` and for `docker load`."""

from __future__ import annotations

import io
import json
import tarfile
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.errors import (
    ContentMismatch,
    Error,
    InvalidInput,
    InvalidReference,
    Misbehaved,
    NotFound,
    Unsupported,
)
from pratique.image import sample
from pratique.spec import media
from pratique.spec.descriptor import Descriptor
from pratique.spec.digest import Digest
from pratique.spec.manifest import Manifest
from pratique.spec.platform import Platform
from pratique.stores.base import NAMELESS, Lists, Source, Stages, Target
from pratique.stores.compression import Expansion
from pratique.stores.docker_archive import DockerArchive
from pratique.stores.docker_load import DockerArchiveTarget

from .tars import PACKERS, content_of, docker_image, entry, push_image, saved, tar, tar_of, unpacked

BASE = tar_of({"etc/os-release": b"ID=harbour\n"})
APP = tar_of({"app": b"\x7fELF" * 100})
CONFIG, LAYERS = docker_image(BASE, APP)
OTHER, _ = docker_image(BASE, created="2026-01-01T00:00:00Z")


def hexed(raw: bytes) -> str:
    return Digest.of(raw).encoded


def archive_of(images: object, **members: bytes) -> bytes:
    files = {name.replace("_", "/").replace("DOT", "."): raw for name, raw in members.items()}
    return tar_of({"manifest.json": json.dumps(images).encode(), **files})


def old_style(*tags: str, config: bytes = CONFIG, name: str | None = None) -> bytes:
    """What Docker before 25 saved: a folder a layer, and a link for one that comes again."""
    return tar(
        entry("a/", kind=tarfile.DIRTYPE),
        entry("a/VERSION", b"1.0"),
        entry("a/json", b"{}"),
        entry("a/layer.tar", BASE),
        entry("b/layer.tar", APP),
        entry("c/layer.tar", kind=tarfile.SYMTYPE, link="../a/layer.tar"),
        entry(name or f"{hexed(config)}.json", config),
        entry(
            "manifest.json",
            json.dumps(
                [
                    {
                        "Config": name or f"{hexed(config)}.json",
                        "RepoTags": list(tags) or None,
                        "Layers": ["c/layer.tar", "b/layer.tar"],
                    }
                ]
            ).encode(),
        ),
        entry("repositories", b"{}"),
    )


def modern(*packed: bytes) -> bytes:
    """What Docker from 25 on saves: an OCI layout that has a `manifest.json` as well."""
    blobs = {f"blobs/sha256/{hexed(raw)}": raw for raw in (CONFIG, *packed)}
    image = {
        "Config": f"blobs/sha256/{hexed(CONFIG)}",
        "RepoTags": ["harbour/app:1"],
        "Layers": [f"blobs/sha256/{hexed(raw)}" for raw in packed],
        "LayerSources": {},
    }
    return tar_of({**blobs, "index.json": b"{}", "oci-layout": b"{}", "manifest.json": json.dumps([image]).encode()})


def two() -> bytes:
    """Two images, one without a name."""
    return tar_of(
        {
            "manifest.json": json.dumps(
                [
                    {"Config": "one.json", "RepoTags": ["alpine:3", "localhost:5000/alpine:3"], "Layers": ["a", "b"]},
                    {"Config": "two.json", "RepoTags": ["busybox:latest"], "Layers": ["a"]},
                    {"Config": "one.json", "RepoTags": [], "Layers": ["a", "b"]},
                ]
            ).encode(),
            "one.json": CONFIG,
            "two.json": OTHER,
            "a": BASE,
            "b": APP,
        }
    )


def read(store: Source, descriptor: Descriptor, offset: int = 0) -> bytes:
    with store.open(descriptor, offset=offset) as stream:
        return b"".join(iter(lambda: stream.read(777), b""))


def manifest(store: Source, name: str = NAMELESS) -> Manifest:
    descriptor = store.resolve(name)
    return Manifest.parse(read(store, descriptor), descriptor.media_type)


def whole_image(store: Source, name: str = NAMELESS) -> tuple[bytes, list[bytes]]:
    found = manifest(store, name)
    assert found.config is not None
    return read(store, found.config), [read(store, layer) for layer in found.layers]


# --- Reading


@pytest.mark.parametrize("raw", [old_style(), modern(BASE, APP)], ids=["old", "modern"])
@pytest.mark.parametrize("packing", PACKERS)
def test_what_docker_saved_is_read(raw: bytes, packing: str, tmp_path: Path) -> None:
    with DockerArchive(saved(tmp_path / "x", PACKERS[packing](raw))) as archive:
        assert isinstance(archive, Source)
        assert isinstance(archive, Lists)
        found = manifest(archive)
        assert found.media_type == media.DOCKER_MANIFEST
        assert found.config == Descriptor(media.DOCKER_CONFIG, Digest.of(CONFIG), len(CONFIG))
        assert {layer.media_type for layer in found.layers} == {"application/vnd.docker.image.rootfs.diff.tar"}
        assert whole_image(archive) == (CONFIG, LAYERS)
        assert archive.resolve(found.digest) == archive.resolve(str(found.digest)) == archive.resolve("@0")


def test_the_manifest_is_the_same_wherever_the_image_lies() -> None:
    with DockerArchive(io.BytesIO(old_style())) as old, DockerArchive(io.BytesIO(modern(BASE, APP))) as new:
        assert old.resolve("@0") == new.resolve("@0")


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
def test_layers_that_are_packed_stay_packed(packing: str) -> None:
    packed = [PACKERS[packing](layer) for layer in LAYERS]
    with DockerArchive(io.BytesIO(modern(*packed))) as archive:
        assert whole_image(archive) == (CONFIG, packed)
        assert {layer.media_type for layer in manifest(archive).layers} == {
            f"application/vnd.docker.image.rootfs.diff.tar.{packing}"
        }


def test_content_is_read_from_an_offset_on() -> None:
    with DockerArchive(io.BytesIO(old_style())) as archive:
        found = manifest(archive)
        assert read(archive, found.layers[1], 100) == APP[100:]
        assert read(archive, found.descriptor, 10) == found.raw[10:]


def test_content_is_described_by_its_digest() -> None:
    packed = [PACKERS["gzip"](layer) for layer in LAYERS]
    for layers in (LAYERS, packed):
        with DockerArchive(io.BytesIO(modern(*layers))) as archive:
            for content in (CONFIG, *layers):
                found = archive.blob(Digest.of(content))
                assert (found.size, read(archive, found)) == (len(content), content)
            with pytest.raises(NotFound):
                archive.blob(archive.resolve(NAMELESS).digest)  # it is made, and in no file


def test_a_manifest_is_read_whole() -> None:
    with DockerArchive(io.BytesIO(modern(BASE, APP))) as archive:
        assert archive.manifest(NAMELESS) == archive.manifest(archive.resolve("@0").digest) == manifest(archive)


def test_an_image_without_layers() -> None:
    config, _ = docker_image()
    with DockerArchive(io.BytesIO(archive_of([{"Config": "c", "Layers": None}], c=config))) as archive:
        assert whole_image(archive) == (config, [])


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("alpine:3", CONFIG),
        ("docker.io/library/alpine:3", CONFIG),
        ("localhost:5000/alpine:3", CONFIG),
        ("3", CONFIG),
        ("busybox", OTHER),
        ("index.docker.io/busybox", OTHER),
        ("latest", OTHER),
        ("@0", CONFIG),
        ("@1", OTHER),
        ("@2", CONFIG),
    ],
)
def test_names(name: str, config: bytes) -> None:
    with DockerArchive(io.BytesIO(two())) as archive:
        assert whole_image(archive, name)[0] == config


@pytest.mark.parametrize("name", ["alpine", "alpine:4", "@3", "@-1", "@x", "@", "@99999999999", "Alpine:3", "sha256:x"])
def test_names_that_are_not_there(name: str) -> None:
    with DockerArchive(io.BytesIO(two())) as archive, pytest.raises(NotFound) as caught:
        archive.resolve(name)
    assert "images" in (caught.value.advice() or "")


def test_names_that_are_ambiguous() -> None:
    entries = [{"Config": name, "RepoTags": [f"{name}:1"], "Layers": ["l"]} for name in ("a", "b")]
    raw = archive_of(entries, a=OTHER, b=docker_image(BASE)[0], l=BASE)
    with DockerArchive(io.BytesIO(raw)) as archive:
        for name, said in (("1", "several images called '1'"), (NAMELESS, "2 images")):
            with pytest.raises(InvalidInput, match=said) as caught:
                archive.resolve(name)
            assert caught.value.advice() == "its images: a:1, b:1"


def test_names_are_listed() -> None:
    with DockerArchive(io.BytesIO(two())) as archive:
        assert list(archive.tags()) == ["alpine:3", "localhost:5000/alpine:3", "busybox:latest", "@2"]


def test_an_archive_without_images() -> None:
    with DockerArchive(io.BytesIO(archive_of([]))) as archive:
        assert list(archive.tags()) == []
        with pytest.raises(NotFound, match="no images"):
            archive.resolve(NAMELESS)


def test_what_is_not_there() -> None:
    with DockerArchive(io.BytesIO(two())) as archive:
        with pytest.raises(NotFound):
            archive.resolve(Digest.of(b"nothing"))
        with pytest.raises(NotFound), archive.open(Descriptor(media.OCI_LAYER, Digest.of(b"nothing"), 7)):
            pass


# --- Archives that lie


def one(layers: list[str], **members: bytes) -> bytes:
    return archive_of([{"Config": "c", "Layers": layers}], **members)


@pytest.mark.parametrize(
    ("raw", "error", "message"),
    [
        (one(["l"], c=docker_image(BASE)[0], l=PACKERS["gzip"](APP)), ContentMismatch, "unpacks to"),
        (one(["l"], c=docker_image(BASE)[0], l=PACKERS["gzip"](APP)[:-9]), InvalidInput, "not whole as gzip"),
        (one(["l"], c=docker_image(BASE)[0], l=b"\x28\xb5\x2f\xfd"), InvalidInput, "not whole as zstd"),
        (one(["l"], c=CONFIG, l=BASE), Misbehaved, "has 2 layers, manifest.json has 1"),
        (one(["../l"], c=docker_image(BASE)[0], l=BASE), NotFound, "no member"),
        (one(["/etc/passwd"], c=docker_image(BASE)[0]), NotFound, "no member"),
        (one([]), NotFound, "no member 'c'"),
        (one([], c=b"[]"), Misbehaved, "not a JSON object"),
        (one([], c=b"{}"), Misbehaved, "no rootfs"),
        (one([], c=b'{"rootfs": []}'), Misbehaved, "not an object"),
        (one([], c=b'{"rootfs": {"diff_ids": [1]}}'), Misbehaved, "list of strings"),
        (one(["l"], c=b'{"rootfs": {"diff_ids": ["md5:1"]}}', l=b""), Misbehaved, "unknown digest algorithm"),
        (one([], c=b"{" + b" " * (9 << 20) + b"}"), InvalidInput, "at most"),
        (PACKERS["gzip"](one([], c=bytes(64 << 20))), InvalidInput, "at most"),
        (one([], c=b'{"a":' * 50_000), Misbehaved, "nested too deeply"),
        (old_style(name=f"{'0' * 64}.json"), ContentMismatch, "is not what its digest says"),
        (old_style(name=f"blobs/sha256/{'0' * 64}"), ContentMismatch, "is not what its digest says"),
        (old_style(name=f"sha256:{'0' * 64}"), ContentMismatch, "is not what its digest says"),
    ],
)
def test_images_that_lie(raw: bytes, error: type[Error], message: str) -> None:
    with DockerArchive(io.BytesIO(raw)) as archive, pytest.raises(error, match=message):
        archive.resolve(NAMELESS)


@pytest.mark.parametrize(
    ("raw", "error", "message"),
    [
        (archive_of({}), Misbehaved, "not a JSON list"),
        (archive_of([1]), Misbehaved, "not a JSON list of objects"),
        (archive_of([{}]), Misbehaved, "without a config"),
        (archive_of([{"Config": 1}]), Misbehaved, "not a string"),
        (archive_of([{"Config": "c", "Layers": ["l"] * 5000}]), Misbehaved, "5000 layers"),
        (tar_of({"manifest.json": bytes(9 << 20)}), InvalidInput, "at most"),
        (tar_of({"manifest.json": b"[" * 90_000}), Misbehaved, "nested too deeply"),
        (tar_of({"repositories": b"{}"}), Unsupported, "before 1.10"),
        (tar_of({"etc/passwd": b""}), InvalidInput, "no archive of docker save"),
        (tar_of({"manifest.json": b"[]"})[:600], InvalidInput, "truncated"),
        (tar(entry("manifest.json", b"[]"), entry("manifest.json", b"[]")), InvalidInput, "two members"),
        (tar(entry("manifest.json", kind=tarfile.SYMTYPE, link="/etc/passwd")), InvalidInput, "leads out"),
        (tar(entry("../../x", b"[]")), InvalidInput, "outside"),
        (tar(entry("dev", kind=tarfile.CHRTYPE)), InvalidInput, "device"),
    ],
)
def test_archives_that_lie(raw: bytes, error: type[Error], message: str) -> None:
    with pytest.raises(error, match=message):
        DockerArchive(io.BytesIO(raw))


def test_an_oci_archive_is_told_from_a_docker_archive() -> None:
    with pytest.raises(InvalidInput) as caught:
        DockerArchive(io.BytesIO(tar_of({"oci-layout": b"{}", "index.json": b"{}"})))
    assert "oci-archive" in (caught.value.advice() or "")


def test_a_plain_layer_that_is_not_what_the_config_says() -> None:
    with DockerArchive(io.BytesIO(one(["l"], c=docker_image(BASE)[0], l=APP))) as archive:
        layer = manifest(archive).layers[0]
        with archive.open(layer) as stream, pytest.raises(ContentMismatch):
            stream.read()


def test_a_bomb_in_a_layer() -> None:
    layer = bytes(4 << 20)
    raw = one(["l"], c=docker_image(layer)[0], l=PACKERS["gzip"](layer))
    few = Expansion(free_bytes=1 << 20)
    with DockerArchive(io.BytesIO(raw), expansion=few) as archive, pytest.raises(InvalidInput, match="200 times"):
        archive.resolve(NAMELESS)


def test_a_layer_that_is_packed_and_named_often_is_unpacked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = PACKERS["gzip"](BASE)
    config = docker_image(*[BASE] * 500)[0]
    seen = list[str]()
    verify = DockerArchive._verify

    def counted(self: DockerArchive, name: str, diff_id: Digest) -> Digest:
        seen.append(name)
        return verify(self, name, diff_id)

    monkeypatch.setattr(DockerArchive, "_verify", counted)
    with DockerArchive(io.BytesIO(one(["l"] * 500, c=config, l=layer))) as archive:
        assert len(manifest(archive).layers) == 500
    assert seen == ["l"]


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_any_list_is_read_or_refused(document: object) -> None:
    for images in (
        document,
        [document],
        [{"Config": document}],
        [{"Config": "c", "RepoTags": document, "Layers": document}],
    ):
        try:
            with DockerArchive(io.BytesIO(archive_of(images, c=OTHER))) as archive:
                for name in archive.tags():
                    archive.resolve(name)
        except Error:
            pass


# --- Writing


def target() -> tuple[io.BytesIO, DockerArchiveTarget]:
    buffer = io.BytesIO()
    return buffer, DockerArchiveTarget(buffer)


def reopened(buffer: io.BytesIO) -> DockerArchive:
    return DockerArchive(io.BytesIO(buffer.getvalue()))


@pytest.mark.parametrize("packing", PACKERS)
@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_what_is_written_is_read(packing: str, algorithm: str) -> None:
    buffer, store = target()
    assert isinstance(store, Target)
    assert isinstance(store, Stages)
    packed = [PACKERS[packing](layer) for layer in LAYERS]
    pushed = push_image(store, CONFIG, packed, "harbour/app:1", algorithm=algorithm)
    assert store.exists(pushed)
    store.finish()
    with reopened(buffer) as archive:
        assert whole_image(archive, "harbour/app:1") == (CONFIG, LAYERS)
        assert archive.resolve(NAMELESS) == store.converted(pushed.digest)


def test_the_form_is_that_of_docker_save() -> None:
    buffer, store = target()
    push_image(store, CONFIG, LAYERS, "app", "localhost:5000/app:2")
    store.finish()
    members = unpacked(buffer.getvalue())
    layers = [f"{hexed(layer)}.tar" for layer in LAYERS]
    assert json.loads(members.pop("manifest.json")) == [
        {
            "Config": f"{hexed(CONFIG)}.json",
            "RepoTags": ["docker.io/library/app:latest", "localhost:5000/app:2"],
            "Layers": layers,
        }
    ]
    top = hexed(APP)
    assert json.loads(members.pop("repositories")) == {
        "docker.io/library/app": {"latest": top},
        "localhost:5000/app": {"2": top},
    }
    assert members == {f"{hexed(CONFIG)}.json": CONFIG, layers[0]: BASE, layers[1]: APP}


def test_config_digests_of_sha512() -> None:
    rootfs = {"type": "layers", "diff_ids": [str(Digest.of(BASE, "sha512"))]}
    config = json.dumps({"rootfs": rootfs}).encode()
    buffer, store = target()
    pushed = push_image(store, config, [PACKERS["gzip"](BASE)], NAMELESS)
    store.finish()
    with reopened(buffer) as archive:
        assert whole_image(archive) == (config, [BASE])
        assert archive.resolve("@0") == store.converted(pushed.digest)


def test_several_images_and_names() -> None:
    buffer, store = target()
    push_image(store, CONFIG, LAYERS, "a:1")
    push_image(store, CONFIG, [PACKERS["gzip"](layer) for layer in LAYERS], "a:2")  # the same image, packed
    push_image(store, OTHER, [BASE], "b:1", "a:1")
    store.finish()
    with reopened(buffer) as archive:
        assert [name.removeprefix("docker.io/library/") for name in archive.tags()] == ["a:1", "b:1", "a:2"]
        assert whole_image(archive, "a:2") == (CONFIG, LAYERS)
        assert whole_image(archive, "a:1") == (OTHER, [BASE])


def test_the_same_content_is_the_same_archive() -> None:
    archives = []
    for packing in PACKERS:
        buffer, store = target()
        push_image(store, CONFIG, [PACKERS[packing](layer) for layer in LAYERS], "a:1")
        store.finish()
        archives.append(buffer.getvalue())
    assert len(set(archives)) == 1


def test_a_round_trip_keeps_the_manifest() -> None:
    buffer, store = target()
    push_image(store, CONFIG, [PACKERS["zstd"](layer) for layer in LAYERS], "a:1")
    store.finish()
    with reopened(buffer) as archive:
        config, layers = whole_image(archive, "a:1")
        first = archive.resolve("a:1")
    again, store = target()
    push_image(store, config, layers, "a:1", config_type=media.DOCKER_CONFIG, manifest_type=media.DOCKER_MANIFEST)
    store.finish()
    assert again.getvalue() == buffer.getvalue()
    with reopened(again) as archive:
        assert archive.resolve("a:1") == first


def test_what_no_image_needs_is_left_out() -> None:
    buffer, store = target()
    stray = Descriptor(media.OCI_LAYER, Digest.of(b"stray"), 5)
    store.push(stray, content_of(b"stray"))
    assert store.exists(stray)
    push_image(store, OTHER, [BASE], NAMELESS)
    push_image(store, CONFIG, LAYERS)  # of an index, say: it has no name and is no root
    store.finish()
    assert set(unpacked(buffer.getvalue())) == {
        "manifest.json",
        "repositories",
        f"{hexed(OTHER)}.json",
        f"{hexed(BASE)}.tar",
    }


def test_threads_push_at_once() -> None:
    buffer, store = target()
    images = [docker_image(BASE, tar_of({"n": bytes([number])})) for number in range(16)]
    crew = [
        threading.Thread(
            target=push_image, args=(store, config, [PACKERS["gzip"](each) for each in layers], f"n:{number}")
        )
        for number, (config, layers) in enumerate(images)
    ]
    for thread in crew:
        thread.start()
    for thread in crew:
        thread.join()
    store.finish()
    with reopened(buffer) as archive:
        for number, image in enumerate(images):
            assert whole_image(archive, f"n:{number}") == image


def test_an_index_is_refused_with_advice() -> None:
    _, store = target()
    index = sample.index([sample.image(Platform("linux", "amd64"), {})])
    with pytest.raises(Unsupported, match="index") as caught:
        store.push(index.root.descriptor, content_of(index.root.raw), tags=["a"])
    assert "--platform" in (caught.value.advice() or "")
    store.discard()


@pytest.mark.parametrize(
    ("config", "layers", "options", "error", "message"),
    [
        (b"{}", [b"x"], {"config_type": media.OCI_EMPTY}, Unsupported, "an artifact"),
        (b"{}", [b"x"], {}, Misbehaved, "no rootfs"),
        (b"not JSON", [b"x"], {}, Misbehaved, "not JSON"),
        (CONFIG, [BASE], {}, Unsupported, "has 1 layers, and its config knows of 2"),
        (CONFIG, [APP, BASE], {}, ContentMismatch, "the config says"),
        (OTHER, [BASE], {"layer_type": media.OCI_LAYER_GZIP + "+encrypted"}, Unsupported, "encrypted"),
        (OTHER, [PACKERS["gzip"](BASE)[:-9]], {}, InvalidInput, "not whole as gzip"),
        (b" " * (9 << 20), [], {}, Unsupported, "the config"),
        (PACKERS["gzip"](OTHER), [BASE], {}, Misbehaved, "not JSON"),
    ],
)
def test_what_no_docker_archive_can_hold(
    config: bytes, layers: list[bytes], options: dict[str, Any], error: type[Error], message: str
) -> None:
    _, store = target()
    with pytest.raises(error, match=message):
        push_image(store, config, layers, "a", **options)
    with pytest.raises(Unsupported, match="no image"):
        store.finish()
    store.discard()


def test_an_image_whose_layers_are_missing() -> None:
    _, store = target()
    image = sample.image(Platform("linux", "amd64"), {})
    with pytest.raises(NotFound, match="needs"):
        store.push(image.root.descriptor, content_of(image.root.raw), tags=["a"])
    store.discard()


@pytest.mark.parametrize("name", ["A:1", "a:", "a b", f"a@{Digest.of(b'')}"])
def test_names_that_docker_does_not_allow(name: str) -> None:
    _, store = target()
    with pytest.raises((InvalidReference, InvalidInput)):
        push_image(store, OTHER, [BASE], name)
    with pytest.raises(InvalidInput, match="cannot have a name"):
        store.push(Descriptor(media.OCI_LAYER, Digest.of(b"x"), 1), content_of(b"x"), tags=["a"])
    store.discard()


@pytest.mark.parametrize("packing", PACKERS)
@pytest.mark.parametrize(
    "damage", [lambda raw: raw[:-1], lambda raw: raw + b"x", lambda raw: raw[:20] + b"!!" + raw[22:]]
)
def test_content_that_was_changed_on_the_way_is_that_and_nothing_else(packing: str, damage: Any) -> None:
    _, store = target()
    raw = PACKERS[packing](BASE)
    descriptor = Descriptor(media.OCI_LAYER, Digest.of(raw), len(raw))
    with pytest.raises(ContentMismatch):
        store.push(descriptor, content_of(damage(raw)))
    assert not store.exists(descriptor)
    store.push(descriptor, content_of(raw))
    assert store.exists(descriptor)
    store.discard()


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
def test_a_bomb_is_not_unpacked(packing: str, tmp_path: Path) -> None:
    store = DockerArchiveTarget(tmp_path / "x.tar", expansion=Expansion(free_bytes=1 << 20))
    raw = PACKERS[packing](bytes(8 << 20))
    with pytest.raises(InvalidInput, match="200 times"):
        store.push(Descriptor(media.OCI_LAYER, Digest.of(raw), len(raw)), content_of(raw))
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) == 0
    store.discard()
    assert list(tmp_path.iterdir()) == []


def test_the_archive_appears_at_once_and_may_be_packed(tmp_path: Path) -> None:
    path = saved(tmp_path / "x.tar.gz", b"what was there")
    store = DockerArchiveTarget(path)
    push_image(store, OTHER, [BASE], "a:1")
    assert path.read_bytes() == b"what was there"
    store.finish()
    assert path.read_bytes()[:2] == b"\x1f\x8b"
    assert [each.name for each in tmp_path.iterdir()] == ["x.tar.gz"]
    with DockerArchive(path) as archive:
        assert whole_image(archive, "a:1") == (OTHER, [BASE])
