"""Commands that take images apart: bases, layers, times, types, documents; and what differs in two images."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands import Run

from .conftest import CREDS
from .test_surgery import digest_of, layout, tar

__all__ = ["layout"]

PLATFORM = ("--platform", "linux/amd64")


@pytest.fixture
def based(run: Run, layout: str, tmp_path: Path) -> str:
    """The layout with two bases, and an image on the first: for both platforms."""
    files = {"old": {"etc/a": b"old"}, "new": {"etc/a": b"new", "etc/b": b"b"}, "app": {"app": b"app"}}
    for name, content in files.items():
        (tmp_path / f"{name}.tar").write_bytes(tar(content))
    for source, layer, name in (("1.0", "old", "base-1"), ("1.0", "new", "base-2"), ("base-1", "app", "app")):
        done = run("append", f"{layout}:{source}", str(tmp_path / f"{layer}.tar"), "--tag", name)
        assert done.code == 0, done.err
    return layout


def files(run: Run, place: str) -> list[str]:
    found = run("ls-files", *PLATFORM, place)
    assert found.code == 0, found.err
    return found.out.split()


# --- Bases


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


def test_a_base_is_named(run: Run, based: str) -> None:
    assert run("check-base", *PLATFORM, "--base", f"{based}:base-1", f"{based}:app").code == 0
    other = run("check-base", *PLATFORM, "--base", f"{based}:base-2", f"{based}:app")
    assert (other.code, "is not on" in other.out) == (1, True)
    assert run("check-base", *PLATFORM, f"{based}:app").code == 2


# --- Layers


def test_layers_are_taken_away(run: Run, based: str, tmp_path: Path) -> None:
    done = run("layer", "rm", "--layer", "-1", f"{based}:app", "--tag", "bare")
    assert done.code == 0, done.err
    base = run("append", "--dry-run", "--json", f"{based}:1.0", str(tmp_path / "old.tar"))
    assert done.out.strip().rpartition("@")[2] == base.json["digest"]
    assert run("layer", "rm", "--layer", "7", f"{based}:app").code == 3
    assert run("layer", "rm", "--layer", "x", f"{based}:app").code == 2


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


def test_all_times_become_one(run: Run, based: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("squash-time", f"{based}:app").code == 2
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    done = run("squash-time", f"{based}:app", "--tag", "same")
    assert done.code == 0, done.err
    listed = run("ls-files", "--json", *PLATFORM, f"{based}:same").json
    assert {each["modified"] for each in listed} == {"1970-01-02T00:00:00+00:00"}
    again = digest_of(run, "squash-time", "--time", "1970-01-02T00:00:00Z", f"{based}:same")
    assert again == done.out.strip().rpartition("@")[2]


# --- Types and documents


def test_types_are_converted_there_and_back(run: Run, layout: str) -> None:
    assert run("convert", "--format", "docker", f"{layout}:1.0", "--tag", "docker").code == 0
    assert run("validate", f"{layout}:docker").code == 0
    back = run("convert", "--json", "--format", "oci", f"{layout}:docker", "--tag", "back")
    assert back.json["media_type"] == "application/vnd.oci.image.index.v1+json"
    assert run("validate", f"{layout}:back").code == 0
    assert run("convert", "--format", "docker", f"{layout}:1.0", "--dry-run").code == 0


def test_a_config_is_edited(run: Run, layout: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", "sed -i s/hello/ahoy/")
    done = run("edit", "config", f"{layout}:1.0", "--tag", "edited")
    assert done.code == 0, done.err
    fields = run("diff", "--json", *PLATFORM, f"{layout}:1.0", f"{layout}:edited").json["config"]
    assert {each["place"]: each["after"] for each in fields}["/config/Cmd"] == ["/ahoy"]
    wrong = (("false", 2), ("no-such-editor", 2), ("sed -i s/sha256/sha512/", 2), ("sed -i s/{/[/", 2), ("true", 0))
    for editor, code in wrong:
        monkeypatch.setenv("EDITOR", editor)
        assert run("edit", "config", f"{layout}:1.0").code == code, editor
    monkeypatch.delenv("EDITOR")
    assert run("edit", "config", f"{layout}:1.0").code == 2


def test_a_manifest_is_edited(run: Run, layout: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDITOR", "sed -i s/arm64/riscv64/")
    assert run("edit", "manifest", f"{layout}:1.0", "--tag", "edited").code == 0
    assert run("ls-files", "--platform", "linux/riscv64", f"{layout}:edited").out == "hello\n"
    monkeypatch.setenv("EDITOR", "sed -i s/{/[/")
    assert run("edit", "manifest", f"{layout}:1.0").code == 2


# --- Differences


def test_what_differs(run: Run, based: str) -> None:
    same = run("diff", *PLATFORM, f"{based}:app", f"{based}:app")
    assert (same.code, same.out) == (0, "")
    told = run("diff", *PLATFORM, f"{based}:base-1", f"{based}:base-2")
    assert told.code == 1
    assert told.out.splitlines()[-2:] == ["~ file etc/a (content, 3 bytes)", "+ file etc/b (1 bytes)"]
    found = run("diff", "--json", *PLATFORM, f"{based}:base-2", f"{based}:base-1").json
    assert [(each["path"], each["kind"]) for each in found["files"]] == [("etc/a", "changed"), ("etc/b", "removed")]
    assert {each["place"] for each in found["config"]} == {"/rootfs/diff_ids"}
