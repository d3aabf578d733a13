"""What is copied, listed and read: made once, and put into a folder that every source registry serves."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import tarfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.server import program
from pratique.image.sample import Content
from pratique.server.listen.authority import Issued
from pratique.spec import media
from pratique.spec.descriptor import Descriptor
from pratique.spec.digest import Digest

from .programs import Layout, Remote
from .registries import OURS, REPOSITORIES, Server, running

PIECE = 1 << 20
SHARED = 20  # small layers that the tags of a repository share, four a tag
SMALL = 8 << 10  # bytes of a small layer

LARGE, MEDIUM, ONE, TAGS, MANY = "bench/large", "bench/medium", "bench/one", "bench/tags", "bench/many"
FILES = "bench/files"
FILE = 24 << 10  # bytes of a file in a layer


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much there is of everything: bytes, and numbers."""

    large: int
    medium: int
    tags: int
    digests: int
    listed: int
    page: int
    files: int


FULL = Sizes(large=1 << 30, medium=257_000_000, tags=200, digests=1000, listed=100_000, page=1000, files=300_000_000)
QUICK = Sizes(large=1 << 20, medium=1 << 19, tags=3, digests=3, listed=3000, page=1000, files=1 << 19)


def tags_of(number: int) -> list[str]:
    """So many tags, in their order."""
    return [f"v{each:06}" for each in range(number)]


