"""Repositories saved, lost, and brought back."""

from __future__ import annotations

import io
import sys
import tarfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from pratique import Event, Failure, InvalidInput, NotFound, Refused, Registries, Result
from pratique.client.artifacts.backups import backup, restore, saved
from pratique.client.artifacts.making import attach
from pratique.client.artifacts.referrers import Referrer, referrers
from pratique.testing import Embedded, registry
from pratique.transfer.events import Moved
from tests.unit.client.conftest import Connects


def no_pause(_: float) -> None:
    """What a registry without the referrers API is given before its lists are looked at again."""


@pytest.fixture
def app(harbour: Embedded, registries: Registries) -> str:
    """A repository of two tags, one of them with an SBOM that is signed."""
    harbour.push_image("app:2.0", {"file": b"2"})
    sbom = attach(f"{harbour.address}/app:1.0", artifact_type="x/sbom", registries=registries)
    attach(
        f"{harbour.address}/app@{sbom.descriptor.digest}",
        artifact_type="x/signature",
        platform=None,
        registries=registries,
    )
    return f"{harbour.address}/app"


def shape(found: Referrer) -> object:
    return [(str(each.descriptor.digest), shape(each)) for each in found.referrers]


@pytest.mark.parametrize("name", ["oci:{}/layout", "{}/folder", "{}/archive.tar", "oci-archive:{}/archive.tar.zst"])
def test_everything_comes_back(harbour: Embedded, registries: Registries, app: str, tmp_path: Path, name: str) -> None:
    place = name.format(tmp_path)
    found = backup(app, place, registries=registries)
    assert [result.name for result in found] == ["1.0", "2.0"]
    restored = f"{harbour.address}/restored"
    restore(place, restored, registries=registries)
    before, after = registries.repository(app), registries.repository(restored)
    assert {tag: after.resolve(tag) for tag in after.tags()} == {tag: before.resolve(tag) for tag in before.tags()}
    assert shape(referrers(f"{restored}:1.0", registries=registries)) == shape(
        referrers(f"{app}:1.0", registries=registries)
    )


def test_between_registries_with_and_without_the_referrers_api(
    registries: Registries, connect: Connects, app: str, tmp_path: Path
) -> None:
    """The list of the tag schema is made anew where it is wanted, and is no tag of the backup."""
    with registry(sockets=False, faults=["referrers-404-fallback"]) as old:
        elsewhere = connect(transport=old.transport, credentials={}, sleep=no_pause)
        backup(app, f"oci:{tmp_path}/1", registries=registries)
        restore(f"oci:{tmp_path}/1", f"{old.address}/app", registries=elsewhere)
        there = referrers(f"{old.address}/app:1.0", registries=elsewhere)
        assert shape(there) == shape(referrers(f"{app}:1.0", registries=registries))
        assert any(tag.startswith("sha256-") for tag in elsewhere.repository(f"{old.address}/app").tags())
        found = backup(f"{old.address}/app", f"oci:{tmp_path}/2", registries=elsewhere)
        assert [result.name for result in found] == ["1.0", "2.0"]
        assert shape(referrers(f"oci:{tmp_path}/2:1.0")) == shape(there)


def test_a_dry_run_writes_nothing(registries: Registries, app: str, tmp_path: Path) -> None:
    found = backup(app, f"oci:{tmp_path}/layout", registries=registries, dry_run=True)
    assert [isinstance(result, Result) and result.changed for result in found] == [True, True]
    assert not (tmp_path / "layout").exists()


def test_again_only_what_is_new_is_saved(harbour: Embedded, registries: Registries, app: str, tmp_path: Path) -> None:
    backup(app, f"oci:{tmp_path}", registries=registries)
    harbour.push_image("app:3.0", {"file": b"3"})
    found = backup(app, f"oci:{tmp_path}", registries=registries)
    assert [isinstance(result, Result) and result.changed for result in found] == [False, False, True]


