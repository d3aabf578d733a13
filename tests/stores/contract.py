"""What every store is held to: the table of stores, and content to put into them.

A new store is one row of `ROWS`; `test_contract.py` then runs everything on it that it can do.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from pratique.auth.authenticator import Authenticator
from pratique.auth.scopes import ScopeSet
from pratique.http.local import LocalTransport
from pratique.http.message import Body, Stream
from pratique.http.origin import Origin
from pratique.http.retry import Patience
from pratique.http.session import Session
from pratique.image.sample import Content, Sample, image, index
from pratique.server.access.file import load as load_access
from pratique.server.app import RegistryApp
from pratique.server.storage.repositories import Storage
from pratique.spec import media
from pratique.spec.descriptor import Descriptor
from pratique.spec.digest import Digest
from pratique.spec.platform import Platform
from pratique.stores.archive import ArchiveTarget, TarFiles
from pratique.stores.base import NAMELESS, Source, Stages, Target
from pratique.stores.directory import Directory
from pratique.stores.files import FolderFiles
from pratique.stores.layout import Layout
from pratique.stores.memory import Memory
from pratique.stores.registry import Repository
from pratique.stores.tar import Tar

AMD64: Final = Platform.parse("linux/amd64")
ARM64: Final = Platform.parse("linux/arm64")
SBOM: Final = "application/spdx+json"
SIGNATURE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"


class Store(Source, Target, Protocol):
    """Both sides at once; an archive is only ever asked for one of them."""


# --- The stores -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """A store, and what is beyond it.

    `opening(folder)` gives a recipe that opens the store in this folder, again and again and each time anew; a store that
    stages is written through one opening and read through the next.

    `names`: it keeps names besides NAMELESS. `nameless`: what was pushed last without a name is found without one.
    `refuses`: it says itself, with ContentMismatch, that content is not what its digest says; a server's refusal may be
    another error. `inline`: it gives the data in a descriptor. `grows`: what was put in stays when more is put in.
    `readable`: it can be read before anything was put in.
    """

    name: str
    opening: Callable[[Path], AbstractContextManager[Callable[[], Any]]]
    names: bool = True
    nameless: bool = True
    refuses: bool = True
    inline: bool = True
    grows: bool = True
    readable: bool = True


@contextmanager
def _layout(folder: Path) -> Iterator[Callable[[], Layout]]:
    yield lambda: Layout(FolderFiles(folder / "layout"))


@contextmanager
def _directory(folder: Path) -> Iterator[Callable[[], Directory]]:
    yield lambda: Directory(folder / "directory")


@contextmanager
def _memory(folder: Path) -> Iterator[Callable[[], Memory]]:
    memory = Memory()
    yield lambda: memory


@contextmanager
def _registry(folder: Path) -> Iterator[Callable[[], Repository]]:
    (folder / "access.toml").write_text("")
    app = RegistryApp(Storage(folder / "storage"), load_access(folder / "access.toml"))
    transport = LocalTransport({Origin.of("https://r.test"): app.handle})
    session: Session[ScopeSet] = Session(transport, Authenticator(), patience=Patience(retries=0))
    yield lambda: Repository(session, "r.test", "team/app")
    session.close()


class Archive:
    """Both sides of an OCI archive, each opened when it is asked for."""

    def __init__(self, path: Path, opened: ExitStack) -> None:
        self._path = path
        self._opened = opened
        target = ArchiveTarget(path, lambda folder: Layout(FolderFiles(folder)))
        self.exists, self.push, self.finish, self.discard = target.exists, target.push, target.finish, target.discard

    def resolve(self, name: str | Digest) -> Descriptor:
        return self._source().resolve(name)

    def open(self, descriptor: Descriptor, *, offset: int = 0) -> AbstractContextManager[Stream]:
        return self._source().open(descriptor, offset=offset)

    def blob(self, digest: Digest) -> Descriptor:
        return self._source().blob(digest)

    def tags(self) -> Iterator[str]:
        return self._source().tags()

    def _source(self) -> Layout:
        return Layout(TarFiles(self._opened.enter_context(Tar(self._path))))


@contextmanager
def _archive(folder: Path) -> Iterator[Callable[[], Archive]]:
    with ExitStack() as opened:
        yield lambda: Archive(folder / "archive.tar", opened)


@contextmanager
def _packed_archive(folder: Path) -> Iterator[Callable[[], Archive]]:
    with ExitStack() as opened:
        yield lambda: Archive(folder / "archive.tar.zst", opened)


ROWS: Final = [
    Row("layout", _layout),
    Row("archive", _archive, grows=False),
    Row("packed archive", _packed_archive, grows=False),
    Row("directory", _directory, names=False),
    Row("memory", _memory),
    Row("registry", _registry, nameless=False, refuses=False, inline=False),
]


@dataclass(frozen=True)
class Place:
    """A store of the table in a folder of its own."""

    row: Row
    open: Callable[[], Any]

    def put(self, *samples: Sample, tags: Sequence[str] = (NAMELESS,)) -> None:
        """Put images and everything they need, as one piece of work."""
        with self.writing() as target:
            for each in samples:
                push(target, each, tags)

    @contextmanager
    def writing(self) -> Iterator[Store]:
        """The store as a target; what it stages appears at the end."""
        target = self.open()
        try:
            yield target
        except BaseException:
            if isinstance(target, Stages):
                target.discard()
            raise
        if isinstance(target, Stages):
            target.finish()

    def read(self, descriptor: Descriptor, offset: int = 0) -> bytes:
        """The content of a descriptor."""
        with self.open().open(descriptor, offset=offset) as stream:
            return b"".join(iter(lambda: stream.read(1 << 16), b""))


def push(target: Target, sample: Sample, tags: Sequence[str] = ()) -> None:
    """Push an image or index, children first."""
    for part in sample.below:
        put(target, part)
    put(target, sample.root, tags)


def put(target: Target, content: Content, tags: Sequence[str] = ()) -> None:
    """Push one piece of content."""
    target.push(content.descriptor, Body.of(content.raw).open, tags=tags)


# --- Content --------------------------------------------------------------------------------------


def single(greeting: str = "hello", platform: Platform = AMD64) -> Sample:
    """An image for one platform."""
    return image(platform, {"hello": f"#!/bin/sh\necho {greeting}\n".encode()})


def several(greeting: str = "hello") -> Sample:
    """An index of two images."""
    return index([single(greeting, AMD64), single(greeting, ARM64)])


def nested() -> Sample:
    """An index of an index and an image."""
    return index([several("inner"), single("outer")])


def referrer(subject: Descriptor, artifact_type: str, payload: bytes = b"{}") -> Sample:
    """An artifact that refers to a manifest (manifest.md, `subject`)."""
    empty = Content.of(b"{}", media.OCI_EMPTY)
    blob = Content.of(payload, artifact_type)
    root = manifest(empty, [blob.descriptor], artifactType=artifact_type, subject=bare(subject).to_json())
    return Sample(root, (empty, blob))


def of_layer(layer: Content, algorithm: str = "sha256") -> Sample:
    """An image with this layer, whose manifest is named by `algorithm`."""
    config = Content.of(b'{"architecture": "amd64", "os": "linux"}', media.OCI_CONFIG, algorithm=algorithm)
    return Sample(manifest(config, [layer.descriptor], algorithm), (layer, config))


def manifest(config: Content, layers: Sequence[Descriptor], algorithm: str = "sha256", **more: object) -> Content:
    """A manifest of a config and layers."""
    document = {
        "schemaVersion": 2,
        "mediaType": media.OCI_MANIFEST,
        "config": config.descriptor.to_json(),
        "layers": [layer.to_json() for layer in layers],
        **more,
    }
    # Nobody who encodes it anew comes to these very bytes.
    raw = json.dumps(document, indent=3).encode() + b"\n \n"
    return Content.of(raw, media.OCI_MANIFEST, algorithm=algorithm)


def bare(descriptor: Descriptor) -> Descriptor:
    """What names content, and nothing more."""
    return Descriptor(descriptor.media_type, descriptor.digest, descriptor.size)


def other(content: Content, raw: bytes) -> tuple[Descriptor, bytes]:
    """The descriptor of content together with bytes that are not that content."""
    assert Digest.of(raw, content.descriptor.digest.algorithm) != content.descriptor.digest
    return content.descriptor, raw
