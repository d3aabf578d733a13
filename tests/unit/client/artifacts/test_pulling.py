"""The files of artifacts in a folder: which, where, and what becomes of what is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from pratique import Descriptor, Event, InvalidInput, NotFound, Registries
from pratique.artifacts import create_index
from pratique.client.artifacts.making import attach, push_artifact
from pratique.client.artifacts.parts import PushedFile
from pratique.client.artifacts.pulling import pull_artifact
from pratique.http.events import Sent
from pratique.image import artifact
from pratique.testing import Embedded
from tests.unit.stores import tars

from .conftest import GOOD, Wrong, contents


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
