"""Commands that change images and look into them, against a registry and files."""

from __future__ import annotations

import io
import json
import shlex
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pratique import surgery
from pratique.image.sample import Content
from pratique.spec import media
from tests.commands import Run
from tests.registries import push, repository, sample
from tests.stores.contract import SBOM, referrer

from .conftest import CREDS

HELLO = sample().root.descriptor.digest


def tar(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture
def layer(tmp_path: Path) -> Path:
    """A layer that adds two files and takes `hello` away."""
    path = tmp_path / "layer.tar"
    path.write_bytes(tar({"etc/a": b"aaa\n", "etc/b": b"bbb\n", ".wh.hello": b""}))
    return path


@pytest.fixture
def layout(run: Run, registry: str, tmp_path: Path) -> str:
    """A layout with the index under `1.0`."""
    place = f"oci:{tmp_path}/layout"
    assert run("copy", f"{registry}/bar:1.0", f"{place}:1.0").code == 0
    return place


def digest_of(run: Run, *words: str) -> str:
    done = run(*words)
    assert done.code == 0, done.err
    return done.out.strip().rpartition("@")[2]


def config(run: Run, place: str, platform: str = "linux/amd64") -> Any:
    found = run("config", "get", "--creds", CREDS, "--platform", platform, place)
    assert found.code == 0, found.err
    return found.json


def exported(run: Run, place: str, file: Path) -> dict[str, bytes]:
    done = run("export", "--platform", "linux/amd64", "--output", str(file), place)
    assert done.code == 0, done.err
    with tarfile.open(file) as archive:
        return {each.name: content.read() for each in archive if (content := archive.extractfile(each))}


# --- Changing


def test_a_layer_is_put_on_every_image_of_an_index(run: Run, layout: str, layer: Path, tmp_path: Path) -> None:
    done = run("append", f"{layout}:1.0", str(layer), "--tag", "1.1", "--tag", "latest")
    assert done.code == 0, done.err
    assert [line.partition("@")[0] for line in done.out.splitlines()] == [f"{layout}:1.1", f"{layout}:latest"]
    for platform in ("linux/amd64", "linux/arm64"):
        files = run("ls-files", "--platform", platform, f"{layout}:1.1").out.split()
        assert files == ["etc/a", "etc/b"]
    assert exported(run, f"{layout}:1.1", tmp_path / "files.tar") == {"etc/a": b"aaa\n", "etc/b": b"bbb\n"}
    assert run("validate", f"{layout}:1.1").code == 0


def test_only_the_image_for_a_platform_is_changed(run: Run, layout: str, layer: Path) -> None:
    assert run("append", "--platform", "linux/arm64", f"{layout}:1.0", str(layer), "--tag", "1.1").code == 0
    assert run("ls-files", "--platform", "linux/amd64", f"{layout}:1.1").out.split() == ["hello"]
    assert run("ls-files", "--platform", "linux/arm64", f"{layout}:1.1").out.split() == ["etc/a", "etc/b"]
    missing = run("append", "--platform", "linux/s390x", f"{layout}:1.0", str(layer))
    assert (missing.code, "linux/s390x" in missing.err) == (3, True)


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


def test_all_layers_become_one(run: Run, layout: str, layer: Path, tmp_path: Path) -> None:
    assert run("append", f"{layout}:1.0", str(layer), "--tag", "1.1").code == 0
    done = run("flatten", "--json", f"{layout}:1.1", "--to", f"oci:{tmp_path}/flat:1")
    assert done.code == 0, done.err
    assert exported(run, f"oci:{tmp_path}/flat:1", tmp_path / "flat.tar") == {"etc/a": b"aaa\n", "etc/b": b"bbb\n"}
    assert run("validate", f"oci:{tmp_path}/flat:1").code == 0


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


def test_an_image_is_made_of_nothing(run: Run, layout: str, layer: Path) -> None:
    words = ("append", "--platform", "linux/amd64", "scratch", str(layer))
    assert run(*words).code == 2
    assert run("append", "scratch", str(layer), "--to", f"{layout}:new").code == 2
    assert run(*words, "--to", f"{layout}:new").code == 0
    assert run("ls-files", f"{layout}:new").out.split() == ["etc/a", "etc/b"]


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


def test_an_image_that_says_its_base_is_rebased_without_naming_it(run: Run, registry: str, layer: Path) -> None:
    base, app = f"{registry}/foo", f"{registry}/bar"
    assert run("copy", "--dest-creds", CREDS, f"{app}:1.0", f"{base}:1", "--src-creds", CREDS).code == 0
    done = run("append", "--creds", CREDS, "--note-base", f"{base}:1", str(layer), "--to", f"{app}:on")
    assert done.code == 0, done.err
    assert run("append", "--creds", CREDS, f"{base}:1", str(layer), "--tag", "1").code == 0
    rebased = run("rebase", "--creds", CREDS, f"{app}:on", "--tag", "on")
    assert rebased.code == 0, rebased.err
    assert len(config(run, f"{app}:on")["rootfs"]["diff_ids"]) == 3


def test_layers_go_by_what_made_them(run: Run, layout: str, layer: Path) -> None:
    assert run("append", f"{layout}:1.0", str(layer), "--comment", "x", "--tag", "1.1").code == 0
    assert run("layer", "rm", f"{layout}:1.1", "--created-by", "cargo").code == 3
    assert run("layer", "rm", f"{layout}:1.1").code == 2
    assert run("layer", "rm", f"{layout}:1.1", "--created-by", "pratique", "--tag", "none").code == 0
    assert run("ls-files", "--platform", "linux/amd64", f"{layout}:none").out == ""


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


# --- By an editor


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


# --- Where it goes


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


# --- Looking into images


def test_a_file_of_an_image(run: Run, registry: str, layout: str, tmp_path: Path) -> None:
    assert run("cat", "--platform", "linux/arm64", f"{registry}/bar:1.0", "/hello").out == "#!/bin/sh\necho hello\n"
    told = run("cat", f"{layout}:1.0", "hello")
    assert (told.code, "linux/amd64, linux/arm64" in told.err) == (3, True)
    assert run("cat", "--platform", "linux/arm64", f"{layout}:1.0", "none").code == 3
    assert run("cat", "--json", "--platform", "linux/arm64", f"{layout}:1.0", "hello").code == 2
    output = tmp_path / "out"
    assert run("cat", "--platform", "linux/arm64", "-o", str(output), f"{layout}:1.0", "hello").code == 0
    assert output.read_bytes() == b"#!/bin/sh\necho hello\n"


def test_files_are_listed(run: Run, layout: str, layer: Path) -> None:
    assert run("append", f"{layout}:1.0", str(layer), "--tag", "1.1").code == 0
    words = ("--platform", "linux/amd64", f"{layout}:1.1")
    assert run("ls-files", *words, "etc/b").out == "etc/b\n"
    assert run("ls-files", *words, "et").out == ""
    assert run("ls-files", "--long", *words, "/etc/a/").out == "-rw-r--r-- 0/0 4 1970-01-01 00:00 etc/a\n"
    (listed,) = run("ls-files", "--json", "--digests", *words, "etc/a").json
    assert listed["digest"] == str(Content.of(b"aaa\n", "").descriptor.digest)
    assert (listed["kind"], listed["size"], listed["mode"], listed["owner"]) == ("file", 4, "0644", [0, 0])


def test_what_is_damaged_is_found(run: Run, layout: str, tmp_path: Path) -> None:
    damaged = sample().below[0].descriptor
    path = tmp_path / "layout" / "blobs" / "sha256" / damaged.digest.encoded
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    found = run("validate", "--json", f"{layout}:1.0")
    assert found.code == 5
    assert [problem["digest"] for problem in found.json["problems"]] == [str(damaged.digest)]
    assert run("validate", "--fast", f"{layout}:1.0").code == 0  # it is there, in the right size
    path.unlink()
    for words in ((), ("--fast",)):
        told = run("validate", *words, f"{layout}:1.0")
        assert (told.code, str(damaged.digest) in told.out, "1 problem" in told.out) == (3, True, True)


def test_a_tar_is_not_for_a_terminal(run: Run, layout: str) -> None:
    assert run("export", "--json", "--platform", "linux/amd64", f"{layout}:1.0").code == 2
