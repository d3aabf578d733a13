"""A disk that fills: the right answer, nothing half-written, nothing lost, and uploads that go on when there is space."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from pratique.server.storage.collection import Collector
from pratique.server.storage.repositories import Storage
from pratique.spec import media
from pratique.spec.digest import Digest
from tests.unit.server.asking import CONFIG, LAYER, Asking, describe, image

from .conftest import DISK_BYTES

LARGE = os.urandom(DISK_BYTES * 3 // 4)  # fits, but not twice


def fill(disk: Path) -> Path:
    """Fill a disk to the last byte."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 16, 1):
            try:
                while file.write(bytes(size)):
                    pass
            except OSError:
                continue
    return filler


def files(storage: Storage) -> dict[str, bytes]:
    found = (path for path in (storage.folder / "docker").rglob("*") if path.is_file())
    return {str(path): path.read_bytes() for path in found}


def check_image(ask: Asking) -> None:
    assert ask("GET", "/v2/foo/manifests/v1").content == image()
    for content in (CONFIG, LAYER):
        assert ask("GET", f"/v2/foo/blobs/{Digest.of(content)}").content == content


def test_a_full_disk(disk: Path) -> None:
    ask = Asking(disk / "registry")
    ask.push_image("foo", "v1")
    before = files(ask.storage)
    filler = fill(disk)
    another = image(annotations={"a": "b"})
    digest = Digest.of(LARGE)
    for answer in (
        ask("POST", f"/v2/foo/blobs/uploads/?digest={digest}", LARGE),
        ask("POST", f"/v2/new/blobs/uploads/?digest={digest}", LARGE),
        ask.push_manifest("foo", "v1", another),
        ask.push_manifest("foo", "v2", another),
    ):
        assert answer.status == 507
        assert answer.json["errors"][0]["message"] == "the registry has no space left"
    assert files(ask.storage) == before
    check_image(ask)
    assert ask("GET", "/v2/foo/tags/list").json["tags"] == ["v1"]
    filler.unlink()
    assert ask.push_manifest("foo", "v2", another).status == 201
    assert ask("POST", f"/v2/foo/blobs/uploads/?digest={digest}", LARGE).status == 201


def test_an_upload_goes_on_when_there_is_space(disk: Path) -> None:
    ask = Asking(disk / "registry")
    location = ask("POST", "/v2/foo/blobs/uploads/", b"").field("Location")
    location = ask("PATCH", location, LARGE[:10_000]).field("Location")
    filler = fill(disk)
    with filler.open("r+b") as file:
        file.truncate(filler.stat().st_size - 300_000)
    assert ask("PATCH", location, LARGE[10_000:]).status == 507
    status = ask("GET", location)
    assert status.status == 204
    arrived = int(status.field("Range").partition("-")[2]) + 1
    assert 10_000 <= arrived < len(LARGE)
    again = Asking(disk / "registry")  # another process, or a later one
    filler.unlink()
    rest = LARGE[arrived:]
    chunk = again("PATCH", location, rest, Content_Range=f"{arrived}-{len(LARGE) - 1}")
    assert chunk.status == 202
    digest = Digest.of(LARGE)
    assert ask("PUT", f"{chunk.field('Location')}?digest={digest}").status == 201
    assert ask("GET", f"/v2/foo/blobs/{digest}").content == LARGE


def test_what_is_there_can_be_deleted_and_collected_from_a_full_disk(disk: Path) -> None:
    ask = Asking(disk / "registry")
    digest = ask.push_image("foo", "v1")
    fill(disk)
    assert ask("DELETE", "/v2/foo/manifests/v1").status == 202
    assert ask("DELETE", f"/v2/foo/manifests/{digest}").status == 202
    assert ask("DELETE", f"/v2/foo/blobs/{Digest.of(LAYER)}").status == 202
    for path in (disk / "registry" / "docker").rglob("*"):
        os.utime(path, (1_000_000, 1_000_000))
    list(Collector(ask.storage).collect())
    assert files(ask.storage) == {}


LIMITED = """
import sys
from pathlib import Path
from tests.server.test_full import limited

limited(Path(sys.argv[1]))
"""


def limited(folder: Path) -> None:
    """Pushes of a process that may write no file of more than some bytes."""
    import resource

    ask = Asking(folder)
    ask.push_image("foo", "v1")
    location = ask("POST", "/v2/foo/blobs/uploads/", b"").field("Location")
    ordinary = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, ordinary[1]))
    assert ask("PATCH", location, LARGE).status == 507
    assert ask("GET", location).field("Range") == f"0-{(1 << 16) - 1}"
    large = json.dumps({"mediaType": media.OCI_MANIFEST, "annotations": {"a": "b" * (1 << 17)}} | EMPTY).encode()
    assert ask.push_manifest("foo", "v1", large).status == 507
    check_image(ask)
    resource.setrlimit(resource.RLIMIT_FSIZE, ordinary)
    assert ask.push_manifest("foo", "v1", large).status == 201
    assert ask("PATCH", location, LARGE[1 << 16 :]).status == 202
    assert ask("PUT", f"{location}?digest={Digest.of(LARGE)}").status == 201


EMPTY = {"schemaVersion": 2, "config": describe(CONFIG, media.OCI_CONFIG), "layers": []}


def test_a_process_that_may_write_no_more(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), *sys.path])}
    command = [sys.executable, "-c", LIMITED, str(tmp_path)]
    ran = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
