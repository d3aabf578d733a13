"""Indexes made of what lies anywhere, and changed where they are."""

from __future__ import annotations

from pathlib import Path

import pytest

import pratique
from pratique import Event, InvalidInput, NotFound, Platform, Registries
from pratique.client.indexes import Listed, add_to_index, change_index, create_index
from pratique.http.events import Sent
from pratique.spec import media
from pratique.testing import Embedded
from pratique.transfer.events import Arrival, Done


@pytest.fixture
def images(harbour: Embedded) -> dict[str, str]:
    """Images for one platform each, in repositories of their own."""
    platforms = {"amd": "linux/amd64", "arm": "linux/arm64", "risc": "linux/riscv64"}
    for name, platform in platforms.items():
        harbour.push_image(f"{name}:1", {"file": name.encode()}, platforms=[platform])
    return {name: f"{harbour.address}/{name}:1" for name in platforms}


def test_images_of_other_repositories_are_mounted_and_listed_by_their_platform(
    harbour: Embedded, registries: Registries, images: dict[str, str], events: list[Event]
) -> None:
    place = f"{harbour.address}/all:2"
    done = create_index(place, [images["amd"], images["arm"]], tags=["latest"], registries=registries)
    assert done.tags == ("2", "latest")
    inspected = registries.repository(place).inspect("latest")
    assert inspected.platforms == ("linux/amd64", "linux/arm64")
    assert inspected.digest == done.descriptor.digest
    moved = {event.how for event in events if isinstance(event, Done)}
    assert moved == {Arrival.MOUNTED}
    for image in inspected.images:
        assert registries.repository(place).blob(image.layers[0].digest).read()


def test_from_layouts_archives_and_registries_to_any_store(
    harbour: Embedded, registries: Registries, images: dict[str, str], tmp_path: Path
) -> None:
    layout, archive = f"oci:{tmp_path}/layout:a", f"oci-archive:{tmp_path}/archive.tar:b"
    pratique.copy(images["amd"], layout, registries=registries)
    pratique.copy(images["arm"], archive, registries=registries)
    listed = [layout, archive, images["risc"]]
    found = {
        create_index(target, listed, registries=registries).descriptor.digest
        for target in (f"{harbour.address}/all:1", f"oci:{tmp_path}/new:1", f"oci-archive:{tmp_path}/new.tar:1")
    }
    assert len(found) == 1
    pratique.copy(f"oci-archive:{tmp_path}/new.tar:1", f"oci:{tmp_path}/complete")
    pratique.copy(f"{harbour.address}/all:1", f"oci:{tmp_path}/complete-too", registries=registries)


def test_a_dry_run_has_the_index_and_what_would_be_sent(
    harbour: Embedded, registries: Registries, images: dict[str, str], events: list[Event]
) -> None:
    events.clear()
    dry = create_index(f"{harbour.address}/all:1", images.values(), registries=registries, dry_run=True)
    assert dry.plan is not None
    assert len(dry.plan.root.manifests) == 3
    assert (len(dry.plan.manifests), len(dry.plan.mounts)) == (4, 6)
    assert {event.method for event in events if isinstance(event, Sent)} <= {"GET", "HEAD"}


def test_platforms_and_annotations_that_are_given(
    harbour: Embedded, registries: Registries, images: dict[str, str]
) -> None:
    done = create_index(
        f"{harbour.address}/all:1",
        [f"linux/arm64/v9={images['arm']}"],
        annotations={"a": "b"},
        entry_annotations={"c": "d"},
        registries=registries,
    )
    assert done.plan is not None
    entry = done.plan.root.manifests[0]
    assert (str(entry.platform), entry.annotations) == ("linux/arm64/v9", {"c": "d"})
    assert done.plan.root.annotations == {"a": "b"}


def test_an_index_gives_its_entries_or_is_nested(harbour: Embedded, registries: Registries) -> None:
    app = f"{harbour.address}/app:1.0"
    flat = create_index(f"{harbour.address}/all:flat", [app], registries=registries)
    nested = create_index(f"{harbour.address}/all:nested", [app], nested=True, registries=registries)
    one = create_index(f"{harbour.address}/all:one", [f"linux/arm64={app}"], registries=registries)
    manifests = [result.plan.root.manifests for result in (flat, nested, one) if result.plan]
    assert [[str(entry.platform) for entry in each] for each in manifests] == [
        ["linux/amd64", "linux/arm64"],
        ["None"],
        ["linux/arm64"],
    ]
    assert manifests[1][0].media_type == media.OCI_INDEX
    everything = registries.repository(f"{harbour.address}/all").inspect("nested")
    assert everything.platforms == ("linux/amd64", "linux/arm64")


