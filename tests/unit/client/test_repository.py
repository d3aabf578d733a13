"""A repository by its name: read, written, and refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pratique import (
    Digest,
    InvalidDigest,
    InvalidInput,
    InvalidReference,
    NotFound,
    Platform,
    Registries,
    Repository,
    Unauthorized,
)
from pratique.http.events import Event, Sent
from pratique.image.sample import image
from pratique.spec import media
from pratique.testing import Embedded

from .conftest import Connects


@pytest.fixture
def app(harbour: Embedded, registries: Registries) -> Repository:
    return registries.repository(f"{harbour.address}/app")


def requests(events: list[Event]) -> list[str]:
    """The requests that were answered with what they asked for."""
    return [event.method for event in events if isinstance(event, Sent) and event.status == 200]


def test_it_is_the_repository_that_a_reference_is_in(harbour: Embedded, registries: Registries) -> None:
    for text in ("app", "app:1.0", f"app@{Digest.of(b'')}"):
        found = registries.repository(f"{harbour.address}/{text}")
        assert (found.registry, found.name, str(found)) == (harbour.address, "app", f"{harbour.address}/app")
    with pytest.raises(InvalidReference):
        registries.repository("localhost/UPPER")


def test_resolving_takes_one_request(app: Repository, events: list[Event]) -> None:
    found = app.resolve("1.0")
    assert requests(events) == ["HEAD"]
    assert app.resolve(str(found.digest)) == found == app.resolve(found.digest)
    assert app.manifest("1.0").descriptor.digest == found.digest


def test_one_platform_of_an_index(app: Repository, events: list[Event]) -> None:
    found = app.resolve("1.0", platform="linux/arm64")
    assert requests(events) == ["GET"]
    assert found.digest == app.resolve("1.0", platform=Platform.parse("linux/arm64")).digest
    assert app.manifest("1.0", platform="linux/arm64").digest == found.digest
    assert not app.manifest(found.digest, platform="linux/amd64").is_index  # an image is what it is
    with pytest.raises(NotFound, match="no image for plan9/386"):
        app.resolve("1.0", platform="plan9/386")


def test_an_image_has_a_config(app: Repository, events: list[Event]) -> None:
    image = app.image("1.0", platform="linux/arm64")
    assert requests(events) == ["GET", "GET", "GET"]  # the index, the manifest, the config
    config = app.config("1.0", platform="linux/arm64")
    assert (str(image.platform), image.config["architecture"]) == ("linux/arm64", "arm64")
    assert config.document == image.config == json.loads(config.raw)
    assert config.descriptor.digest == Digest.of(config.raw)


@pytest.mark.parametrize("ask", [Repository.image, Repository.config])
def test_an_index_has_none(app: Repository, ask: object) -> None:
    with pytest.raises(NotFound, match="is an index of 2 images") as raised:
        ask(app, "1.0")  # type: ignore[operator]
    assert "linux/amd64, linux/arm64" in str(raised.value.advice())


def test_inspecting_reads_every_image_or_one(app: Repository) -> None:
    assert app.inspect("1.0").platforms == ("linux/amd64", "linux/arm64")
    one = app.inspect("1.0", platform="linux/arm64")
    assert (one.digest, one.platforms) == (app.resolve("1.0", platform="linux/arm64").digest, ("linux/arm64",))


def test_several_are_inspected_in_their_order(app: Repository) -> None:
    app.tag("1.0", "b", "a")
    assert [found.name for found in app.inspections(["b", "1.0", "a"])] == ["b", "1.0", "a"]


def test_tags_come_as_they_are_wanted(app: Repository, events: list[Event]) -> None:
    app.tag("1.0", "2", "3", "4")
    events.clear()
    tags = app.tags(page_size=2)
    assert requests(events) == []
    assert next(iter(tags)) == "1.0"
    assert requests(events) == ["GET"]
    assert [*tags] == ["2", "3", "4"]
    assert requests(events) == ["GET", "GET"]


def test_tags_are_sorted_by_what_people_mean(harbour: Embedded, app: Repository) -> None:
    for tag, year in {"1.9": 2024, "1.10": 2020, "1.11": 2019, "1.10-rc1": 2025}.items():
        harbour.push(image(Platform("linux", "amd64"), {}, created=datetime(year, 1, 1, tzinfo=UTC)), f"app:{tag}")
    config = app.push_blob(b"{}", media_type=media.OCI_EMPTY).to_json()  # which has no date
    app.push_manifest(json.dumps({"schemaVersion": 2, "config": config, "layers": []}).encode(), "note")
    app.delete("1.0")
    assert [*app.tags(sort="name")] == ["1.10", "1.10-rc1", "1.11", "1.9", "note"]
    assert [*app.tags(sort="version")] == ["1.11", "1.10", "1.10-rc1", "1.9", "note"]
    assert [*app.tags(sort="date")] == ["1.10-rc1", "1.9", "1.10", "1.11", "note"]
    assert [found.name for found in app.inspections(["1.10", "1.9"], by_date=True)] == ["1.9", "1.10"]


def test_sorted_tags_are_asked_for_when_they_are_wanted(app: Repository, events: list[Event]) -> None:
    tags = app.tags(sort="version", page_size=1)
    assert requests(events) == []
    assert [*tags] == ["1.0"]


def test_an_order_that_there_is_not(app: Repository) -> None:
    with pytest.raises(InvalidInput, match="not sorted by 'age'") as raised:
        app.tags(sort="age")  # type: ignore[arg-type]
    assert raised.value.advice() == "known are name, version, date"


def test_what_is_not_there_can_be_looked_for(harbour: Embedded, registries: Registries, app: Repository) -> None:
    nowhere = registries.repository(f"{harbour.address}/nowhere")
    advised: dict[str | None, Callable[[], object]] = {
        f"list its tags with: pratique tags {harbour.address}/app": lambda: app.resolve("9"),
        f"check the name, or list the repositories with: pratique repos {harbour.address}": lambda: [*nowhere.tags()],
        None: lambda: app.manifest(Digest.of(b"")),
    }
    for advice, ask in advised.items():
        with pytest.raises(NotFound) as raised:
            ask()
        assert raised.value.advice() == advice


def test_a_tag_that_is_none_is_told_before_anything_is_asked(app: Repository, events: list[Event]) -> None:
    with pytest.raises(InvalidReference, match="'not a tag' is not a tag"):
        app.tag("1.0", "fine", "not a tag")
    assert events == []


def test_what_is_pushed_is_there(app: Repository) -> None:
    config = app.push_blob(b"{}", media_type=media.OCI_EMPTY)
    subject = app.resolve("1.0")
    document = {
        "schemaVersion": 2,
        "mediaType": media.OCI_MANIFEST,
        "artifactType": "application/x-note",
        "config": config.to_json(),
        "layers": [app.push_blob(b"a note").to_json()],
        "subject": subject.to_json(),
    }
    pushed = app.push_manifest(json.dumps(document).encode(), "note", "other")
    assert {*app.tags()} == {"1.0", "note", "other"}
    assert app.resolve("note").digest == pushed.digest
    for name in ("1.0", subject.digest, str(subject.digest)):
        assert [each.digest for each in app.referrers(name)] == [pushed.digest]
    assert [*app.referrers("1.0", artifact_type="application/x-other")] == []


def test_a_blob_that_is_there_is_not_sent_again(app: Repository, events: list[Event]) -> None:
    app.push_blob(b"content")
    events.clear()
    app.push_blob(b"content")
    assert [event.method for event in events if isinstance(event, Sent)] == ["HEAD"]


def test_a_file_is_a_blob(app: Repository, tmp_path: Path) -> None:
    file = tmp_path / "layer.tar"
    file.write_bytes(b"content" * 1000)
    pushed = app.push_blob(file, media_type="application/x-tar")
    assert (pushed.media_type, pushed.size, pushed.digest) == ("application/x-tar", 7000, Digest.of(b"content" * 1000))
    assert app.blob(pushed.digest).read() == file.read_bytes()
    with pytest.raises(InvalidInput, match="cannot be read"):
        app.push_blob(tmp_path / "nothing")


def test_what_is_no_manifest_is_not_pushed(app: Repository) -> None:
    with pytest.raises(InvalidInput, match="manifest is not JSON"):
        app.push_manifest(b"nonsense", "1.0")


def test_a_digest_is_one(app: Repository) -> None:
    with pytest.raises(InvalidDigest):
        app.blob("1.0")
    with pytest.raises(NotFound):
        app.blob(Digest.of(b"nothing"))


def test_what_is_not_permitted_says_so(harbour: Embedded, connect: Connects) -> None:
    nobody = connect(credentials={}).repository(f"{harbour.address}/open/app")
    assert [*nobody.tags()] == ["1.0"]
    with pytest.raises(Unauthorized):
        nobody.tag("1.0", "2")


def test_the_repositories_of_a_registry(harbour: Embedded, registries: Registries) -> None:
    assert [*registries.repositories(harbour.address, page_size=1)] == ["app", "open/app"]
    with pytest.raises(InvalidInput):
        registries.repositories("not a registry")
