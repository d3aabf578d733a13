"""A load of many clients that push, pull, tag and delete at once, and an account of every tag and blob at the end.

    .venv/bin/python benchmarks/load.py [--clients N] [--seconds S] [--processes N] [--collect DURATION] [-- OPTION...]
    .venv/bin/python benchmarks/load.py [--clients N] [--seconds S] --registry HOST:PORT

Options after `--` go to `pratique serve`, of which several processes may share the folder. With --collect, `pratique gc
--untagged` with that grace runs beside them, again and again. With --registry another registry is loaded, which runs already.
"""

from __future__ import annotations

import argparse
import collections
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from pratique.auth.authenticator import Authenticator
from pratique.auth.scopes import ScopeSet
from pratique.errors import Error, NotFound
from pratique.http.session import Session
from pratique.http.transport import HttpTransport
from pratique.image.sample import Content, Sample, image
from pratique.spec import media
from pratique.spec.digest import Digest
from pratique.spec.manifest import Manifest
from pratique.spec.platform import Platform
from pratique.stores.registry import Registry, Repository

CLIENTS = 200
SECONDS = 60.0
REPOSITORIES = 10
SHARED_LAYERS = 20
SMALL, LARGE = 32 << 10, 4 << 20  # bytes of a layer
PRATIQUE = str(Path(sys.executable).with_name("pratique"))
AMD64 = Platform.parse("linux/amd64")
SHARED = [Content.of(random.Random(seed).randbytes(SMALL), media.OCI_LAYER) for seed in range(SHARED_LAYERS)]


@dataclass
class Ledger:
    """What registries said that they had done: tags by repository, with the digest that each points at."""

    tags: dict[tuple[str, str], Digest] = field(default_factory=dict)
    done: collections.Counter[str] = field(default_factory=collections.Counter)
    failures: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, what: str, repository: str = "", tag: str = "", digest: Digest | None = None) -> None:
        with self.lock:
            self.done[what] += 1
            if digest is not None:
                self.tags[repository, tag] = digest
            elif what == "delete":
                del self.tags[repository, tag]

    def any(self, chance: random.Random) -> tuple[str, str, Digest] | None:
        with self.lock:
            if not self.tags:
                return None
            repository, tag = chance.choice(list(self.tags))
            return repository, tag, self.tags[repository, tag]


class Client:
    """One client with connections of its own. Only it writes or deletes its tags; it pulls those of everybody."""

    def __init__(self, number: int, address: str, ledger: Ledger, end: float) -> None:
        self._number = number
        self._address = address
        self._ledger = ledger
        self._end = end
        self._chance = random.Random(number)
        self._mine: list[tuple[str, str]] = []

    def run(self) -> None:
        with connected(self._address) as registry:
            count = 0
            while time.monotonic() < self._end:
                count += 1
                try:
                    self._act(registry, count)
                except Error as error:
                    self._ledger.failures.append(f"client {self._number}: {error}")

    def _act(self, registry: Registry, count: int) -> None:
        lot = self._chance.random()
        if lot < 0.4 or not self._mine:
            self._push(registry, count)
        elif lot < 0.45:
            self._delete(registry)
        else:
            self._pull(registry)

    def _push(self, registry: Registry, count: int) -> None:
        name, tag = f"load/{self._chance.randrange(REPOSITORIES)}", f"c{self._number}-{count}"
        size = LARGE if self._chance.random() < 0.02 else SMALL
        layer = Content.of(self._chance.randbytes(size), media.OCI_LAYER)
        pushed = made(tag, layer, self._chance.choice(SHARED))
        repository = registry.repository(name)
        for part in pushed.below:
            if not repository.exists(part.descriptor):
                repository.push(part.descriptor, lambda raw=part.raw: closing(BytesIO(raw)))  # type: ignore[misc]
        root = pushed.root
        try:
            repository.push(root.descriptor, lambda: closing(BytesIO(root.raw)), tags=[tag])
        except NotFound:  # a layer that was there was collected since: the grace is shorter than the push
            self._ledger.note("refused")
            return
        self._mine.append((name, tag))
        self._ledger.note("push", name, tag, root.descriptor.digest)

    def _pull(self, registry: Registry) -> None:
        found = self._ledger.any(self._chance)
        if found is None:
            return
        name, tag, digest = found
        try:
            pull(registry.repository(name), tag, digest)
        except NotFound:  # its owner deleted it meanwhile; if not, the account at the end says so
            self._ledger.note("gone")
        else:
            self._ledger.note("pull")

    def _delete(self, registry: Registry) -> None:
        name, tag = self._mine.pop(self._chance.randrange(len(self._mine)))
        registry.repository(name).delete(tag)
        self._ledger.note("delete", name, tag)


def made(tag: str, *layers: Content) -> Sample:
    """An image of these layers, told from others by its tag."""
    base = image(AMD64, {"tag": tag.encode()})
    config = base.below[1]
    document = json.loads(base.root.raw) | {"layers": [layer.descriptor.to_json() for layer in layers]}
    return Sample(Content.of_json(document, media.OCI_MANIFEST), (*layers, config))


