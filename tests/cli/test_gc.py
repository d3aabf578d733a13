"""`pratique gc`: what it prints, and what it does."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from pratique.cli.options import duration
from pratique.server.storage.repositories import Storage
from pratique.spec.digest import Digest
from tests.commands import Run
from tests.unit.server.asking import Asking

ORPHAN = b"nobody needs this"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A registry's folder with an image, and a blob that nobody has needed for two days."""
    ask = Asking(tmp_path / "registry")
    ask.push_image("app", "v1")
    ask.push_blob("app", ORPHAN)
    moment = time.time() - 2 * 24 * 3600 - 60
    for path in ask.storage.folder.rglob("*"):
        os.utime(path, (moment, moment))
    return ask.storage.folder


def test_the_table(run: Run, folder: Path) -> None:
    digest = Digest.of(ORPHAN)
    rows = [
        f"KIND  REPOSITORY  NAME{' ' * 69}SIZE  AGE",
        f"link  app         {digest}  71 B  2 d",
        f"blob              {digest}  17 B  2 d",
    ]
    told = run("gc", "--dry-run", str(folder))
    assert told.out.splitlines() == [*rows, "2 things would be removed, 88 B"]
    assert Storage(folder).blob_path(digest).exists()
    done = run("gc", str(folder))
    assert done.out.splitlines() == [*rows, "2 things removed, 88 B"]
    assert not Storage(folder).blob_path(digest).exists()
    assert run("gc", str(folder)).out == "0 things removed, 0 B\n"


def test_json(run: Run, folder: Path) -> None:
    document = run("gc", "--json", "--dry-run", str(folder)).json
    assert document["count"] == 2
    assert document["size"] == 88
    assert document["dry_run"] is True
    assert [(each["kind"], each["repository"]) for each in document["garbage"]] == [("link", "app"), ("blob", "")]
    assert {each["name"] for each in document["garbage"]} == {str(Digest.of(ORPHAN))}


def test_the_grace(run: Run, folder: Path) -> None:
    assert run("gc", "--json", "--grace", "3d", str(folder)).json["count"] == 0
    assert run("gc", "--json", "--grace", "47h", str(folder)).json["count"] == 2


def test_untagged(run: Run, folder: Path) -> None:
    Storage(folder).delete_tag("app", "v1")
    for path in folder.rglob("*"):
        os.utime(path, (1_000_000, 1_000_000))
    kinds = [each["kind"] for each in run("gc", "--json", "--dry-run", "--untagged", str(folder)).json["garbage"]]
    assert sorted(kinds) == ["blob"] * 4 + ["link"] * 3 + ["manifest"]


def test_a_folder_that_is_no_registrys(run: Run, tmp_path: Path) -> None:
    refused = run("gc", str(tmp_path))
    assert refused.code == 3
    assert "--storage" in refused.err


@pytest.mark.parametrize(
    ("text", "seconds"), [("0", 0), ("90", 90), ("1.5s", 1.5), ("2m", 120), ("24h", 86400), ("7d", 604800)]
)
def test_durations(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "-1", "1w", "h", "1h30m", "1e9", "٣", "9" * 30, "nan", " 1"])
def test_what_is_no_duration(run: Run, folder: Path, text: str) -> None:
    assert run("gc", f"--grace={text}", str(folder)).code == 2
