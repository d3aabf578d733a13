"""artifact, attach and referrers: what they print, and what they refuse."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands import Run

from .conftest import CREDS


@pytest.fixture(autouse=True)
def here(tmp_path: Path) -> Iterator[Path]:
    """A folder with a file and a folder in it, where the command is run."""
    folder = tmp_path / "here"
    (folder / "pages").mkdir(parents=True)
    (folder / "README").write_bytes(b"read me\n")
    (folder / "pages" / "one").write_bytes(b"one")
    with contextlib.chdir(folder):
        yield folder


def test_push_prints_each_reference_and_pull_each_file(run: Run, registry: str, tmp_path: Path) -> None:
    place = f"{registry}/foo:docs"
    pushed = run("artifact", "push", "--creds", CREDS, "--tag", "latest-docs", place, "README:text/markdown", "pages")
    assert pushed.code == 0, pushed.err
    first, second = pushed.out.splitlines()
    assert first.startswith(f"{place}@sha256:")
    assert second == first.replace(":docs@", ":latest-docs@")
    pulled = run("artifact", "pull", "--creds", CREDS, "-o", str(tmp_path / "out"), place)
    assert pulled.out.splitlines() == [f"{tmp_path}/out/README", f"{tmp_path}/out/pages"]
    assert (tmp_path / "out" / "pages" / "one").read_bytes() == b"one"
    again = run("artifact", "pull", "--json", "--creds", CREDS, "-o", str(tmp_path / "out"), first).json
    assert {(file["outcome"], file["mediaType"]) for file in again["files"]} >= {("present", "text/markdown")}


def test_a_dry_run_prints_the_manifest_and_what_would_be(run: Run, registry: str) -> None:
    words = ("artifact", "push", "--creds", CREDS, f"{registry}/foo:docs", "README")
    dry = run(*words, "--dry-run")
    assert dry.json["layers"][0]["size"] == 8
    assert "would upload to" in dry.err
    assert "in 2 blobs and 1 manifest" in dry.err
    assert run("digest", "--creds", CREDS, f"{registry}/foo:docs").code == 3
    document = run(*words, "--dry-run", "--json").json
    assert (document["dry_run"], document["manifest"]) == (True, dry.json)
    assert [upload["size"] for upload in document["uploads"]] == [2, 8]
    done = run(*words, "--json", "--export-manifest", "manifest.json").json
    assert done["digest"] == document["digest"]
    assert run("manifest", "get", "--creds", CREDS, f"{registry}/foo:docs").out == Path("manifest.json").read_text()


def test_annotations_config_and_a_name_for_standard_input(run: Run, registry: str) -> None:
    words = ["artifact", "push", "--dry-run", "--creds", CREDS, f"{registry}/foo"]
    words += [
        "--config",
        "README:a/b",
        "--annotation",
        "k=v=w",
        "--file-annotation",
        "in.json=lang=en",
        "--name",
        "in.json",
    ]
    manifest = run(*words, "--", "-:application/json", stdin="{}").json
    assert manifest["annotations"] == {"k": "v=w"}
    assert manifest["config"]["mediaType"] == "a/b"
    assert manifest["layers"][0]["annotations"] == {"org.opencontainers.image.title": "in.json", "lang": "en"}


def test_a_name_may_have_a_type(run: Run, registry: str) -> None:
    words = ("artifact", "push", "--dry-run", "--creds", CREDS, f"{registry}/foo", "--name", "in.json:application/json")
    layer = run(*words, "-", stdin="{}").json["layers"][0]
    assert (layer["mediaType"], layer["annotations"]) == (
        "application/json",
        {"org.opencontainers.image.title": "in.json"},
    )


def test_a_file_of_annotations_and_those_of_the_config(run: Run, registry: str) -> None:
    Path("notes.json").write_text('{"$manifest": {"m": "1"}, "README": {"f": "2"}}', "utf-8")
    words = ("--annotation-file", "notes.json", "--config-annotation", "c=3", "README")
    manifest = run("artifact", "push", "--dry-run", "--creds", CREDS, f"{registry}/foo", *words).json
    assert (manifest["annotations"], manifest["config"]["annotations"]) == ({"m": "1"}, {"c": "3"})
    assert manifest["layers"][0]["annotations"]["f"] == "2"


def test_options_may_stand_before_the_files(run: Run, registry: str) -> None:
    assert run("attach", "--help").out.startswith("usage: pratique attach [OPTION...] REF [FILE...]\n")
    place = f"{registry}/foo:docs"
    pushed = run("artifact", "push", "--creds", CREDS, place, "--artifact-platform", "linux/arm64", "README", "pages")
    assert pushed.code == 0, pushed.err
    assert run("config", "get", "--creds", CREDS, place).json == {"architecture": "arm64", "os": "linux"}
    attached = run("attach", "--creds", CREDS, place, "--artifact-type", "a/b", "README")
    assert attached.code == 0, attached.err


def test_what_has_no_files_is_pushed_attached_and_pulled(run: Run, registry: str) -> None:
    place = f"{registry}/foo:mark"
    assert run("artifact", "push", "--creds", CREDS, "--artifact-type", "a/mark", place).code == 0
    assert run("attach", "--creds", CREDS, "--artifact-type", "a/mark", "--annotation", "good=yes", place).code == 0
    pulled = run("artifact", "pull", "--creds", CREDS, place)
    assert (pulled.code, pulled.out) == (0, "")
    assert f"{place} has no files" in pulled.err


def test_one_file_and_the_config(run: Run, registry: str, tmp_path: Path) -> None:
    place = f"{registry}/foo:docs"
    run("artifact", "push", "--creds", CREDS, "--config", "README:a/b", place, "README", "pages/one")
    words = ("artifact", "pull", "--creds", CREDS, "-o", str(tmp_path), "--file", "pages/one", "--config", "made.json")
    assert run(*words, place).out.splitlines() == [f"{tmp_path}/pages/one", "made.json"]
    assert Path("made.json").read_bytes() == b"read me\n"
    document = run(*words, "--json", place).json
    assert (document["config"]["path"], document["config"]["outcome"]) == ("made.json", "present")
    assert [file["path"] for file in document["files"]] == [f"{tmp_path}/pages/one"]


def test_what_has_no_title_is_told_of(run: Run, registry: str, tmp_path: Path) -> None:
    run("artifact", "push", "--creds", CREDS, "--export-manifest", "manifest.json", f"{registry}/foo:docs", "README")
    manifest = json.loads(Path("manifest.json").read_bytes())
    layer = manifest["layers"][0]
    manifest["layers"] = [layer, {**layer, "annotations": {}}]
    Path("manifest.json").write_text(json.dumps(manifest), "utf-8")
    run("manifest", "put", "--creds", CREDS, f"{registry}/foo:docs", "manifest.json")
    pulled = run("artifact", "pull", "--creds", CREDS, "-o", str(tmp_path), f"{registry}/foo:docs")
    assert pulled.out == f"{tmp_path}/README\n"
    assert f"not pulled, for want of a title: {layer['digest']}" in pulled.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "nothing is to be pushed"),
        (["-"], "--name"),
        (["README", "--name", "x"], "--name is that of standard input"),
        (["README", "--artifact-type", "sbom"], "no media type"),
        (["README", "--annotation-file", "none.json"], "there is no file none.json"),
        (["nothing"], "there is no file nothing"),
        (["README", "--annotation", "x"], "--annotation wants KEY=VALUE, not 'x'"),
        (["README", "--file-annotation", "other=a=b"], "of a file that is pushed"),
    ],
)
def test_what_cannot_be_pushed(run: Run, registry: str, words: list[str], told: str) -> None:
    refused = run("artifact", "push", "--creds", CREDS, f"{registry}/foo:docs", *words)
    assert refused.code in (2, 3)
    assert told in refused.err


def test_attach_and_referrers(run: Run, registry: str, tmp_path: Path) -> None:
    app = f"{registry}/foo:1.0"
    sbom = run("attach", "--creds", CREDS, "--artifact-type", "a/sbom", "--annotation", "by=me", app, "README")
    assert sbom.code == 0, sbom.err
    assert sbom.out.startswith(f"{registry}/foo@sha256:")
    below = sbom.out.strip()
    signed = run("attach", "--json", "--creds", CREDS, "--artifact-type", "a/signature", below, "README").json
    listed = run("referrers", "--creds", CREDS, app)
    assert [line.split() for line in listed.out.splitlines()] == [
        ["DEPTH", "TYPE", "DIGEST"],
        ["1", "a/sbom", below.partition("@")[2]],
        ["2", "a/signature", signed["digest"]],
    ]
    tree = run("referrers", "--creds", CREDS, "--tree", app).out.splitlines()
    assert [line.split()[0:2] for line in tree[1:]] == [["└─", "a/sbom"], ["│", "by:"], ["└─", "a/signature"]]
    document = run("referrers", "--creds", CREDS, "--json", "--depth", "1", "--filter", "by=me", app).json
    assert [(each["artifactType"], each["referrers"]) for each in document["referrers"]] == [("a/sbom", [])]
    assert run("referrers", "--creds", CREDS, "--artifact-type", "a/none", app).out == "DEPTH  TYPE  DIGEST\n"


def test_referrers_of_what_has_gone(run: Run, registry: str) -> None:
    app = run("artifact", "push", "--creds", CREDS, f"{registry}/foo:gone", "README").out.strip()
    attached = run("attach", "--json", "--creds", CREDS, "--artifact-type", "a/b", app, "README").json
    place = app.replace(":gone@", "@")
    assert run("manifest", "delete", "--creds", CREDS, place).code == 0
    tree = run("referrers", "--creds", CREDS, "--tree", place).out.splitlines()
    assert tree == [place, f"└─ a/b {attached['digest']}"]
    document = run("referrers", "--creds", CREDS, "--json", place).json
    assert list(document) == ["digest", "referrers"]


def test_attach_wants_a_type(run: Run, registry: str) -> None:
    assert "--artifact-type" in run("attach", f"{registry}/foo:1.0", "README").err


def test_files_are_not_printed(run: Run, registry: str, here: Path) -> None:
    told = run("artifact", "pull", "--creds", CREDS, "-o", "-", f"{registry}/foo:1.0")
    assert (told.code, told.out) == (2, "")
    assert "is a folder" in told.err
    assert not (here / "-").exists()


def test_a_filter_has_a_key(run: Run, registry: str) -> None:
    told = run("referrers", "--filter", "=x", f"{registry}/foo:1.0")
    assert (told.code, "KEY=VALUE" in told.err) == (2, True)
