"""Layouts: as other tools write them, as nobody should, and with several processes at work on one."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from pratique.errors import ContentMismatch, Error, InvalidInput, Misbehaved, NotFound, Unreachable, Unsupported
from pratique.http.message import Body, Stream
from pratique.image.sample import Content, Sample
from pratique.spec import media
from pratique.spec.descriptor import Descriptor
from pratique.spec.digest import Digest
from pratique.spec.manifest import MOST_MANIFEST_BYTES
from pratique.stores.base import NAMELESS
from pratique.stores.entries import FULL_NAME, NAME
from pratique.stores.files import FolderFiles
from pratique.stores.layout import MOST_DEPTH, MOST_INDEX_BYTES, Layout
from tests.stores.contract import SBOM, SIGNATURE, bare, nested, push, put, referrer, several, single

ROOT: Final = Path(__file__).parents[3]
IMAGE: Final = single()
INDEX: Final = several()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "layout"


def at(folder: Path) -> Layout:
    return Layout(FolderFiles(folder))


def blob(folder: Path, digest: Digest) -> Path:
    return folder / "blobs" / digest.algorithm / digest.encoded


def written(folder: Path, entries: list[dict[str, Any]], *samples: Sample, **more: object) -> Layout:
    """A layout as another tool might have left it."""
    for part in [part for sample in samples for part in (*sample.below, sample.root)]:
        keep(folder, part)
    folder.mkdir(exist_ok=True)
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": entries, **more}))
    return at(folder)


def keep(folder: Path, content: Content) -> None:
    path = blob(folder, content.descriptor.digest)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.raw)


def entry(content: Content, name: str = "", full_name: str = "", **more: object) -> dict[str, Any]:
    annotations = {key: value for key, value in {NAME: name, FULL_NAME: full_name}.items() if value}
    described = bare(content.descriptor).to_json() | more
    return described | ({"annotations": annotations} if annotations else {})


def listed(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((folder / "index.json").read_bytes())["manifests"]
    return found


def whole(layout: Layout, descriptor: Descriptor) -> bytes:
    with layout.open(descriptor) as stream:
        return stream.read()


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}


# --- What is written ------------------------------------------------------------------------------


def test_a_new_layout_is_as_the_specification_says(folder: Path) -> None:
    push(at(folder), IMAGE, ["1.0"])
    assert json.loads((folder / "oci-layout").read_bytes()) == {"imageLayoutVersion": "1.0.0"}
    assert json.loads((folder / "index.json").read_bytes()) == {
        "schemaVersion": 2,
        "mediaType": media.OCI_INDEX,
        "manifests": [entry(IMAGE.root, "1.0")],
    }
    blobs = {f"blobs/sha256/{part.descriptor.digest.encoded}" for part in (*IMAGE.below, IMAGE.root)}
    assert files(folder) == {"oci-layout", "index.json", *blobs}


def test_a_manifest_below_an_index_is_not_listed(folder: Path) -> None:
    push(at(folder), INDEX, ["1.0"])
    assert [each["digest"] for each in listed(folder)] == [str(INDEX.root.descriptor.digest)]


def test_files_can_be_read_by_those_whom_the_umask_lets(folder: Path) -> None:
    before = os.umask(0o027)
    try:
        push(at(folder), IMAGE, ["1.0"])
    finally:
        os.umask(before)
    assert (folder / "index.json").stat().st_mode & 0o777 == 0o640
    assert blob(folder, IMAGE.root.descriptor.digest).stat().st_mode & 0o777 == 0o640


def test_content_that_is_there_is_not_read_again(folder: Path) -> None:
    push(at(folder), IMAGE, ["1.0"])
    inode = blob(folder, IMAGE.below[0].descriptor.digest).stat().st_ino

    def unwanted() -> Any:
        pytest.fail("the source was opened")

    at(folder).push(IMAGE.below[0].descriptor, unwanted)
    assert blob(folder, IMAGE.below[0].descriptor.digest).stat().st_ino == inode


def test_content_of_another_length_than_it_should_have_is_replaced(folder: Path) -> None:
    push(at(folder), IMAGE, ["1.0"])
    layer = IMAGE.below[0]
    blob(folder, layer.descriptor.digest).write_bytes(layer.raw[:5])
    assert not at(folder).exists(layer.descriptor)
    put(at(folder), layer)
    assert whole(at(folder), layer.descriptor) == layer.raw


def test_what_others_wrote_into_the_list_stays(folder: Path) -> None:
    theirs = entry(IMAGE.root, "theirs") | {"x-unknown": {"é": [1, 2.5, None]}}
    theirs["annotations"]["org.example"] = "kept"
    stranger = {"mediaType": "application/xml", "digest": "blake3:abc", "size": 7}
    written(folder, [theirs, stranger], IMAGE, annotations={"a": "b"}, unknown=[True])
    push(at(folder), INDEX, ["ours"])
    after = json.loads((folder / "index.json").read_bytes())
    assert after["manifests"] == [theirs, stranger, entry(INDEX.root, "ours")]
    assert (after["annotations"], after["unknown"]) == ({"a": "b"}, [True])
    push(at(folder), IMAGE, ["theirs"])
    assert listed(folder)[0] == theirs
    at(folder).delete("ours")
    assert listed(folder) == [theirs, stranger]


def test_nothing_is_written_where_nothing_changes(folder: Path) -> None:
    push(at(folder), IMAGE, ["1.0"])
    before = {name: (folder / name).stat().st_ino for name in files(folder)}
    push(at(folder), IMAGE, ["1.0"])
    assert {name: (folder / name).stat().st_ino for name in files(folder)} == before


def test_a_damaged_manifest_is_mended(folder: Path) -> None:
    push(at(folder), IMAGE, ["1.0"])
    blob(folder, IMAGE.root.descriptor.digest).write_bytes(IMAGE.root.raw.replace(b"2", b"3", 1))
    put(at(folder), IMAGE.root)
    assert at(folder).manifest("1.0").raw == IMAGE.root.raw


def test_a_folder_with_something_else_is_left_alone(folder: Path) -> None:
    folder.mkdir()
    (folder / "thesis.tex").write_text("precious")
    with pytest.raises(InvalidInput, match=r"thesis\.tex"):
        push(at(folder), IMAGE)
    assert files(folder) == {"thesis.tex"}


def test_a_layout_with_something_beside_it_is_used(folder: Path) -> None:
    written(folder, [])
    (folder / "README").touch()
    push(at(folder), IMAGE, [NAMELESS])
    assert at(folder).resolve(NAMELESS) == bare(IMAGE.root.descriptor)


def test_a_folder_can_be_empty(folder: Path) -> None:
    folder.mkdir()
    push(at(folder), IMAGE, [NAMELESS])
    assert at(folder).resolve(NAMELESS) == bare(IMAGE.root.descriptor)


@pytest.mark.parametrize("name", ["a\nb", "\x1b[2J", "x" * 513])
def test_names_that_nobody_could_read_are_refused(folder: Path, name: str) -> None:
    with pytest.raises(InvalidInput):
        push(at(folder), IMAGE, [name])
    assert not blob(folder, IMAGE.root.descriptor.digest).exists()


def test_a_manifest_that_is_too_large_is_refused(folder: Path) -> None:
    raw = json.dumps({"schemaVersion": 2, "mediaType": media.OCI_INDEX, "manifests": []}).encode()
    content = Content.of(raw + b" " * MOST_MANIFEST_BYTES, media.OCI_INDEX)
    with pytest.raises(Unsupported):
        put(at(folder), content, ["large"])


def test_reading_makes_nothing(folder: Path) -> None:
    layout = at(folder)
    for ask in (lambda: layout.resolve("1.0"), layout.tags, lambda: layout.delete("1.0")):
        with pytest.raises(NotFound, match="no OCI layout at"):
            ask()
    assert not layout.exists(IMAGE.root.descriptor)
    assert not folder.exists()


# --- Names ----------------------------------------------------------------------------------------


def test_the_only_manifest_needs_no_name(folder: Path) -> None:
    assert written(folder, [entry(IMAGE.root, "1.0")], IMAGE).resolve(NAMELESS) == bare(IMAGE.root.descriptor)


def test_one_manifest_under_two_names_is_still_the_only_one(folder: Path) -> None:
    layout = written(folder, [entry(IMAGE.root, "1.0"), entry(IMAGE.root, "latest")], IMAGE)
    assert layout.resolve(NAMELESS) == bare(IMAGE.root.descriptor)


def test_of_several_manifests_one_has_to_be_named(folder: Path) -> None:
    layout = written(folder, [entry(IMAGE.root, "1.0"), entry(INDEX.root)], IMAGE, INDEX)
    with pytest.raises(NotFound, match="2 images") as caught:
        layout.resolve(NAMELESS)
    assert caught.value.advice() == f"name one of: 1.0, {INDEX.root.descriptor.digest}"


def test_a_referrer_without_a_name_is_not_taken_for_the_image(folder: Path) -> None:
    signature = referrer(IMAGE.root.descriptor, SIGNATURE)
    layout = written(folder, [entry(signature.root), entry(IMAGE.root)], IMAGE, signature)
    assert layout.resolve(NAMELESS) == bare(IMAGE.root.descriptor)


def test_an_artifact_alone_is_the_root_even_if_it_refers(folder: Path) -> None:
    signature = referrer(IMAGE.root.descriptor, SIGNATURE)
    push(at(folder), signature)
    assert at(folder).resolve(NAMELESS) == bare(signature.root.descriptor)


def test_a_name_that_is_not_there_says_what_is(folder: Path) -> None:
    layout = written(folder, [entry(IMAGE.root, f"v{number}") for number in range(12)], IMAGE)
    with pytest.raises(NotFound) as caught:
        layout.resolve("w1")
    assert caught.value.advice() == "its names: v0, v1, v2, v3, v4, v5, v6, v7, v8, v9 and 2 more"


def test_a_listed_manifest_that_is_missing_is_not_found(folder: Path) -> None:
    layout = written(folder, [entry(IMAGE.root, "1.0")])
    with pytest.raises(NotFound, match=str(IMAGE.root.descriptor.digest)):
        layout.resolve("1.0")


def test_a_new_root_without_a_name_takes_the_place_of_none_with_a_name(folder: Path) -> None:
    push(at(folder), IMAGE, ["1.0"])
    push(at(folder), INDEX, [NAMELESS])
    assert listed(folder) == [entry(IMAGE.root, "1.0"), entry(INDEX.root)]


def test_of_several_roots_without_names_none_is_lost(folder: Path) -> None:
    written(folder, [entry(IMAGE.root), entry(INDEX.root)], IMAGE, INDEX)
    push(at(folder), single("third"), [NAMELESS])
    assert len(listed(folder)) == 3


def test_a_tag_that_moves_leaves_a_referrer_findable(folder: Path) -> None:
    signature = referrer(IMAGE.root.descriptor, SIGNATURE)
    push(at(folder), IMAGE, ["1.0"])
    push(at(folder), signature, ["signed"])
    push(at(folder), INDEX, ["signed"])
    assert [each.digest for each in at(folder).referrers(IMAGE.root.descriptor.digest)] == [
        signature.root.descriptor.digest
    ]
    at(folder).delete("signed")
    at(folder).delete("1.0")
    assert listed(folder) == [entry(signature.root)]


# --- Layouts of other tools -----------------------------------------------------------------------


def test_as_containerd_and_buildkit_write_it(folder: Path) -> None:
    full = "docker.io/library/app:1.0"
    layout = written(folder, [entry(INDEX.root, "1.0", full)], INDEX)
    for name in ("1.0", full, NAMELESS):
        assert layout.resolve(name) == bare(INDEX.root.descriptor)
    assert list(layout.tags()) == ["1.0"]


def test_as_docker_saves_two_images_with_one_tag(folder: Path) -> None:
    first, second = "docker.io/library/a:latest", "docker.io/library/b:latest"
    layout = written(folder, [entry(IMAGE.root, "latest", first), entry(INDEX.root, "latest", second)], IMAGE, INDEX)
    assert layout.resolve(first) == bare(IMAGE.root.descriptor)
    assert layout.resolve(second) == bare(INDEX.root.descriptor)
    with pytest.raises(NotFound, match="several images") as caught:
        layout.resolve("latest")
    assert caught.value.advice() == f"name one of: {first}, {second}"
    with pytest.raises(NotFound, match="several images"):
        layout.delete("latest")


def test_as_podman_names_it_in_full(folder: Path) -> None:
    layout = written(folder, [entry(IMAGE.root, "localhost:5000/team/app:1.0")], IMAGE)
    for name in ("localhost:5000/team/app:1.0", "1.0"):
        assert layout.resolve(name) == bare(IMAGE.root.descriptor)
    with pytest.raises(NotFound):
        layout.resolve("5000/team/app:1.0")


def test_as_the_specification_has_it_with_one_name_twice(folder: Path) -> None:
    stranger = {"mediaType": "application/xml", "digest": "sha256:" + "0" * 64, "size": 7}
    entries = [entry(INDEX.root, "v1.0"), entry(IMAGE.root, "v1.0"), stranger]
    assert written(folder, entries, INDEX, IMAGE).resolve("v1.0") == bare(INDEX.root.descriptor)


def test_as_oras_lists_every_manifest(folder: Path) -> None:
    signature = referrer(IMAGE.root.descriptor, SIGNATURE)
    entries = [entry(IMAGE.root, "1.0"), entry(signature.root, artifactType=SIGNATURE)]
    layout = written(folder, entries, IMAGE, signature)
    assert [each.artifact_type for each in layout.referrers(IMAGE.root.descriptor.digest)] == [SIGNATURE]
    assert list(layout.tags()) == ["1.0"]


def test_as_regctl_keeps_referrers_by_the_tag_schema(folder: Path) -> None:
    subject = IMAGE.root.descriptor
    sbom = referrer(subject, SBOM)
    described = sbom.root.descriptor.to_json() | {"artifactType": SBOM, "annotations": {"a": "b"}}
    schema = Content.of_json(
        {"schemaVersion": 2, "mediaType": media.OCI_INDEX, "manifests": [described]}, media.OCI_INDEX
    )
    entries = [entry(IMAGE.root, "1.0"), entry(schema, f"sha256-{subject.digest.encoded}")]
    layout = written(folder, entries, IMAGE, sbom, Sample(schema, ()))
    assert [each.artifact_type for each in layout.referrers(subject.digest)] == [SBOM]
    blob(folder, sbom.root.descriptor.digest).unlink()  # and where only the index is left of it
    found = list(at(folder).referrers(subject.digest))
    assert [(each.digest, each.annotations) for each in found] == [(sbom.root.descriptor.digest, {"a": "b"})]


def test_names_in_a_nested_index_are_found(folder: Path) -> None:
    inner = Content.of_json(
        {"schemaVersion": 2, "mediaType": media.OCI_INDEX, "manifests": [entry(IMAGE.root, "deep")]}, media.OCI_INDEX
    )
    outer = Content.of_json(
        {"schemaVersion": 2, "mediaType": media.OCI_INDEX, "manifests": [entry(inner)]}, media.OCI_INDEX
    )
    layout = written(folder, [entry(outer)], IMAGE, Sample(outer, (inner,)))
    assert layout.resolve("deep") == bare(IMAGE.root.descriptor)


def test_without_its_version_it_is_read_and_completed(folder: Path) -> None:
    written(folder, [entry(IMAGE.root, "1.0")], IMAGE)
    (folder / "oci-layout").unlink()
    assert at(folder).resolve("1.0") == bare(IMAGE.root.descriptor)
    push(at(folder), INDEX, ["2.0"])
    assert json.loads((folder / "oci-layout").read_bytes()) == {"imageLayoutVersion": "1.0.0"}
    assert list(at(folder).tags()) == ["1.0", "2.0"]


def test_an_entry_without_a_media_type_is_looked_into(folder: Path) -> None:
    plain = entry(IMAGE.root, "1.0")
    del plain["mediaType"]
    assert written(folder, [plain], IMAGE).resolve("1.0") == bare(IMAGE.root.descriptor)


def test_an_entry_may_have_its_manifest_in_it(folder: Path) -> None:
    inline = entry(IMAGE.root, "1.0", data=base64.b64encode(IMAGE.root.raw).decode())
    layout = written(folder, [inline])
    found = layout.resolve("1.0")
    assert (found.digest, whole(layout, found)) == (IMAGE.root.descriptor.digest, IMAGE.root.raw)
    assert layout.manifest("1.0").raw == IMAGE.root.raw


def test_links_within_the_layout_are_followed(folder: Path) -> None:
    push(at(folder), IMAGE, ["1.0"])
    layer = IMAGE.below[0]
    path = blob(folder, layer.descriptor.digest)
    path.rename(folder / "blobs" / "elsewhere")
    path.symlink_to(Path("..", "elsewhere"))
    assert whole(at(folder), layer.descriptor) == layer.raw


def test_the_folder_itself_may_be_a_link(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    folder.symlink_to(tmp_path / "real")
    push(at(folder), IMAGE, ["1.0"])
    assert whole(at(folder), IMAGE.below[0].descriptor) == IMAGE.below[0].raw


# --- Layouts that lie -----------------------------------------------------------------------------


def deep(levels: int) -> bytes:
    return b'{"manifests":' + b"[" * levels + b"]" * levels + b"}"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"no JSON",
        b"[]",
        b"\xff\xfe",
        b'{"manifests": {}}',
        b'{"manifests": [1]}',
        b'{"manifests": [{"annotations": []}]}',
        b'{"manifests": [], "manifests": []}',
        deep(100_000),
    ],
    ids=["empty", "text", "list", "not UTF-8", "object", "number", "annotations", "twice", "deep"],
)
def test_a_list_that_is_none(folder: Path, raw: bytes) -> None:
    written(folder, [])
    (folder / "index.json").write_bytes(raw)
    for ask in (
        lambda: at(folder).resolve("1.0"),
        lambda: list(at(folder).tags()),
        lambda: push(at(folder), IMAGE, ["1"]),
    ):
        with pytest.raises(Misbehaved, match=r"index\.json"):
            ask()
    assert (folder / "index.json").read_bytes() == raw


def sparse(path: Path, size: int) -> None:
    with path.open("wb") as file:
        file.truncate(size)


def test_a_list_that_is_huge_is_not_read(folder: Path) -> None:
    written(folder, [])
    sparse(folder / "index.json", 1 << 40)
    with pytest.raises(Misbehaved, match=f"at most {MOST_INDEX_BYTES}"):
        at(folder).resolve("1.0")


def test_a_version_that_is_huge_is_not_read(folder: Path) -> None:
    written(folder, [])
    sparse(folder / "oci-layout", 1 << 40)
    with pytest.raises(Misbehaved, match="oci-layout"):
        at(folder).resolve("1.0")


@pytest.mark.parametrize("version", ['{"imageLayoutVersion": "2.0.0"}', "{}", '{"imageLayoutVersion": null}'])
def test_another_version_is_not_guessed_at(folder: Path, version: str) -> None:
    written(folder, [entry(IMAGE.root, "1.0")], IMAGE)
    (folder / "oci-layout").write_text(version)
    for ask in (lambda: at(folder).resolve("1.0"), lambda: push(at(folder), INDEX, ["2.0"])):
        with pytest.raises(Unsupported, match=r"1\.0\.0 is known"):
            ask()


@pytest.mark.parametrize(
    "digest",
    [
        "sha256:../../../secret",
        "sha256:/etc/passwd",
        "../../secret:" + "0" * 64,
        "sha256:" + "0" * 63,
        "sha256:" + "A" * 64,
        "",
        "md5:" + "0" * 32,
        "sha256:" + "0" * 62 + "\n\n",
    ],
)
def test_digests_that_are_paths_or_nothing(folder: Path, digest: str) -> None:
    (folder.parent / "secret").write_text("secret")
    layout = written(folder, [entry(IMAGE.root, "1.0") | {"digest": digest}], IMAGE)
    with pytest.raises(Misbehaved):
        layout.resolve("1.0")
    with pytest.raises(Misbehaved):
        layout.resolve(NAMELESS)
    assert list(layout.referrers(IMAGE.root.descriptor.digest)) == []  # it hides nothing else


def test_names_that_are_paths_are_only_names(folder: Path) -> None:
    layout = written(folder, [entry(IMAGE.root, "../../secret")], IMAGE)
    assert layout.resolve("../../secret") == bare(IMAGE.root.descriptor)


@pytest.mark.parametrize("size", [-1, 1 << 63, "1", None, 1.5, True])
def test_sizes_that_are_none(folder: Path, size: object) -> None:
    with pytest.raises(Misbehaved, match="size"):
        written(folder, [entry(IMAGE.root, "1.0") | {"size": size}], IMAGE).resolve("1.0")


def test_a_size_that_lies(folder: Path) -> None:
    for size in (0, 1, 1 << 40):
        layout = written(folder, [entry(IMAGE.root, "1.0") | {"size": size}], IMAGE)
        with pytest.raises(ContentMismatch):
            whole(layout, layout.resolve("1.0"))
        assert layout.resolve(IMAGE.root.descriptor.digest) == bare(IMAGE.root.descriptor)


def test_content_that_lies(folder: Path) -> None:
    layout = written(folder, [entry(IMAGE.root, "1.0")], IMAGE)
    layer = IMAGE.below[0]
    blob(folder, layer.descriptor.digest).write_bytes(bytes(len(layer.raw)))
    with pytest.raises(ContentMismatch) as caught:
        whole(layout, layer.descriptor)
    assert caught.value.expected == str(layer.descriptor.digest)
    assert caught.value.actual == str(Digest.of(bytes(len(layer.raw))))
    blob(folder, IMAGE.root.descriptor.digest).write_bytes(IMAGE.root.raw.replace(b"2", b"3", 1))
    for ask in (
        lambda: layout.resolve(IMAGE.root.descriptor.digest),
        lambda: layout.manifest("1.0"),
        lambda: whole(layout, IMAGE.root.descriptor),
    ):
        with pytest.raises(ContentMismatch):
            ask()


def test_a_manifest_that_is_huge_is_not_read(folder: Path) -> None:
    layout = written(folder, [entry(IMAGE.root, "1.0") | {"size": 1 << 40}])
    path = blob(folder, IMAGE.root.descriptor.digest)
    path.parent.mkdir(parents=True)
    sparse(path, 1 << 40)
    with pytest.raises(NotFound, match="no manifest"):
        layout.resolve(IMAGE.root.descriptor.digest)
    with pytest.raises(Misbehaved, match="at most"):
        layout.manifest("1.0")
    assert list(layout.referrers(IMAGE.root.descriptor.digest)) == []


def test_a_blob_is_no_manifest(folder: Path) -> None:
    push(at(folder), IMAGE, ["1.0"])
    with pytest.raises(Misbehaved):
        at(folder).resolve(IMAGE.below[0].descriptor.digest)


def test_an_index_that_says_it_lists_itself(folder: Path) -> None:
    # Nobody can make one; this one is under a digest that it does not have.
    digest = Digest.of(b"a snake")
    raw = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": media.OCI_INDEX,
            "manifests": [{"mediaType": media.OCI_INDEX, "digest": str(digest), "size": 1}],
        }
    ).encode()
    snake = Content(Descriptor(media.OCI_INDEX, digest, len(raw)), raw)
    layout = written(folder, [entry(snake)], Sample(snake, ()))
    with pytest.raises(NotFound):
        layout.resolve("tail")
    with pytest.raises(ContentMismatch):
        layout.manifest(NAMELESS)
    assert list(layout.referrers(digest)) == []


def chain(folder: Path, length: int) -> Layout:
    below = entry(IMAGE.root, "bottom")
    for _ in range(length):
        index = Content.of_json(
            {"schemaVersion": 2, "mediaType": media.OCI_INDEX, "manifests": [below]}, media.OCI_INDEX
        )
        keep(folder, index)
        below = entry(index)
    return written(folder, [below], IMAGE)


def test_indexes_that_nest_too_deep(folder: Path) -> None:
    assert chain(folder, MOST_DEPTH - 1).resolve("bottom") == bare(IMAGE.root.descriptor)
    with pytest.raises(Misbehaved, match=f"more than {MOST_DEPTH} deep"):
        chain(folder, MOST_DEPTH + 1).resolve("nowhere")


def test_indexes_that_list_each_other_many_times_are_read_once(folder: Path) -> None:
    below = [entry(IMAGE.root)] * 50
    for _ in range(MOST_DEPTH - 2):  # 50 ** 6 paths to the bottom
        index = Content.of_json({"schemaVersion": 2, "mediaType": media.OCI_INDEX, "manifests": below}, media.OCI_INDEX)
        keep(folder, index)
        below = [entry(index)] * 50
    with pytest.raises(NotFound):
        written(folder, below, IMAGE).resolve("nowhere")


Spoil = Callable[[Path, Path], None]


def _link_out(path: Path, outside: Path) -> None:
    path.symlink_to(outside)


def _pipe(path: Path, outside: Path) -> None:
    os.mkfifo(path)


def _device(path: Path, outside: Path) -> None:
    path.symlink_to("/dev/zero")


def _folder(path: Path, outside: Path) -> None:
    path.mkdir()


def _loop(path: Path, outside: Path) -> None:
    path.symlink_to(path.name)


@pytest.mark.parametrize("spoil", [_link_out, _pipe, _device, _folder, _loop])
@pytest.mark.parametrize("name", ["oci-layout", "index.json", "layer"])
def test_what_stands_in_the_place_of_a_file(folder: Path, spoil: Spoil, name: str) -> None:
    push(at(folder), IMAGE, ["1.0"])
    layer = IMAGE.below[0]
    path = blob(folder, layer.descriptor.digest) if name == "layer" else folder / name
    outside = folder.parent / "outside"
    outside.write_bytes(path.read_bytes())
    path.unlink()
    spoil(path, outside)
    with pytest.raises(Misbehaved, match=path.name):
        _ = whole(at(folder), layer.descriptor) if name == "layer" else at(folder).resolve("1.0")


@pytest.mark.parametrize("part", ["blobs", "blobs/sha256"])
def test_a_folder_that_leads_outside_is_neither_read_nor_written(folder: Path, part: str) -> None:
    push(at(folder), IMAGE, ["1.0"])
    outside = folder.parent / "outside"
    (folder / part).rename(outside)
    (folder / part).symlink_to(outside)
    before = files(outside)
    with pytest.raises(Misbehaved, match="leads out"):
        whole(at(folder), IMAGE.below[0].descriptor)
    with pytest.raises(Misbehaved, match="leads out"):
        push(at(folder), single("new"), ["new"])
    with pytest.raises(Misbehaved, match="leads out"):
        at(folder).delete(IMAGE.root.descriptor.digest)
    assert files(outside) == before


def test_a_link_in_the_place_of_what_is_written_is_replaced_and_not_followed(folder: Path) -> None:
    victim = folder.parent / "victim"
    victim.write_text("precious")
    layer = IMAGE.below[0]
    path = blob(folder, layer.descriptor.digest)
    path.parent.mkdir(parents=True)
    path.symlink_to(victim)
    with pytest.raises(Misbehaved):
        put(at(folder), layer)
    assert victim.read_text() == "precious"


def test_a_file_in_the_place_of_a_folder(folder: Path) -> None:
    written(folder, [])
    (folder / "blobs").touch()
    with pytest.raises(Misbehaved, match="in the place of a folder"):
        put(at(folder), IMAGE.below[0])


def test_a_number_too_large_for_anybody_does_not_spoil_the_list(folder: Path) -> None:
    written(folder, [])
    raw = b'{"schemaVersion": 2, "x": 1e999, "manifests": []}'
    (folder / "index.json").write_bytes(raw)
    with pytest.raises(Misbehaved):
        push(at(folder), IMAGE, ["1.0"])
    assert (folder / "index.json").read_bytes() == raw


def test_a_manifest_that_is_none_is_refused(folder: Path) -> None:
    with pytest.raises(Misbehaved):
        put(at(folder), Content.of(b"no manifest", media.OCI_MANIFEST), ["1.0"])
    assert not blob(folder, Digest.of(b"no manifest")).exists()


# --- Deleting -------------------------------------------------------------------------------------


def test_a_manifest_goes_with_its_blob_and_nothing_else(folder: Path) -> None:
    push(at(folder), INDEX, ["1.0", "2.0"])
    before = files(folder)
    at(folder).delete(INDEX.root.descriptor.digest)
    assert before - files(folder) == {f"blobs/sha256/{INDEX.root.descriptor.digest.encoded}"}
    assert listed(folder) == []


def test_a_manifest_that_an_index_needs_loses_its_names_only(folder: Path) -> None:
    child = INDEX.below[2]
    push(at(folder), INDEX, ["1.0"])
    put(at(folder), child, ["amd64"])
    at(folder).delete(child.descriptor.digest)
    assert list(at(folder).tags()) == ["1.0"]
    assert whole(at(folder), child.descriptor) == child.raw


def test_a_manifest_deep_below_is_kept(folder: Path) -> None:
    sample = nested()
    push(at(folder), sample, ["1.0"])
    leaf = next(part for part in sample.below if part.descriptor.media_type == media.OCI_MANIFEST)
    at(folder).delete(leaf.descriptor.digest)
    assert whole(at(folder), leaf.descriptor) == leaf.raw


def test_what_was_deleted_is_forgotten(folder: Path) -> None:
    layout = at(folder)
    signature = referrer(IMAGE.root.descriptor, SIGNATURE)
    push(layout, IMAGE, ["1.0"])
    push(layout, signature)
    assert len(list(layout.referrers(IMAGE.root.descriptor.digest))) == 1
    at(folder).delete(signature.root.descriptor.digest)
    assert list(layout.referrers(IMAGE.root.descriptor.digest)) == []
    with pytest.raises(NotFound):
        layout.delete(signature.root.descriptor.digest)


def test_what_vanished_is_forgotten(folder: Path) -> None:
    signature = referrer(IMAGE.root.descriptor, SIGNATURE)
    index = Content.of_json(
        {"schemaVersion": 2, "mediaType": media.OCI_INDEX, "manifests": [entry(signature.root)]}, media.OCI_INDEX
    )
    layout = written(folder, [entry(index)], signature, Sample(index, ()))
    assert len(list(layout.referrers(IMAGE.root.descriptor.digest))) == 1
    blob(folder, signature.root.descriptor.digest).unlink()
    assert list(layout.referrers(IMAGE.root.descriptor.digest)) == []


def test_a_blob_is_not_deleted_as_a_manifest(folder: Path) -> None:
    push(at(folder), IMAGE, ["1.0"])
    with pytest.raises(Error):
        at(folder).delete(IMAGE.below[0].descriptor.digest)
    assert whole(at(folder), IMAGE.below[0].descriptor) == IMAGE.below[0].raw


def test_a_referrer_whose_entry_was_not_written_is_not_there_yet(folder: Path) -> None:
    signature = referrer(IMAGE.root.descriptor, SIGNATURE)
    push(at(folder), IMAGE, ["1.0"])
    keep(folder, signature.root)  # as a process leaves it that was killed in between
    assert not at(folder).exists(signature.root.descriptor)
    push(at(folder), signature)
    assert at(folder).exists(signature.root.descriptor)


# --- Several processes ----------------------------------------------------------------------------


def writer(folder: Path, *arguments: object) -> subprocess.Popen[str]:
    """A process that pushes into the layout."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.unit.stores.writing", str(folder), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def said(process: subprocess.Popen[str], lines: int) -> list[str]:
    assert process.stdout is not None
    return [process.stdout.readline().strip() for _ in range(lines)]


