"""Images changed by the library, in a registry without sockets."""

from __future__ import annotations

from pathlib import Path

import pytest

import pratique
from pratique import Event, InvalidInput, Registries, Unsupported
from pratique.client import changes, contents, surgery
from pratique.client.changes import Addition
from pratique.http.events import Sent
from pratique.image import settings
from pratique.testing import Embedded
from tests.unit.client.conftest import Connects

QUIET = changes.configure([settings.environment({"LOUD": "no"})])


@pytest.mark.parametrize(
    ("text", "addition"),
    [
        ("layer.tar", Addition("layer.tar")),
        ("a:b.tar", Addition("a:b.tar")),
        ("folder:/", Addition("folder", "/")),
        ("C:x:/opt/app", Addition("C:x", "/opt/app")),
        ("-", Addition("-")),
    ],
)
def test_what_becomes_a_layer(text: str, addition: Addition) -> None:
    assert Addition.parse(text) == addition


@pytest.mark.parametrize("text", ["-:/opt", ":/opt"])
def test_what_names_no_file(text: str) -> None:
    with pytest.raises(InvalidInput):
        Addition.parse(text)


def test_no_layer_is_read_that_was_not_changed(harbour: Embedded, registries: Registries, events: list[Event]) -> None:
    app = f"{harbour.address}/app"
    done = surgery.alter(f"{app}:1.0", QUIET, tags=["quiet"], registries=registries)
    assert (done.tags, done.changed) == (("quiet",), True)
    image = registries.repository(app).image("quiet", platform="linux/amd64")
    assert image.config["config"]["Env"] == ["LOUD=no"]
    sent = [event for event in events if isinstance(event, Sent)]
    assert sent
    assert not [each for each in sent if any(str(layer.digest) in str(each) for layer in image.layers)]
    assert list(contents.validate(f"{app}:quiet", registries=registries)) == []


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
    assert list(contents.validate(archive)) == []
    with pytest.raises(Unsupported, match="cannot be asked"):
        list(contents.validate(archive, fast=True))
