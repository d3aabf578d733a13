"""Artifacts made of files, attached, and pulled again."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pratique import ContentMismatch, Descriptor, Event, InvalidInput, NotFound, Registries, Unsupported
from pratique.artifacts import create_index
from pratique.client.artifacts.making import attach, push_artifact
from pratique.client.artifacts.parts import PushedFile, part
from pratique.client.artifacts.pulling import pull_artifact
from pratique.http.events import Sent
from pratique.image import artifact
from pratique.testing import Embedded
from tests.unit.client.conftest import Connects
from tests.unit.stores import tars


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Path]:
    """A folder with some files, where the test is."""
    folder = tmp_path / "files"
    (folder / "manual" / "pages").mkdir(parents=True)
    (folder / "README").write_bytes(b"read me\n")
    (folder / "manual" / "pages" / "one").write_bytes(b"1" * 5000)
    (folder / "manual" / "run").write_bytes(b"#!/bin/sh\n")
    (folder / "manual" / "run").chmod(0o755)
    (folder / "manual" / "first").symlink_to("pages/one")
    (folder / "manual" / "same").hardlink_to(folder / "manual" / "run")
    with contextlib.chdir(folder):
        yield folder


def contents(folder: Path) -> dict[str, Any]:
    """What is below a folder: content and mode of files, targets of links."""
    return {
        str(path.relative_to(folder)): str(path.readlink())
        if path.is_symlink()
        else (path.read_bytes(), oct(path.stat().st_mode & 0o100))
        for path in folder.rglob("*")
        if path.is_symlink() or path.is_file()
    }


# --- Pushing


def test_files_and_folders_come_back_as_they_were(
    harbour: Embedded, registries: Registries, files: Path, tmp_path: Path
) -> None:
    place = f"{harbour.address}/docs:1.0"
    done = push_artifact(place, ["README:text/markdown", "manual"], tags=["latest"], registries=registries)
    assert done.tags == ("1.0", "latest")
    manifest = registries.repository(place).manifest("latest")
    assert [(layer.annotations[artifact.TITLE], layer.media_type) for layer in manifest.layers] == [
        ("README", "text/markdown"),
        ("manual", "application/vnd.oci.image.layer.v1.tar+gzip"),
    ]
    pulled = pull_artifact(place, tmp_path / "out", registries=registries)
    assert [file.outcome for file in pulled.files] == ["pulled", "pulled"]
    assert contents(tmp_path / "out") == contents(files)


@pytest.mark.usefixtures("files")
def test_the_same_files_give_the_same_digest_and_nothing_is_sent_twice(
    harbour: Embedded, registries: Registries, events: list[Event]
) -> None:
    first = push_artifact(f"{harbour.address}/docs:1", ["README", "manual"], registries=registries)
    Path("README").touch()
    Path("manual/run").touch()
    events.clear()
    second = push_artifact(f"{harbour.address}/docs:2", ["README", "manual"], registries=registries)
    assert second.descriptor == first.descriptor
    assert [event.method for event in events if isinstance(event, Sent)].count("PUT") == 1


@pytest.mark.usefixtures("files")
def test_a_dry_run_has_the_manifest_and_sends_nothing(harbour: Embedded, registries: Registries) -> None:
    place = f"{harbour.address}/docs:1"
    dry = push_artifact(place, ["README"], registries=registries, dry_run=True)
    assert dry.plan is not None
    assert [blob.size for blob in dry.plan.blobs] == [2, 8]
    with pytest.raises(NotFound):
        registries.repository(place).resolve("1")
    assert push_artifact(place, ["README"], registries=registries).descriptor == dry.descriptor


@pytest.mark.usefixtures("files")
def test_without_a_tag_there_is_none(harbour: Embedded, registries: Registries) -> None:
    done = push_artifact(f"{harbour.address}/docs", ["README"], registries=registries)
    docs = registries.repository(f"{harbour.address}/docs")
    assert docs.resolve(done.descriptor.digest).digest == done.descriptor.digest
    assert list(docs.tags()) == []


@pytest.mark.usefixtures("files")
def test_a_config_and_annotations(harbour: Embedded, registries: Registries) -> None:
    Path("config.json").write_bytes(b'{"a": 1}')
    done = push_artifact(
        f"{harbour.address}/docs:1",
        [PushedFile("README", annotations={"lang": "en"})],
        config="config.json:application/vnd.example+json",
        annotations={"org.example": "yes"},
        registries=registries,
    )
    manifest = registries.repository(f"{harbour.address}/docs").manifest(done.descriptor.digest)
    assert (manifest.artifact_type, manifest.annotations) == ("application/vnd.example+json", {"org.example": "yes"})
    assert manifest.layers[0].annotations["lang"] == "en"
    assert manifest.config is not None
    assert registries.repository(f"{harbour.address}/docs").blob(manifest.config.digest).read() == b'{"a": 1}'


@pytest.mark.parametrize(
    "said",
    [{"artifact_type": "a/b"}, {"annotations": {"a": "b"}}, {"artifact_platform": "linux/amd64"}, {"config": "README"}],
    ids=lambda said: next(iter(said)),
)
@pytest.mark.usefixtures("files")
def test_an_artifact_need_have_no_files(
    harbour: Embedded, registries: Registries, tmp_path: Path, said: dict[str, Any]
) -> None:
    place = f"{harbour.address}/docs:1"
    push_artifact(place, registries=registries, **said)
    pulled = pull_artifact(place, tmp_path / "out", registries=registries)
    assert (pulled.files, pulled.untitled) == ((), ())
    assert [layer.size for layer in pulled.manifest.layers] == [2]


def test_nothing_at_all_is_no_artifact(harbour: Embedded, registries: Registries) -> None:
    with pytest.raises(InvalidInput, match="nothing is to be pushed"):
        push_artifact(f"{harbour.address}/docs:1", registries=registries)


@pytest.mark.usefixtures("files")
def test_annotations_of_everything_from_a_file_and_beside_it(harbour: Embedded, registries: Registries) -> None:
    said = {"$manifest": {"a": "file", "b": "file"}, "$config": {"c": "file"}, "README": {"d": "file", "e": "file"}}
    Path("annotations.json").write_text(json.dumps(said), "utf-8")
    done = push_artifact(
        f"{harbour.address}/docs:1",
        [PushedFile("README", annotations={"e": "mine"})],
        annotations={"b": "mine"},
        config_annotations={"f": "mine"},
        annotation_file="annotations.json",
        registries=registries,
    )
    manifest = registries.repository(f"{harbour.address}/docs").manifest(done.descriptor.digest)
    assert manifest.annotations == {"a": "file", "b": "mine"}
    assert manifest.config is not None
    assert (manifest.config.annotations, manifest.config.data) == ({"c": "file", "f": "mine"}, b"{}")
    assert manifest.artifact_type == artifact.UNKNOWN_TYPE
    assert manifest.layers[0].annotations == {artifact.TITLE: "README", "d": "file", "e": "mine"}


@pytest.mark.usefixtures("files")
def test_a_config_of_a_platform(harbour: Embedded, registries: Registries) -> None:
    docs = registries.repository(f"{harbour.address}/docs")
    done = push_artifact(f"{docs}:1", ["README"], artifact_platform="linux/arm/v7", registries=registries)
    manifest = docs.manifest(done.descriptor.digest)
    assert manifest.config is not None
    assert manifest.config.media_type == "application/vnd.oci.image.config.v1+json"
    assert docs.blob(manifest.config.digest).read() == b'{"architecture":"arm","os":"linux","variant":"v7"}'  # as oras
    assert manifest.document["artifactType"] == artifact.UNKNOWN_TYPE
    with pytest.raises(InvalidInput, match="one config"):
        push_artifact(f"{docs}:1", config="README", artifact_platform="linux/arm", registries=registries)


@pytest.mark.usefixtures("files")
def test_hard_links_are_packed_as_files(harbour: Embedded, registries: Registries) -> None:
    """oras joins the other name of a hard link to the folder of the link, and finds nothing there."""
    docs = registries.repository(f"{harbour.address}/docs")
    done = push_artifact(f"{docs}:1", ["manual"], registries=registries)
    layer = docs.manifest(done.descriptor.digest).layers[0]
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(docs.blob(layer.digest).read()))) as packed:
        kinds = {member.name: member.type for member in packed}
    assert kinds["manual/same"] == kinds["manual/run"] == tarfile.REGTYPE


@pytest.mark.usefixtures("files")
def test_a_file_of_the_type_of_folders_stays_a_file(harbour: Embedded, registries: Registries, tmp_path: Path) -> None:
    place = f"{harbour.address}/docs:1"
    push_artifact(place, ["README:application/vnd.oci.image.layer.v1.tar+gzip"], registries=registries)
    pull_artifact(place, tmp_path / "out", registries=registries)
    assert (tmp_path / "out" / "README").read_bytes() == b"read me\n"


@pytest.mark.usefixtures("files")
def test_what_nobody_would_unpack_is_not_packed(harbour: Embedded, registries: Registries) -> None:
    place = f"{harbour.address}/docs:1"
    wrong = Path("manual/pages/wrong")
    for link in ("/etc", "../../../README", "one/../../.."):
        wrong.symlink_to(link)
        with pytest.raises(InvalidInput, match="leads out of the folder"):
            push_artifact(place, ["manual"], registries=registries)
        wrong.unlink()
    os.mkfifo(wrong)
    with pytest.raises(InvalidInput, match="device, pipe or socket"):
        push_artifact(place, ["manual"], registries=registries)


@pytest.mark.usefixtures("files")
def test_a_link_to_a_folder_is_that_folder_under_another_name(
    harbour: Embedded, registries: Registries, tmp_path: Path
) -> None:
    Path("other").symlink_to("manual")
    push_artifact(f"{harbour.address}/docs:1", ["other"], registries=registries)
    pull_artifact(f"{harbour.address}/docs:1", tmp_path / "out", registries=registries)
    assert contents(tmp_path / "out" / "other") == contents(Path("manual"))


def test_what_can_be_read_but_once_is_kept(harbour: Embedded, registries: Registries) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"from a pipe")
    os.close(writing)
    docs = registries.repository(f"{harbour.address}/docs")
    try:
        file = PushedFile(f"/dev/fd/{reading}", title="pipe.txt")
        done = push_artifact(f"{docs}:1", [file], registries=registries)
    finally:
        os.close(reading)
    layer = docs.manifest(done.descriptor.digest).layers[0]
    assert docs.blob(layer.digest).read() == b"from a pipe"


@pytest.mark.usefixtures("files")
def test_types_are_media_types(harbour: Embedded, registries: Registries) -> None:
    with pytest.raises(InvalidInput, match="'sbom' is no media type"):
        push_artifact(f"{harbour.address}/docs:1", ["README"], artifact_type="sbom", registries=registries)


def test_standard_input_may_be_closed(
    harbour: Embedded, registries: Registries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(InvalidInput, match="standard input is closed"):
        push_artifact(f"{harbour.address}/docs:1", [PushedFile("-", title="x")], registries=registries)


def test_what_there_is_no_room_for_is_not_blamed_on_what_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"from a pipe")))
    (tmp_path / "folder").mkdir()
    for path, said in (("-", "standard input"), (str(tmp_path / "folder"), str(tmp_path / "folder"))):
        with pytest.raises(InvalidInput, match=f"{said} is kept in .* until it is sent: No space left") as caught:
            part(PushedFile(path, title="x"), Path("/dev/full"))
        assert "TMPDIR" in str(caught.value.advice())


def test_of_many_files_the_first_are_named(
    harbour: Embedded, registries: Registries, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_bytes(b"x")
    files = [PushedFile("file", title=f"file{number}") for number in range(30)]
    push_artifact(f"{harbour.address}/docs:1", files, registries=registries)
    with pytest.raises(NotFound, match="no file 'another'") as caught:
        pull_artifact(f"{harbour.address}/docs:1", tmp_path, titles=["another"], registries=registries)
    assert str(caught.value.advice()).endswith("file19 and 10 more")


def test_standard_input_needs_a_name(
    harbour: Embedded, registries: Registries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"from a pipe")))
    with pytest.raises(InvalidInput, match="no name"):
        push_artifact(f"{harbour.address}/docs:1", ["-"], registries=registries)
    done = push_artifact(f"{harbour.address}/docs:1", [PushedFile("-", "a/b", "pipe.txt")], registries=registries)
    layer = registries.repository(f"{harbour.address}/docs").manifest(done.descriptor.digest).layers[0]
    assert (layer.annotations[artifact.TITLE], layer.size, layer.media_type) == ("pipe.txt", 11, "a/b")


@pytest.mark.parametrize(
    ("path", "title"),
    [("a/b", "a/b"), ("./a//b", "a/b"), ("/x/y", "y"), ("../z", "z"), ("a/../../z", "z")],
)
def test_titles_are_paths_that_lead_nowhere_else(path: str, title: str) -> None:
    assert PushedFile.parse(path).name == title


@pytest.mark.parametrize(
    ("word", "path", "media_type"),
    [
        ("a.json", "a.json", ""),
        ("a.json:application/json", "a.json", "application/json"),
        ("a:b:text/plain; charset=utf-8", "a:b", "text/plain; charset=utf-8"),
        ("a:b", "a:b", ""),
        ("-:a/b", "-", "a/b"),
        ("a:b/c:", "a:b/c", ""),
        ("a::", "a:", ""),
    ],
)
def test_a_word_is_a_file_and_perhaps_its_type(word: str, path: str, media_type: str) -> None:
    file = PushedFile.parse(word)
    assert (file.path, file.media_type) == (path, media_type)


@pytest.mark.usefixtures("files")
def test_what_cannot_be_pushed(harbour: Embedded, registries: Registries) -> None:
    place = f"{harbour.address}/docs:1"
    with pytest.raises(NotFound, match="there is no file nothing"):
        push_artifact(place, ["nothing"], registries=registries)
    with pytest.raises(InvalidInput, match="two files have the title"):
        push_artifact(place, ["README", "./README"], registries=registries)
    for name in ("../x", "/", "a/..", "\udcff"):
        with pytest.raises(InvalidInput, match="nobody could pull"):
            push_artifact(place, [PushedFile("README", title=name)], registries=registries)
    digest = f"sha256:{'0' * 64}"
    with pytest.raises(InvalidInput, match="names a digest"):
        push_artifact(f"{harbour.address}/docs@{digest}", ["README"], registries=registries)


@pytest.mark.usefixtures("files")
def test_any_store_holds_artifacts(tmp_path: Path) -> None:
    for place in (f"oci:{tmp_path}/layout:1", f"oci-archive:{tmp_path}/archive.tar:1"):
        done = push_artifact(place, ["README", "manual"])
        pulled = pull_artifact(place, tmp_path / place.partition(":")[0])
        assert pulled.manifest.digest == done.descriptor.digest
    assert contents(tmp_path / "oci") == contents(tmp_path / "oci-archive") == contents(Path())


# --- Attaching


@pytest.mark.usefixtures("files")
def test_what_is_attached_is_found_by_its_subject(harbour: Embedded, connect: Connects) -> None:
    registries = connect()
    app = registries.repository(f"{harbour.address}/app")
    done = attach(f"{app}:1.0", ["README"], artifact_type="text/x-note", registries=registries)
    assert [(each.digest, each.artifact_type) for each in app.referrers("1.0")] == [
        (done.descriptor.digest, "text/x-note")
    ]
    arm = attach(
        f"{app}:1.0", artifact_type="a/b", annotations={"x": "y"}, platform="linux/arm64", registries=registries
    )
    image = app.resolve("1.0", platform="linux/arm64").digest
    assert [each.digest for each in app.referrers(image)] == [arm.descriptor.digest]
    assert list(app.tags()) == ["1.0"]


def test_nothing_is_attached_to_nothing(harbour: Embedded, registries: Registries) -> None:
    with pytest.raises(NotFound):
        attach(f"{harbour.address}/app:9", artifact_type="a/b", registries=registries)


@pytest.mark.usefixtures("files")
def test_an_archive_stays_as_it_is(tmp_path: Path) -> None:
    """It is written as a whole: what is attached would be all that is left."""
    place = tmp_path / "archive.tar"
    push_artifact(f"oci-archive:{place}:1", ["README"])
    before = place.read_bytes()
    with pytest.raises(Unsupported, match="written as a whole"):
        attach(f"oci-archive:{place}:1", ["README"], artifact_type="a/b")
    assert place.read_bytes() == before


# --- Pulling


@pytest.fixture
def docs(harbour: Embedded, registries: Registries, files: Path) -> str:
    """An artifact of a file and a folder."""
    place = f"{harbour.address}/docs:1"
    push_artifact(place, ["README", "manual"], registries=registries)
    return place


def test_old_files_are_replaced_or_kept_or_refused(registries: Registries, docs: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    pull_artifact(docs, out, registries=registries)
    (out / "README").write_bytes(b"mine")
    (out / "manual" / "run").unlink()
    (out / "manual" / "run").write_bytes(b"mine")
    with pytest.raises(InvalidInput, match="there already"):
        pull_artifact(docs, out, existing="refuse", registries=registries)
    kept = pull_artifact(docs, out, existing="keep", registries=registries)
    assert [file.outcome for file in kept.files] == ["kept", "pulled"]
    assert (out / "README").read_bytes() == (out / "manual" / "run").read_bytes() == b"mine"
    again = pull_artifact(docs, out, registries=registries)
    assert [file.outcome for file in again.files] == ["pulled", "pulled"]
    assert contents(out) == contents(Path())


def test_what_is_there_is_not_pulled_again(
    registries: Registries, docs: str, tmp_path: Path, events: list[Event]
) -> None:
    pull_artifact(docs, tmp_path / "out", unpack=False, registries=registries)
    events.clear()
    again = pull_artifact(docs, tmp_path / "out", unpack=False, existing="refuse", registries=registries)
    assert [file.outcome for file in again.files] == ["present", "present"]
    assert [event for event in events if isinstance(event, Sent) and "/blobs/" in str(event)] == []


def test_a_dry_run_pulls_nothing(registries: Registries, docs: str, tmp_path: Path) -> None:
    dry = pull_artifact(docs, tmp_path / "out", registries=registries, dry_run=True)
    assert [(str(file.path.relative_to(tmp_path)), file.outcome) for file in dry.files] == [
        ("out/README", "planned"),
        ("out/manual", "planned"),
    ]
    assert not (tmp_path / "out").exists()


def test_only_some_files(registries: Registries, docs: str, tmp_path: Path) -> None:
    pulled = pull_artifact(docs, tmp_path / "out", titles=["README"], registries=registries)
    assert [file.path.name for file in pulled.files] == ["README"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["README"]
    with pytest.raises(NotFound, match="no file 'pages'"):
        pull_artifact(docs, tmp_path / "out", titles=["README", "pages"], registries=registries)


@pytest.mark.usefixtures("files")
def test_the_config_as_a_file(harbour: Embedded, registries: Registries, tmp_path: Path) -> None:
    place, config = f"{harbour.address}/docs:1", tmp_path / "deep" / "config.json"
    Path("own.json").write_bytes(b'{"a": 1}')
    push_artifact(place, ["README"], config="own.json:application/vnd.example+json", registries=registries)
    outcomes = []
    for existing in ("refuse", "refuse"):
        pulled = pull_artifact(place, tmp_path / "out", config=config, existing=existing, registries=registries)
        assert pulled.config is not None
        outcomes.append(pulled.config.outcome)
    assert outcomes == ["pulled", "present"]
    assert config.read_bytes() == b'{"a": 1}'
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["README"]
    config.write_bytes(b"mine")
    with pytest.raises(InvalidInput, match="is there already"):
        pull_artifact(place, tmp_path / "new", config=config, existing="refuse", registries=registries)
    assert not (tmp_path / "new").exists()
    pull_artifact(place, tmp_path / "new", config=config, registries=registries, dry_run=True)
    assert config.read_bytes() == b"mine"


def test_what_has_no_title_is_told_of(harbour: Embedded, registries: Registries, tmp_path: Path) -> None:
    repository = registries.repository(f"{harbour.address}/docs")
    repository.push_blob(artifact.EMPTY)
    titled = repository.push_blob(b"with")
    bare = Descriptor("a/b", repository.push_blob(b"without").digest, 7)
    named = Descriptor("a/b", titled.digest, 4, annotations={artifact.TITLE: "with"})
    repository.push_manifest(artifact.artifact([bare, named]).raw, "1")
    repository.push_manifest(artifact.artifact([bare]).raw, "2")
    pulled = pull_artifact(f"{repository}:1", tmp_path, registries=registries)
    assert ([file.path.name for file in pulled.files], pulled.untitled) == (["with"], (bare,))
    with pytest.raises(NotFound, match="nothing of it has a title"):
        pull_artifact(f"{repository}:2", tmp_path, registries=registries)


@pytest.mark.usefixtures("files")
def test_by_platform(harbour: Embedded, registries: Registries, tmp_path: Path) -> None:
    docs = f"{harbour.address}/docs"
    listed = []
    for platform, file in (("linux/amd64", "README"), ("linux/arm64", "manual/run")):
        done = push_artifact(docs, [file], artifact_platform=platform, registries=registries)
        listed.append(f"{docs}@{done.descriptor.digest}")
    create_index(f"{docs}:all", listed, registries=registries)
    with pytest.raises(NotFound, match="index"):
        pull_artifact(f"{docs}:all", tmp_path, registries=registries)
    pulled = pull_artifact(f"{docs}:all", tmp_path, platform="linux/arm64", registries=registries)
    assert [str(file.path.relative_to(tmp_path)) for file in pulled.files] == ["manual/run"]


@pytest.mark.usefixtures("files")
def test_what_is_attached_is_pulled_by_its_subject(harbour: Embedded, registries: Registries, tmp_path: Path) -> None:
    app = f"{harbour.address}/app:1.0"
    attach(app, ["README"], artifact_type="a/note", registries=registries)
    attach(app, ["manual/run"], artifact_type="a/note", platform="linux/arm64", registries=registries)
    names = []
    for platform in (None, "linux/arm64"):
        pulled = pull_artifact(app, tmp_path, attached="a/note", platform=platform, registries=registries)
        names += [file.path.name for file in pulled.files]
    assert names == ["README", "run"]
    with pytest.raises(NotFound, match="nothing of the type 'a/sbom' refers to"):
        pull_artifact(app, tmp_path, attached="a/sbom", registries=registries)
    second = attach(app, ["manual/run"], artifact_type="a/note", registries=registries)
    with pytest.raises(InvalidInput, match="2 artifacts of the type 'a/note'") as caught:
        pull_artifact(app, tmp_path, attached="a/note", registries=registries)
    assert str(second.descriptor.digest) in (caught.value.advice() or "")


def test_an_image_has_no_files(harbour: Embedded, registries: Registries, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="is an index"):
        pull_artifact(f"{harbour.address}/app:1.0", tmp_path, registries=registries)
    with pytest.raises(NotFound, match="has no files"):
        pull_artifact(f"{harbour.address}/app:1.0", tmp_path, platform="linux/amd64", registries=registries)


def test_links_in_the_folder_are_not_followed(registries: Registries, docs: str, tmp_path: Path) -> None:
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    out.mkdir()
    elsewhere.mkdir()
    (out / "manual").symlink_to(elsewhere)
    with pytest.raises(InvalidInput, match="no folder; links are not followed"):
        pull_artifact(docs, out, registries=registries)
    assert list(elsewhere.iterdir()) == []
    (out / "manual").unlink()
    (out / "README").unlink(missing_ok=True)
    (out / "README").symlink_to(elsewhere / "README")
    pull_artifact(docs, out, registries=registries)
    assert not (out / "README").is_symlink()
    assert list(elsewhere.iterdir()) == []


# --- Bad artifacts


Wrong = Callable[..., str]


@pytest.fixture
def wrong(harbour: Embedded, registries: Registries) -> Wrong:
    """Makes an artifact of one packed folder: its tar, its title, and the digest that the tar is said to have."""

    def make(raw: bytes, title: str = "folder", digest: str = "") -> str:
        repository = registries.repository(f"{harbour.address}/wrong")
        layer = repository.push_blob(raw)
        said = {artifact.TITLE: title, artifact.UNPACK: "true"} | ({artifact.UNPACKED: digest} if digest else {})
        repository.push_blob(artifact.EMPTY)
        made = artifact.artifact([Descriptor("a/b", layer.digest, layer.size, annotations=said)])
        repository.push_manifest(made.raw, "1")
        return f"{repository}:1"

    return make


GOOD = tars.entry("folder/good", b"good")


@pytest.mark.parametrize(
    "member",
    [
        tars.entry("../escaped", b"x"),
        tars.entry("folder/../../escaped", b"x"),
        tars.entry("folder/link", kind=tarfile.SYMTYPE, link="../../escaped"),
        tars.entry("folder/link", kind=tarfile.SYMTYPE, link="/etc"),
        tars.entry("folder/link", kind=tarfile.SYMTYPE, link="down/.."),
        tars.entry("folder/link", kind=tarfile.LNKTYPE, link="../escaped"),
        tars.entry("folder/device", kind=tarfile.CHRTYPE),
        tars.entry("folder/pipe", kind=tarfile.FIFOTYPE),
        tars.entry(f"folder/{'x' * 256}", b"x"),
        tars.entry(f"folder/{'x/' * 255}y", b"x"),
    ],
    ids=["name", "dots", "link", "root", "down and up", "hard link", "device", "pipe", "too long", "too deep"],
)
def test_nothing_of_a_bad_folder_is_written(
    wrong: Wrong, registries: Registries, tmp_path: Path, member: bytes
) -> None:
    out = tmp_path / "a" / "out"
    with pytest.raises(InvalidInput):
        pull_artifact(wrong(tars.tar(GOOD, member)), out, registries=registries)
    assert [path for path in (tmp_path / "a").rglob("*") if path != out] == []


def test_what_lies_behind_a_link_of_the_folder_is_not_written(
    wrong: Wrong, registries: Registries, tmp_path: Path
) -> None:
    link = tars.entry("folder/link", kind=tarfile.SYMTYPE, link="..")
    place = wrong(tars.tar(link, tars.entry("folder/link/escaped", b"x")))
    with pytest.raises(InvalidInput, match="links are not followed"):
        pull_artifact(place, tmp_path / "out", registries=registries)
    assert not (tmp_path / "out" / "escaped").exists()


@pytest.mark.parametrize("other", ["folder/nothing", "/etc/passwd", "folder/old", "folder/down"])
def test_another_name_of_what_is_no_file_is_refused_and_what_was_there_stays(
    wrong: Wrong, registries: Registries, tmp_path: Path, other: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "old").write_bytes(b"mine")
    down = tars.entry("folder/down", kind=tarfile.DIRTYPE)
    link = tars.entry("folder/old", kind=tarfile.LNKTYPE, link=other)
    with pytest.raises(InvalidInput, match=r"is the same file as 'folder/.*', which is none"):
        pull_artifact(wrong(tars.tar(GOOD, down, link)), tmp_path, registries=registries)
    assert (tmp_path / "folder" / "old").read_bytes() == b"mine"
    assert {path.name for path in (tmp_path / "folder").iterdir()} == {"old", "good", "down"}


def test_the_same_file_twice_is_the_last_one(wrong: Wrong, registries: Registries, tmp_path: Path) -> None:
    pull_artifact(wrong(tars.tar(GOOD, tars.entry("folder/good", b"last"))), tmp_path, registries=registries)
    assert (tmp_path / "folder" / "good").read_bytes() == b"last"


def test_a_folder_that_calls_itself_otherwise_is_put_where_its_title_says(
    wrong: Wrong, registries: Registries, tmp_path: Path
) -> None:
    pull_artifact(wrong(tars.tar(tars.entry("last/file", b"x")), "first/last"), tmp_path, registries=registries)
    pull_artifact(wrong(tars.tar(tars.entry("file", b"x")), "bare"), tmp_path, registries=registries)
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("file")} == {"first/last/file", "bare/file"}


def test_another_tar_than_it_says_is_not_unpacked(wrong: Wrong, registries: Registries, tmp_path: Path) -> None:
    with pytest.raises(ContentMismatch):
        pull_artifact(wrong(tars.tar(GOOD), digest=f"sha256:{'0' * 64}"), tmp_path, registries=registries)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("title", ["../escaped", "/escaped", "..", "a/../../escaped"])
def test_titles_that_lead_out_are_refused(wrong: Wrong, registries: Registries, tmp_path: Path, title: str) -> None:
    with pytest.raises(InvalidInput, match="leads out of the folder"):
        pull_artifact(wrong(tars.tar(GOOD), title), tmp_path / "out", registries=registries)
    assert list(tmp_path.iterdir()) == []


def test_titles_that_cannot_both_be_there_are_refused(
    harbour: Embedded, registries: Registries, tmp_path: Path
) -> None:
    repository = registries.repository(f"{harbour.address}/wrong")
    repository.push_blob(artifact.EMPTY)
    layer = repository.push_blob(b"x")
    for titles in (("a", "a/b"), ("a/b/c", "a/b"), ("a", "./a")):
        layers = [Descriptor("a/b", layer.digest, 1, annotations={artifact.TITLE: title}) for title in titles]
        repository.push_manifest(artifact.artifact(layers).raw, "1")
        with pytest.raises(InvalidInput, match=r"below what is a file|one title"):
            pull_artifact(f"{repository}:1", tmp_path / "out", registries=registries)
    assert not (tmp_path / "out").exists()


def test_what_is_no_tar_is_refused(wrong: Wrong, registries: Registries, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="is not a tar"):
        pull_artifact(wrong(b"no tar" * 200), tmp_path, registries=registries)
