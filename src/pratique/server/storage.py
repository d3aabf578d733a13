"""Repositories in a folder, in the layout of Docker's distribution, so that either can serve what the other wrote.

```
docker/registry/v2/
  blobs/<algorithm>/<xx>/<hex>/data              content, xx being the first two digits of its hash
  repositories/<name>/
    _layers/<algorithm>/<hex>/link               the repository has this blob
    _manifests/revisions/<algorithm>/<hex>/link  the repository has this manifest
    _manifests/revisions/<algorithm>/<hex>/media-type    (ours) its type, where the document does not say
    _manifests/tags/<tag>/current/link           what the tag points at
    _manifests/tags/<tag>/index/<algorithm>/<hex>/link   what it ever pointed at
    _uploads/<id>/data, startedat                an upload that is not finished
```

A link is a file that holds a digest. Every file appears whole or not at all: it is written under another name in its
folder, synced and renamed.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from io import FileIO
from pathlib import Path
from typing import Final

from ..errors import InvalidInput, Misbehaved, NotFound, Unsupported
from ..spec import media
from ..spec.descriptor import Descriptor
from ..spec.digest import ALGORITHMS, Digest
from ..spec.manifest import Manifest
from ..spec.reference import is_repository, is_tag
from ..stores.files import replacing

ROOT: Final = Path("docker", "registry", "v2")
OURS: Final = Path("pratique")  # what is ours alone in the folder; distribution does not look there
LOCKS: Final = 64


@dataclass(frozen=True, slots=True)
class Stored:
    """A manifest as it was pushed."""

    raw: bytes
    digest: Digest
    media_type: str


class Storage:
    """A folder of repositories. Names are checked again here: nothing outside of the folder can be reached.

    Methods raise NotFound for content that is not there, and InvalidInput for names that are none.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._root = folder / ROOT
        # Changes to a repository's links exclude each other, so no tag is left pointing at a deleted manifest.
        self._locks = tuple(threading.RLock() for _ in range(LOCKS))

    @property
    def private(self) -> Path:
        """The folder for what is no repository's content: keys."""
        return self.folder / OURS

    # --- Blobs

    def blob_path(self, digest: Digest) -> Path:
        """Where content of this digest lies, or will lie."""
        return self._root / "blobs" / digest.algorithm / digest.encoded[:2] / digest.encoded / "data"

    def open_blob(self, repository: str, digest: Digest) -> FileIO:
        """Open a blob that the repository has, unbuffered. Raises NotFound."""
        if self._link(repository, "_layers", digest).exists():
            try:
                return self.blob_path(digest).open("rb", buffering=0)
            except FileNotFoundError:
                pass
        raise NotFound(f"{repository} has no blob {digest}")

    def link_blob(self, repository: str, digest: Digest) -> None:
        """Give content that is stored already to a repository."""
        write(self._link(repository, "_layers", digest), str(digest).encode())

    def unlink_blob(self, repository: str, digest: Digest) -> None:
        """Take a blob from a repository; others keep it, and its content stays. Raises NotFound."""
        with self._lock(repository):
            _remove(self._link(repository, "_layers", digest), f"{repository} has no blob {digest}")

    # --- Manifests

    def put_manifest(self, repository: str, manifest: Manifest, tags: Iterable[str] = ()) -> None:
        """Store a manifest and point tags at it.

        Raises NotFound for a blob or manifest that it needs and the repository lacks; a layer that lives elsewhere
        (`urls`) and the subject need not be there.
        """
        digest, link = manifest.digest, str(manifest.digest).encode()
        write(self.blob_path(digest), manifest.raw)
        with self._lock(repository):
            self._check_successors(repository, manifest)
            revision = self._revision(repository, digest)
            _keep_type(revision, manifest)
            write(revision, link)
            for tag in tags:
                folder = self._tags(repository) / _checked_tag(tag)
                write(folder / "index" / digest.algorithm / digest.encoded / "link", link)
                write(folder / "current" / "link", link)

    def find_manifest(self, repository: str, reference: str | Digest) -> Stored:
        """A manifest by tag or digest. Raises NotFound, and ContentMismatch where the stored bytes are damaged."""
        digest = self.resolve(repository, reference) if isinstance(reference, str) else reference
        try:
            revision = self._revision(repository, digest)
            revision.stat()
            raw = self.blob_path(digest).read_bytes()
        except FileNotFoundError:
            raise NotFound(f"{repository} has no manifest {reference}") from None
        digest.verify(raw, f"the stored manifest {digest}")
        return Stored(raw, digest, _read_type(revision) or _guess_type(raw))

    def resolve(self, repository: str, tag: str) -> Digest:
        """What a tag points at. Raises NotFound."""
        link = self._tags(repository) / _checked_tag(tag) / "current" / "link"
        try:
            return Digest.parse(link.read_text("ascii").strip())
        except FileNotFoundError:
            raise NotFound(f"{repository} has no tag {tag}") from None

    def delete_tag(self, repository: str, tag: str) -> None:
        """Delete a tag; what it pointed at stays. Raises NotFound."""
        with self._lock(repository):
            self.resolve(repository, tag)
            self._untag(repository, tag)

    def delete_manifest(self, repository: str, digest: Digest) -> None:
        """Delete a manifest and the tags that point at it. Raises NotFound."""
        with self._lock(repository):
            revision = self._revision(repository, digest)
            if not revision.exists():
                raise NotFound(f"{repository} has no manifest {digest}")
            for tag in self._names(self._tags(repository)):
                if is_tag(tag) and self._current(repository, tag) == digest:
                    self._untag(repository, tag)
            revision.with_name("media-type").unlink(missing_ok=True)
            revision.unlink()

    # --- Lists

    def tags(self, repository: str) -> list[str]:
        """The tags of a repository, sorted. Raises NotFound for an unknown repository."""
        if not self.knows(repository):
            raise NotFound(f"no repository {repository}")
        names = self._names(self._tags(repository))
        return sorted(tag for tag in names if is_tag(tag) and self._current(repository, tag))

    def repositories(self) -> list[str]:
        """The names of all repositories, sorted."""
        return sorted(self._walk(self._root / "repositories"))

    def knows(self, repository: str) -> bool:
        """Whether anything was ever pushed to the repository."""
        folder = self.repository(repository)
        return any((folder / part).is_dir() for part in ("_layers", "_manifests"))

    def referrers(self, repository: str, subject: Digest) -> list[Descriptor]:
        """The manifests whose subject is `subject`, ordered by digest."""
        described = (self._referral(repository, digest) for digest in sorted(self._revisions(repository)))
        return [descriptor for of, descriptor in filter(None, described) if of == subject]

    # --- Paths

    def repository(self, name: str) -> Path:
        """The folder of a repository. Raises InvalidInput for a name that the specification does not allow."""
        if not is_repository(name):
            raise InvalidInput(f"not a repository name: {name[:80]!r}")
        return self._root / "repositories" / name

    def _tags(self, repository: str) -> Path:
        return self.repository(repository) / "_manifests" / "tags"

    def _link(self, repository: str, kind: str, digest: Digest) -> Path:
        return self.repository(repository) / kind / digest.algorithm / digest.encoded / "link"

    def _revision(self, repository: str, digest: Digest) -> Path:
        return self._link(repository, "_manifests/revisions", digest)

    def _revisions(self, repository: str) -> Iterator[Digest]:
        folder = self.repository(repository) / "_manifests" / "revisions"
        for algorithm in ALGORITHMS:
            for encoded in self._names(folder / algorithm):
                digest = Digest(algorithm, encoded)
                if self._revision(repository, digest).exists():
                    yield digest

    def _lock(self, repository: str) -> threading.RLock:
        return self._locks[hash(repository) % LOCKS]

    def _names(self, folder: Path) -> list[str]:
        try:
            return [entry.name for entry in folder.iterdir()]
        except (FileNotFoundError, NotADirectoryError):
            return []

    def _walk(self, folder: Path, prefix: str = "") -> Iterator[str]:
        for entry in self._names(folder):
            name = prefix + entry
            if entry.startswith("_") or not is_repository(name):
                continue
            if self.knows(name):
                yield name
            yield from self._walk(folder / entry, f"{name}/")

    # --- Links

    def _current(self, repository: str, tag: str) -> Digest | None:
        try:
            return self.resolve(repository, tag)
        except NotFound:
            return None

    def _untag(self, repository: str, tag: str) -> None:
        # The link goes first and at once; what a crash leaves of the folder is no tag any more.
        folder = self._tags(repository) / tag
        (folder / "current" / "link").unlink()
        shutil.rmtree(folder, ignore_errors=True)

    def _check_successors(self, repository: str, manifest: Manifest) -> None:
        for child in manifest.successors():
            if child.urls:
                continue
            links = (self._revision(repository, child.digest), self._link(repository, "_layers", child.digest))
            if not any(link.exists() for link in links) or not self.blob_path(child.digest).exists():
                raise NotFound(str(child.digest))

    def _referral(self, repository: str, digest: Digest) -> tuple[Digest, Descriptor] | None:
        try:
            stored = self.find_manifest(repository, digest)
        except NotFound:  # deleted meanwhile
            return None
        return _referral(stored.raw, stored.media_type, digest.algorithm)


