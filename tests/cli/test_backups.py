"""backup and restore: what they print, and what they refuse."""

from __future__ import annotations

from pathlib import Path

from tests.commands import Run

from .conftest import CREDS


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


def test_a_dry_run_of_a_backup_counts_what_refers_to_it(run: Run, registry: str, tmp_path: Path) -> None:
    (tmp_path / "note").write_text("x")
    run("attach", "--creds", CREDS, "--artifact-type", "a/b", f"{registry}/foo:1.0", str(tmp_path / "note"))
    words = ("backup", "--creds", CREDS, "--dry-run", "--include", r"1\.0", f"{registry}/foo", str(tmp_path / "saved"))
    (line,) = run(*words).out.splitlines()
    assert line.partition("; ")[2].startswith("with 1 more: ")
    assert "; with" not in run(*words, "--no-referrers").out
    assert not (tmp_path / "saved").exists()
    refused = run("backup", "--creds", CREDS, f"{registry}/foo:1.0", str(tmp_path / "saved"))
    assert (refused.code, "--include chooses" in refused.err) == (2, True)


def test_a_backup_is_of_a_repository(run: Run, registry: str, tmp_path: Path) -> None:
    assert run("backup", f"{registry}/bar:1.0", str(tmp_path)).code == 2
    assert run("backup", f"{registry}/bar", f"dir:{tmp_path}").code == 2
