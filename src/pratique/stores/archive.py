"""OCI layouts in a tar (image specification, image-layout.md): a tar's files to read, a folder that becomes a tar to write."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final, NoReturn

from ..errors import InvalidInput, Misbehaved, NotFound, Unsupported
from ..http.message import Stream
from ..spec.descriptor import Descriptor
from .base import Content, Target
from .entries import Entries
from .files import Writer
from .staging import Destination, Staging
from .tar import Tar

# What readers of a pipe want to know first.
FIRST: Final = ("oci-layout", "index.json")


class TarFiles:
    """The files of a tar, as `Files`; they cannot be changed. Whoever opened the tar closes it."""

    def __init__(self, tar: Tar) -> None:
        self._tar = tar

    def __str__(self) -> str:
        return self._tar.what

    def size(self, name: str) -> int:
        """How many bytes a file has. Raises NotFound, Misbehaved."""
        self._expect_file(name)
        return self._tar.find(name).size

    def open(self, name: str, offset: int = 0) -> AbstractContextManager[Stream]:
        """The content of a file from byte `offset` on; several can be open at once. Raises NotFound, Misbehaved."""
        self._expect_file(name)
        return self._tar.open(name, offset=offset)

    def names(self, folder: str = "") -> list[str]:
        """The names directly in a folder, in the order of the archive."""
        # Looked for each time: a tree of all folders could be far larger than the archive that asks for it.
        within = f"{folder}/" if folder else ""
        below = (name.removeprefix(within) for name in self._tar if name.startswith(within))
        return list(dict.fromkeys(name.partition("/")[0] for name in below))

    def create(self, name: str) -> AbstractContextManager[Writer]:
        """Raises Unsupported: an archive is written anew, not changed."""
        self._refuse(name)

    def remove(self, name: str) -> None:
        """Raises Unsupported: an archive is written anew, not changed."""
        self._refuse(name)

    def lock(self) -> AbstractContextManager[None]:
        """Raises Unsupported: an archive is written anew, not changed."""
        self._refuse("index.json")

    def _expect_file(self, name: str) -> None:
        if any(part in {"", ".", ".."} for part in name.split("/")):
            raise InvalidInput(f"not the name of a file in an archive: {name[:80]!r}")
        if name in self._tar:
            return
        if self.names(name):
            raise Misbehaved(f"{name} in {self} is a folder in the place of a file")
        raise NotFound(f"{self} has no {name}")

    def _refuse(self, name: str) -> NoReturn:
        raise Unsupported(
            f"{self} cannot be changed: {name} stays as it is",
            advice="copy what is wanted of it into another archive or layout",
        )


class ArchiveTarget:
    """A new OCI archive: what is pushed goes into a folder beside it, which becomes the tar when it is finished.

    `stage(folder)` makes the store that the folder is. What was at the path is replaced, as skopeo does: the outcome depends on
    what was pushed alone. See `staging.Staging` for `destination`.
    """

    def __init__(self, destination: Destination, stage: Callable[[Path], Target]) -> None:
        self._staging = Staging(destination)
        self._stage = stage
        self._store: Target | None = None
        self._lock = threading.Lock()

    def __str__(self) -> str:
        return str(self._staging)

    def exists(self, descriptor: Descriptor) -> bool:
        """Whether the content was pushed."""
        return self._store is not None and self._store.exists(descriptor)

    def push(self, descriptor: Descriptor, content: Content, *, tags: Sequence[str] = ()) -> None:
        """Put content under its digest, and a manifest under names as well. Raises ContentMismatch, Unsupported."""
        self._staged().push(descriptor, content, tags=tags)

    def finish(self) -> None:
        """Write the archive. Raises Unsupported where nothing was pushed."""
        if self._store is None:
            raise Unsupported(f"nothing was put into {self}")
        self._order()
        self._staging.finish(sorted(self._staging.files(), key=lambda name: name not in FIRST))

    def discard(self) -> None:
        """Forget everything; what was at the path stays as it was."""
        self._staging.discard()

    def _order(self) -> None:
        """Names are listed as they came, from several threads; the same content is to make the same archive."""
        index = self._staging.folder / "index.json"
        index.write_bytes(Entries.parse(index.read_bytes(), str(index)).in_order().to_bytes())

    def _staged(self) -> Target:
        with self._lock:
            folder = self._staging.folder
            if self._store is None:
                self._store = self._stage(folder)
            return self._store