def write(path: Path, content: bytes, mode: int = 0o666) -> None:
    """Write a file so that it is either whole or not there, and survives a crash once this returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path, mode) as file:
        file.write(content)


def _remove(path: Path, missing: str) -> None:
    try:
        path.unlink()
    except FileNotFoundError:
        raise NotFound(missing) from None


def _checked_tag(tag: str) -> str:
    # `.` and `..` are not tags by the grammar, either: a tag begins with a letter, a digit or `_`.
    if not is_tag(tag):
        raise InvalidInput(f"not a tag: {tag[:80]!r}")
    return tag


def _keep_type(revision: Path, manifest: Manifest) -> None:
    path = revision.with_name("media-type")
    if _guess_type(manifest.raw) != manifest.media_type:
        write(path, manifest.media_type.encode())
    else:
        path.unlink(missing_ok=True)


def _read_type(revision: Path) -> str:
    try:
        return revision.with_name("media-type").read_text("ascii")
    except FileNotFoundError:
        return ""


@lru_cache(maxsize=4096)
def _guess_type(raw: bytes) -> str:
    """The type that a manifest's own words tell; empty where they do not."""
    try:
        return Manifest.parse(raw).media_type
    except Unsupported:
        return media.DOCKER_SCHEMA_1_SIGNED
    except Misbehaved:
        return ""


@lru_cache(maxsize=4096)
def _referral(raw: bytes, media_type: str, algorithm: str) -> tuple[Digest, Descriptor] | None:
    """The subject of a manifest and how a list of referrers describes the manifest; None where it has no subject."""
    try:
        manifest = Manifest.parse(raw, media_type, algorithm)
    except (Misbehaved, Unsupported):
        return None
    return (manifest.subject.digest, manifest.descriptor) if manifest.subject else None
