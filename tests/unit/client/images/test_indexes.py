"""Indexes made of what lies anywhere, and changed where they are."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

import pratique
from pratique import Descriptor, Event, InvalidInput, Manifest, NotFound, Platform, Registries, Repository
from pratique.client.artifacts.making import attach
from pratique.client.images.indexes import add_to_index, change_index, create_index
from pratique.client.images.listed import Listed
from pratique.http.events import Sent, Warned
from pratique.spec import media
from pratique.stores.locations import Location
from pratique.testing import Embedded
from pratique.transfer.copy import Result
from pratique.transfer.events import Arrival, Done, Planned
from tests.unit.client.conftest import Connects


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


@pytest.mark.parametrize("store", ["registry", "layout"])
def test_all_who_add_at_once_are_listed(
    connect: Connects, harbour: Embedded, images: dict[str, str], tmp_path: Path, store: str
) -> None:
    place = f"{harbour.address}/all:1" if store == "registry" else f"oci:{tmp_path}/layout:all"
    several = [connect() for _ in images]
    create_index(place, [f"{harbour.address}/app:1.0"], registries=several[0])
    change_index(place, remove=["linux"], registries=several[0])
    threads = [
        threading.Thread(target=add_to_index, args=[place, [image]], kwargs={"registries": registries})
        for image, registries in zip(images.values(), several, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    last = change_index(place, annotations={"a": "b"}, registries=several[0])
    assert last.plan is not None
    assert {str(each.platform) for each in last.plan.root.manifests} == {"linux/amd64", "linux/arm64", "linux/riscv64"}


def test_what_is_put_is_made_of_what_is_there_by_then(
    both: str, registries: Registries, images: dict[str, str]
) -> None:
    """Somebody else changes the index after it was read, and before it is put."""

    def meanwhile(event: Event) -> None:
        if isinstance(event, Planned) and not done:
            done.append(add_to_index(both, [images["risc"]], registries=registries))

    done: list[Result] = []
    changed = change_index(both, remove=["linux/amd64"], registries=registries, tell=meanwhile)
    assert platforms(registries, both) == ["linux/arm64", "linux/riscv64"]
    assert registries.repository(both).resolve("1").digest == changed.descriptor.digest


def test_what_changes_nothing_sends_nothing(
    both: str, registries: Registries, images: dict[str, str], events: list[Event]
) -> None:
    before = registries.repository(both).resolve("1")
    events.clear()
    again = add_to_index(both, [images["arm"]], registries=registries)
    assert (again.changed, again.descriptor) == (False, before)
    assert {event.method for event in events if isinstance(event, Sent)} <= {"GET", "HEAD"}


def test_a_changed_index_goes_elsewhere_with_what_it_lists(
    both: str, registries: Registries, images: dict[str, str], tmp_path: Path
) -> None:
    archive, layout = f"oci-archive:{tmp_path}/a.tar:small", f"oci:{tmp_path}/layout"
    done = change_index(both, keep=["linux/arm64"], target=archive, tags=["too"], registries=registries)
    assert done.tags == ("small", "too")
    assert platforms(registries, both) == ["linux/amd64", "linux/arm64"]
    more = add_to_index(archive, [images["risc"]], target=f"{layout}:all", registries=registries)
    assert more.plan is not None
    assert [str(each.platform) for each in more.plan.root.manifests] == ["linux/arm64", "linux/riscv64"]
    pratique.copy(f"{layout}:all", f"oci:{tmp_path}/complete")
    change_index(
        f"{layout}:all", remove=["linux/arm64"], target=f"{both.rpartition('/')[0]}/new:1", registries=registries
    )
    assert registries.repository(f"{both.rpartition('/')[0]}/new").inspect("1").platforms == ("linux/riscv64",)


def test_by_its_digest_an_index_is_not_moved(both: str, registries: Registries) -> None:
    app = registries.repository(both)
    before = app.resolve("1").digest
    place = f"{both.rpartition(':')[0]}@{before}"
    done = change_index(place, remove=["linux/amd64"], registries=registries)
    assert (done.tags, app.resolve("1").digest) == (("",), before)
    assert len(app.manifest(done.descriptor.digest).manifests) == 1


def attested(app: Repository) -> Manifest:
    """An index of two images for versions of an operating system, the first attested as BuildKit does it."""
    listed: list[dict[str, object]] = []
    manifest: dict[str, object] = {"schemaVersion": 2, "mediaType": media.OCI_MANIFEST, "layers": []}
    for version in ("10.0.1", "10.0.2"):
        config = app.push_blob(b'{"os": "windows", "architecture": "amd64", "version": "%s"}' % version.encode())
        image = app.push_manifest(
            json.dumps({**manifest, "config": {**config.to_json(), "mediaType": media.OCI_CONFIG}}).encode()
        )
        platform = {"os": "windows", "architecture": "amd64", "os.version": version}
        listed.append({**bare(image), "platform": platform, "annotations": {"kept": version}})
    note = app.push_blob(b"{}").to_json()
    about = app.push_manifest(json.dumps({**manifest, "config": note, "annotations": {"x": "y"}}).encode())
    said = {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": listed[0]["digest"]}
    listed.append({**bare(about), "platform": {"os": "unknown", "architecture": "unknown"}, "annotations": said})
    index = {"schemaVersion": 2, "mediaType": media.OCI_INDEX, "manifests": listed}
    app.push_manifest(json.dumps(index).encode(), "attested")
    return app.manifest("attested")


def bare(found: Descriptor) -> dict[str, object]:
    return {"mediaType": found.media_type, "digest": str(found.digest), "size": found.size}


def test_of_an_index_the_images_for_a_platform_come_as_they_are_listed(
    harbour: Embedded, registries: Registries
) -> None:
    place = f"{harbour.address}/app"
    old = attested(registries.repository(place))
    for wish, numbers in {
        "windows/amd64": [0, 1, 2],
        "windows/amd64:10.0.1": [0, 2],
        "windows/amd64:10.0.2": [1],
    }.items():
        done = create_index(
            f"oci-archive:{harbour.address}.tar:1", [f"{wish}={place}:attested"], registries=registries, dry_run=True
        )
        assert done.plan is not None
        assert done.plan.root.manifests == tuple(old.manifests[number] for number in numbers)
    noted = create_index(f"{place}:2", [f"{place}:attested"], entry_annotations={"a": "b"}, registries=registries)
    assert noted.plan is not None
    assert [each.annotations.get("a") for each in noted.plan.root.manifests] == ["b", "b", None]


def test_what_refers_goes_along_where_that_is_wanted(
    harbour: Embedded, registries: Registries, images: dict[str, str]
) -> None:
    signed = registries.repository(images["arm"])
    digest = signed.resolve("1").digest
    attach(images["arm"], artifact_type="x/note", registries=registries)
    signed.tag("1", f"{digest.algorithm}-{digest.encoded}.sig")
    place = f"{harbour.address}/all"
    copied = registries.repository(place)
    for number, keywords in enumerate(
        [{}, {"referrers": True}, {"digest_tags": True}]
    ):  # what is listed is there already
        done = create_index(f"{place}:1", images.values(), registries=registries, **keywords)  # type: ignore[arg-type]
        assert len(list(copied.referrers(digest))) == (number >= 1)
        assert len(list(copied.tags())) == 1 + (number == 2)
        assert len(done.companions) == bool(number)


def test_an_index_refers_to_its_subject(harbour: Embedded, registries: Registries, images: dict[str, str]) -> None:
    place = f"{harbour.address}/arm"
    done = create_index(
        f"{place}:all", [images["amd"]], artifact_type="x/all", subject=f"{place}:1", registries=registries
    )
    found = list(registries.repository(place).referrers("1"))
    assert [(each.digest, each.artifact_type) for each in found] == [(done.descriptor.digest, "x/all")]


def test_another_platform_for_an_entry(both: str, registries: Registries) -> None:
    change_index(both, platform="linux/arm64/v9", entries=["linux/arm64"], registries=registries)
    assert platforms(registries, both) == ["linux/amd64", "linux/arm64/v9"]
    with pytest.raises(InvalidInput, match="a platform is of an entry"):
        change_index(both, platform="linux/arm64", registries=registries)


def test_what_is_hardly_meant_is_warned_of(
    harbour: Embedded, registries: Registries, images: dict[str, str], events: list[Event]
) -> None:
    app = registries.repository(f"{harbour.address}/app")
    config = app.push_blob(b"{}", media_type=media.OCI_CONFIG).to_json()
    raw = {"schemaVersion": 2, "mediaType": media.OCI_MANIFEST, "config": config, "layers": []}
    app.push_manifest(json.dumps(raw).encode(), "nowhere")
    listed = [images["amd"], f"linux/amd64={images['arm']}", f"{harbour.address}/app:nowhere"]
    create_index(f"{harbour.address}/all:1", listed, registries=registries)
    assert [event.text for event in events if isinstance(event, Warned)] == [
        f"{listed[2]} does not say what it runs on, and is listed so; OS/ARCH={listed[2]} says it",
        "the index has 2 images for linux/amd64, of which clients take the first",
    ]
    events.clear()
    change_index(f"{harbour.address}/all:1", annotations={"a": "b"}, registries=registries)
    assert not [event for event in events if isinstance(event, Warned)]


def test_annotations_of_one_that_is_listed(harbour: Embedded, registries: Registries, images: dict[str, str]) -> None:
    listed: list[str | Listed] = [Listed(Location.parse(images["amd"]), annotations={"a": "b"}), images["arm"]]
    done = create_index(f"{harbour.address}/all:1", listed, registries=registries)
    assert done.plan is not None
    assert [each.annotations for each in done.plan.root.manifests] == [{"a": "b"}, {}]


def test_a_keyword_that_there_is_not(both: str) -> None:
    with pytest.raises(TypeError, match="tag"):
        change_index(both, tag=["x"])  # type: ignore[call-arg]


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
