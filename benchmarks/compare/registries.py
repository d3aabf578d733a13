"""Registries that keep a log of what they are asked, and what lies before them to count bytes."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from benchmarks.server import await_port, program
from pratique.server.listen.authority import Issued

DOCKER, OURS, TOKENS = "docker", "ours", "tokens"
NONE = "layout"  # nothing is asked of a registry
PROGRAMS = {DOCKER: "docker-registry", OURS: "pratique", TOKENS: "pratique", NONE: "pratique"}
REPOSITORIES = "docker/registry/v2/repositories"
QUIET = 0.05  # seconds after which nothing more comes into a log
RELAYED = 1 << 18  # bytes at a time

# Everybody may do everything, with a token.
ACCESS = """scheme = "bearer"
ping = "closed"
[[repositories]]
pattern = "*"
allow = { anonymous = ["pull", "push", "delete"] }
"""

_LINE = re.compile(r'"(GET|HEAD|POST|PUT|PATCH|DELETE) (?:https?://[^/]*)?(/[^"]*?)(?: HTTP/\d\.\d)?" (\d{3}) ')


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as a registry's log has it."""

    method: str
    path: str
    status: int

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.status}"

    @property
    def is_for_token(self) -> bool:
        return self.path.startswith("/token")

    @property
    def carries_content(self) -> bool:
        """Whether it moved a blob, or a part of one."""
        moves = self.method in ("GET", "PUT", "PATCH") or (self.method == "POST" and "?digest=" in self.path)
        return "/blobs/" in self.path and moves and self.status < 300


class Address(Protocol):
    """Where a registry answers."""

    @property
    def scheme(self) -> str: ...
    @property
    def address(self) -> str: ...


class Server:
    """A registry that runs, over a folder in the layout of Docker's distribution."""

    def __init__(self, scheme: str, port: int, folder: Path, log: Path) -> None:
        self.scheme = scheme
        self.port = port
        self.folder = folder
        self._log = log
        self._read = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def digest(self, repository: str, tag: str) -> str:
        """What a tag points at, or nothing."""
        link = self.folder / REPOSITORIES / repository / "_manifests/tags" / tag / "current/link"
        return link.read_text().strip() if link.is_file() else ""

    def forget(self, repository: str = "") -> None:
        """Remove a repository but not the blobs of others, or everything."""
        shutil.rmtree(self.folder / (f"{REPOSITORIES}/{repository}" if repository else "docker"), ignore_errors=True)

    def logged(self) -> int:
        """Bytes of its log."""
        return self._log.stat().st_size

    def asked(self) -> list[Asked]:
        """What was asked since the last call, as far as it is in the log."""
        with self._log.open() as log:
            log.seek(self._read)
            lines = log.read()
            self._read = log.tell()
        return [Asked(method, path, int(status)) for method, path, status in _LINE.findall(lines)]


def asked_of(servers: Sequence[Server]) -> list[Asked]:
    """What was asked of some registries since the last call. Logs have a line some time after the client has its answer."""
    sizes: list[int] = []
    while sizes != (sizes := [server.logged() for server in servers]):
        time.sleep(QUIET)
    return [each for server in servers for each in server.asked()]


class Relay:
    """Passes bytes on to a registry, and counts them; whatever they are, TLS too."""

    def __init__(self, server: Address) -> None:
        self.scheme = server.scheme
        self.moved = 0
        self._to = server.address.rsplit(":", 1)
        self._listening = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._listening.getsockname()[1]}"

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=[client], daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection((self._to[0], int(self._to[1]))) as server:
            back = threading.Thread(target=self._pass, args=(server, client), daemon=True)
            back.start()
            self._pass(client, server)
            back.join()

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        buffer = memoryview(bytearray(RELAYED))
        with contextlib.suppress(OSError):
            while size := source.recv_into(buffer):
                self.moved += size
                target.sendall(buffer[:size])
        for end, how in ((target, socket.SHUT_WR), (source, socket.SHUT_RD)):
            with contextlib.suppress(OSError):
                end.shutdown(how)


@contextlib.contextmanager
def relayed(server: Address) -> Iterator[Relay]:
    """A relay before a registry."""
    relay = Relay(server)
    try:
        yield relay
    finally:
        relay.close()


@contextlib.contextmanager
def running(kind: str, scheme: str, folder: Path, tls: Issued, scratch: Path) -> Iterator[Server]:
    """A registry of a kind over a folder, from a process of its own, with its log in `scratch`."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    folder.mkdir(exist_ok=True)
    log = scratch / f"log-{port}"
    words = [program(PROGRAMS[kind]), "serve", *_options(kind, scheme, folder, tls, scratch, port)]
    with log.open("wb") as output, subprocess.Popen(words, stdout=output, stderr=output) as process:
        try:
            await_port(port)
            yield Server(scheme, port, folder, log)
        finally:
            process.terminate()


def _options(kind: str, scheme: str, folder: Path, tls: Issued, scratch: Path, port: int) -> list[str]:
    if kind == DOCKER:
        path = scratch / f"configuration-{port}.json"
        path.write_text(json.dumps(_configuration(scheme, folder, tls, port)))  # JSON is YAML
        return [str(path)]
    words = ["--address", f"127.0.0.1:{port}", "--storage", str(folder), "--access-log"]
    if scheme == "https":
        words += ["--tls-cert", str(tls.certificate)]
    if kind == TOKENS:
        access = scratch / "access.toml"
        access.write_text(ACCESS)
        words += ["--access", str(access)]
    return words


def _configuration(scheme: str, folder: Path, tls: Issued, port: int) -> Mapping[str, object]:
    http: dict[str, object] = {"addr": f"127.0.0.1:{port}"}
    if scheme == "https":
        http["tls"] = {"certificate": str(tls.certificate), "key": str(tls.certificate)}
    return {
        "version": "0.1",
        "log": {"level": "error"},
        "storage": {"filesystem": {"rootdirectory": str(folder)}, "delete": {"enabled": True}},
        "http": http,
    }
