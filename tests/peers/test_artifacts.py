"""Artifacts exchanged with PyPI's `oras`; indexes that Debian's `skopeo` reads; attestations as BuildKit writes them."""

from __future__ import annotations

import contextlib
import itertools
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import oras.client  # type: ignore[import-untyped]
import oras.defaults  # type: ignore[import-untyped]
import pytest

import pratique
from pratique.artifacts import attach, push_artifact, referrers
from pratique.http.events import Sent
from pratique.http.message import Body
from pratique.image.artifact import TITLE
from pratique.image.sample import Content
from pratique.spec.digest import Digest
from pratique.spec.manifest import Manifest
from pratique.spec.platform import Platform
from pratique.stores.registry import Repository
from pratique.testing import Embedded, registry
from tests.commands import Run
from tests.golden.test_manifests import FOLDER
from tests.registries import sample

from .conftest import RunsSkopeo, StartsRegistry

PATIENCE = 10  # seconds for another thread

ATTESTED = "vnd.docker.reference.digest"


@pytest.fixture
def harbour() -> Iterator[Embedded]:
    """A registry that is open to everybody."""
    with registry() as found:
        yield found


@pytest.fixture
def client() -> Iterator[Any]:
    found = oras.client.OrasClient(insecure=True)
    with found.session:
        yield found


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Path]:
    """A folder with a file and a folder, where the programs are run."""
    folder = tmp_path / "files"
    (folder / "manual" / "deep").mkdir(parents=True)
    (folder / "README").write_bytes(b"read me\n")
    (folder / "manual" / "deep" / "page").write_bytes(bytes(range(256)) * 300)
    (folder / "manual" / "run").write_bytes(b"#!/bin/sh\n")
    (folder / "manual" / "run").chmod(0o755)
    with contextlib.chdir(folder):
        yield folder