def pull(repository: Repository, tag: str, digest: Digest) -> int:
    """Read an image whole; returns its bytes. The library verifies what it reads; the tag must point at `digest`."""
    root = repository.resolve(tag)
    assert root.digest == digest, f"{tag} is {root.digest}, and {digest} was acknowledged"
    with repository.open(root) as stream:
        raw = stream.read()
    total = 0
    for part in Manifest.parse(raw, root.media_type).successors():
        with repository.open(part) as stream:
            while block := stream.read(1 << 20):
                total += len(block)
    return total


@contextmanager
def connected(address: str) -> Iterator[Registry]:
    session: Session[ScopeSet] = Session(HttpTransport(), Authenticator())
    try:
        yield Registry(session, address)
    finally:
        session.close()


@contextmanager
def served(folder: Path, options: Sequence[str] = ()) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A registry over a folder, in another process."""
    words = [PRATIQUE, "serve", "--address", "127.0.0.1:0", "--json", "--storage", str(folder), *options]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout
            yield json.loads(process.stdout.readline())["address"], process
        finally:
            process.terminate()


@contextmanager
def collecting(folder: Path, grace: str) -> Iterator[list[int]]:
    """`pratique gc --untagged` again and again, unless there is no grace; how much each time."""
    collected: list[int] = []
    if not grace:
        yield collected
        return
    ended = threading.Event()

    def collect() -> None:
        while not ended.is_set():
            words = [PRATIQUE, "gc", "--json", "--untagged", "--grace", grace, str(folder)]
            ran = subprocess.run(words, capture_output=True, check=True)
            collected.append(json.loads(ran.stdout)["count"])

    with ThreadPoolExecutor(1) as threads:
        done = threads.submit(collect)
        try:
            yield collected
        finally:
            ended.set()
        done.result()


def account(address: str, ledger: Ledger) -> dict[str, int]:
    """Read everything back: each acknowledged tag is there with all its content, and nothing that nobody pushed."""
    total = 0
    with connected(address) as registry:
        for number in range(REPOSITORIES):
            name = f"load/{number}"
            wanted = {tag for repository, tag in ledger.tags if repository == name}
            found = set(registry.repository(name).tags()) if wanted else set()
            assert found == wanted, f"{name}: lost {sorted(wanted - found)[:5]}, unknown {sorted(found - wanted)[:5]}"
        for (name, tag), digest in ledger.tags.items():
            total += pull(registry.repository(name), tag, digest)
    return {"tags": len(ledger.tags), "bytes": total}


def peak_megabytes(process: subprocess.Popen[bytes]) -> float:
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1000


def load(addresses: Sequence[str], clients: int, seconds: float) -> Ledger:
    """Let the clients run, as many with each address."""
    ledger, end = Ledger(), time.monotonic() + seconds
    each = [Client(number, addresses[number % len(addresses)], ledger, end) for number in range(clients)]
    threads = [threading.Thread(target=client.run) for client in each]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return ledger


def report(ledger: Ledger, checked: dict[str, int], seconds: float) -> None:
    done = ", ".join(f"{count} {what}" for what, count in sorted(ledger.done.items()))
    print(f"{seconds:.0f} s: {done}; {len(ledger.failures)} failures")
    for failure in ledger.failures[:10]:
        print(f"  {failure}")
    print(f"accounted for: {checked['tags']} tags and {checked['bytes'] / 1e6:.0f} MB behind them")


def load_ours(arguments: argparse.Namespace, options: list[str]) -> Ledger:
    """Load registries of our own, and say what they took."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        running = [stack.enter_context(served(folder, options)) for _ in range(arguments.processes)]
        addresses = [address for address, _ in running]
        with collecting(folder, arguments.collect) as collected:
            ledger = load(addresses, arguments.clients, arguments.seconds)
        for address in addresses:
            report(ledger, account(address, ledger), arguments.seconds)
        if collected:
            print(f"collected {sum(collected)} in {len(collected)} runs beside them")
        used = ", ".join(f"{peak_megabytes(process):.0f} MB" for _, process in running)
        uploads = list(folder.glob("docker/registry/v2/repositories/*/*/_uploads/*"))
        print(f"the registry used {used} at most; {len(uploads)} uploads were left open")
    return ledger


def main() -> int:
    """Load, account, print. The exit code is 1 where a client failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=CLIENTS)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--collect", metavar="DURATION", default="")
    parser.add_argument("--registry", metavar="HOST:PORT")
    arguments, options = parser.parse_known_args()
    if arguments.registry:
        ledger = load([arguments.registry], arguments.clients, arguments.seconds)
        report(ledger, account(arguments.registry, ledger), arguments.seconds)
    else:
        ledger = load_ours(arguments, [option for option in options if option != "--"])
    return int(bool(ledger.failures))


if __name__ == "__main__":
    sys.exit(main())