def assert_whole(folder: Path) -> list[str]:
    """Whatever has a name can be read to the end; return the names."""
    layout = at(folder)
    tags = list(layout.tags())
    for tag in tags:
        manifest = layout.manifest(tag)
        for below in manifest.successors():
            whole(layout, below)
    return tags


def test_processes_that_write_at_once_lose_nothing(folder: Path) -> None:
    processes = [writer(folder, f"p{number}-", 12) for number in range(6)]
    for process in processes:
        with process:
            process.communicate()
        assert process.returncode == 0
    expected = {f"p{number}-{image}" for number in range(6) for image in range(12)}
    assert set(assert_whole(folder)) == expected | {"shared"}
    assert len(listed(folder)) == len(expected) + 1
    assert not [name for name in files(folder) if name.endswith(".tmp")]


def killed(folder: Path, moment: str) -> None:
    """A writer that was killed in the middle of the first file with this in its name."""
    with writer(folder, "k", 1, moment) as process:
        assert said(process, 1) == [moment]
        process.kill()


@pytest.mark.parametrize("moment", ["oci-layout", "index.json", "blobs/"])
def test_who_is_killed_leaves_nothing_that_is_seen(folder: Path, moment: str) -> None:
    killed(folder, moment)
    assert len(list(folder.rglob("*.tmp"))) == 1
    layout = at(folder)
    for part in single("k0").below:
        assert not layout.exists(part.descriptor) or whole(layout, part.descriptor) == part.raw
    with writer(folder, "k", 2) as process:
        process.communicate()
    assert process.returncode == 0
    assert set(assert_whole(folder)) == {"k0", "k1", "shared"}
    assert not list(folder.rglob("*.tmp"))


