"""What all commands have in common that change images: which images, where these go, under which names, and what goes along."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pratique.spec import media
from tests.commands import Run
from tests.registries import push, repository, sample
from tests.stores.contract import SBOM, referrer

from .conftest import CREDS
from .images import HELLO, digest_of

# --- Which images: --platform and --alone


def test_only_the_image_for_a_platform_is_changed(run: Run, layout: str, layer: Path) -> None:
    assert run("append", "--platform", "linux/arm64", f"{layout}:1.0", str(layer), "--tag", "1.1").code == 0
    assert run("ls-files", "--platform", "linux/amd64", f"{layout}:1.1").out.split() == ["hello"]
    assert run("ls-files", "--platform", "linux/arm64", f"{layout}:1.1").out.split() == ["etc/a", "etc/b"]
    missing = run("append", "--platform", "linux/s390x", f"{layout}:1.0", str(layer))
    assert (missing.code, "linux/s390x" in missing.err) == (3, True)


def test_only_what_is_named_is_taken_where_it_is_to_be_alone(run: Run, layout: str, tmp_path: Path) -> None:
    assert run("convert", "--format", "docker", "--alone", f"{layout}:1.0").code == 2
    alone = ("--platform", "linux/arm64", "--alone", "--format", "docker", f"{layout}:1.0", "--json")
    done = run("convert", *alone)
    assert done.code == 0, done.err
    assert done.json["media_type"] == media.DOCKER_MANIFEST
    archive = f"docker-archive:{tmp_path}/saved.tar:app:1"
    assert run("flatten", "--platform", "linux/arm64", f"{layout}:1.0", "--to", archive).code == 0
    refused = run("flatten", f"{layout}:1.0", "--to", archive)
    assert (refused.code, "--platform" in refused.err) == (8, True)


# --- Where they go: --to and --tag


def test_no_tag_is_moved_that_was_not_named(run: Run, registry: str) -> None:
    done = run("mutate", "--creds", CREDS, "--env", "A=b", f"{registry}/bar:1.0")
    assert done.code == 0, done.err
    place, _, digest = done.out.strip().partition("@")
    assert place == f"{registry}/bar"
    assert digest != str(HELLO)
    assert run("digest", f"{registry}/bar:1.0").out.strip().endswith(str(HELLO))
    assert run("manifest", "get", f"{place}@{digest}").code == 0


@pytest.mark.parametrize("name", ["", str(HELLO)], ids=["none", "digest"])
def test_what_is_no_tag_is_refused(run: Run, registry: str, layout: str, name: str) -> None:
    for place in (f"{registry}/bar", layout):
        before = run("tags", place).out if place != layout else run("validate", f"{place}:1.0").out
        refused = run("mutate", "--env", "A=b", "--tag", name, f"{place}:1.0")
        assert (refused.code, "is no name" in refused.err) == (2, True), refused.err
        assert (run("tags", place).out if place != layout else run("validate", f"{place}:1.0").out) == before


@pytest.mark.parametrize("kind", ["oci-archive", "docker-archive", "dir"])
def test_what_is_written_where_it_came_from_is_whole(run: Run, registry: str, tmp_path: Path, kind: str) -> None:
    place = f"{kind}:{tmp_path}/same" + ("" if kind == "dir" else ":app:1")
    amd64 = ("--platform", "linux/amd64") if kind == "docker-archive" else ()
    assert run("copy", *amd64, f"{registry}/bar:1.0", place).code == 0
    made = ""
    for words in (("mutate", "--env", "A=b"), ("layer", "edit", "--strip", "none"), ("flatten",)):
        made = digest_of(run, *words, "--to", place, place)
        assert run("validate", place).out.endswith("valid\n")
    again = run("mutate", "--env", "A=b", "--dry-run", "--json", "--to", place, place).json["digest"]
    assert again == made  # the variable is still there


def test_from_store_to_store(run: Run, registry: str, layer: Path, tmp_path: Path) -> None:
    places = (f"{registry}/foo:new", f"oci:{tmp_path}/a:new", f"oci-archive:{tmp_path}/a.tar:new", f"dir:{tmp_path}/d")
    found = {
        digest_of(run, "append", "--creds", CREDS, f"{registry}/bar:1.0", str(layer), "--to", place) for place in places
    }
    assert len(found) == 1
    assert run("validate", "--creds", CREDS, f"{registry}/foo:new").code == 0
    back = digest_of(run, "append", f"oci-archive:{tmp_path}/a.tar:new", str(layer), "--to", f"oci:{tmp_path}/b:1")
    assert back not in found
    nowhere = run("append", f"oci-archive:{tmp_path}/a.tar:new", str(layer))
    assert (nowhere.code, "where" in nowhere.err) == (2, True)


def test_what_is_not_changed_is_not_moved(run: Run, served: Callable[..., str]) -> None:
    registry = served(repositories=("bar",))
    done = run(
        "mutate", "--creds", CREDS, "--debug", "--env", "A=b", f"{registry}/bar:1.0", "--to", f"{registry}/foo:m"
    )
    assert done.code == 0, done.err
    requests = [line.partition("request: ")[2] for line in done.err.splitlines() if "request: " in line]
    layers = {part.descriptor.digest for part in sample().below if part.descriptor.media_type == media.OCI_LAYER_GZIP}
    assert not [line for line in requests if line.startswith("GET") and any(str(layer) in line for layer in layers)]
    assert [line for line in requests if line.startswith("POST") and "mount=" in line]
    same = run("mutate", "--creds", CREDS, "--debug", "--env", "A=c", f"{registry}/bar:1.0", "--tag", "m")
    assert not [
        line for line in same.err.splitlines() if "request: " in line and any(str(layer) in line for layer in layers)
    ]


# --- --dry-run


def test_a_dry_run_sends_nothing_and_shows_the_manifest(run: Run, layout: str, layer: Path) -> None:
    planned = run("append", "--dry-run", f"{layout}:1.0", str(layer), "--tag", "1.1")
    assert planned.code == 0, planned.err
    assert "would upload" in planned.err
    assert run("validate", f"{layout}:1.1").code == 3
    told = run("append", "--dry-run", "--json", f"{layout}:1.0", str(layer), "--tag", "1.1").json
    assert told["manifest"] == json.loads(planned.out)
    done = run("append", "--json", f"{layout}:1.0", str(layer), "--tag", "1.1").json
    assert (done["digest"], done["uploads"]) == (told["digest"], told["uploads"])
    assert len(done["uploads"]) == 3  # one layer, and a config for each platform


def test_a_dry_run_tells_of_what_goes_along(run: Run, registry: str, tmp_path: Path) -> None:
    with repository(registry, "bar", CREDS) as target:
        push(target, referrer(sample().root.descriptor, SBOM, b"{}"))
    words = ("--dry-run", "--referrers", "move", "--env", "A=b", f"{registry}/bar:1.0", "--to", f"oci:{tmp_path}/to:1")
    planned = run("mutate", *words)
    assert (planned.code, planned.err.count("would upload to")) == (0, 2)


# --- --referrers


def test_referrers_stay_or_go_along_or_are_written_anew(run: Run, registry: str, tmp_path: Path) -> None:
    with repository(registry, "bar", CREDS) as target:
        push(target, referrer(sample().root.descriptor, SBOM, b"{}"))

    def about(tag: str, *words: str) -> list[Any]:
        layout = f"oci:{tmp_path}/{tag}:1"
        new = digest_of(run, "mutate", "--env", "A=b", *words, f"{registry}/bar:1.0", "--to", layout)
        entries = json.loads((tmp_path / tag / "index.json").read_bytes())["manifests"]
        blobs = (tmp_path / tag / "blobs" / "sha256" / entry["digest"].partition(":")[2] for entry in entries)
        subjects = [json.loads(blob.read_bytes()).get("subject", {}).get("digest") for blob in blobs]
        return [{new: "new", str(HELLO): "old"}[subject] for subject in subjects if subject]

    assert about("dropped") == []
    assert about("kept", "--referrers", "keep") == ["old"]
    assert about("moved", "--referrers", "move") == ["new"]