def put(repository: Repository, raw: bytes, media_type: str, *tags: str) -> Digest:
    """Push content of any type."""
    content = Content.of(raw, media_type)
    repository.push(content.descriptor, Body.of(raw).open, tags=tags)
    return content.descriptor.digest


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Content of each file, and whether it can be run."""
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mode & 0o100)
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_oras_pulls_what_we_push(run: Run, harbour: Embedded, client: Any, files: Path, tmp_path: Path) -> None:
    place = f"{harbour.address}/docs:1"
    pushed = run("artifact", "push", place, "README:text/markdown", "manual")
    assert pushed.code == 0, pushed.err
    client.pull(target=place, outdir=str(tmp_path / "out"))
    assert contents(tmp_path / "out") == contents(files)


def test_we_pull_what_oras_pushes(run: Run, harbour: Embedded, client: Any, files: Path, tmp_path: Path) -> None:
    place = f"{harbour.address}/docs:1"
    client.push(target=place, files=["README:text/markdown", "manual/run"], quiet=True)
    pulled = run("artifact", "pull", place, "-o", str(tmp_path / "out"))
    assert pulled.code == 0, pulled.err
    out = contents(tmp_path / "out")
    assert {name: content for name, (content, _) in out.items()} == {
        "README": b"read me\n",
        "run": b"#!/bin/sh\n",  # oras keeps the last part of a path, and no modes of files
    }
    assert files.exists()


def test_folders_configs_and_annotations_as_oras_writes_them(
    run: Run, harbour: Embedded, client: Any, files: Path, tmp_path: Path
) -> None:
    place = f"{harbour.address}/docs:1"
    notes = {"$manifest": {"whole": "1"}, "$config": {"said": "2"}, "README": {"lang": "en"}}
    (tmp_path / "notes.json").write_text(json.dumps(notes), "utf-8")
    (tmp_path / "config.json").write_bytes(b'{"a": 1}')
    client.push(
        target=place,
        files=["README:text/markdown", "manual"],
        manifest_config=f"{tmp_path}/config.json:application/vnd.example.config",
        annotation_file=f"{tmp_path}/notes.json",
        disable_path_validation=True,
        quiet=True,
    )
    places = ("-o", str(tmp_path / "out"), "--config", str(tmp_path / "pulled.json"))
    pulled = run("artifact", "pull", "--json", place, *places)
    assert pulled.code == 0, pulled.err
    assert contents(tmp_path / "out") == contents(files)
    assert (tmp_path / "pulled.json").read_bytes() == b'{"a": 1}'
    theirs = run("manifest", "get", place).json
    config = f"{tmp_path}/config.json:application/vnd.example.config"
    words = ("--annotation-file", f"{tmp_path}/notes.json", "--config", config, "README:text/markdown", "manual")
    ours = run("artifact", "push", "--json", f"{harbour.address}/docs:2", *words).json["manifest"]
    assert ours["annotations"] == theirs["annotations"] == {"whole": "1"}
    assert ours["config"]["digest"] == theirs["config"]["digest"]
    assert ours["config"]["mediaType"] == theirs["config"]["mediaType"]
    assert [each["annotations"][TITLE] for each in ours["layers"]] == ["README", "manual"]
    assert [each["mediaType"] for each in ours["layers"]] == [each["mediaType"] for each in theirs["layers"]]
    assert (
        theirs["layers"][0]["annotations"].items() >= {"lang": "en"}.items() <= ours["layers"][0]["annotations"].items()
    )


def test_oras_finds_what_we_attach_by_its_subject(run: Run, harbour: Embedded, client: Any, files: Path) -> None:
    place = f"{harbour.address}/docs:1"
    client.push(target=place, files=["README"], quiet=True)
    done = run("attach", "--json", "--artifact-type", "application/vnd.example.note", place, "README").json
    theirs = client.get_manifest(f"{harbour.address}/docs@{done['digest']}")
    assert theirs["subject"]["digest"] == run("digest", place).out.strip()
    assert theirs["artifactType"] == "application/vnd.example.note"
    assert files.exists()


def test_nobody_is_taken_out_of_a_list_where_there_are_neither_referrers_nor_conditions(
    docker_registry: StartsRegistry, files: Path
) -> None:
    """distribution 2.8 puts whatever comes under the tag of the list: here what was read before the other one was listed."""
    place = f"{docker_registry().address}/docs:1"
    late_read, early_listed, late_done = threading.Event(), threading.Event(), threading.Event()

    looks = itertools.count()

    def early_tells(event: pratique.Event) -> None:
        if looks_at_a_list(event):
            (early_listed.set if next(looks) else lambda: late_read.wait(PATIENCE))()

    def late_tells(event: pratique.Event) -> None:
        if looks_at_a_list(event):
            late_read.set()
            early_listed.wait(PATIENCE)

    def note(name: str, registries: pratique.Registries) -> Digest:
        done = attach(place, artifact_type="x/note", annotations={"name": name}, registries=registries)
        return done.descriptor.digest

    with (
        pratique.connect(tell=early_tells, sleep=lambda _: late_done.wait(PATIENCE)) as early,
        pratique.connect(tell=late_tells, sleep=lambda _: None) as late,
        ThreadPoolExecutor(1) as pool,
    ):
        push_artifact(place, ["README"], registries=late)
        first = pool.submit(note, "early", early)
        second = note("late", late)
        late_done.set()
        listed = {first.result(), second}
        assert {each.descriptor.digest for each in referrers(place, registries=early).referrers} == listed
    assert files.exists()


def looks_at_a_list(event: pratique.Event) -> bool:
    """Whether the list of the tag schema was read."""
    return isinstance(event, Sent) and event.method == "GET" and "/manifests/sha256-" in event.url


def test_skopeo_reads_indexes_that_we_made(run: Run, harbour: Embedded, skopeo: RunsSkopeo, tmp_path: Path) -> None:
    harbour.push_image("amd:1", platforms=["linux/amd64"])
    harbour.push_image("arm:1", platforms=["linux/arm64"])
    for form in ("oci", "docker"):
        place = f"{harbour.address}/all:{form}"
        made = run(
            "index", "create", "--json", "--format", form, place, f"{harbour.address}/amd:1", f"{harbour.address}/arm:1"
        )
        assert made.code == 0, made.err
        raw = skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{place}")
        assert Digest.of(raw.stdout.encode()) == Digest.parse(made.json["digest"])
        chosen = skopeo("--override-arch", "arm64", "inspect", "--config", "--tls-verify=false", f"docker://{place}")
        assert json.loads(chosen.stdout)["architecture"] == "arm64"
        words = ["copy", "--all", "--src-tls-verify=false", f"docker://{place}", f"oci:{tmp_path}/{form}:1"]
        copied = skopeo(*words)
        assert copied.returncode == 0, copied.stderr


def test_attestations_as_buildkit_writes_them_stay_with_their_images(run: Run, harbour: Embedded) -> None:
    """The index as `docker buildx build --provenance=true` pushes it: an attestation is an entry for no platform."""
    images = sample()
    amd = next(part for part in images.below if part.descriptor.platform == Platform.parse("linux/amd64"))
    harbour.push(images, "built:plain")
    attestation = json.loads((FOLDER / "buildkit-attestation.json").read_bytes())
    assert ATTESTED not in attestation.get("annotations", {})
    with harbour.repository("built") as repository:
        for part in (*attestation["layers"], attestation["config"]):
            content = (
                f"statement about {amd.descriptor.digest}".encode() if part is not attestation["config"] else b"{}"
            )
            described = put(repository, content, part["mediaType"])
            part |= {"digest": str(described), "size": len(content)}
        raw = json.dumps(attestation).encode()
        manifest = Manifest.parse(raw)
        put(repository, raw, manifest.media_type)
        index = json.loads(images.root.raw)
        index["manifests"].append(
            {
                "mediaType": manifest.media_type,
                "digest": str(manifest.digest),
                "size": len(raw),
                "annotations": {
                    ATTESTED: str(amd.descriptor.digest),
                    "vnd.docker.reference.type": "attestation-manifest",
                },
                "platform": {"architecture": "unknown", "os": "unknown"},
            }
        )
        put(repository, json.dumps(index).encode(), index["mediaType"], "1")
    place = f"{harbour.address}/built:1"
    made = run("index", "create", "--json", f"{harbour.address}/other:1", place)
    assert made.code == 0, made.err
    entries = made.json["manifest"]["manifests"]
    assert [each["annotations"].get(ATTESTED) for each in entries if "annotations" in each] == [
        str(amd.descriptor.digest)
    ]
    assert run("manifest", "get", f"{harbour.address}/other@{manifest.digest}").out.encode() == raw
    rest = run("index", "filter", "--json", f"{harbour.address}/other:1", "linux/arm64").json["manifest"]["manifests"]
    assert [each["platform"]["architecture"] for each in rest] == ["arm64"]
    kept = run("index", "filter", "--json", place, "linux/amd64").json["manifest"]["manifests"]
    assert [each["platform"]["architecture"] for each in kept] == ["amd64", "unknown"]


def test_titles_are_those_of_oras() -> None:
    assert oras.defaults.annotation_title == TITLE