def test_who_is_killed_while_the_list_is_written_holds_nobody_up(folder: Path) -> None:
    push(at(folder), IMAGE, ["1.0"])
    killed(folder, "index.json")
    assert assert_whole(folder) == ["1.0"]
    push(at(folder), INDEX, ["2.0"])
    assert assert_whole(folder) == ["1.0", "2.0"]


def test_what_another_process_is_still_writing_is_not_swept_away(folder: Path) -> None:
    with writer(folder, "k", 1, "blobs/") as process:
        said(process, 1)
        push(at(folder), IMAGE, ["1.0"])
        assert len(list(folder.rglob("*.tmp"))) == 1
        process.kill()
    push(at(folder), INDEX, ["2.0"])
    assert not list(folder.rglob("*.tmp"))


@pytest.mark.parametrize("after", [1, 7, 20])
def test_many_copies_that_were_killed_are_completed_by_running_again(folder: Path, after: int) -> None:
    with writer(folder, "n", 30) as process:
        done = said(process, after)
        process.kill()
    assert set(done) <= set(assert_whole(folder))
    with writer(folder, "n", 30) as process:
        process.communicate()
    assert set(assert_whole(folder)) == {f"n{number}" for number in range(30)} | {"shared"}
    assert not list(folder.rglob("*.tmp"))


