"""Deleting through the library: a tag and nothing else, a manifest with all its tags, and what would be."""

from __future__ import annotations

import pytest

from pratique import Deletion, NotFound, Registries, Repository, Unsupported
from pratique.testing import Embedded, registry

from .conftest import Connects


@pytest.fixture
def app(harbour: Embedded, registries: Registries) -> Repository:
    app = registries.repository(f"{harbour.address}/app")
    app.tag("1.0", "stable")
    return app


def test_a_tag_goes_alone(app: Repository) -> None:
    digest = app.resolve("1.0").digest
    assert app.delete("1.0") == Deletion("deleted", f"{app}:1.0", digest)
    assert [*app.tags()] == ["stable"]
    assert app.resolve(digest).digest == digest


def test_a_manifest_goes_with_its_tags(app: Repository) -> None:
    digest = app.resolve("1.0").digest
    assert app.delete("1.0", manifest=True) == Deletion("deleted", f"{app}@{digest}", digest)
    with pytest.raises(NotFound):
        app.resolve("stable")


def test_a_dry_run_says_what_would_go(app: Repository) -> None:
    digest = app.resolve("1.0").digest
    assert app.delete("1.0", dry_run=True) == Deletion("planned", f"{app}:1.0", digest, ("1.0",))
    for name, manifest in (("1.0", True), (str(digest), False)):
        found = app.delete(name, manifest=manifest, dry_run=True)
        assert (found.outcome, found.reference) == ("planned", f"{app}@{digest}")
        assert {*found.tags} == {"1.0", "stable"}
    assert {*app.tags()} == {"1.0", "stable"}


def test_what_is_missing_may_be(app: Repository) -> None:
    with pytest.raises(NotFound):
        app.delete("nothing")
    assert app.delete("nothing", missing_ok=True) == Deletion("missing", f"{app}:nothing")


def test_a_registry_that_deletes_no_tags_is_not_talked_into_more(connect: Connects) -> None:
    with registry(sockets=False, faults=["delete-by-tag-vs-digest"]) as stubborn:
        stubborn.push_image("app:1.0")
        app = connect(credentials={}, transport=stubborn.transport).repository(f"{stubborn.address}/app")
        app.tag("1.0", "stable")
        with pytest.raises(Unsupported, match="shared with stable"):
            app.delete("1.0")
        assert {*app.tags()} == {"1.0", "stable"}
