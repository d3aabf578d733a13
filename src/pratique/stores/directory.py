"""Directories as skopeo's `dir:` has them (containers/image, `directory/`): one image, file by file.

```
version                  "Directory Transport Version: 1.1"
manifest.json            the manifest or index
<encoded>                blobs, by the encoded part of their digest
<encoded>.manifest.json  the manifests that an index lists
signature-<n>            (skopeo's) simple signatures, which a new image takes away
```
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Final

from ..errors import InvalidInput, NotFound, Unsupported
from ..expressions import expression
from ..http.message import Stream
from ..spec import media
from ..spec.descriptor import Descriptor
from ..spec.digest import ALGORITHMS, Digest
from ..spec.manifest import MOST_MANIFEST_BYTES, Manifest
from .base import NAMELESS, Content
from .content import of_bytes, pour, read_name, verified, whole
from .files import FolderFiles, read

VERSION: Final = b"Directory Transport Version: 1.1\n"
ROOT: Final = "manifest.json"

_OURS: Final = expression(
    r"(?:[0-9a-f]{64}|[0-9a-f]{128})(?:\.manifest\.json|\.signature-\d+)?|signature-\d+", re.ASCII
)


class Directory:
    """A folder with one image or index, which has no name: a source and a target. Threads and processes may share it."""

    def __init__(self, path: Path) -> None:
        self._files = FolderFiles(path)
        self._is_prepared = False

    def __str__(self) -> str:
        return f"the directory {self._files}"

    # Reading

    def resolve(self, name: str | Digest) -> Descriptor:
        """The descriptor of the root for NAMELESS, or of a manifest in it by its digest.

        Raises NotFound, Misbehaved, ContentMismatch.
        """
        found = self.manifest(name).descriptor
        return Descriptor(found.media_type, found.digest, found.size)

    def manifest(self, name: str | Digest) -> Manifest:
        """The root for NAMELESS, or a manifest by its digest. Raises NotFound, Misbehaved, ContentMismatch."""
        name = read_name(name)
        if isinstance(name, Digest):
            file = self._file(name)
            raw = read(self._files, file, MOST_MANIFEST_BYTES)
            return Manifest.parse(name.verify(raw, f"{file} in {self._files}"), "", name.algorithm)
        if name != NAMELESS:
            raise NotFound(f"{self} has no {name[:80]!r}", advice="a directory holds one image, which has no name")
        raw = self._root()
        return Manifest.parse(raw, "", self._algorithm(raw))

    def open(self, descriptor: Descriptor, *, offset: int = 0) -> AbstractContextManager[Stream]:
        """The content of a descriptor from byte `offset` on, or the data in it (descriptor.md, `data`).

        Raises NotFound, Misbehaved, InvalidInput; opening or reading raises ContentMismatch.
        """
        if descriptor.data is not None:
            return of_bytes(descriptor.data, descriptor, offset)
        name = self._file(descriptor.digest) if descriptor.is_manifest else descriptor.digest.encoded
        return verified(lambda start: self._files.open(name, start), self._files.size(name), descriptor, offset)

    def blob(self, digest: Digest) -> Descriptor:
        """The descriptor of a blob. Raises NotFound, Misbehaved."""
        with suppress(NotFound):
            return Descriptor(media.OCTETS, digest, self._files.size(digest.encoded))
        raise NotFound(f"{self} has no blob {digest}")

    # Writing

    def exists(self, descriptor: Descriptor) -> bool:
        """Whether the content is there. Raises Misbehaved."""
        try:
            name = self._file(descriptor.digest) if descriptor.is_manifest else descriptor.digest.encoded
            return self._files.size(name) == descriptor.size
        except NotFound:
            return False

    def push(self, descriptor: Descriptor, content: Content, *, tags: Sequence[str] = ()) -> None:
        """Put content under its digest; a manifest with NAMELESS among its tags becomes the root.

        What the new root does not need is removed. The folder is made where there is none.
        Raises ContentMismatch, Misbehaved, InvalidInput for a folder that is something else, and Unsupported for names
        and for what refers to the image: there is room for one.
        """
        self._check_tags(tags)
        self._prepare()
        if not descriptor.is_manifest:
            if not self.exists(descriptor):
                with self._files.create(descriptor.digest.encoded) as file:
                    pour(content, descriptor, file.write)
            return
        raw = whole(content, descriptor)
        manifest = Manifest.parse(raw, descriptor.media_type, descriptor.digest.algorithm)
        if not tags:
            self._write(_child(descriptor.digest), raw)
            return
        with self._files.lock():
            self._replace_root(manifest)

    # How

    def _root(self) -> bytes:
        try:
            return read(self._files, ROOT, MOST_MANIFEST_BYTES)
        except NotFound:
            raise NotFound(f"no image in {self}: it has no {ROOT}") from None

    def _algorithm(self, raw: bytes) -> str:
        """By which algorithm the root is named: another than the usual one where the root is there under that as well."""
        there = set(self._files.names())
        named = (name for name in ALGORITHMS if _child(Digest.of(raw, name)) in there)
        return next(named, "sha256")

    def _file(self, digest: Digest) -> str:
        """The file with a manifest. Raises NotFound."""
        with suppress(NotFound):
            self._files.size(_child(digest))
            return _child(digest)
        if Digest.of(self._root(), digest.algorithm) != digest:
            raise NotFound(f"{self} has no manifest {digest}")
        return ROOT

    def _check_tags(self, tags: Sequence[str]) -> None:
        names = [tag for tag in tags if tag != NAMELESS]
        if names:
            raise Unsupported(f"{self} cannot keep the name {names[0]!r}: it holds one image, which has none")

    def _prepare(self) -> None:
        """Begin a directory, or see that it is one."""
        if self._is_prepared:
            return
        with self._files.lock():
            there = self._files.names()
            if not there:
                self._write("version", VERSION)
            elif "version" not in there or read(self._files, "version", len(VERSION)) != VERSION:
                raise InvalidInput(
                    f"{self._files} is not empty and no directory of this kind",
                    advice=f"its file `version` would be {VERSION.decode().strip()!r}",
                )
        self._is_prepared = True

    def _replace_root(self, manifest: Manifest) -> None:
        subject = manifest.subject
        if subject and self.exists(subject):
            raise Unsupported(
                f"{self} holds one image, and {manifest.digest} refers to it",
                advice="a layout has room for an image and what refers to it",
            )
        if manifest.digest.algorithm != "sha256":
            self._write(_child(manifest.digest), manifest.raw)
        self._write(ROOT, manifest.raw)
        needed = {name for digest in self._reached(manifest) for name in (digest.encoded, _child(digest))}
        for name in self._files.names():
            if _OURS.fullmatch(name) and name not in needed:
                with suppress(NotFound):
                    self._files.remove(name)

    def _reached(self, root: Manifest) -> set[Digest]:
        """The digests of a root and everything below it, as far as it is there."""
        found = {root.digest}
        waiting = [root]
        while waiting:
            for below in waiting.pop().successors():
                if below.digest in found:
                    continue
                found.add(below.digest)
                if below.is_manifest:
                    with suppress(NotFound):
                        waiting.append(self.manifest(below.digest))
        return found

    def _write(self, name: str, raw: bytes) -> None:
        with self._files.create(name) as file:
            file.write(raw)


def _child(digest: Digest) -> str:
    return f"{digest.encoded}.manifest.json"
