"""Our collection in a folder that Debian's docker-registry wrote, and docker-registry on it afterwards."""

from __future__ import annotations

import os
from pathlib import Path

from pratique.image.sample import Sample, image
from pratique.server.storage.collection import Collector
from pratique.server.storage.repositories import Storage
from pratique.spec.digest import Digest
from pratique.spec.platform import Platform
from tests.registries import push, repository

from .conftest import StartsRegistry

PLATFORM = Platform.parse("linux/amd64")
KEPT = image(PLATFORM, {"kept": b"kept"})
DELETED = image(PLATFORM, {"deleted": b"deleted"})


def settings(folder: Path) -> dict[str, object]:
    return {"storage": {"filesystem": {"rootdirectory": str(folder)}, "delete": {"enabled": True}}}


def age(folder: Path) -> None:
    for path in folder.rglob("*"):
        os.utime(path, (1_000_000, 1_000_000))


def parts(sample: Sample) -> set[Digest]:
    return {part.descriptor.digest for part in (*sample.below, sample.root)}


def test_docker_registry_serves_a_folder_that_we_collected_in(docker_registry: StartsRegistry, tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    first = docker_registry(settings=settings(folder))
    with repository(first.address, "app") as target:
        push(target, KEPT, "1")
        push(target, DELETED, "2")
        target.delete(str(DELETED.root.descriptor.digest))
    first.stop()
    age(folder)
    storage = Storage(folder)
    collected = {each.name for each in Collector(storage).collect() if each.kind == "blob"}
    assert collected == {str(digest) for digest in parts(DELETED) - parts(KEPT)}
    second = docker_registry(settings=settings(folder))
    with repository(second.address, "app") as target:
        for part in (*KEPT.below, KEPT.root):
            with target.open(part.descriptor) as stream:
                assert stream.read() == part.raw
        assert target.resolve("1").digest == KEPT.root.descriptor.digest
        push(target, DELETED, "2")  # what went can come again
        assert target.resolve("2").digest == DELETED.root.descriptor.digest
    age(folder)
    assert list(Collector(storage).collect()) == []
