"""index, backup and restore: what they print, and what they refuse."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands import Run

from .conftest import CREDS


def platforms(run: Run, place: str) -> list[str]:
    manifests = run("manifest", "get", "--creds", CREDS, place).json["manifests"]
    return [f"{entry['platform']['os']}/{entry['platform']['architecture']}" for entry in manifests]


def test_an_index_is_made_and_changed(run: Run, registry: str, tmp_path: Path) -> None:
    run("copy", "--creds", CREDS, "--platform", "linux/arm64", f"{registry}/foo:0.9", f"oci:{tmp_path}/layout:arm")
    words = ("index", "create", "--creds", CREDS, f"{registry}/foo:all")
    listed = (f"linux/amd64={registry}/bar:1.0", f"oci:{tmp_path}/layout:arm")
    dry = run(*words, *listed, "--dry-run")
    assert len(dry.json["manifests"]) == 2
    assert "would upload to" in dry.err
    made = run(*words, *listed, "--tag", "also")
    assert made.code == 0, made.err
    assert [line.partition("@")[0] for line in made.out.splitlines()] == [f"{registry}/foo:all", f"{registry}/foo:also"]
    assert platforms(run, f"{registry}/foo:also") == ["linux/amd64", "linux/arm64"]
    small = run("index", "filter", "--json", "--creds", CREDS, f"{registry}/foo:all", "linux/arm64", "--tag", "small")
    assert small.json["tags"] == ["small"]
    assert platforms(run, f"{registry}/foo:small") == ["linux/arm64"]
    run("index", "add", "--creds", CREDS, f"{registry}/foo:small", f"{registry}/foo:1.0")
    assert platforms(run, f"{registry}/foo:small") == ["linux/arm64", "linux/amd64"]
    run("index", "remove", "--creds", CREDS, f"{registry}/foo:small", "linux/arm64")
    noted = run("index", "annotate", "--json", "--creds", CREDS, f"{registry}/foo:small", "--annotation", "a=b")
    assert noted.json["manifest"]["annotations"] == {"a": "b"}
    assert platforms(run, f"{registry}/foo:small") == ["linux/amd64"]


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["remove", "REG/bar:1.0", "linux/s390x"], 3, "its platforms: linux/amd64, linux/arm64"),
        (["annotate", "REG/bar:1.0"], 2, "nothing is to be annotated"),
        (["create", "--format", "docker", "--annotation", "a=b", "REG/foo:x", "REG/bar:1.0"], 8, "no annotations"),
        (["filter", "oci-archive:a.tar:1", "linux/amd64"], 2, "written whole"),
    ],
)
def test_what_makes_no_index(run: Run, registry: str, words: list[str], code: int, told: str) -> None:
    refused = run("index", *[word.replace("REG", registry) for word in words], "--creds", CREDS)
    assert refused.code == code
    assert told in refused.err


def test_a_repository_is_saved_and_brought_back(run: Run, registry: str, tmp_path: Path) -> None:
    (tmp_path / "note").write_text("x")
    run("attach", "--creds", CREDS, "--artifact-type", "a/b", f"{registry}/bar:1.0", str(tmp_path / "note"))
    dry = run("backup", "--dry-run", f"{registry}/bar", f"{tmp_path}/saved.tar")
    assert "would be copied" in dry.out
    assert not (tmp_path / "saved.tar").exists()
    done = run("backup", f"{registry}/bar", f"{tmp_path}/saved.tar")
    assert done.code == 0, done.err
    names = [line.partition("@")[0] for line in done.out.splitlines()]
    assert names == [f"oci-archive:{tmp_path}/saved.tar:{tag}" for tag in ("0.9", "1.0", "latest")]
    back = run("restore", "--json", "--creds", CREDS, f"{tmp_path}/saved.tar", f"{registry}/foo")
    assert [each["name"] for each in back.json["copied"]] == ["0.9", "1.0", "latest"]
    found = run("referrers", "--json", "--creds", CREDS, f"{registry}/foo:1.0").json["referrers"]
    assert [each["artifactType"] for each in found] == ["a/b"]


def test_a_backup_is_of_a_repository(run: Run, registry: str, tmp_path: Path) -> None:
    assert run("backup", f"{registry}/bar:1.0", str(tmp_path)).code == 2
    assert run("backup", f"{registry}/bar", f"dir:{tmp_path}").code == 2