def test_a_manifest_that_is_deleted_while_it_is_tagged_is_written_again(folder: Path) -> None:
    push(at(folder), IMAGE, ["1.0"])
    layout = at(folder)

    def content() -> Any:
        at(folder).delete(IMAGE.root.descriptor.digest)  # by somebody else, before the name is written
        return Body.of(IMAGE.root.raw).open()

    layout.push(IMAGE.root.descriptor, content, tags=["2.0"])
    assert assert_whole(folder) == ["2.0"]


class Interrupted:
    """Content whose way is cut after some bytes; it notes from where it was asked for."""

    def __init__(self, raw: bytes, *cuts: int) -> None:
        self._raw = raw
        self._cuts = list(cuts)
        self.asked: list[int] = []

    @contextmanager
    def __call__(self, offset: int) -> Iterator[Stream]:
        self.asked.append(offset)
        if self._cuts:
            yield Cut(self._raw[offset : offset + self._cuts.pop(0)])
        else:
            yield io.BytesIO(self._raw[offset:])


class Cut(io.BytesIO):
    def readinto(self, buffer: object) -> int:
        count = super().readinto(buffer)  # type: ignore[arg-type]
        if not count:
            raise Unreachable("cut")
        return count


RAW = bytes(range(256)) * 40
BLOB = Content.of(RAW, "application/octet-stream").descriptor


