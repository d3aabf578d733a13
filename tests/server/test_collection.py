"""A collector in another process, with almost no grace, beside pushes that rely on what is there already."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from pratique.spec import media
from pratique.spec.digest import Digest
from tests.unit.server.asking import Asking, describe, image

ROUNDS = 100  # of each client
KEPT = 4  # images of each client; older ones are deleted, so that there is something to collect
LAYERS = [b"layer %d" % number for number in range(6)]  # that all images are made of

COLLECT = """
import select
import sys
from pathlib import Path
from pratique.server.storage.collection import Collector
from pratique.server.storage.repositories import Storage

storage, count = Storage(Path(sys.argv[1])), 0
print("begun", flush=True)
while not select.select([sys.stdin], [], [], 0)[0]:
    count += sum(1 for _ in Collector(storage, 0.0, untagged=True).collect())
print(count)
"""


@contextmanager
def collecting(folder: Path) -> Iterator[list[int]]:
    """A process that collects again and again; afterwards how much that was."""
    counts: list[int] = []
    command = [sys.executable, "-c", COLLECT, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "begun\n"
            yield counts
            out, _ = process.communicate("enough\n")
            assert process.returncode == 0
            counts.append(int(out))
        finally:
            process.kill()


class Client:
    """Pushes images of shared layers to one repository, as clients do: what is there is not pushed again."""

    def __init__(self, folder: Path, name: str) -> None:
        self.ask = Asking(folder)  # a process of its own, as far as the storage sees
        self.name = name
        self.images: deque[tuple[str, bytes]] = deque()
        self.skipped = self.refused = 0

    def run(self) -> None:
        for number in range(ROUNDS):
            layer = LAYERS[number % len(LAYERS)]
            config = json.dumps({"of": self.name, "number": number}).encode()
            manifest = image(
                config=describe(config, media.OCI_CONFIG),
                layers=[describe(each, media.OCI_LAYER) for each in (layer, LAYERS[number % 2])],
            )
            tag = f"{self.name}-{number}"
            while not self.push(tag, manifest, (config, layer, LAYERS[number % 2])):
                self.refused += 1
            self.images.append((tag, manifest))
            self.check(tag, manifest)
            if len(self.images) > KEPT:
                _, old = self.images.popleft()
                assert self.ask("DELETE", f"/v2/app/manifests/{Digest.of(old)}").status == 202

    def push(self, tag: str, manifest: bytes, blobs: tuple[bytes, ...]) -> bool:
        """Whether it was taken; else something was collected since it was looked at."""
        for blob in blobs:
            if self.ask("HEAD", f"/v2/app/blobs/{Digest.of(blob)}").status == 200:
                self.skipped += 1
            else:
                self.ask.push_blob("app", blob)
        answer = self.ask.push_manifest("app", tag, manifest)
        assert answer.status == 201 or answer.code == "MANIFEST_BLOB_UNKNOWN", answer.content
        return answer.status == 201

    def check(self, tag: str, manifest: bytes) -> None:
        """What was acknowledged is there, whole."""
        answer = self.ask("GET", f"/v2/app/manifests/{tag}")
        assert answer.content == manifest, answer.content
        parts = [answer.json["config"], *answer.json["layers"]]
        for part in parts:
            content = self.ask("GET", f"/v2/app/blobs/{part['digest']}").content
            assert str(Digest.of(content)) == part["digest"]


def test_nothing_that_was_acknowledged_is_lost(quick_folder: Path) -> None:
    clients = [Client(quick_folder, name) for name in ("one", "other")]
    with collecting(quick_folder) as counts, ThreadPoolExecutor(len(clients)) as threads:
        for done in [threads.submit(client.run) for client in clients]:
            done.result()
        for client in clients:
            for tag, manifest in client.images:
                client.check(tag, manifest)
    assert counts[0] > ROUNDS  # it did collect: configs at least
    assert sum(client.skipped for client in clients) > ROUNDS  # and blobs were relied on
