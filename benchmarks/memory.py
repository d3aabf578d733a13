"""The peak memory of copies of one large layer, from a layout to a registry, between registries and back.

.venv/bin/python benchmarks/memory.py [GIBIBYTES]
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pratique.image.sample import Content, image
from pratique.spec import media
from pratique.spec.descriptor import Descriptor
from pratique.spec.digest import Digest
from tests.registries import AMD64

GIBIBYTES = 5
PIECE = 1 << 24
PRATIQUE = str(Path(sys.executable).with_name("pratique"))


def make_layout(folder: Path, size: int) -> None:
    """A layout with an image of one layer of `size` bytes that do not shrink."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    piece, hashed = os.urandom(PIECE), hashlib.sha256()
    with (blobs / "layer").open("wb") as file:
        for _ in range(size // PIECE):
            file.write(piece)
            hashed.update(piece)
    layer = Descriptor(media.OCI_LAYER, Digest("sha256", hashed.hexdigest()), size // PIECE * PIECE)
    (blobs / "layer").rename(blobs / layer.digest.encoded)
    base = image(AMD64, {"hello": b"x"})
    document = json.loads(base.root.raw) | {"layers": [layer.to_json()]}
    root = Content.of_json(document, media.OCI_MANIFEST)
    for part in (base.below[1], root):
        (blobs / part.descriptor.digest.encoded).write_bytes(part.raw)
    entry = root.descriptor.to_json() | {"annotations": {"org.opencontainers.image.ref.name": "1"}}
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')


def measured(*words: str) -> None:
    """Run a copy and print what it took."""
    started = time.perf_counter()
    process = subprocess.Popen([PRATIQUE, "copy", "--quiet", *words], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    what = " -> ".join(word.split(":")[0] if word.startswith("oci") else "registry" for word in words)
    cpu, peak = usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000
    code = os.waitstatus_to_exitcode(status)
    print(f"{what:<22} exit {code}  {peak:6.1f} MB  {seconds:6.1f} s  CPU {cpu:5.1f} s")


def main(gibibytes: float) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_layout(folder / "layout", int(gibibytes * (1 << 30)))
        addresses, servers = [], []
        for number in (1, 2):
            words = [
                PRATIQUE,
                "serve",
                "--address",
                "127.0.0.1:0",
                "--json",
                "--storage",
                str(folder / f"registry{number}"),
            ]
            server = subprocess.Popen(words, stdout=subprocess.PIPE)
            servers.append(server)
            addresses.append(json.loads(server.stdout.readline() if server.stdout else b"")["address"])
        measured(f"oci:{folder}/layout:1", f"{addresses[0]}/app:1")
        measured(f"{addresses[0]}/app:1", f"{addresses[1]}/app:1")
        measured(f"{addresses[1]}/app:1", f"oci:{folder}/back:1")
        for server in servers:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else GIBIBYTES)
