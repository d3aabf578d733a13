"""index: what it prints, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from pratique import Digest
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


def test_a_changed_index_goes_where_it_is_said(run: Run, registry: str, tmp_path: Path) -> None:
    run("copy", f"{registry}/bar:1.0", f"oci-archive:{tmp_path}/a.tar:1.0")
    small = run(
        *("index", "filter", "--creds", CREDS, f"oci-archive:{tmp_path}/a.tar:1.0", "linux/arm64"),
        *("--to", f"{registry}/foo:small", "--tag", "too", "--export-manifest", f"{tmp_path}/index.json"),
    )
    assert [line.partition("@")[0] for line in small.out.splitlines()] == [
        f"{registry}/foo:small",
        f"{registry}/foo:too",
    ]
    assert platforms(run, f"{registry}/foo:too") == ["linux/arm64"]
    assert Digest.of((tmp_path / "index.json").read_bytes()) == Digest.parse(
        small.out.splitlines()[0].partition("@")[2]
    )
    more = run(
        "index",
        "add",
        "--json",
        "--creds",
        CREDS,
        f"{registry}/foo:small",
        f"{registry}/bar:0.9",
        "--to",
        f"oci:{tmp_path}/layout:all",
    )
    assert more.json["target"] == [f"oci:{tmp_path}/layout:all"]
    assert (more.json["changed"], more.json["tags"], len(more.json["uploads"]) > 1) == (True, ["all"], True)


def test_entries_are_named_and_described(run: Run, registry: str) -> None:
    (place, index) = f"{registry}/foo:1.0", ("index",)
    run(*index, "annotate", "--creds", CREDS, place, "--entry", "linux/arm64", "--annotation", "lang=en")
    said = ("--entry", "linux/amd64", "--platform", "windows/amd64:10.0", "--os-feature", "win32k")
    noted = run(*index, "annotate", "--json", "--creds", CREDS, place, *said).json["manifest"]["manifests"]
    assert noted[0]["platform"] == {
        "os": "windows",
        "architecture": "amd64",
        "os.version": "10.0",
        "os.features": ["win32k"],
    }
    for word in (["linux"], ["--annotation", "lang=en"], ["--annotation", "lang"], [noted[1]["digest"]]):
        dry = run(*index, "filter", "--dry-run", "--creds", CREDS, place, *word)
        assert dry.json["manifests"] == noted[1:], word
    same = run(
        *index, "annotate", "--creds", CREDS, place, "--entry", "linux", "--annotation", "lang=en", "--json"
    ).json
    assert (same["changed"], same["bytes"], same["manifest"]["manifests"]) == (False, 0, noted)


def test_an_index_with_a_subject_and_with_what_refers(run: Run, registry: str, tmp_path: Path) -> None:
    (tmp_path / "note").write_text("x")
    run("attach", "--creds", CREDS, "--artifact-type", "a/b", f"{registry}/bar:1.0", str(tmp_path / "note"))
    subject = ("--subject", f"{registry}/foo:0.9", "--artifact-type", "x/all")
    made = run("index", "create", "--creds", CREDS, f"{registry}/foo:all", f"{registry}/bar:1.0", "--nested", *subject)
    assert made.code == 0, made.err
    found = run("referrers", "--json", "--creds", CREDS, f"{registry}/foo:0.9").json["referrers"]
    assert [each["digest"] for each in found] == [made.out.strip().partition("@")[2]]
    again = run(
        "index",
        "add",
        "--json",
        "--referrers",
        "--creds",
        CREDS,
        f"{registry}/foo:all",
        f"{registry}/bar:1.0",
        "--nested",
    )
    assert [each["changed"] for each in again.json["companions"]] == [True]
    assert (
        run("referrers", "--json", "--creds", CREDS, f"{registry}/foo:1.0").json["referrers"][0]["artifactType"]
        == "a/b"
    )


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["remove", "REG/bar:1.0", "linux/s390x"], 3, "its platforms: linux/amd64, linux/arm64"),
        (["annotate", "REG/bar:1.0"], 2, "nothing is to be annotated"),
        (["create", "--format", "docker", "--annotation", "a=b", "REG/foo:x", "REG/bar:1.0"], 8, "no annotations"),
        (["filter", "oci-archive:a.tar:1", "linux/amd64"], 2, "written whole"),
        (["filter", "REG/bar:1.0"], 2, "no entry is named"),
        (["filter", "REG/bar:1.0", "--artifact-type", "a/b"], 3, "no entry of the type a/b"),
        (
            ["annotate", "REG/bar:1.0", "--os-feature", "x", "--annotation", "a=b"],
            2,
            "--os-feature goes with --platform",
        ),
        (["annotate", "REG/bar:1.0", "--platform", "linux/arm64"], 2, "name the entry"),
        (["create", "--format", "docker", "--nested", "REG/foo:x", "REG/bar:1.0"], 8, "images only"),
    ],
)
def test_what_makes_no_index(run: Run, registry: str, words: list[str], code: int, told: str) -> None:
    refused = run("index", *[word.replace("REG", registry) for word in words], "--creds", CREDS)
    assert refused.code == code
    assert told in refused.err