def test_tags_that_exist_are_moved_or_left(harbour: Embedded, registries: Registries, app: str, tmp_path: Path) -> None:
    backup(app, f"oci:{tmp_path}", registries=registries)
    old = registries.repository(app).resolve("2.0")
    harbour.push_image("app:2.0", {"file": b"newer"})
    newer = registries.repository(app).resolve("2.0")
    restore(f"oci:{tmp_path}", app, no_clobber=True, registries=registries)
    assert registries.repository(app).resolve("2.0") == newer
    restore(f"oci:{tmp_path}", app, registries=registries)
    assert registries.repository(app).resolve("2.0") == old


def test_only_some_tags(harbour: Embedded, registries: Registries, app: str, tmp_path: Path) -> None:
    harbour.push_image("app:2.1", {"file": b"2.1"})
    found = backup(app, f"oci:{tmp_path}", include=r"2\..*", registries=registries)
    assert [result.name for result in found] == ["2.0", "2.1"]
    found = restore(f"oci:{tmp_path}", f"{harbour.address}/restored", exclude=".*0", registries=registries)
    assert [result.name for result in found] == ["2.1"]
    assert list(registries.repository(f"{harbour.address}/restored").tags()) == ["2.1"]


def test_a_backup_that_fails_leaves_the_older_archive_whole(
    harbour: Embedded, registries: Registries, connect: Connects, app: str, tmp_path: Path
) -> None:
    place = tmp_path / "archive.tar"
    backup(app, place.as_posix(), registries=registries)
    before = place.read_bytes()
    harbour.push_image("app:3.0", {"file": b"3"})
    anybody = connect(credentials={}, retries=0)
    with pytest.raises(Refused):
        backup(app, place.as_posix(), registries=anybody)

    def stop(event: Event) -> None:
        if isinstance(event, Moved):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        backup(app, place.as_posix(), registries=registries, tell=stop)
    assert place.read_bytes() == before


def test_a_backup_as_a_stream(
    harbour: Embedded, registries: Registries, app: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=written))
    backup(app, "-", registries=registries)
    with tarfile.open(fileobj=io.BytesIO(written.getvalue())) as tar:
        assert tar.getnames()[:2] == ["index.json", "oci-layout"]
    written.seek(0)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=written))
    restore("-", f"{harbour.address}/restored", registries=registries)
    assert list(registries.repository(f"{harbour.address}/restored").tags()) == ["1.0", "2.0"]


def test_without_referrers(registries: Registries, app: str, tmp_path: Path) -> None:
    backup(app, f"oci:{tmp_path}", referrers=False, registries=registries)
    assert shape(referrers(f"oci:{tmp_path}:1.0")) == []


def test_what_fails_is_told_of_and_the_rest_is_saved(
    harbour: Embedded, registries: Registries, app: str, tmp_path: Path
) -> None:
    (tmp_path / "blobs" / "sha256").mkdir(parents=True)
    wrong = registries.repository(app).manifest("2.0").digest
    (tmp_path / "blobs" / "sha256" / wrong.encoded).mkdir()
    found = backup(app, f"oci:{tmp_path}", keep_going=True, registries=registries)
    assert [type(result) for result in found] == [Result, Failure]


@pytest.mark.parametrize("place", ["dir:somewhere", "docker-archive:a.tar", ""])
def test_what_cannot_hold_a_backup(place: str) -> None:
    with pytest.raises(InvalidInput):
        saved(place)


def test_a_path_is_never_a_registry(registries: Registries, app: str, tmp_path: Path) -> None:
    assert str(saved("backup/app")) == "oci:backup/app"
    assert str(saved("app.tar.gz")) == "oci-archive:app.tar.gz"
    with pytest.raises(InvalidInput, match="no repository"):
        backup(f"oci:{tmp_path}", f"oci:{tmp_path}/other", registries=registries)
    with pytest.raises(InvalidInput, match="no repository"):
        restore(f"oci:{tmp_path}", f"oci:{tmp_path}/other", registries=registries)
    with pytest.raises(NotFound):
        backup(f"{app}-that-is-not", f"oci:{tmp_path}", registries=registries)