def test_docker_s_form(harbour: Embedded, registries: Registries, images: dict[str, str]) -> None:
    done = create_index(f"{harbour.address}/all:1", [images["amd"]], form="docker", registries=registries)
    assert done.descriptor.media_type == media.DOCKER_LIST


@pytest.fixture
def both(harbour: Embedded, registries: Registries, images: dict[str, str]) -> str:
    """An index of two images."""
    place = f"{harbour.address}/all:1"
    create_index(place, [images["amd"], images["arm"]], registries=registries)
    return place


def platforms(registries: Registries, place: str, name: str = "1") -> list[str]:
    return [str(entry.platform) for entry in registries.repository(place).manifest(name).manifests]


def test_an_index_is_changed_under_its_tag_or_another(
    both: str, registries: Registries, images: dict[str, str]
) -> None:
    add_to_index(both, [images["risc"]], registries=registries)
    assert platforms(registries, both) == ["linux/amd64", "linux/arm64", "linux/riscv64"]
    change_index(both, keep=["linux/arm64", "linux/amd64"], tags=["small"], registries=registries)
    assert platforms(registries, both, "small") == ["linux/amd64", "linux/arm64"]
    change_index(both, remove=["linux/amd64"], registries=registries)
    assert platforms(registries, both) == ["linux/arm64", "linux/riscv64"]
    change_index(both, annotations={"a": "b"}, registries=registries)
    change_index(both, annotations={"c": "d"}, entries=["linux/arm64"], registries=registries)
    manifest = registries.repository(both).manifest("1")
    assert (manifest.annotations, manifest.manifests[0].annotations) == ({"a": "b"}, {"c": "d"})


def test_in_a_layout_the_rest_stays(both: str, registries: Registries, tmp_path: Path, images: dict[str, str]) -> None:
    pratique.copy(both, f"oci:{tmp_path}/layout:all", registries=registries)
    pratique.copy(images["risc"], f"oci:{tmp_path}/layout:risc", registries=registries)
    add_to_index(f"oci:{tmp_path}/layout:all", [f"oci:{tmp_path}/layout:risc"])
    done = change_index(f"oci:{tmp_path}/layout:all", remove=["linux/arm64"])
    assert done.plan is not None
    assert [str(entry.platform) for entry in done.plan.root.manifests] == ["linux/amd64", "linux/riscv64"]
    assert pratique.copy(f"oci:{tmp_path}/layout:risc", f"oci:{tmp_path}/other").changed


def test_what_cannot_be_changed(both: str, registries: Registries, tmp_path: Path, images: dict[str, str]) -> None:
    with pytest.raises(InvalidInput, match="written whole"):
        change_index(f"oci-archive:{tmp_path}/a.tar:1", remove=["linux/amd64"])
    with pytest.raises(InvalidInput, match="no index"):
        change_index(images["amd"], annotations={"a": "b"}, registries=registries)
    with pytest.raises(InvalidInput, match="no index"):
        add_to_index(images["amd"], [images["arm"]], registries=registries)
    with pytest.raises(NotFound, match="has no linux/s390x"):
        change_index(both, remove=["linux/s390x"], registries=registries)
    with pytest.raises(InvalidInput, match="gets its own"):
        create_index(f"{both.rpartition(':')[0]}@sha256:{'0' * 64}", [images["amd"]], registries=registries)


@pytest.mark.parametrize(
    ("text", "place", "platform"),
    [
        ("localhost:5000/app:1", "localhost:5000/app:1", None),
        ("linux/arm64=localhost:5000/app:1", "localhost:5000/app:1", "linux/arm64"),
        ("windows/amd64:10.0=oci:a:b", "oci:a:b", "windows/amd64:10.0"),
        ("oci:a=b/c:1", "oci:a=b/c:1", None),
    ],
)
def test_a_word_is_a_place_and_perhaps_its_platform(text: str, place: str, platform: str | None) -> None:
    listed = Listed.parse(text)
    assert str(listed.place) == place
    assert listed.platform == (Platform.parse(platform) if platform else None)
