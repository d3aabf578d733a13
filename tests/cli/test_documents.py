"""mutate, convert and edit: commands that change the manifests and configs of images."""

from __future__ import annotations

import json
import shlex
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pratique import surgery
from tests.commands import Run

from .conftest import CREDS
from .images import HELLO, config, digest_of

# --- mutate


def test_settings_are_changed(run: Run, registry: str) -> None:
    place = f"{registry}/bar"
    words = (
        *("--env", "A=1", "--env", "B=2=3", "--label", "team=harbour", "--label-rm", "org.opencontainers.image.title"),
        *("--annotation", "note=ahoy", "--cmd", "serve --all", "--entrypoint", '["/bin/app"]', "--user", "1000:1000"),
        *("--workdir", "/srv", "--stop-signal", "SIGINT", "--port", "80", "--volume", "/data", "--created", "86400"),
    )
    done = run("mutate", "--creds", CREDS, *words, f"{place}:1.0", "--tag", "1.1")
    assert done.code == 0, done.err
    found = config(run, f"{place}:1.1")
    assert found["created"] == "1970-01-02T00:00:00Z"
    assert found["config"] == {
        "Cmd": ["serve", "--all"], "Labels": {"team": "harbour"}, "Entrypoint": ["/bin/app"], "User": "1000:1000",
        "WorkingDir": "/srv", "StopSignal": "SIGINT", "Env": ["A=1", "B=2=3"], "ExposedPorts": {"80/tcp": {}},
        "Volumes": {"/data": {}},
    }  # fmt: skip
    assert found == {**config(run, f"{place}:1.1", "linux/arm64"), "architecture": "amd64"}
    manifest = run("manifest", "get", "--creds", CREDS, "--platform", "linux/amd64", f"{place}:1.1").json
    assert manifest["annotations"] == {"note": "ahoy"}
    cleared = ("--cmd", "", "--user", "", "--env-rm", "A", "--port-rm", "80/tcp", "--annotation-rm", "note")
    assert run("mutate", "--creds", CREDS, *cleared, f"{place}:1.1", "--tag", "1.2").code == 0
    left = config(run, f"{place}:1.2")["config"]
    assert (left["Env"], {"Cmd", "User", "ExposedPorts"} & set(left)) == (["B=2=3"], set())


@pytest.mark.parametrize(
    "words",
    [
        ["--volume", ""],
        ["--volume", "a"],
        [],
        ["--env", "A"],
        ["--port", "x"],
        ["--cmd", '["a"'],
        ["--cmd", "[1]"],
        ["--workdir", "a"],
        ["--created", "x"],
    ],
    ids=" ".join,
)
def test_wrong_settings(run: Run, layout: str, words: list[str]) -> None:
    assert run("mutate", *words, f"{layout}:1.0").code == 2


def test_what_peers_set_is_set_as_well(run: Run, registry: str) -> None:
    place = f"{registry}/bar"
    words = (
        "--author",
        "me",
        "--healthcheck",
        "curl -f localhost",
        "--created",
        "",
        "--label",
        "a=b",
        "--annotate-labels",
    )
    done = run("mutate", "--creds", CREDS, *words, "--base", f"{place}:1.0", f"{place}:1.0", "--tag", "1.1")
    assert done.code == 0, done.err
    found = config(run, f"{place}:1.1")
    assert (found["author"], "created" in found) == ("me", False)
    assert found["config"]["Healthcheck"] == {"Test": ["CMD-SHELL", "curl -f localhost"]}
    manifest = run("manifest", "get", "--creds", CREDS, "--platform", "linux/amd64", f"{place}:1.1").json
    assert manifest["annotations"] == {
        "org.opencontainers.image.title": "hello",
        "a": "b",
        "org.opencontainers.image.base.name": f"{place}:1.0",
        "org.opencontainers.image.base.digest": str(HELLO),
    }
    for said, expected in (('["/x", "y z"]', ["CMD", "/x", "y z"]), ("NONE", ["NONE"])):
        assert run("mutate", "--creds", CREDS, "--healthcheck", said, f"{place}:1.1", "--tag", "1.2").code == 0
        assert config(run, f"{place}:1.2")["config"]["Healthcheck"]["Test"] == expected


# --- convert


def test_types_are_converted_there_and_back(run: Run, layout: str) -> None:
    assert run("convert", "--format", "docker", f"{layout}:1.0", "--tag", "docker").code == 0
    assert run("validate", f"{layout}:docker").code == 0
    back = run("convert", "--json", "--format", "oci", f"{layout}:docker", "--tag", "back")
    assert back.json["media_type"] == "application/vnd.oci.image.index.v1+json"
    assert run("validate", f"{layout}:back").code == 0
    assert run("convert", "--format", "docker", f"{layout}:1.0", "--dry-run").code == 0