class Maker:
    """Writes layouts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._blobs = folder / "blobs/sha256"
        self._blobs.mkdir(parents=True)
        self._entries: list[dict[str, object]] = []

    def layer(self, size: int) -> Descriptor:
        """A layer that does not shrink, and that is gzip, so that no program compresses it once more."""
        hashed, path = hashlib.sha256(), self._blobs / "unfinished"
        with path.open("wb") as file:
            for piece in gzipped(size):
                file.write(piece)
                hashed.update(piece)
        path.rename(self._blobs / hashed.hexdigest())
        written = (self._blobs / hashed.hexdigest()).stat().st_size
        return Descriptor(media.OCI_LAYER_GZIP, Digest("sha256", hashed.hexdigest()), written)

    def files(self, size: int, folder: str) -> tuple[Descriptor, str]:
        """A layer of files that shrink by half, as most do, and the digest of its tar."""
        raw = tar_of(size, folder)
        layer = Content.of(zlib.compress(raw, 1, 31), media.OCI_LAYER_GZIP)
        (self._blobs / layer.descriptor.digest.encoded).write_bytes(layer.raw)
        return layer.descriptor, str(Digest.of(raw))

    def image(self, tag: str, layers: Sequence[Descriptor], diff_ids: Sequence[str] = ()) -> None:
        """An image of these layers, told from others by its tag."""
        files = {"type": "layers", "diff_ids": list(diff_ids) or [str(layer.digest) for layer in layers]}
        config = Content.of_json(
            {"architecture": "amd64", "os": "linux", "config": {"Labels": {"tag": tag}}, "rootfs": files},
            media.OCI_CONFIG,
        )
        document = {
            "schemaVersion": 2,
            "mediaType": media.OCI_MANIFEST,
            "config": config.descriptor.to_json(),
            "layers": [layer.to_json() for layer in layers],
        }
        root = Content.of_json(document, media.OCI_MANIFEST)
        for part in (config, root):
            (self._blobs / part.descriptor.digest.encoded).write_bytes(part.raw)
        self._entries.append(root.descriptor.to_json() | {"annotations": {"org.opencontainers.image.ref.name": tag}})

    def finish(self) -> Path:
        """The layout, complete."""
        (self._folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": self._entries}))
        (self._folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        return self._folder


def gzipped(size: int) -> Iterator[bytes]:
    """About so many random bytes, as gzip that is not compressed."""
    packing = zlib.compressobj(0, zlib.DEFLATED, 31)
    for start in range(0, size, PIECE):
        yield packing.compress(os.urandom(min(PIECE, size - start)))
    yield packing.flush()


def tar_of(size: int, folder: str) -> bytes:
    """A tar of about so many bytes, in files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for number in range(max(1, size // FILE)):
            member = tarfile.TarInfo(f"{folder}/{number // 100:03}/{number:06}")
            member.size = FILE
            archive.addfile(member, io.BytesIO(os.urandom(FILE // 2).hex().encode()))
    return buffer.getvalue()


def make_files(folder: Path, tag: str, layers: int, size: int) -> Layout:
    """A layout with an image whose layers are tars of files, `size` bytes of them in all."""
    maker = Maker(folder)
    made = [maker.files(size // layers, f"layer-{number}") for number in range(layers)]
    maker.image(tag, [layer for layer, _ in made], [diff_id for _, diff_id in made])
    return Layout(maker.finish(), tag)


def make_image(folder: Path, tag: str, layers: int, size: int) -> Layout:
    """A layout with an image of so many layers, `size` bytes in all."""
    maker = Maker(folder)
    maker.image(tag, [maker.layer(size // layers) for _ in range(layers)])
    return Layout(maker.finish(), tag)


def make_tags(folder: Path, tags: Iterable[str]) -> Layout:
    """A layout with an image a tag: four layers that others have too, and one of its own."""
    maker = Maker(folder)
    shared = [maker.layer(SMALL) for _ in range(SHARED)]
    for number, tag in enumerate(tags):
        maker.image(tag, [*(shared[(number + each) % SHARED] for each in range(4)), maker.layer(SMALL)])
    return Layout(maker.finish(), "")


@dataclass(frozen=True, slots=True)
class Stock:
    """Layouts, and the folder of registries in which everything is."""

    sizes: Sizes
    medium: Layout
    one: Layout
    files: Layout
    storage: Path
    added: Path  # a tar of files


def make(folder: Path, sizes: Sizes, tls: Issued) -> Stock:
    """Make everything. Seconds for the small sizes, a minute for the full ones."""
    large = make_image(folder / "large", "1", 4, sizes.large)
    medium = make_image(folder / "medium", "1", 8, sizes.medium)
    one = make_image(folder / "one", "1", 1, SMALL)
    files = make_files(folder / "files", "1", 3, sizes.files)
    added = folder / "added.tar"
    added.write_bytes(tar_of(sizes.files // 3, "added"))
    tags = make_tags(folder / "tags", tags_of(sizes.tags))
    with running(OURS, "http", folder / "source", tls, folder) as server:
        for layout, repository in ((large, LARGE), (medium, MEDIUM), (one, ONE), (files, FILES)):
            put(layout, Remote(server, repository, "1"), "copy")
        put(tags, Remote(server, TAGS), "copy", "--all-tags")
        put(one, Remote(server, MANY, tags_of(1)[0]), "copy")
        multiply(server, MANY, tags_of(sizes.listed))
    for number in (large.folder / "blobs/sha256").iterdir():  # it lies in the registries now
        number.unlink()
    return Stock(sizes, medium, one, files, folder / "source", added)


def put(layout: Layout, target: Remote, *verb: str) -> None:
    """Bring a layout into a registry."""
    source = f"oci:{layout.folder}" + (f":{layout.tag}" if layout.tag else "")
    subprocess.run(
        [program("pratique"), *verb, "--quiet", "--plain-http", source, str(target)],
        check=True,
        stdout=subprocess.DEVNULL,
    )


def multiply(server: Server, repository: str, tags: Sequence[str]) -> None:
    """More tags that point at what the first one points at, as files: pushing them would take minutes."""
    folder = server.folder / REPOSITORIES / repository / "_manifests/tags"
    digest = server.digest(repository, tags[0])
    for tag in tags[1:]:
        (folder / tag / "current").mkdir(parents=True)
        (folder / tag / "current/link").write_text(digest)
