"""Repositories in a folder, in the layout of Docker's distribution, so that either can serve what the other wrote.

`paths` has the layout. Every file appears whole or not at all, and is there to stay once its request is answered: it is
written under another name in its folder, synced and renamed, and the folder is synced. Any number of processes can
serve a folder and collect in it: `locks` says who waits for whom.

What is used is renewed: the time of a link is when its content was last asked for, about, and that of content when a link
to it was made or renewed. `collection` removes what nothing refers to and nobody used for long.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Final

from ...errors import NotFound
from ...spec.descriptor import Descriptor
from ...spec.digest import Digest
from ...spec.manifest import Manifest
from ...spec.reference import is_tag
from ...stores.files import sync_folder
from . import disk
from .catalogue import Catalogue
from .links import target
from .locks import Locks
from .paths import LAYERS, LINK, MANIFESTS, OURS, Paths
from .referrers import Referrers
from .stored import Stored, StoredManifests

RENEWAL: Final = 60.0  # seconds after which a use is noted anew; a collector's grace is far longer


def _accept() -> None:
    """The check of a change that depends on nothing."""


class Storage:
    """A folder of repositories. Names are checked again here: nothing outside of the folder can be reached.

    Methods raise NotFound for content that is not there, InvalidInput for names that are none, and OSError where the disk
    fails or is full; then nothing half-written is there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.paths = Paths(str(folder))
        self.locks = Locks(self.paths.locks)
        self._manifests = StoredManifests(self.paths)
        self._referrers = Referrers(self.paths, self._manifests.load)
        self._catalogue = Catalogue(self.paths)

    @property
    def private(self) -> Path:
        """The folder for what is no repository's content: keys."""
        return self.folder / OURS

    # --- Blobs

    def blob_path(self, digest: Digest) -> Path:
        """Where content of this digest lies, or will lie."""
        return Path(self.paths.blob(digest))

    def open_blob(self, repository: str, digest: Digest) -> FileIO:
        """Open a blob that the repository has, unbuffered. Raises NotFound."""
        link, content = self.paths.layer(repository, digest), self.paths.blob(digest)
        if self._is_used(repository, link, content):
            with suppress(FileNotFoundError):
                return FileIO(content)
        raise NotFound(f"{repository} has no blob {digest}")

    def link_blob(self, repository: str, digest: Digest) -> None:
        """Give content that is stored already to a repository. Raises NotFound where it was collected meanwhile."""
        with self.locks.using():
            if not disk.renew(self.paths.blob(digest)):
                raise NotFound(f"there is no blob {digest}")
            disk.write(self.paths.layer(repository, digest), str(digest).encode())

    def adopt_blob(self, repository: str, digest: Digest, file: Path) -> None:
        """Make a file that is synced the content of a digest, and give it to a repository."""
        link = self.paths.layer(repository, digest)
        with self.locks.using():
            disk.renew(str(file))
            with disk.lasting() as changes:
                changes.move(str(file), self.paths.blob(digest))
                changes.write(link, str(digest).encode())

    def unlink_blob(self, repository: str, digest: Digest) -> None:
        """Take a blob from a repository; others keep it, and its content stays until it is collected. Raises NotFound."""
        link = self.paths.layer(repository, digest)
        with self.locks.changing(repository):
            if not disk.remove(link):
                raise NotFound(f"{repository} has no blob {digest}")
            sync_folder(Path(link).parent)

    # --- Manifests

    def put_manifest(
        self,
        repository: str,
        manifest: Manifest,
        tags: Iterable[str] = (),
        *,
        sparse: bool = False,
        check: Callable[[], None] = _accept,
    ) -> None:
        """Store a manifest and point tags at it.

        Raises NotFound for a blob or manifest that it needs and the repository lacks, unless it may be `sparse`; a layer
        that lives elsewhere (`urls`) and the subject need not be there. `check` is called before anything of the
        repository changes, and while nothing else can change it; what it raises ends this.
        """
        folders = [self.paths.tag(repository, tag) for tag in tags]
        with self.locks.changing(repository):
            check()
            self._use_successors(repository, manifest, sparse=sparse)
            self._manifests.put(repository, manifest)
            # A tag moves only when what it points at then is there for good.
            with disk.lasting() as changes:
                for folder in folders:
                    self._point(repository, folder, manifest.digest, changes)

    def find_manifest(self, repository: str, reference: str | Digest) -> Stored:
        """A manifest by tag or digest. Raises NotFound, and ContentMismatch where the stored bytes are damaged."""
        if isinstance(reference, str):
            return self._manifests.find(repository, self.resolve(repository, reference))
        stored = self._manifests.find(repository, reference)
        self._is_used(repository, self.paths.revision(repository, reference), self.paths.blob(reference))
        return stored

    def resolve(self, repository: str, tag: str) -> Digest:
        """What a tag points at. Raises NotFound."""
        digest = target(self.paths.current(repository, tag))
        if digest is None:
            raise NotFound(f"{repository} has no tag {tag}")
        return digest

    def delete_tag(self, repository: str, tag: str, *, check: Callable[[], None] = _accept) -> None:
        """Delete a tag; what it pointed at stays; `check` as in `put_manifest`. Raises NotFound."""
        with self.locks.changing(repository):
            digest = self.resolve(repository, tag)
            check()
            self._untag(repository, tag, digest)

    def delete_manifest(self, repository: str, digest: Digest) -> None:
        """Delete a manifest and the tags that point at it. Raises NotFound."""
        revision = self.paths.revision(repository, digest)
        with self.locks.changing(repository):
            if disk.used(revision) is None:
                raise NotFound(f"{repository} has no manifest {digest}")
            for tag in self._tags_of(repository, digest):
                self._untag(repository, tag, digest)
            self._manifests.remove(repository, digest)

    # --- Lists

    def tags(self, repository: str) -> Sequence[str]:
        """The tags of a repository, sorted. Raises NotFound for an unknown repository."""
        if not self.knows(repository):
            raise NotFound(f"no repository {repository}")
        return self._catalogue.tags(repository)

    def repositories(self) -> Sequence[str]:
        """The names of all repositories, sorted."""
        return self._catalogue.repositories()

    def knows(self, repository: str) -> bool:
        """Whether anything was ever pushed to the repository."""
        folder = self.paths.repository(repository)
        return any(disk.used(f"{folder}/{part}") is not None for part in (LAYERS, MANIFESTS))

    def referrers(self, repository: str, subject: Digest) -> list[Descriptor]:
        """The manifests whose subject is `subject`, ordered by digest."""
        return self._referrers.find(repository, subject)

    def repository(self, name: str) -> Path:
        """The folder of a repository. Raises InvalidInput for a name that the specification does not allow."""
        return Path(self.paths.repository(name))

    # --- How

    def _is_used(self, repository: str, link: str, content: str) -> bool:
        """Whether there is such a link; it is renewed where its last use was long ago."""
        used = disk.used(link)
        if used is None or used > time.time() - RENEWAL:
            return used is not None
        try:
            with self.locks.changing(repository):
                return disk.renew(link) and disk.renew(content)
        except OSError:
            return True  # a folder that cannot be written to: nothing is collected there, either

    def _use_successors(self, repository: str, manifest: Manifest, *, sparse: bool) -> None:
        for child in manifest.successors():
            links = (self.paths.revision(repository, child.digest), self.paths.layer(repository, child.digest))
            # All that is there is renewed: whoever collects looks at the times again before it removes anything.
            renewed = [disk.renew(link) for link in links]
            is_there = any(renewed) and disk.renew(self.paths.blob(child.digest))
            if not (is_there or child.urls or sparse):
                raise NotFound(str(child.digest))

    def _point(self, repository: str, folder: str, digest: Digest, changes: disk.Changes) -> None:
        link = str(digest).encode()
        before = target(f"{folder}/current/{LINK}")
        if before is not None and before != digest:
            disk.renew(self.paths.revision(repository, before))  # it is untagged since now
        changes.write(f"{folder}/current/{LINK}", link)
        disk.note(f"{folder}/index/{digest.algorithm}/{digest.encoded}/{LINK}", link)

    def _untag(self, repository: str, tag: str, digest: Digest) -> None:
        # The link goes first and at once; what a crash leaves of the folder is no tag any more.
        folder = self.paths.tag(repository, tag)
        disk.renew(self.paths.revision(repository, digest))
        disk.remove_tree(folder, f"{folder}/current/{LINK}")
        sync_folder(Path(folder).parent)

    def _tags_of(self, repository: str, digest: Digest) -> list[str]:
        folder = self.paths.tags(repository)
        tags = (tag for tag in disk.names(folder) if is_tag(tag))
        return [tag for tag in tags if target(f"{folder}/{tag}/current/{LINK}") == digest]