# --- edit


@pytest.fixture
def editor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """Sets an editor that does what a line of Python says with `text`; what is kept for people is kept in the test's folder."""
    kept = tmp_path / "kept"
    kept.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(kept))

    def chosen(line: str) -> None:
        script = tmp_path / "editor.py"
        script.write_text(
            f"import sys\npath = sys.argv[1]\ntext = open(path).read()\n{line}\nopen(path, 'w').write(text)\n"
        )
        monkeypatch.setenv("EDITOR", f"{shlex.quote(sys.executable)} {shlex.quote(str(script))}")

    return chosen


def test_configs_are_edited(run: Run, layout: str, editor: Callable[[str], None]) -> None:
    editor("text = text.replace('\"hello', '\"ahoy') + '\\n'")
    done = run("edit", "config", f"{layout}:1.0", "--tag", "1.1")
    assert done.code == 0, done.err
    told = run("diff", "--json", "--platform", "linux/arm64", f"{layout}:1.0", f"{layout}:1.1").json
    assert [change["after"] for change in told["config"]] == ["ahoy"]
    assert run("validate", f"{layout}:1.1").code == 0


def test_nothing_typed_is_nothing_changed(run: Run, registry: str, editor: Callable[[str], None]) -> None:
    editor("text += '\\n'")
    for what in ("config", "manifest"):
        same = digest_of(run, "edit", what, "--creds", CREDS, f"{registry}/bar:1.0", "--tag", "same")
        assert same == str(HELLO)


def test_a_manifest_in_one_line_is_shown_in_lines_and_stays_as_it_is(
    run: Run, layout: str, editor: Callable[[str], None], tmp_path: Path
) -> None:
    compact = surgery.revise(f"{layout}:1.0", lambda raw: json.dumps(json.loads(raw)).encode(), tags=["line"])
    seen = tmp_path / "seen"
    editor(f"open({str(seen)!r}, 'w').write(text)")
    assert digest_of(run, "edit", "manifest", f"{layout}:line", "--tag", "same") == str(compact.descriptor.digest)
    assert len(seen.read_text().splitlines()) > 10
    editor("text = text.replace('{', '{\"a\": 1,', 1) + '\\n'")
    changed = run("edit", "manifest", "--dry-run", "--json", f"{layout}:line").json["manifest"]
    assert changed["a"] == 1


@pytest.mark.parametrize("what", ["config", "manifest"])
def test_what_was_typed_in_vain_is_kept(
    run: Run, layout: str, editor: Callable[[str], None], tmp_path: Path, what: str
) -> None:
    editor("text = 'ahoy ' + text")
    refused = run("edit", what, f"{layout}:1.0", "--tag", "1.1")
    assert (refused.code, "not JSON" in refused.err) == (2, True)
    (path,) = (tmp_path / "kept").rglob("*.json")
    assert path.read_text().startswith("ahoy")
    assert str(path) in refused.err
    assert run("validate", f"{layout}:1.1").code == 3


@pytest.mark.parametrize("editing", ["", "false", "/there/is/none", "'", "rm"])
def test_editors_that_do_not_edit(
    run: Run, layout: str, editor: Callable[[str], None], tmp_path: Path, monkeypatch: Any, editing: str
) -> None:
    editor("")
    monkeypatch.setenv("EDITOR", editing)
    assert run("edit", "manifest", f"{layout}:1.0", "--tag", "1.1").code == 2
    assert run("validate", f"{layout}:1.1").code == 3
    assert list((tmp_path / "kept").iterdir()) == []


@pytest.mark.parametrize("editor", ["sed -i s/sha256/sha512/", "sed -i s/{/[/", "no-such-editor", ""])
def test_what_is_no_config_any_more(run: Run, layout: str, monkeypatch: pytest.MonkeyPatch, editor: str) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", editor)
    assert run("edit", "config", f"{layout}:1.0").code == 2


def test_a_manifest_is_edited(run: Run, layout: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDITOR", "sed -i s/arm64/riscv64/")
    assert run("edit", "manifest", f"{layout}:1.0", "--tag", "edited").code == 0
    assert run("ls-files", "--platform", "linux/riscv64", f"{layout}:edited").out == "hello\n"
    monkeypatch.setenv("EDITOR", "sed -i s/{/[/")
    assert run("edit", "manifest", f"{layout}:1.0").code == 2
