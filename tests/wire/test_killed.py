"""Copies that are killed in the middle, and completed by running them again."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pratique.http.message import Request, Response, Stream, Transport
from pratique.image.sample import Content, Sample, image
from pratique.server.app import RegistryApp
from pratique.server.listen.listener import Listener
from pratique.server.storage.repositories import Storage
from pratique.spec import media
from pratique.spec.digest import Digest
from tests.commands import Run
from tests.registries import AMD64, push, repository

KILLS = 25  # of copies into a layout, and as many into a registry
LAYERS = 5
LAYER_BYTES = 300_000
LONGEST_SECONDS = 0.5  # until a copy is killed; the first takes longer than that
PAUSE_SECONDS = 0.02  # before each of the 75 pieces that a copy reads, two at a time


class Slow:
    """A stream that takes its time, so that there is a middle."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def read(self, size: int = -1, /) -> bytes:
        time.sleep(PAUSE_SECONDS)
        return self._stream.read(min(size, 20_000) if size >= 0 else size)

    def readinto(self, buffer: bytearray | memoryview, /) -> int:
        time.sleep(PAUSE_SECONDS)
        return self._stream.readinto(memoryview(buffer)[:20_000])

    def close(self) -> None:
        self._stream.close()


def slow(handle: Transport) -> Transport:
    def answer(request: Request) -> Response:
        response = handle(request)
        if request.method == "GET" and "/blobs/" in request.url:
            response.stream = Slow(response.stream)
        return response

    return answer


def made() -> Sample:
    noise = random.Random(1)  # noqa: S311
    base = image(AMD64, {"hello": b"x"})
    layers = [Content.of(noise.randbytes(LAYER_BYTES), media.OCI_LAYER) for _ in range(LAYERS)]
    document = json.loads(base.root.raw)
    document["layers"] = [layer.descriptor.to_json() for layer in layers]
    return Sample(Content.of_json(document, media.OCI_MANIFEST), (base.below[1], *layers))  # its config, and the layers


@pytest.fixture
def source(tmp_path: Path) -> Iterator[str]:
    with Listener(slow(RegistryApp(Storage(tmp_path / "source")).handle)) as listener:
        with repository(listener.address, "app") as target:
            push(target, made(), "1")
        yield f"{listener.address}/app:1"


def kill_copies(source: str, target: str, tmp_path: Path) -> int:
    """Start copies and kill them, each after another time; how many were killed before they were done."""
    moments = random.Random(2)  # noqa: S311
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    killed = 0
    for _ in range(KILLS):
        words = [sys.executable, "-m", "pratique", "copy", "--quiet", "--jobs", "2", source, target]
        with subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as command:
            try:
                command.wait(moments.uniform(0.1, LONGEST_SECONDS))
            except subprocess.TimeoutExpired:
                command.send_signal(signal.SIGKILL)
                killed += 1
    return killed


def test_copies_into_a_layout(run: Run, source: str, tmp_path: Path) -> None:
    layout = tmp_path / "layout"
    assert kill_copies(source, f"oci:{layout}:1", tmp_path) > 0
    for blob in layout.glob("blobs/sha256/*"):
        if not blob.name.startswith("."):
            assert str(Digest.of(blob.read_bytes())) == f"sha256:{blob.name}"
    done = run("copy", source, f"oci:{layout}:1")
    assert done.code == 0, done.err
    assert {str(Digest.of(part.raw)) for part in (*made().below, made().root)} == {
        f"sha256:{blob.name}" for blob in layout.glob("blobs/sha256/*")
    }
    index = json.loads((layout / "index.json").read_text())
    assert [entry["digest"] for entry in index["manifests"]] == [str(made().root.descriptor.digest)]


def test_copies_into_a_registry(run: Run, source: str, tmp_path: Path) -> None:
    with Listener(RegistryApp(Storage(tmp_path / "target")).handle) as listener:
        target = f"{listener.address}/copied:1"
        assert kill_copies(source, target, tmp_path) > 0
        done = run("copy", source, target)
        assert done.code == 0, done.err
        with repository(listener.address, "copied") as copied:
            for part in (*made().below, made().root):
                with copied.open(part.descriptor) as stream:
                    assert b"".join(iter(lambda: stream.read(1 << 16), b"")) == part.raw


def ended_copy(source: str, target: str, ended: int) -> tuple[int, str, str]:
    """A copy that gets a signal in the middle: its exit code, its output, and what it says after that."""
    words = [sys.executable, "-m", "pratique", "copy", "--progress", "json", source, target]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as command:
        assert command.stderr is not None
        for line in command.stderr:
            if '"moved"' in line:
                break
        command.send_signal(ended)
        out, err = command.communicate(timeout=60)
    return command.returncode, out, err


@pytest.mark.parametrize("ended", [signal.SIGINT, signal.SIGTERM])
def test_who_ends_a_copy_into_an_archive_leaves_nothing_behind(source: str, tmp_path: Path, ended: int) -> None:
    code, out, err = ended_copy(source, f"oci-archive:{tmp_path}/a.tar:1", ended)
    assert (code, out) == (130, "")
    assert "Traceback" not in err
    assert list(tmp_path.glob("*.tar*")) + list(tmp_path.glob(".*.tar*")) == []


def test_an_interrupt_stops_a_copy_and_says_how_to_go_on(run: Run, source: str, tmp_path: Path) -> None:
    layout = tmp_path / "layout"
    code, out, err = ended_copy(source, f"oci:{layout}:1", signal.SIGINT)
    assert (code, out) == (130, "")
    assert "the same command goes on from there" in err
    assert "Traceback" not in err
    assert json.loads((layout / "index.json").read_text())["manifests"] == []
    assert run("copy", source, f"oci:{layout}:1").code == 0
