"""Copying, judged by PyPI's `python-dxf`: manifests and blobs, one by one.

It shows a password over TLS only, and makes an `https` of every token service; so the registries that want one speak TLS
here, and those without are open. What it knows of an index are the platforms in it: it reads no index that lists another
as one, only each by its digest.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dxf
import pytest

from pratique.image.sample import Content, Sample
from pratique.server.app import RegistryApp
from pratique.server.listen.listener import Listener
from pratique.server.storage.repositories import Storage
from tests.commands import Run

from .cargo import (
    CONTENTS,
    IMAGE,
    INDEX,
    NAME,
    PASSWORD,
    PLATFORMS,
    REGISTRIES,
    USER,
    Place,
    assert_holds,
    digest,
    manifests,
    parts,
    write_layout,
)
from .conftest import Serves, StartsRegistry

OPEN = ("docker-registry", "open")

every_content = pytest.mark.parametrize("sample", CONTENTS.values(), ids=list(CONTENTS))
every_registry = pytest.mark.parametrize("registry", [*REGISTRIES, *OPEN], indirect=True)


@pytest.fixture
def registry(
    request: pytest.FixtureRequest, serve: Serves, docker_registry: StartsRegistry, tmp_path: Path
) -> Iterator[Place]:
    """With a password and TLS, or with neither: docker-registry and ours."""
    kind = str(request.param)
    if kind in REGISTRIES:
        yield serve(kind, tls=True)
    elif kind == "docker-registry":
        yield Place("htpasswd", f"{docker_registry().address}/team/app")
    else:
        with Listener(RegistryApp(Storage(tmp_path / "open")).handle) as listener:
            yield Place("ours", f"{listener.address}/team/app")


@contextmanager
def client(place: Place) -> Iterator[dxf.DXF]:
    """A dxf that knows the password where there is one, and leaves no connection open."""

    def prove(found: dxf.DXFBase, response: Any) -> None:
        found.authenticate(USER, PASSWORD, response=response)

    host, _, repository = place.where.partition("/")
    secured = place.ca is not None
    verify = str(place.ca) if secured else True
    with dxf.DXF(host, repository, prove if secured else None, insecure=not secured, tlsverify=verify) as found:
        yield found


def blobs(wanted: Sample) -> list[Content]:
    return [part for part in parts(wanted) if not part.descriptor.is_manifest]


def read_blob(found: dxf.DXF, part: Content) -> bytes:
    chunks = found.pull_blob(str(part.descriptor.digest))
    assert not isinstance(chunks, tuple)
    return b"".join(chunks)


@every_registry
@every_content
def test_dxf_reads_what_we_wrote(run: Run, registry: Place, sample: Sample, tmp_path: Path) -> None:
    written = run("copy", *registry.options("dest"), write_layout(tmp_path / "source", sample), registry.ours)
    assert written.code == 0, written.err
    with client(registry) as found:
        assert NAME in found.list_aliases()
        text, response = found.get_manifest_and_response(NAME)
        assert text.encode() == sample.root.raw
        assert response.headers["Docker-Content-Digest"] == digest(sample)
        for part in manifests(sample.below):
            assert found.get_manifest_and_response(str(part.descriptor.digest))[0].encode() == part.raw
        for part in blobs(sample):
            assert found.blob_size(str(part.descriptor.digest)) == part.descriptor.size
            assert read_blob(found, part) == part.raw


@every_registry
@every_content
def test_we_read_what_dxf_wrote(run: Run, registry: Place, sample: Sample, tmp_path: Path) -> None:
    """Its uploads are chunked, and their size is not known before they end."""
    with client(registry) as found:
        for part in blobs(sample):
            half = len(part.raw) // 2
            pieces = iter([part.raw[:half], part.raw[half:]])
            assert found.push_blob(data=pieces, digest=str(part.descriptor.digest)) == str(part.descriptor.digest)
        for part in manifests(sample.below):
            found.set_manifest(str(part.descriptor.digest), part.raw.decode())
        found.set_manifest(NAME, sample.root.raw.decode())
    read = run("copy", *registry.options("src"), registry.ours, f"oci:{tmp_path / 'read'}:back")
    assert read.out.strip().endswith(digest(sample)), read.err
    assert_holds(tmp_path / "read", *parts(sample))


@every_registry
def test_dxf_finds_the_platforms_of_our_index(run: Run, registry: Place, tmp_path: Path) -> None:
    written = run("copy", *registry.options("dest"), write_layout(tmp_path / "source", INDEX), registry.ours)
    assert written.code == 0, written.err
    layers = [part for part in INDEX.below if "layer" in part.descriptor.media_type]
    with client(registry) as found:
        assert found.get_alias(NAME) == {
            platform: [str(layer.descriptor.digest)] for platform, layer in zip(PLATFORMS, layers, strict=True)
        }


@every_registry
def test_we_read_the_alias_of_dxf(run: Run, registry: Place, tmp_path: Path) -> None:
    """A Docker manifest of blobs that are no image."""
    raw = IMAGE.below[0].raw
    (tmp_path / "file").write_bytes(raw)
    with client(registry) as found:
        blob = found.push_blob(str(tmp_path / "file"))
        manifest = found.set_alias(NAME, blob)
    read = run("copy", "--json", *registry.options("src"), registry.ours, f"oci:{tmp_path / 'read'}:back")
    assert read.code == 0, read.err
    path = tmp_path / "read" / "blobs" / "sha256"
    assert (path / read.json["digest"].removeprefix("sha256:")).read_text() == manifest
    assert (path / json.loads(manifest)["layers"][0]["digest"].removeprefix("sha256:")).read_bytes() == raw


@every_registry
def test_what_dxf_mounts_and_deletes(run: Run, registry: Place, tmp_path: Path) -> None:
    written = run("copy", *registry.options("dest"), write_layout(tmp_path / "source", IMAGE), registry.ours)
    assert written.code == 0, written.err
    other = Place(registry.kind, f"{registry.address}/team/other", registry.creds, registry.ca)
    with client(other) as found:
        for part in IMAGE.below:
            found.mount_blob("team/app", str(part.descriptor.digest))
        found.set_manifest(NAME, IMAGE.root.raw.decode())
    read = run("copy", *other.options("src"), other.ours, f"oci:{tmp_path / 'read'}:back")
    assert read.out.strip().endswith(digest(IMAGE)), read.err
    with client(other) as found:
        found.del_alias(NAME)
    assert run("copy", *other.options("src"), other.ours, f"oci:{tmp_path / 'read'}:back").code == 3
