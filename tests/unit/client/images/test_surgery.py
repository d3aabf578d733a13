"""Images changed by the library, in a registry without sockets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import pratique
from pratique import Event, InvalidInput, NotFound, Registries, Unsupported
from pratique.client.images import changes, checks, contents, delivery, surgery
from pratique.client.images.additions import Addition
from pratique.http.events import Sent
from pratique.image import settings
from pratique.image.layers.bench import Packing
from pratique.spec import media
from pratique.spec.platform import Platform
from pratique.stores.compression import GZIP, PLAIN, ZSTD
from pratique.stores.locations import Location, open_target
from pratique.stores.memory import Memory
from pratique.testing import Embedded
from pratique.transfer.copy import copy
from tests.unit.client.conftest import Connects
from tests.unit.image.images import entry, put_image, put_index

QUIET = changes.configure([settings.environment({"LOUD": "no"})])


def test_no_layer_is_read_that_was_not_changed(harbour: Embedded, registries: Registries, events: list[Event]) -> None:
    app = f"{harbour.address}/app"
    done = surgery.alter(f"{app}:1.0", QUIET, tags=["quiet"], registries=registries)
    assert (done.tags, done.changed) == (("quiet",), True)
    image = registries.repository(app).image("quiet", platform="linux/amd64")
    assert image.config["config"]["Env"] == ["LOUD=no"]
    sent = [event for event in events if isinstance(event, Sent)]
    assert sent
    assert not [each for each in sent if any(str(layer.digest) in str(each) for layer in image.layers)]
    assert list(checks.validate(f"{app}:quiet", registries=registries)) == []


@pytest.fixture
def base(tmp_path: Path) -> str:
    """An image of one layer, in which `lib` is a link and anybody may write to `tmp`."""
    root = tmp_path / "root"
    for name in ("usr/lib", "tmp", "etc"):
        (root / name).mkdir(parents=True)
    (root / "tmp").chmod(0o1777)
    (root / "lib").symlink_to("usr/lib")
    with open_target(Location.parse(f"oci:{tmp_path}/base")) as layout:
        copy(empty(), "1", layout, ["0"])
    surgery.alter(f"oci:{tmp_path}/base:0", changes.append([Addition(str(root))]), tags=["1"])
    return f"oci:{tmp_path}/base:1"


def empty() -> Memory:
    """An image without layers."""
    store = Memory()
    put_image(store, [], "1")
    return store


def files(place: str) -> dict[str, tuple[str, str]]:
    return {file.path: (file.kind, f"{file.mode:o}") for file in contents.list_files(place)}


PLACES = ("/lib/x.so", "/tmp/x", "/etc/", "/opt/a/b")  # noqa: S108 (of the image)


def test_what_is_above_a_new_file_stays_as_the_image_has_it(base: str, tmp_path: Path) -> None:
    (tmp_path / "x.so").write_bytes(b"x")
    additions = [Addition.parse(f"{tmp_path}/x.so:{place}") for place in PLACES]
    surgery.alter(base, changes.append(additions), tags=["2"])
    before, after = files(base), files(base.replace(":1", ":2"))
    assert {name: after.pop(name)[0] for name in ("lib/x.so", "tmp/x", "etc/x.so", "opt/a/b")} == dict.fromkeys(
        ("lib/x.so", "tmp/x", "etc/x.so", "opt/a/b"), "file"
    )
    assert after == before
    assert (before["lib"][0], before["tmp/"]) == ("symlink", ("folder", "1777"))


def test_an_image_begins_with_nothing(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"x")
    change = changes.append([Addition.parse(f"{tmp_path}/x:/bin/")])
    place = f"oci:{tmp_path}/layout"
    one = surgery.alter("scratch", change, platforms=["linux/arm64"], target=f"{place}:one")
    both = surgery.alter("scratch", change, platforms=["linux/arm64", "linux/amd64"], target=f"{place}:both")
    assert both.plan is not None
    assert [str(each.platform) for each in both.plan.root.manifests] == ["linux/arm64", "linux/amd64"]
    assert both.plan.root.manifests[0].digest == one.descriptor.digest
    for tag in ("one", "both"):
        assert list(checks.validate(f"{place}:{tag}")) == []
        assert [file.path for file in contents.list_files(f"{place}:{tag}", platform="linux/arm64")] == ["bin/x"]
    with pytest.raises(InvalidInput, match="for no platform"):
        surgery.alter("scratch", change, target=f"{place}:none")
    with pytest.raises(InvalidInput, match="is no place"):
        surgery.alter("scratch", change, platforms=["linux/arm64"])


def test_standard_input_is_one_layer() -> None:
    with pytest.raises(InvalidInput, match="one layer only"):
        changes.append([Addition("-"), Addition("-")])


def test_several_changes_are_sent_once(base: str) -> None:
    steps = [changes.based(base), QUIET, changes.in_form("oci"), changes.flatten(), changes.rewrite(_by_somebody)]
    done = surgery.alter(base, changes.in_turn(steps), tags=["all"])
    assert done.plan is not None
    root = done.plan.root
    assert (len(root.layers), root.annotations, len(done.plan.manifests)) == (1, {}, 1)
    assert list(checks.validate(base.replace(":1", ":all"))) == []


def _by_somebody(raw: bytes) -> bytes:
    return json.dumps({**json.loads(raw), "author": "somebody"}).encode()


def test_one_platforms_image_comes_alone_where_that_is_said(harbour: Embedded, registries: Registries) -> None:
    app = f"{harbour.address}/app"
    arm = registries.repository(app).image("1.0", platform="linux/arm64")
    same = changes.configure([])
    one = surgery.alter(f"{app}:1.0", same, platforms=["linux/arm64"], alone=True, registries=registries)
    assert one.descriptor.digest == arm.descriptor.digest
    both = ["linux/arm64", "linux/amd64"]
    index = surgery.alter(f"{app}:1.0", same, platforms=both, alone=True, registries=registries)
    assert index.descriptor.digest == registries.repository(app).resolve("1.0").digest
    with pytest.raises(NotFound, match="linux/s390x"):
        surgery.alter(f"{app}:1.0", same, platforms=["linux/s390x"], alone=True, registries=registries)


def test_what_comes_alone_is_what_the_index_says_that_it_is(tmp_path: Path) -> None:
    """Whatever its config says."""
    store, place = Memory(), f"oci:{tmp_path}/layout"
    put_index(store, [entry(put_image(store, []), Platform.parse("linux/riscv64"))], "1")
    with open_target(Location.parse(place)) as layout:
        copy(store, "1", layout, ["1"])
    done = surgery.alter(f"{place}:1", QUIET, platforms=["linux/riscv64"], alone=True)
    assert done.descriptor.media_type == media.OCI_MANIFEST
    assert list(checks.validate(f"{place}@{done.descriptor.digest}")) == []


def test_an_archive_of_dockers_gets_the_platforms_image(
    harbour: Embedded, registries: Registries, tmp_path: Path
) -> None:
    app, archive = f"{harbour.address}/app:1.0", f"docker-archive:{tmp_path}/saved.tar"
    surgery.alter(app, QUIET, platforms=["linux/arm64"], target=f"{archive}:app:1", registries=registries)
    assert [file.path for file in contents.list_files(archive, platform="linux/arm64")] == ["hello"]


def test_a_form_is_given_to_the_index_with_all_its_images(harbour: Embedded, registries: Registries) -> None:
    app, arm = f"{harbour.address}/app", ["linux/arm64"]

    def types(tag: str) -> list[str]:
        root = registries.repository(app).manifest(tag)
        return [root.media_type, *(entry.media_type for entry in root.manifests)]

    surgery.convert(f"{app}:1.0", "docker", tags=["all"], registries=registries)
    assert types("all") == [media.DOCKER_LIST, *[media.DOCKER_MANIFEST] * 2]
    surgery.convert(f"{app}:1.0", "docker", tags=["arm"], platforms=arm, registries=registries)
    assert types("arm") == [media.OCI_INDEX, media.OCI_MANIFEST, media.DOCKER_MANIFEST]
    surgery.convert(f"{app}:1.0", "docker", tags=["alone"], platforms=arm, alone=True, registries=registries)
    assert types("alone") == [media.DOCKER_MANIFEST]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b"}", b"", "not JSON"),
        (b"index.v1", b"unheard.v1", "has become"),
        (b"index.v1", b"manifest.v1", "calls itself"),
        (b'"schemaVersion": 2', b'"schemaVersion": 3', "of schema 3"),
    ],
)
def test_an_index_stays_one(harbour: Embedded, registries: Registries, old: bytes, new: bytes, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        surgery.revise(f"{harbour.address}/app:1.0", lambda raw: raw.replace(old, new), registries=registries)


def test_a_manifest_keeps_the_layers_of_its_config(base: str) -> None:
    def without_layers(raw: bytes) -> bytes:
        return json.dumps({**json.loads(raw), "layers": []}).encode()

    with pytest.raises(InvalidInput, match="1 diff ids for 0 layers"):
        surgery.revise(base, without_layers)


@pytest.mark.parametrize(
    ("referrers", "expected"), [("drop", set()), ("keep", {"old.sig"}), ("move", {"new.sig"})], ids=str
)
def test_tags_that_are_named_after_the_digest_go_with_what_refers_to_it(
    harbour: Embedded, registries: Registries, referrers: delivery.Following, expected: set[str]
) -> None:
    app, other = f"{harbour.address}/app", f"{harbour.address}/other"
    old = registries.repository(app).resolve("1.0").digest.encoded
    for tag in (f"sha256-{old}.sig", f"sha256-{old}", f"sha256-{'0' * 64}.sig"):
        pratique.copy(f"{app}:1.0", f"{app}:{tag}", registries=registries)
    done = surgery.alter(f"{app}:1.0", QUIET, target=f"{other}:1", referrers=referrers, registries=registries)
    names = {f"sha256-{old}": "old", f"sha256-{done.descriptor.digest.encoded}": "new"}
    found = {tag.partition(".") for tag in registries.repository(other).tags() if tag != "1"}
    assert {f"{names[name]}{dot}{rest}" for name, dot, rest in found} == expected


@pytest.mark.parametrize(("kind", "level"), [(GZIP, 10), (ZSTD, 23), (PLAIN, 1), (GZIP, -1)])
def test_levels_that_there_are_not(kind: str, level: int) -> None:
    with pytest.raises(InvalidInput, match="has no level"):
        Packing(kind, level)


def test_nothing_changed_is_the_same_digest(harbour: Embedded, registries: Registries) -> None:
    app = f"{harbour.address}/app"
    same = surgery.alter(f"{app}:1.0", changes.configure([]), registries=registries)
    assert same.descriptor.digest == registries.repository(app).resolve("1.0").digest


def test_a_dry_run_of_one_who_may_not_push_pushes_nothing(harbour: Embedded, connect: Connects) -> None:
    anybody = connect(credentials={})
    place = f"{harbour.address}/open/app"
    before = sorted(anybody.repository(place).tags())
    planned = surgery.revise(f"{place}:1.0", lambda raw: raw + b"\n", tags=["new"], dry_run=True, registries=anybody)
    assert planned.plan is not None
    assert planned.plan.root.raw.endswith(b"\n")
    assert sorted(anybody.repository(place).tags()) == before


def test_where_it_goes_has_to_be_said_of_archives(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be added to"):
        surgery.alter(f"oci-archive:{tmp_path}/a.tar", QUIET)


def test_what_cannot_be_asked_is_read(harbour: Embedded, registries: Registries, tmp_path: Path) -> None:
    archive = f"docker-archive:{tmp_path}/saved.tar"
    one = f"oci:{tmp_path}/one:1"
    pratique.copy(f"{harbour.address}/app:1.0", one, platforms=["linux/amd64"], registries=registries)
    surgery.alter(one, QUIET, target=f"{archive}:app:1")
    assert list(checks.validate(archive)) == []
    with pytest.raises(Unsupported, match="cannot be asked"):
        list(checks.validate(archive, fast=True))