def test_a_blob_whose_way_was_cut_is_completed_by_a_later_run(tmp_path: Path) -> None:
    content = Interrupted(RAW, 1000, 2000)
    for _ in range(2):
        with pytest.raises(Unreachable):
            Layout(FolderFiles(tmp_path)).push_rest(BLOB, content)
        assert not Layout(FolderFiles(tmp_path)).exists(BLOB)
    Layout(FolderFiles(tmp_path)).push_rest(BLOB, content)
    assert content.asked == [0, 1000, 3000]
    assert [path.read_bytes() for path in (tmp_path / "blobs" / "sha256").iterdir()] == [RAW]


def test_what_was_left_and_is_damaged_is_read_anew(tmp_path: Path) -> None:
    content = Interrupted(RAW, 1000)
    with pytest.raises(Unreachable):
        Layout(FolderFiles(tmp_path)).push_rest(BLOB, content)
    (partial,) = (tmp_path / "blobs" / "sha256").iterdir()
    partial.write_bytes(b"?" * 1000)
    Layout(FolderFiles(tmp_path)).push_rest(BLOB, content)
    assert content.asked == [0, 1000, 0]
    assert Layout(FolderFiles(tmp_path)).exists(BLOB)


@pytest.mark.parametrize("raw", [RAW[:-1], RAW + b"?", b"?" + RAW[1:], b""])
def test_other_content_is_refused_and_nothing_of_it_is_kept(tmp_path: Path, raw: bytes) -> None:
    with pytest.raises(ContentMismatch):
        Layout(FolderFiles(tmp_path)).push_rest(BLOB, Interrupted(raw))
    assert not Layout(FolderFiles(tmp_path)).exists(BLOB)
    content = Interrupted(RAW)
    Layout(FolderFiles(tmp_path)).push_rest(BLOB, content)
    assert content.asked == [0]


