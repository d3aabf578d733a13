"""append, rebase, flatten, recompress, layer and squash-time: commands that change the layers of images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.commands import Run

from .conftest import CREDS
from .images import PLATFORM, config, digest_of, exported, files, tar

# --- append


def test_a_layer_is_put_on_every_image_of_an_index(run: Run, layout: str, layer: Path, tmp_path: Path) -> None:
    done = run("append", f"{layout}:1.0", str(layer), "--tag", "1.1", "--tag", "latest")
    assert done.code == 0, done.err
    assert [line.partition("@")[0] for line in done.out.splitlines()] == [f"{layout}:1.1", f"{layout}:latest"]
    for platform in ("linux/amd64", "linux/arm64"):
        files = run("ls-files", "--platform", platform, f"{layout}:1.1").out.split()
        assert files == ["etc/a", "etc/b"]
    assert exported(run, f"{layout}:1.1", tmp_path / "files.tar") == {"etc/a": b"aaa\n", "etc/b": b"bbb\n"}
    assert run("validate", f"{layout}:1.1").code == 0


def test_folders_and_files_have_places_and_always_the_same_digest(run: Run, layout: str, tmp_path: Path) -> None:
    folder = tmp_path / "build"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "app").write_bytes(b"app")
    words = ("append", f"{layout}:1.0", f"{folder}:/opt", f"{folder / 'bin' / 'app'}:/usr/bin/app", str(folder))
    first = digest_of(run, *words, "--tag", "1.1")
    (folder / "bin" / "app").touch()
    assert digest_of(run, *words, "--dry-run", "--json") != ""
    assert digest_of(run, *words, "--tag", "1.2") == first
    files = run("ls-files", "--platform", "linux/amd64", f"{layout}:1.1").out.split()
    assert {"opt/bin/app", "usr/bin/app", "bin/app", "hello"} <= set(files)


def test_the_time_is_that_of_the_environment(run: Run, layout: str, tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "a").write_bytes(b"a")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    assert run("append", f"{layout}:1.0", f"{tmp_path}/a:/a", "--tag", "1.1").code == 0
    listed = run("ls-files", "--json", "--platform", "linux/amd64", f"{layout}:1.1", "a").json
    assert [file["modified"] for file in listed] == ["1970-01-02T00:00:00+00:00"]
    for wrong in ("tomorrow", "-1", "1.5", "2026-01-31T12:00:00Z", "9" * 30):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", wrong)
        refused = run("append", f"{layout}:1.0", f"{tmp_path}/a:/a")
        assert (refused.code, f"SOURCE_DATE_EPOCH is '{wrong}'" in refused.err) == (2, True)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"no tar at all" * 100, "is not a tar"),
        (tar({"a": b"a" * 2000})[:1024], "truncated"),
        (b"", "is empty"),
        (tar({"../a": b"a"}), "../a"),
        (tar({"a/../../b": b"a"}), "../b"),
    ],
    ids=["no tar", "cut", "nothing", "leads out", "leads out in the middle"],
)
def test_what_is_no_layer_is_refused(run: Run, layout: str, tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "bad.tar").write_bytes(content)
    refused = run("append", f"{layout}:1.0", str(tmp_path / "bad.tar"), "--tag", "bad")
    assert (refused.code, said in refused.err) == (2, True), refused.err
    assert run("validate", f"{layout}:bad").code == 3


@pytest.mark.parametrize(
    "words", [("/../a", "outside of the image"), ("a", "begins with a slash"), ("/a/../../b", "outside")]
)
def test_places_that_are_none(run: Run, layout: str, layer: Path, words: tuple[str, str]) -> None:
    refused = run("append", f"{layout}:1.0", f"{layer}:{words[0]}")
    assert (refused.code, words[1] in refused.err, "bad intent" in refused.err) == (2, True, False), refused.err


def test_a_name_from_the_root_is_taken_as_one_in_it(run: Run, layout: str, tmp_path: Path) -> None:
    (tmp_path / "rooted.tar").write_bytes(tar({"/etc/x": b"x"}))
    assert run("append", f"{layout}:1.0", str(tmp_path / "rooted.tar"), "--tag", "x").code == 0
    assert run("cat", "--platform", "linux/amd64", f"{layout}:x", "etc/x").out == "x"


def test_an_image_is_made_of_nothing(run: Run, layout: str, layer: Path) -> None:
    words = ("append", "--platform", "linux/amd64", "scratch", str(layer))
    assert run(*words).code == 2
    assert run("append", "scratch", str(layer), "--to", f"{layout}:new").code == 2
    assert run(*words, "--to", f"{layout}:new").code == 0
    assert run("ls-files", f"{layout}:new").out.split() == ["etc/a", "etc/b"]


# --- rebase


def test_an_image_is_put_on_another_base(run: Run, based: str) -> None:
    bases = ("--old", f"{based}:base-1", "--new", f"{based}:base-2")
    done = run("rebase", f"{based}:app", *bases, "--tag", "app-2")
    assert done.code == 0, done.err
    assert files(run, f"{based}:app-2") == ["app", "etc/a", "etc/b", "hello"]
    assert run("cat", "--platform", "linux/arm64", f"{based}:app-2", "etc/a").out == "new"
    assert run("validate", f"{based}:app-2").code == 0
    again = run("rebase", f"{based}:app-2", *bases)
    assert (again.code, "is not based on" in again.err) == (2, True)
    assert run("rebase", f"{based}:app", "--old", f"{based}:base-1").code == 2
    unknown = run("rebase", f"{based}:app")
    assert (unknown.code, "do not say" in unknown.err) == (2, True)


def test_a_base_is_taken_from_the_annotations(run: Run, based: str, registry: str) -> None:
    place = f"{registry}/foo"
    for name in ("base-1", "base-2", "app"):
        assert run("copy", "--creds", CREDS, f"{based}:{name}", f"{place}:{name}").code == 0
    assert run("tag", "--creds", CREDS, f"{place}:base-1", "base").code == 0
    old = run("digest", "--creds", CREDS, f"{place}:base-1").out.strip().rpartition("@")[2]
    notes = (f"org.opencontainers.image.base.name={place}:base", f"org.opencontainers.image.base.digest={old}")
    words = [word for note in notes for word in ("--annotation", note)]
    assert run("mutate", "--creds", CREDS, *words, f"{place}:app", "--tag", "app").code == 0
    check = ("check-base", "--creds", CREDS, *PLATFORM, f"{place}:app")
    assert run(*check).code == 0
    assert run("tag", "--creds", CREDS, f"{place}:base-2", "base").code == 0
    told = run(*check, "--json")
    assert (told.code, told.json["current"], told.json["digest"]) == (1, False, old)
    done = run("rebase", "--creds", CREDS, f"{place}:app", "--tag", "app")
    assert done.code == 0, done.err
    current = run(*check, "--json")
    assert (current.code, current.json["digest"]) == (0, current.json["current_digest"])


def test_an_image_that_says_its_base_is_rebased_without_naming_it(run: Run, registry: str, layer: Path) -> None:
    base, app = f"{registry}/foo", f"{registry}/bar"
    assert run("copy", "--dest-creds", CREDS, f"{app}:1.0", f"{base}:1", "--src-creds", CREDS).code == 0
    done = run("append", "--creds", CREDS, "--note-base", f"{base}:1", str(layer), "--to", f"{app}:on")
    assert done.code == 0, done.err
    assert run("append", "--creds", CREDS, f"{base}:1", str(layer), "--tag", "1").code == 0
    rebased = run("rebase", "--creds", CREDS, f"{app}:on", "--tag", "on")
    assert rebased.code == 0, rebased.err
    assert len(config(run, f"{app}:on")["rootfs"]["diff_ids"]) == 3


# --- flatten


def test_all_layers_become_one(run: Run, layout: str, layer: Path, tmp_path: Path) -> None:
    assert run("append", f"{layout}:1.0", str(layer), "--tag", "1.1").code == 0
    done = run("flatten", "--json", f"{layout}:1.1", "--to", f"oci:{tmp_path}/flat:1")
    assert done.code == 0, done.err
    assert exported(run, f"oci:{tmp_path}/flat:1", tmp_path / "flat.tar") == {"etc/a": b"aaa\n", "etc/b": b"bbb\n"}
    assert run("validate", f"oci:{tmp_path}/flat:1").code == 0


# --- recompress


@pytest.mark.parametrize("kind", ["gzip", "zstd", "none"])
def test_layers_are_packed_in_another_way(run: Run, layout: str, kind: str) -> None:
    done = run("recompress", "--json", "--compression", kind, f"{layout}:1.0", "--tag", "packed")
    assert done.code == 0, done.err
    assert run("validate", f"{layout}:packed").code == 0
    layers = [part["mediaType"] for part in done.json["uploads"] if "layer" in part["mediaType"]]
    assert set(layers) == {"application/vnd.oci.image.layer.v1.tar" + ("" if kind == "none" else f"+{kind}")}
    before, after = (
        run("ls-files", "--digests", "--platform", "linux/amd64", f"{layout}:{tag}").out for tag in ("1.0", "packed")
    )
    assert before == after


def test_levels_are_of_what_has_levels(run: Run, layout: str) -> None:
    assert run("recompress", "--level", "9", f"{layout}:1.0").code == 0
    assert run("flatten", "--level", "9", f"{layout}:1.0").code == 2
    assert run("recompress", "--compression", "none", "--level", "9", f"{layout}:1.0").code == 2
    assert run("recompress", "--compression", "gzip", "--level", "9", f"{layout}:1.0").code == 0
    refused = run("recompress", "--compression", "zstd", "--level", "99", f"{layout}:1.0")
    assert (refused.code, "zstd has no level 99" in refused.err) == (2, True)


# --- layer


def test_layers_are_taken_away(run: Run, based: str, tmp_path: Path) -> None:
    done = run("layer", "rm", "--layer", "-1", f"{based}:app", "--tag", "bare")
    assert done.code == 0, done.err
    base = run("append", "--dry-run", "--json", f"{based}:1.0", str(tmp_path / "old.tar"))
    assert done.out.strip().rpartition("@")[2] == base.json["digest"]
    assert run("layer", "rm", "--layer", "7", f"{based}:app").code == 3
    assert run("layer", "rm", "--layer", "x", f"{based}:app").code == 2


def test_layers_go_by_what_made_them(run: Run, layout: str, layer: Path) -> None:
    assert run("append", f"{layout}:1.0", str(layer), "--comment", "x", "--tag", "1.1").code == 0
    assert run("layer", "rm", f"{layout}:1.1", "--created-by", "cargo").code == 3
    assert run("layer", "rm", f"{layout}:1.1").code == 2
    assert run("layer", "rm", f"{layout}:1.1", "--created-by", "pratique", "--tag", "none").code == 0
    assert run("ls-files", "--platform", "linux/amd64", f"{layout}:none").out == ""


def test_files_are_left_out_and_replaced(run: Run, based: str, tmp_path: Path) -> None:
    assert run("layer", "edit", "--strip", "etc/**", f"{based}:app", "--tag", "slim").code == 0
    assert files(run, f"{based}:slim") == ["app", "hello"]
    (tmp_path / "content").write_bytes(b"other")
    words = ("--replace", f"etc/a={tmp_path}/content", "--replace", f"more={tmp_path}/content")
    assert run("layer", "edit", *words, "--layer", "1", f"{based}:app", "--tag", "other").code == 0
    assert run("cat", *PLATFORM, f"{based}:other", "etc/a").out == "other"
    assert files(run, f"{based}:other") == ["app", "etc/a", "hello", "more"]
    assert run("validate", f"{based}:other").code == 0
    assert run("layer", "edit", *words, f"{based}:app").code == 2
    assert run("layer", "edit", f"{based}:app").code == 2


# --- squash-time


def test_all_times_become_one(run: Run, based: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("squash-time", f"{based}:app").code == 2
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    done = run("squash-time", f"{based}:app", "--tag", "same")
    assert done.code == 0, done.err
    listed = run("ls-files", "--json", *PLATFORM, f"{based}:same").json
    assert {each["modified"] for each in listed} == {"1970-01-02T00:00:00+00:00"}
    again = digest_of(run, "squash-time", "--time", "1970-01-02T00:00:00Z", f"{based}:same")
    assert again == done.out.strip().rpartition("@")[2]


def test_times_of_the_base_stay(run: Run, layout: str, layer: Path) -> None:
    assert run("append", f"{layout}:1.0", str(layer), "--tag", "1.1").code == 0
    words = ("--time", "86400", "--base", f"{layout}:1.0", f"{layout}:1.1", "--tag", "same")
    done = run("squash-time", *words)
    assert done.code == 0, done.err
    before, after = (read_layers(layout, tag) for tag in ("1.1", "same"))
    assert before[0] == after[0]
    assert before[1] != after[1]


def read_layers(layout: str, tag: str) -> list[str]:
    """The digests of the layers of the first image of an index in a layout."""
    folder = Path(layout.removeprefix("oci:"))

    def blob(digest: str) -> Any:
        return json.loads((folder / "blobs" / "sha256" / digest.partition(":")[2]).read_bytes())

    names = "org.opencontainers.image.ref.name"
    entries = json.loads((folder / "index.json").read_bytes())["manifests"]
    (root,) = [blob(entry["digest"]) for entry in entries if entry.get("annotations", {}).get(names) == tag]
    return [each["digest"] for each in blob(root["manifests"][0]["digest"])["layers"]]
