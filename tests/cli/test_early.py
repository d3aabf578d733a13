"""Large layers that go to a registry while they are packed, over sockets."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from pratique.image.layers.bench import EARLY_BYTES
from pratique.testing import Embedded, registry
from tests.commands import Run
from tests.unit.image.layers.tars import file, layer


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A layer that is large enough to be sent early, and does not shrink."""
    path = tmp_path / "large.tar"
    path.write_bytes(layer(*(file(f"{number}", os.urandom(EARLY_BYTES)) for number in range(3))))
    return path


def uploads(harbour: Embedded) -> list[str]:
    """What was asked about blobs, and answered."""
    return [
        f"{seen.method} {seen.status}{' named' if 'digest' in seen.query else ''}"
        for seen in harbour.requests
        if "/blobs/uploads" in seen.path
    ]


@pytest.mark.parametrize("compression", ["gzip", "zstd", "none"])
def test_a_large_layer_is_sent_once_and_named_at_the_end(run: Run, large: Path, compression: str) -> None:
    with registry() as harbour:
        harbour.push_image("app:1.0")
        app = f"{harbour.address}/app"
        harbour.requests.clear()
        done = run("append", "--compression", compression, "--tag", "2.0", f"{app}:1.0", str(large))
        assert done.code == 0, done.err
        # The small ones are the configs of two platforms.
        assert sorted(uploads(harbour)) == sorted([*["POST 202"] * 3, "PATCH 202", *["PUT 201 named"] * 3])
        assert run("validate", f"{app}:2.0").code == 0
        # The same once more is there already: what was sent in vain is deleted.
        harbour.requests.clear()
        assert run("append", "--compression", compression, "--tag", "2.1", f"{app}:1.0", str(large)).out.count("@") == 1
        assert uploads(harbour)[0] == "POST 202"
        assert uploads(harbour)[-1] == "DELETE 204"
        assert not [each for each in uploads(harbour) if "named" in each]


def test_what_is_sent_early_is_told_and_adds_up(run: Run, large: Path) -> None:
    with registry() as harbour:
        words = ("append", "--progress", "json", "--platform", "linux/amd64", "scratch", str(large))
        done = run(*words, "--to", f"{harbour.address}/app:1.0")
        assert done.code == 0, done.err
        told = [json.loads(line) for line in done.err.splitlines()]
        assert told[0]["event"] == "advanced"
        assert sum(each["bytes"] for each in told if each["event"] == "advanced") == 0
        moved = sum(each["bytes"] for each in told if each["event"] == "moved")
        assert moved == sum(each["size"] for each in told if each["event"] == "started") > EARLY_BYTES


def test_a_dry_run_sends_nothing(run: Run, large: Path) -> None:
    with registry() as harbour:
        harbour.push_image("app:1.0")
        harbour.requests.clear()
        assert run("append", "--dry-run", f"{harbour.address}/app:1.0", str(large)).code == 0
        assert {seen.method for seen in harbour.requests} <= {"GET", "HEAD"}


def test_a_layer_that_turns_out_to_be_none_leaves_nothing(run: Run, large: Path) -> None:
    with registry() as harbour:
        harbour.push_image("app:1.0")
        large.write_bytes(large.read_bytes()[: 3 * EARLY_BYTES])
        harbour.requests.clear()
        done = run("append", "--tag", "2.0", f"{harbour.address}/app:1.0", str(large))
        assert (done.code, "truncated" in done.err) == (2, True)
        assert uploads(harbour)[0] == "POST 202"
        assert uploads(harbour)[-1] == "DELETE 204"
        assert not [seen for seen in harbour.requests if seen.method == "PUT"]


def test_flatten_and_recompress_send_early_as_well(run: Run, large: Path) -> None:
    with registry() as harbour:
        harbour.push_image("app:1.0")
        app = f"{harbour.address}/app"
        assert run("append", "--tag", "2.0", "--platform", "linux/amd64", f"{app}:1.0", str(large)).code == 0
        for verb in (["flatten"], ["recompress", "--compression", "zstd"]):
            harbour.requests.clear()
            done = run(*verb, "--tag", verb[0], "--platform", "linux/amd64", f"{app}:2.0")
            assert done.code == 0, done.err
            assert uploads(harbour).count("PATCH 202") == 1
            assert run("validate", f"{app}:{verb[0]}").code == 0
        assert "hello" in run("ls-files", "--platform", "linux/amd64", f"{app}:flatten").out