def test_two_at_once_do_not_share_what_is_not_whole(tmp_path: Path) -> None:
    first, second = Layout(FolderFiles(tmp_path)), Layout(FolderFiles(tmp_path))

    @contextmanager
    def meanwhile(offset: int) -> Iterator[Stream]:
        second.push_rest(BLOB, Interrupted(RAW))
        yield io.BytesIO(RAW[offset:])

    first.push_rest(BLOB, meanwhile)
    assert [path.read_bytes() for path in (tmp_path / "blobs" / "sha256").iterdir()] == [RAW]


class Vouching(io.BytesIO):
    """A stream that says of itself what it is; it is believed, as it was hashed on its way."""

    def __init__(self, raw: bytes, digest: Digest) -> None:
        super().__init__(raw)
        self.vouched = digest


def test_what_vouches_for_this_very_content_is_believed_and_not_hashed_again(tmp_path: Path) -> None:
    layout = Layout(FolderFiles(tmp_path))
    lie = b"?" * len(RAW)  # which no source of ours tells: it shows that nobody looks a second time
    layout.push_rest(BLOB, lambda _: closing(Vouching(lie, BLOB.digest)))
    assert layout.exists(BLOB)
    other = Content.of(b"!" * len(RAW), "application/octet-stream").descriptor
    with pytest.raises(ContentMismatch):
        layout.push_rest(other, lambda _: closing(Vouching(RAW, BLOB.digest)))
    assert not layout.exists(other)


def test_what_is_not_whole_has_no_name(tmp_path: Path) -> None:
    with pytest.raises(Unreachable):
        Layout(FolderFiles(tmp_path)).push_rest(BLOB, Interrupted(RAW, 1000))
    assert FolderFiles(tmp_path).names("blobs/sha256") == []
