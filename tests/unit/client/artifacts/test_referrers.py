"""Trees of what refers to what."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

import pratique
from pratique import Digest, InvalidInput, NotFound, Registries, Unsupported
from pratique.client.artifacts.making import attach
from pratique.client.artifacts.referrers import Referrer, referrers
from pratique.spec import media
from pratique.testing import Embedded, registry
from pratique.transfer.referring import MOST_DEPTH
from tests.unit.client.conftest import Connects


def no_pause(_: float) -> None:
    """What a registry without the referrers API is given before its lists are looked at again."""


@pytest.fixture
def app(harbour: Embedded, registries: Registries) -> str:
    """An index with a note and an SBOM, which has a signature, which has one; and one of its images has a note."""
    app = f"{harbour.address}/app"
    attach(f"{app}:1.0", artifact_type="x/note", annotations={"text": "good", "lang": "en"}, registries=registries)
    below = f"{app}:1.0"
    for kind in ("x/sbom", "x/signature", "x/signature"):
        done = attach(below, artifact_type=kind, annotations={"of": below[-9:]}, registries=registries)
        below = f"{app}@{done.descriptor.digest}"
    attach(f"{app}:1.0", artifact_type="x/note", platform="linux/arm64", registries=registries)
    return f"{app}:1.0"


def shape(found: Referrer) -> object:
    return sorted((each.descriptor.artifact_type, shape(each)) for each in found.referrers)


CHAIN: object = ("x/sbom", [("x/signature", [("x/signature", [])])])


def test_all_levels(app: str, registries: Registries) -> None:
    found = referrers(app, registries=registries)
    assert shape(found) == [("x/note", []), CHAIN]
    assert [depth for depth, each in found.walk() if each.descriptor.artifact_type == "x/signature"] == [2, 3]


@pytest.mark.parametrize(("depth", "deepest"), [(1, 1), (2, 2), (MOST_DEPTH, 3)])
def test_as_deep_as_is_wanted(app: str, registries: Registries, depth: int, deepest: int) -> None:
    assert max(found for found, _ in referrers(app, depth=depth, registries=registries).walk()) == deepest


def test_by_type_by_annotation_and_of_one_platform(app: str, registries: Registries) -> None:
    def shapes(**how: object) -> object:
        return shape(referrers(app, registries=registries, **how))  # type: ignore[arg-type]

    assert shapes(artifact_types=["x/note"]) == [("x/note", [])]
    assert shapes(artifact_types=["x/sbom", "x/signature"]) == [CHAIN]
    assert shapes(artifact_types=["x/signature"]) == []
    assert shapes(annotations={"lang": "en"}) == shapes(annotations={"text": None}) == [("x/note", [])]
    assert shapes(annotations={"lang": "de"}) == []
    assert shapes(platform="linux/arm64") == [("x/note", [])]


def test_layouts_know_referrers_too(app: str, registries: Registries, tmp_path: Path) -> None:
    pratique.copy(app, f"oci:{tmp_path}/layout:1", referrers=True, registries=registries)
    pratique.copy(app, f"dir:{tmp_path}/folder", platforms=["linux/amd64"], registries=registries)
    assert shape(referrers(f"oci:{tmp_path}/layout:1")) == [("x/note", []), CHAIN]
    with pytest.raises(Unsupported):
        referrers(f"dir:{tmp_path}/folder")


def test_what_refers_to_what_is_not_there(app: str, registries: Registries, tmp_path: Path) -> None:
    """Signatures may come before what they sign, and outlive it (distribution, §Pushing Manifests with Subject)."""
    repository = registries.repository(app)
    root = repository.resolve("1.0").digest
    pratique.copy(app, f"oci:{tmp_path}:1", referrers=True, registries=registries)
    repository.delete(root)
    (tmp_path / "blobs" / "sha256" / root.encoded).unlink()
    name = app.removesuffix(":1.0")
    for found in (referrers(f"{name}@{root}", registries=registries), referrers(f"oci:{tmp_path}@{root}")):
        assert shape(found) == [("x/note", []), CHAIN]
        assert (found.descriptor.digest, found.descriptor.media_type) == (root, "")
    for place in (app, f"{name}@{Digest.of(b'nothing')}"):
        with pytest.raises(NotFound):
            referrers(place, registries=registries)


@pytest.mark.parametrize("depth", [0, MOST_DEPTH + 1])
def test_a_depth_that_makes_no_sense(app: str, registries: Registries, depth: int) -> None:
    with pytest.raises(InvalidInput):
        referrers(app, depth=depth, registries=registries)


def test_who_refers_to_itself_is_shown_once(connect: Connects) -> None:
    """Whatever a list under a tag claims comes to an end."""
    with registry(sockets=False, faults=["referrers-404-fallback"]) as old:
        root = old.push_image("app:1")
        registries = connect(transport=old.transport, credentials={}, sleep=no_pause)
        app = registries.repository(f"{old.address}/app")
        liar = app.resolve("1", platform="linux/arm64")
        entries = [
            {"mediaType": each.media_type, "digest": str(each.digest), "size": each.size} for each in (root, liar)
        ]
        listing = {"schemaVersion": 2, "mediaType": media.OCI_INDEX, "manifests": entries}
        raw = json.dumps(listing).encode()
        app.push_manifest(raw, *(str(each.digest).replace(":", "-") for each in (root, liar)))
        found = referrers(f"{app}:1", registries=registries)
        assert [each.descriptor.digest for _, each in found.walk()] == [liar.digest]


def test_without_the_api_all_who_attach_at_once_are_listed(connect: Connects) -> None:
    """A registry without the referrers API, as many are: the list under a tag is everybody's."""
    with registry(sockets=False, faults=["referrers-404-fallback"]) as old:
        old.push_image("app:1")
        several = [connect(transport=old.transport, credentials={}, sleep=no_pause) for _ in range(4)]
        made: list[Digest] = []

        def work(number: int) -> None:
            done = attach(
                f"{old.address}/app:1",
                artifact_type="x/note",
                annotations={"number": str(number)},
                registries=several[number],
            )
            made.append(done.descriptor.digest)

        threads = [threading.Thread(target=work, args=[number]) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        found = referrers(f"{old.address}/app:1", registries=several[0])
        assert {each.descriptor.digest for each in found.referrers} == set(made)
        assert len(made) == 4
