"""A registry that is killed while clients push: nothing acknowledged is lost, and nothing partial is to be seen."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from http.client import HTTPException
from itertools import count
from pathlib import Path

from pratique.server.storage.collection import Collector
from pratique.server.storage.repositories import Storage
from pratique.spec import media
from pratique.spec.digest import Digest
from tests.unit.server.asking import describe, image

from .asking import Asking, asking

CLIENTS = 4
PUSHES = 100  # begun at least, in all
LONGEST_SECONDS = 0.6  # until the registry is killed


class Pushed:
    """What clients were told to be stored: the content of each tag."""

    def __init__(self) -> None:
        self.begun = count()
        self.manifests: dict[str, bytes] = {}
        self.blobs: dict[str, bytes] = {}

    def push(self, ask: Asking, noise: random.Random) -> None:
        """Push an image with all kinds of uploads, and note each answer."""
        number = next(self.begun)
        config, layer = json.dumps({"number": number}).encode(), noise.randbytes(60_000)
        for content in (config, layer):
            self.blobs[str(ask.push_blob("app", content))] = content
        location = ask("POST", "/v2/app/blobs/uploads/", b"").location
        location = ask("PATCH", location, layer).location
        assert ask("PUT", f"{location}?digest={Digest.of(layer)}").status == 201
        layers = [describe(layer, media.OCI_LAYER)]
        manifest = image(config=describe(config, media.OCI_CONFIG), layers=layers)
        answer = ask("PUT", f"/v2/app/manifests/{number}", manifest, Content_Type=media.OCI_MANIFEST)
        assert answer.status == 201
        self.manifests[str(number)] = manifest


@contextmanager
def served(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A registry in a process of its own, and its address."""
    command = [
        sys.executable,
        "-m",
        "pratique",
        "serve",
        "--address",
        "127.0.0.1:0",
        "--json",
        "--storage",
        str(folder),
    ]
    environment = {**os.environ, "HOME": str(folder.parent)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            yield process, json.loads(process.stdout.readline())["address"]
        finally:
            process.kill()


def push_until_killed(folder: Path, pushed: Pushed, seconds: float) -> None:
    def client(seed: int, address: str) -> None:
        noise = random.Random(seed)  # noqa: S311
        with suppress(OSError, HTTPException), asking(address) as ask:
            while True:
                pushed.push(ask, noise)

    with served(folder) as (process, address), ThreadPoolExecutor(CLIENTS) as clients:
        first = next(pushed.begun)
        done = [clients.submit(client, first * CLIENTS + each, address) for each in range(CLIENTS)]
        killer = threading.Timer(seconds, process.send_signal, (signal.SIGKILL,))
        killer.start()
        for each in done:
            each.result()
        killer.join()


def check(ask: Asking, pushed: Pushed) -> None:
    """Everything acknowledged is there; everything that is there is whole."""
    for digest, content in pushed.blobs.items():
        assert ask("GET", f"/v2/app/blobs/{digest}").content == content
    tags = ask("GET", "/v2/app/tags/list").json["tags"]
    assert set(pushed.manifests) <= set(tags)
    for tag in tags:
        manifest = ask("GET", f"/v2/app/manifests/{tag}")
        assert manifest.content == pushed.manifests.get(tag, manifest.content)
        for part in (manifest.json["config"], *manifest.json["layers"]):
            assert ask("HEAD", f"/v2/app/blobs/{part['digest']}").field("Content-Length") == str(part["size"])


def damaged(folder: Path) -> list[Path]:
    blobs = (folder / "docker" / "registry" / "v2" / "blobs").rglob("data")
    return [path for path in blobs if hashlib.sha256(path.read_bytes()).hexdigest() != path.parent.name]


def test_a_registry_is_killed_during_a_hundred_pushes(quick_folder: Path) -> None:
    folder, pushed, moments = quick_folder / "registry", Pushed(), random.Random(1)  # noqa: S311
    kills = 0
    while kills < 3 or next(pushed.begun) < PUSHES:
        push_until_killed(folder, pushed, moments.uniform(0.1, LONGEST_SECONDS))
        kills += 1
    assert pushed.manifests
    assert damaged(folder) == []
    with served(folder) as (_, address), asking(address) as ask:
        check(ask, pushed)
        # What is half done is collected, and nothing else.
        moment = 1_000_000
        for path in (folder / "docker").rglob("*"):
            os.utime(path, (moment, moment))
        manifests = {str(Digest.of(manifest)) for manifest in pushed.manifests.values()}
        assert manifests.isdisjoint(each.name for each in Collector(Storage(folder)).collect())
        kept = Pushed()
        kept.manifests = pushed.manifests
        check(ask, kept)
    assert not [path for path in folder.rglob(".*") if path.is_file()]
    assert not list(folder.rglob("startedat"))
