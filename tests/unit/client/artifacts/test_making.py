"""Artifacts made of files, and attached."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pratique import Event, InvalidInput, NotFound, Registries, Unsupported
from pratique.client.artifacts.making import attach, push_artifact
from pratique.client.artifacts.parts import PushedFile
from pratique.client.artifacts.pulling import pull_artifact
from pratique.http.events import Sent
from pratique.image import artifact
from pratique.testing import Embedded
from tests.unit.client.conftest import Connects

from .conftest import contents


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
def test_types_are_media_types(harbour: Embedded, registries: Registries) -> None:
    with pytest.raises(InvalidInput, match="'sbom' is no media type"):
        push_artifact(f"{harbour.address}/docs:1", ["README"], artifact_type="sbom", registries=registries)


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
