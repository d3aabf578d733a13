"""Copies through the library: places, names, two identities, and what is refused before anything moves."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import pratique
from pratique import Event, Failure, InvalidInput, NotFound, Registries, Unauthorized, Unsupported
from pratique.http.events import Sent
from pratique.testing import Embedded, registry
from pratique.transfer.events import Copied, Done, Moved, Planned

from .conftest import Connects


def test_to_a_layout_and_back(harbour: Embedded, registries: Registries, tmp_path: Path) -> None:
    app = registries.repository(f"{harbour.address}/app")
    there = pratique.copy(f"{app}:1.0", f"oci:{tmp_path}:saved", registries=registries)
    assert (there.tags, there.descriptor.digest) == (("saved",), app.resolve("1.0").digest)
    back = pratique.copy(f"oci:{tmp_path}:saved", str(app), tags=["2", "3"], registries=registries)
    assert back.tags == ("saved", "2", "3")
    assert {*app.tags()} == {"1.0", "saved", "2", "3"}
    again = pratique.copy(f"oci:{tmp_path}:saved", str(app), registries=registries)
    assert (again.changed, again.plan) == (False, None)


def test_files_alone_need_no_registry_and_no_machine(
    harbour: Embedded, registries: Registries, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pratique.copy(f"{harbour.address}/app:1.0", f"oci:{tmp_path}/a:1", registries=registries)
    monkeypatch.setenv("CONTAINERS_REGISTRIES_CONF", str(tmp_path / "is-not-there"))
    events: list[Event] = []
    pratique.copy(f"oci:{tmp_path}/a:1", f"oci-archive:{tmp_path}/b.tar:2", tell=events.append)
    assert [event.name for event in events if isinstance(event, Copied)] == ["1"]


def test_each_side_may_be_somebody_else(harbour: Embedded, connect: Connects) -> None:
    nobody, captain = connect(credentials={}), connect()
    source, target = f"{harbour.address}/open/app:1.0", f"{harbour.address}/copied:1.0"
    with pytest.raises(Unauthorized):
        pratique.copy(source, target, registries=nobody)
    pratique.copy(source, target, registries=nobody, target_registries=captain)
    assert [*captain.repository(f"{harbour.address}/copied").tags()] == ["1.0"]


def test_who_writes_is_enough_where_files_are_read(
    harbour: Embedded, registries: Registries, events: list[Event], tmp_path: Path
) -> None:
    pratique.copy(f"{harbour.address}/app:1.0", f"oci:{tmp_path}:saved", registries=registries)
    events.clear()
    pratique.copy(f"oci:{tmp_path}:saved", f"{harbour.address}/back:1", target_registries=registries)
    assert [event.tags for event in events if isinstance(event, Copied)] == [("1",)]


def test_one_platform_and_what_there_is_to_know_of_a_dry_run(harbour: Embedded, registries: Registries) -> None:
    app = registries.repository(f"{harbour.address}/app")
    done = pratique.copy(
        f"{app}:1.0", f"{harbour.address}/arm:1", registries=registries, platforms=["linux/arm64"], dry_run=True
    )
    assert done.descriptor.digest == app.resolve("1.0", platform="linux/arm64").digest
    assert done.plan is not None
    assert len(done.plan.manifests) == 1
    with pytest.raises(NotFound):
        registries.repository(f"{harbour.address}/arm").resolve("1")


def test_another_digest_at_the_target_is_a_mistake(harbour: Embedded, registries: Registries) -> None:
    app = registries.repository(f"{harbour.address}/app")
    wrong = app.resolve("1.0", platform="linux/arm64").digest
    with pytest.raises(InvalidInput, match="names another digest"):
        pratique.copy(f"{app}:1.0", f"{harbour.address}/b@{wrong}", registries=registries)


def test_another_form_takes_no_companions(harbour: Embedded, registries: Registries) -> None:
    with pytest.raises(InvalidInput, match="another form changes digests"):
        pratique.copy("r.test/a:1", "r.test/b:1", registries=registries, form="docker", referrers=True)


def test_tags_are_chosen(harbour: Embedded, registries: Registries) -> None:
    app = registries.repository(f"{harbour.address}/app")
    app.tag("1.0", "1.1", "1.2", "2.0", "nightly")
    target = f"{harbour.address}/mirror"
    found = pratique.copy_tags(str(app), target, semver=">=1.1 <2", newest=1, registries=registries)
    assert [result.name for result in found] == ["1.2"]
    pratique.copy_tags(str(app), target, include=re.compile("n.*"), exclude="x", registries=registries)
    with pytest.raises(InvalidInput, match="not a regular expression"):
        pratique.copy_tags(str(app), target, include="(", registries=registries)
    assert {*registries.repository(target).tags()} == {"1.2", "nightly"}
    with pytest.raises(NotFound, match="has no tags to copy"):
        pratique.copy_tags(str(app), target, semver=">9", registries=registries)


def test_what_fails_is_among_the_results_or_raised(
    harbour: Embedded, registries: Registries, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = registries.repository(f"{harbour.address}/app")
    missing = app.manifest("1.0", platform="linux/arm64").raw
    app.push_manifest(missing, "broken")
    app.delete(str(app.resolve("1.0", platform="linux/arm64").digest))
    found = pratique.copy_tags(str(app), f"{harbour.address}/b", keep_going=True, registries=registries)
    assert {type(each) for each in found} == {Failure}
    with pytest.raises(NotFound):
        pratique.copy_tags(str(app), f"{harbour.address}/b", registries=registries)


@pytest.mark.parametrize(("source", "target"), [("r.test/a:1", "r.test/b"), ("r.test/a", "oci:folder:1")])
def test_all_tags_have_their_own_names(source: str, target: str, registries: Registries, events: list[Event]) -> None:
    with pytest.raises(InvalidInput, match="names one image"):
        pratique.copy_tags(source, target, registries=registries)
    assert [event for event in events if isinstance(event, Sent)] == []


def test_a_store_without_names_has_none_to_copy(harbour: Embedded, registries: Registries, tmp_path: Path) -> None:
    app = f"{harbour.address}/app:1.0"
    pratique.copy(app, f"dir:{tmp_path}", registries=registries, platforms=["linux/arm64"])
    with pytest.raises(Unsupported, match="does not list its names"):
        pratique.copy_tags(f"dir:{tmp_path}", f"oci:{tmp_path}/layout")


def tokens(registry: Embedded) -> list[list[str]]:
    """The scopes of every token that was asked for."""
    return [seen.query["scope"] for seen in registry.requests if seen.path == "/token"]


def test_within_a_registry_one_token_is_good_for_both_repositories(connect: Connects) -> None:
    with registry(sockets=False, users={"captain": "aye"}, scheme="bearer") as harbour:
        harbour.push_image("app:1.0")
        source, target = f"{harbour.address}/app:1.0", f"{harbour.address}/copied:1.0"
        one = connect(harbour.address, credentials="captain:aye", transport=harbour.transport)
        assert pratique.copy(source, target, registries=one).changed
        assert tokens(harbour) == [["repository:copied:pull,push", "repository:app:pull"]]
        other = connect(harbour.address, credentials="captain:aye", transport=harbour.transport)
        again = pratique.copy(source, target, registries=one, target_registries=other)
        assert not again.changed
        assert tokens(harbour)[1:] == [["repository:copied:pull,push"]]


@pytest.mark.parametrize("kind", [Sent, Planned, Moved, Done])
def test_an_error_of_an_observer_ends_the_copy(
    kind: type[Event], harbour: Embedded, registries: Registries, tmp_path: Path
) -> None:
    def tell(event: Event) -> None:
        if isinstance(event, kind):
            raise ZeroDivisionError

    told = registries.alike(tell=tell)
    with pytest.raises(ZeroDivisionError):
        pratique.copy(f"{harbour.address}/app:1.0", f"oci:{tmp_path}:a", registries=told)
    assert pratique.copy(f"{harbour.address}/app:1.0", f"oci:{tmp_path}:a", registries=registries).changed


def test_whoever_the_registries_tell_is_told_unless_somebody_else_is(
    harbour: Embedded, registries: Registries, events: list[Event], tmp_path: Path
) -> None:
    told: list[Event] = []
    pratique.copy(f"{harbour.address}/app:1.0", f"oci:{tmp_path}:a", registries=registries)
    pratique.copy(f"{harbour.address}/app:1.0", f"oci:{tmp_path}:b", registries=registries, tell=told.append)
    assert [event.tags for event in events if isinstance(event, Copied)] == [("a",)]
    assert [event.tags for event in told if isinstance(event, Copied)] == [("b",)]


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"tags": "latest"}, "tags are several, and 'latest' is one"),
        ({"platforms": "linux/amd64"}, "platforms are several, and 'linux/amd64' is one"),
        ({"artifact_types": "application/spdx+json"}, "artifact_types are several"),
        ({"form": "OCI"}, "'OCI' is no form of manifests"),
        ({"jobs": 0}, "jobs is at least 1, and 0 was given"),
    ],
)
def test_keywords_that_make_no_sense_are_said_before_anything_moves(
    harbour: Embedded, registries: Registries, tmp_path: Path, keywords: dict[str, object], message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        pratique.copy(f"{harbour.address}/app:1.0", f"oci:{tmp_path}/x", registries=registries, **keywords)  # type: ignore[arg-type]
    assert not (tmp_path / "x").exists()


def test_the_newest_are_some(harbour: Embedded, registries: Registries, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="newest is at least 1, and -1 was given"):
        pratique.copy_tags(f"{harbour.address}/app", f"oci:{tmp_path}/x", newest=-1, registries=registries)


def test_a_keyword_that_there_is_not_is_named_with_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="a copy has no keyword 'plattforms'; it has platforms, "):
        pratique.copy("oci:x", f"oci:{tmp_path}/y", plattforms=["linux/amd64"])  # type: ignore[call-arg]
