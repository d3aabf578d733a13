"""The embedded registry beside Debian's docker-registry: requests a second, transfer, memory; in turns on one machine.

.venv/bin/python benchmarks/server.py [ROUNDS] [GIBIBYTES] [FILE.json]

Wants `docker-registry`, `wrk` and `curl`. Every figure is the median of the rounds. Content goes to the folder for
temporary files, so that it measures a disk where that is one.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pratique.image.sample import image
from pratique.server.listen.authority import Issued, issue
from pratique.spec import media
from tests.registries import AMD64, push, repository

ROUNDS = 3
GIBIBYTES = 1.0
SECONDS = 4  # of each run of wrk
CONNECTIONS = 200
PIECE = 1 << 24
HERE = str(Path(sys.executable).parent)
PATH = os.pathsep.join((HERE, os.environ.get("PATH", os.defpath)))
OURS, THEIRS = "pratique", "docker-registry"

Figures = dict[tuple[str, str, str], list[float]]  # by scheme, figure and server


class Server:
    """A registry that runs."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], scheme: str, port: int) -> None:
        self.name = name
        self.process = process
        self.scheme = scheme
        self.port = port

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/v2/bench"

    def memory(self, field: str) -> float:
        """`VmRSS` of now or `VmHWM` of ever, in MB."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1000 for line in lines if line.startswith(field))


def program(name: str) -> str:
    found = shutil.which(name, path=PATH)
    if found is None:
        sys.exit(f"{name} is not installed")
    return found


@contextlib.contextmanager
def running(name: str, folder: Path, scheme: str, tls: Issued) -> Iterator[Server]:
    """A registry over a folder, from a process of its own."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"127.0.0.1:{port}"
    if name == OURS:
        words = [program("pratique"), "serve", "--address", address, "--storage", str(folder)]
        if scheme == "https":
            words += ["--tls-cert", str(tls.certificate)]
    else:
        words = [program("docker-registry"), "serve", str(configured(folder, address, scheme, tls))]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            await_port(port)
            yield Server(name, process, scheme, port)
        finally:
            process.terminate()


def configured(folder: Path, address: str, scheme: str, tls: Issued) -> Path:
    """The configuration of docker-registry, with as little of a log as ours has."""
    http: dict[str, object] = {"addr": address}
    if scheme == "https":
        http["tls"] = {"certificate": str(tls.certificate), "key": str(tls.certificate)}
    document = {
        "version": "0.1",
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(folder)}, "delete": {"enabled": True}},
        "http": http,
    }
    path = folder.with_suffix(".json")
    path.write_text(json.dumps(document))  # JSON is YAML
    return path


def await_port(port: int) -> None:
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)
    sys.exit("a registry did not start")


def requests_a_second(server: Server, connections: int) -> float:
    words = [
        program("wrk"),
        "-t1",
        f"-c{connections}",
        f"-d{SECONDS}",
        "-H",
        f"Accept: {media.OCI_MANIFEST}",
        f"{server.url}/manifests/1",
    ]
    printed = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    assert "Non-2xx" not in printed, printed
    return next(float(line.split()[1]) for line in printed.splitlines() if line.startswith("Requests/sec"))


def curl(*words: str) -> str:
    command = [program("curl"), "-sSk", "--fail", "-o", os.devnull, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def upload(server: Server, file: Path, digest: str) -> float:
    """MB a second of one PUT."""
    location = curl("-X", "POST", "-w", "%header{location}", f"{server.url}/blobs/uploads/").strip()
    url = f"{location}{'&' if '?' in location else '?'}digest={digest}"
    started = time.perf_counter()
    curl("-X", "PUT", "-H", "Expect:", "-T", str(file), url)
    return file.stat().st_size / (time.perf_counter() - started) / 1e6


def download(server: Server, size: int, digest: str) -> float:
    """MB a second of one GET."""
    started = time.perf_counter()
    curl(f"{server.url}/blobs/{digest}")
    return size / (time.perf_counter() - started) / 1e6


def many(server: Server, digest: str) -> float:
    """MB of memory while so many clients hold a download that they do not read, after a manifest each."""
    context = ssl._create_unverified_context() if server.scheme == "https" else None  # noqa: S323  (its own loopback)
    with contextlib.ExitStack() as stack:
        for _ in range(CONNECTIONS):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            if context:
                client = stack.enter_context(context.wrap_socket(client))
            for path in ("manifests/1", f"blobs/{digest}"):
                client.sendall(f"GET /v2/bench/{path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                client.recv(1 << 12)
        return server.memory("VmRSS")


def measure(name: str, folder: Path, scheme: str, tls: Issued, file: Path, digest: str, found: Figures) -> None:
    """One round of one server."""

    def note(figure: str, value: float) -> None:
        found[scheme, figure, name].append(value)

    with running(name, folder, scheme, tls) as server:
        if scheme == "http":
            with repository(f"127.0.0.1:{server.port}", "bench") as target:
                push(target, image(AMD64, {"hello": b"x"}), "1")
        for connections in (1, 32):
            note(f"manifests by tag, {connections} connections, requests/s", requests_a_second(server, connections))
        note("PUT of a blob, MB/s", upload(server, file, digest))
        download(server, file.stat().st_size, digest)  # what was just written is still on its way to the disk
        note("GET of a blob, MB/s", download(server, file.stat().st_size, digest))
        note("memory after that at most, MB", server.memory("VmHWM"))
        note(f"memory with {CONNECTIONS} slow readers, MB", many(server, digest))
    shutil.rmtree(folder / "docker/registry/v2/blobs/sha256" / digest[7:9] / digest[7:])


def make_file(path: Path, size: int) -> str:
    hashed, piece = hashlib.sha256(), os.urandom(PIECE)
    with path.open("wb") as file:
        for number in range(size // PIECE):
            block = number.to_bytes(8, "big") + piece[8:]
            file.write(block)
            hashed.update(block)
    return f"sha256:{hashed.hexdigest()}"


def report(found: Figures) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for scheme, figure, name in found:
        if name == OURS:
            ours, theirs = (statistics.median(found[scheme, figure, each]) for each in (OURS, THEIRS))
            rows.append({"scheme": scheme, "figure": figure, OURS: ours, THEIRS: theirs, "ratio": ours / theirs})
    print(f"| | | {OURS} | {THEIRS} | ratio |\n|---|---|---|---|---|")
    for row in rows:
        print(f"| {row['scheme']} | {row['figure']} | {row[OURS]:,.0f} | {row[THEIRS]:,.0f} | {row['ratio']:.2f} |")
    return rows


def main() -> None:
    words = dict(enumerate(sys.argv[1:]))
    rounds, size = int(words.get(0, ROUNDS)), int(float(words.get(1, GIBIBYTES)) * (1 << 30))
    found: Figures = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="pratique-benchmark-") as temporary:
        folder = Path(temporary)
        tls = issue(folder, ["127.0.0.1"])
        digest = make_file(folder / "blob", size)
        for number in range(rounds):
            for scheme in ("http", "https"):
                for name in (OURS, THEIRS) if number % 2 else (THEIRS, OURS):
                    measure(name, folder / name, scheme, tls, folder / "blob", digest, found)
    rows = report(found)
    if 2 in words:
        document = {"rounds": rounds, "bytes": size, "connections": CONNECTIONS, "rows": rows}
        Path(words[2]).write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
