"""copy and tag: between registries, layouts, archives and directories."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from pratique.http.message import Body
from pratique.image.sample import Content, Sample
from pratique.spec import media
from pratique.spec.digest import Digest
from tests.commands import Run
from tests.registries import push, repository, sample

from .conftest import CREDS

INDEX = sample().root.descriptor.digest
ARM64 = sample().below[-1].descriptor.digest


def events(err: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in err.splitlines() if line.startswith("{")]


@pytest.fixture
def other(served: Callable[..., str]) -> str:
    """A second registry, with another user."""
    return served('[users]\nadmin = "of-the-other"\n', creds="admin:of-the-other", repositories=())


def test_from_store_to_store_and_back_every_digest_is_kept(run: Run, registry: str, tmp_path: Path) -> None:
    bar = f"{registry}/bar:1.0"
    stations = [
        bar,
        f"oci:{tmp_path}/layout:1",
        f"oci-archive:{tmp_path}/archive.tar:two",
        f"oci-archive:{tmp_path}/archive.tar.gz:three",
        f"oci-archive:{tmp_path}/archive.tar.zst:four",
        f"dir:{tmp_path}/directory",
        f"{registry}/foo:back",
    ]
    for source, target in pairwise(stations):
        done = run("copy", "--creds", CREDS, source, target)
        assert (done.code, done.out.strip().rpartition("@")[2]) == (0, str(INDEX)), done.err
    assert run("manifest", "get", "--creds", CREDS, f"{registry}/foo:back").out == sample().root.raw.decode()


def test_a_docker_archive_has_digests_of_its_own(run: Run, registry: str, tmp_path: Path) -> None:
    archive = f"docker-archive:{tmp_path}/saved.tar"
    refused = run("copy", f"{registry}/bar:1.0", f"{archive}:app:1.0")
    assert refused.code == 8
    assert "--platform" in refused.err
    assert not (tmp_path / "saved.tar").exists()
    done = run("copy", "--json", "--platform", "linux/arm64", f"{registry}/bar:1.0", f"{archive}:app:1.0")
    assert done.code == 0, done.err
    assert done.json["digest"] != str(ARM64)
    back = run("copy", "--json", archive, f"oci:{tmp_path}/layout:back").json
    assert back["digest"] == done.json["digest"]


def test_two_registries_with_two_identities(run: Run, registry: str, other: str) -> None:
    words = ("copy", f"{registry}/foo:1.0", f"{other}/new:1.0")
    assert run(*words).code == 4
    assert run(*words, "--creds", CREDS).code == 4
    done = run(*words, "--src-creds", CREDS, "--dest-creds", "admin:of-the-other", "--tag", "latest")
    assert done.code == 0, done.err
    assert done.out == f"{other}/new:1.0@{INDEX}\n"
    assert run("tags", "--creds", "admin:of-the-other", f"{other}/new").out.split() == ["1.0", "latest"]


def test_unchanged_costs_one_head_on_each_side(run: Run, registry: str) -> None:
    words = ("copy", "--creds", CREDS, f"{registry}/bar:1.0", f"{registry}/foo:copied")
    assert run(*words).code == 0
    again = run(*words, "--debug")
    assert again.out == f"{registry}/foo:copied@{INDEX}\n"
    requests = [line.partition("request: ")[2].split() for line in again.err.splitlines() if "request: " in line]
    # foo wants credentials, which are not shown before it asks
    assert [(method, status) for method, _, *rest in requests for status in rest if status in ("200", "401")] == [
        ("HEAD", "401"),
        ("HEAD", "200"),
        ("HEAD", "200"),
    ]
    quiet = run(*words, "--if-changed", "--quiet")
    assert (quiet.code, quiet.out, quiet.err) == (0, "", "")


def test_all_tags_and_some_of_them(run: Run, registry: str, tmp_path: Path) -> None:
    done = run("copy", "--creds", CREDS, "--all-tags", f"{registry}/bar", f"{registry}/foo/copy")
    assert done.code == 4  # nobody may push there
    some = run("copy", "--all-tags", "--semver", ">=0.5", "--newest", "1", f"{registry}/bar", f"oci:{tmp_path}/layout")
    assert some.out == f"oci:{tmp_path}/layout:1.0@{INDEX}\n"
    everything = run(
        "copy", "--json", "--all-tags", "--exclude", "latest", f"{registry}/bar", f"oci:{tmp_path}/all"
    ).json
    assert [copied["name"] for copied in everything["copied"]] == ["0.9", "1.0"]
    assert run("copy", "--all-tags", "--include", "nothing", f"{registry}/bar", f"oci:{tmp_path}/all").code == 3
    assert run("copy", "--newest", "1", f"{registry}/bar", f"oci:{tmp_path}/all").code == 2


def test_what_failed_of_many_is_told_and_the_rest_is_done(run: Run, registry: str, tmp_path: Path) -> None:
    source, target = tmp_path / "layout", f"oci:{tmp_path}/out"
    assert run("copy", "--all-tags", f"{registry}/bar", f"oci:{source}").code == 0
    (source / "blobs" / "sha256" / sample("old").below[0].descriptor.digest.encoded).write_bytes(b"damaged")
    done = run("copy", "--keep-going", "--json", "--all-tags", f"oci:{source}", target)
    assert done.code == 1
    assert [failure["name"] for failure in done.json["failed"]] == ["0.9"]
    assert done.json["failed"][0]["error"]["kind"] == "ContentMismatch"
    assert {copied["name"] for copied in done.json["copied"]} == {"1.0", "latest"}
    told = run("copy", "--keep-going", "--all-tags", f"oci:{source}", target)
    assert told.code == 1
    assert "1 of 3 tags were not copied" in told.err
    assert run("copy", "--all-tags", f"oci:{source}", f"oci:{tmp_path}/stopped").code == 5


def test_platforms(run: Run, registry: str, tmp_path: Path) -> None:
    layout = f"oci:{tmp_path}/layout"
    one = run("copy", "--platform", "linux/arm64", f"{registry}/bar:1.0", f"{layout}:one")
    assert one.out.strip().endswith(str(ARM64))
    both = run(
        "copy", "--platform", "linux/arm64", "--platform", "linux/amd64", f"{registry}/bar:1.0", f"{layout}:both"
    )
    assert both.out.strip().endswith(str(INDEX))
    sparse = run("copy", "--platform", "linux/amd64", "--keep-index", f"{registry}/bar:1.0", f"oci:{tmp_path}/sparse:1")
    assert sparse.out.strip().endswith(str(INDEX))
    missing = run("copy", "--platform", "linux/s390x", f"{registry}/bar:1.0", f"{layout}:none")
    assert missing.code == 3
    assert "linux/amd64, linux/arm64" in missing.err
    assert run("copy", "--keep-index", f"{registry}/bar:1.0", f"{layout}:x").code == 2


def test_a_dry_run_says_what_would_be(run: Run, registry: str, tmp_path: Path) -> None:
    planned = run("copy", "--dry-run", "--json", f"{registry}/bar:1.0", f"oci:{tmp_path}/layout:1").json
    content = {part.descriptor.digest: part.descriptor.size for part in (*sample().below, sample().root)}
    assert (planned["bytes"], planned["saved"], planned["blobs"], planned["manifests"]) == (
        sum(content.values()),
        0,
        3,
        3,
    )
    assert not (tmp_path / "layout").exists()
    assert "would be copied" in run("copy", "--dry-run", f"{registry}/bar:1.0", f"oci-archive:{tmp_path}/a.tar:1").out
    assert not (tmp_path / "a.tar").exists()
    assert run("copy", f"{registry}/bar:1.0", f"oci:{tmp_path}/layout:1").code == 0
    again = run("copy", "--dry-run", f"{registry}/bar:1.0", f"oci:{tmp_path}/layout:1")
    assert "is there already" in again.out


def test_events_as_json_add_up(run: Run, registry: str, tmp_path: Path) -> None:
    done = run("copy", "--progress", "json", f"{registry}/bar:1.0", f"oci:{tmp_path}/layout:1")
    told = events(done.err)
    assert [event["event"] for event in (told[0], told[-1])] == ["planned", "copied"]
    moved = sum(int(str(event["bytes"])) for event in told if event["event"] == "moved")
    assert moved == sum(
        {
            part.descriptor.digest: part.descriptor.size for part in sample().below if not part.descriptor.is_manifest
        }.values()
    )
    assert len([event for event in told if event["event"] == "done"]) == 3


def test_no_clobber_and_digest_file(run: Run, registry: str, tmp_path: Path) -> None:
    file = tmp_path / "digest"
    kept = run("copy", "--creds", CREDS, "--no-clobber", f"{registry}/bar:1.0", f"{registry}/foo:0.9")
    assert kept.code == 0
    assert run("digest", "--creds", CREDS, f"{registry}/foo:0.9").out.strip() != str(INDEX)
    assert run("copy", "--digest-file", str(file), f"{registry}/bar:1.0", f"oci:{tmp_path}/layout:1").code == 0
    assert file.read_text() == f"{INDEX}\n"


def test_archives_go_through_pipes(registry: str, tmp_path: Path) -> None:
    pratique = f"{sys.executable} -m pratique"
    there = f"{pratique} copy --quiet {registry}/bar:1.0 oci-archive:-:x"
    line = f"{there} | {pratique} copy oci-archive:-:x oci:{tmp_path}/layout:piped"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", line], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    index = json.loads((tmp_path / "layout" / "index.json").read_text())
    assert index["manifests"][0]["digest"] == str(INDEX)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("oci:LAYOUT:none", "oci:OUT:1"), 3),
        (("oci:OUT/nowhere:1", "oci:OUT:1"), 3),
        (("oci:", "oci:OUT:1"), 2),
        (("docker-daemon:app:1", "oci:OUT:1"), 2),
        (("oci:LAYOUT:1", "oci:/dev/null/x:1"), 2),
        (("dir:OUT/none", "oci:OUT:1"), 3),
        (("docker-archive:/etc/passwd", "oci:OUT:1"), 2),
        (("oci-archive:/etc/passwd", "oci:OUT:1"), 2),
    ],
)
def test_what_cannot_be_is_one_line(run: Run, registry: str, tmp_path: Path, words: tuple[str, str], code: int) -> None:
    assert run("copy", f"{registry}/bar:1.0", f"oci:{tmp_path}/layout:1").code == 0
    source, target = (word.replace("LAYOUT", f"{tmp_path}/layout").replace("OUT", f"{tmp_path}/out") for word in words)
    done = run("copy", source, target)
    assert done.code == code, done.err
    assert len(done.err.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_tag(run: Run, registry: str) -> None:
    done = run("tag", "--creds", CREDS, f"{registry}/foo:1.0", "stable", "1")
    assert done.out == f"{registry}/foo:stable@{INDEX}\n{registry}/foo:1@{INDEX}\n"
    assert run("digest", "--creds", CREDS, f"{registry}/foo:stable").out.strip() == str(INDEX)
    assert run("tag", "--creds", CREDS, f"{registry}/foo:1.0", "not a tag").code == 2
    assert run("tag", "--creds", CREDS, f"{registry}/foo:none", "x").code == 3


def test_a_push_of_the_same_digest_by_another_name(run: Run, registry: str) -> None:
    with repository(registry, "foo", CREDS) as target:
        push(target, sample("new"), "new")
        assert Digest.of(sample("new").root.raw) == target.resolve("new").digest
    assert run("copy", "--creds", CREDS, f"{registry}/foo:new", f"{registry}/foo:newer").code == 0


def test_on_a_terminal_bars_move_and_the_result_stays_alone_on_standard_output(registry: str, tmp_path: Path) -> None:
    try:
        ours, theirs = pty.openpty()
    except OSError as error:
        pytest.skip(f"this machine makes no terminals: {error}")
    words = [sys.executable, "-m", "pratique", "copy", f"{registry}/bar:1.0", f"oci:{tmp_path}/layout:1"]
    environment = {**os.environ, "TERM": "xterm"}
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=theirs, env=environment) as command:
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # the other side has gone
            while data := os.read(ours, 4096):
                shown += data
        os.close(ours)
        assert command.stdout is not None
        out = command.stdout.read().decode()
    assert command.returncode == 0
    assert out == f"oci:{tmp_path}/layout:1@{INDEX}\n"
    assert b"1.0: copied" in shown
    assert b"Traceback" not in shown


def test_a_foreign_layer_leads_to_a_private_network_only_for_a_private_registry(
    run: Run, registry: str, tmp_path: Path
) -> None:
    """Who wrote a manifest chose its `urls`: they are no way for a stranger to have us ask what is around us."""
    layer, config = Content.of(b"from elsewhere", media.OCI_LAYER), Content.of(b"{}", media.OCI_CONFIG)
    url = f"http://{registry}/v2/bar/blobs/{layer.descriptor.digest}"
    document = {
        "schemaVersion": 2,
        "mediaType": media.OCI_MANIFEST,
        "config": config.descriptor.to_json(),
        "layers": [{**layer.descriptor.to_json(), "urls": [url]}],
    }
    root = Content.of_json(document, media.OCI_MANIFEST)
    with repository(registry, "bar", CREDS) as bar, repository(registry, "foo", CREDS) as foo:
        bar.push(layer.descriptor, Body.of(layer.raw).open)
        push(foo, Sample(root, (config,)), "1")
    layout = f"oci:{tmp_path}/layout:1"
    assert run("copy", "--creds", CREDS, f"{registry}/foo:1", layout).code == 0
    refused = run("copy", "--foreign", layout, f"dir:{tmp_path}/refused")
    assert refused.code == 6
    assert "an address that is not public" in refused.err
    assert run("copy", "--foreign", "--creds", CREDS, f"{registry}/foo:1", f"dir:{tmp_path}/taken").code == 0
    assert (tmp_path / "taken" / layer.descriptor.digest.encoded).read_bytes() == layer.raw
