"""Uploads under way (distribution specification, §Pushing blobs); sessions outlive broken connections and restarts."""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import Final

from ..errors import InvalidInput, NotFound
from ..http.message import Stream
from ..spec.digest import ALGORITHMS, Digest, mismatch
from .storage import Storage, write

BLOCK: Final = 1 << 20  # bytes read, hashed and written at a time
USUAL_ALGORITHM: Final = "sha256"


class OutOfOrder(Exception):
    """A chunk does not begin where its upload stands, or a newer request has taken the upload over."""


class Upload:
    """One session: what has arrived so far, hashed on the way.

    The newest request wins. A client whose connection broke may resume while the thread of its old request still
    waits for bytes; once a newer request has begun, the old one writes nothing any more.
    """

    def __init__(self, folder: Path, algorithm: str = USUAL_ALGORITHM) -> None:
        self._folder = folder
        self._data = folder / "data"
        self._lock = threading.Lock()
        self._turn = 0
        self.size = self._data.stat().st_size
        self._algorithm = algorithm
        # The hash of what an earlier process received is not known; `_digest` reads it again.
        self._hash = hashlib.new(algorithm) if self.size == 0 else None

    @property
    def id(self) -> str:
        return self._folder.name

    def append(self, stream: Stream, start: int | None = None) -> None:
        """Add the bytes of a stream, whose first is byte `start` of the blob where that is known.

        What arrived before a failure stays. Raises OutOfOrder, NotFound for a session that has ended meanwhile, and
        whatever the stream raises.
        """
        turn = self._begin(start)
        buffer = memoryview(bytearray(BLOCK))
        with self._open() as file:
            while count := stream.readinto(buffer):
                self._add(file, buffer[:count], turn)

    def finish(self, digest: Digest, target: Path) -> None:
        """Make the upload the content at `target`. Raises ContentMismatch, and the upload is given up then."""
        with self._lock:
            self._turn += 1
            actual = self._digest(digest.algorithm)
            if actual == digest:
                target.parent.mkdir(parents=True, exist_ok=True)
                self._data.replace(target)
            shutil.rmtree(self._folder)
        if actual != digest:
            raise mismatch("the upload", digest, actual)

    def cancel(self) -> None:
        """Throw away what has arrived."""
        with self._lock:
            self._turn += 1
            shutil.rmtree(self._folder, ignore_errors=True)

    def _begin(self, start: int | None) -> int:
        with self._lock:
            if start is not None and start != self.size:
                raise OutOfOrder(f"the upload stands at {self.size} bytes; the chunk begins at {start}")
            self._turn += 1
            return self._turn

    def _open(self) -> FileIO:
        try:
            return FileIO(os.open(self._data, os.O_WRONLY | os.O_APPEND), "wb")
        except FileNotFoundError:
            raise NotFound(f"the upload {self.id} has ended") from None

    def _add(self, file: FileIO, data: memoryview, turn: int) -> None:
        with self._lock:
            if turn != self._turn:
                raise OutOfOrder("another request goes on with this upload")
            while data:
                count = file.write(data)
                if self._hash:
                    self._hash.update(data[:count])
                self.size += count
                data = data[count:]

    def _digest(self, algorithm: str) -> Digest:
        try:
            with self._data.open("rb") as file:
                os.fsync(file.fileno())
                if self._hash is None or algorithm != self._algorithm:
                    return Digest(algorithm, hashlib.file_digest(file, algorithm).hexdigest())
        except FileNotFoundError:
            raise NotFound(f"the upload {self.id} has ended") from None
        return Digest(algorithm, self._hash.hexdigest())


class Uploads:
    """The sessions of a storage."""

    def __init__(self, storage: Storage, clock: Callable[[], float]) -> None:
        self._storage = storage
        self._clock = clock
        self._lock = threading.Lock()
        self._open: dict[tuple[str, str], Upload] = {}

    def begin(self, repository: str, algorithm: str = USUAL_ALGORITHM) -> Upload:
        """Open a session whose blob will be named by `algorithm`. Raises InvalidInput for an unknown algorithm."""
        if algorithm not in ALGORITHMS:
            raise InvalidInput(f"unknown digest algorithm {algorithm[:80]!r}")
        folder = self._folder(repository, str(uuid.uuid4()))
        started = datetime.fromtimestamp(self._clock(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        write(folder / "startedat", started.encode())
        (folder / "data").touch()
        upload = self._open[repository, folder.name] = Upload(folder, algorithm)
        return upload

    def find(self, repository: str, session: str) -> Upload:
        """An open session, also one of an earlier process. Raises NotFound."""
        with self._lock:
            upload = self._open.get((repository, session))
            if upload is None:
                upload = self._open[repository, session] = self._resume(repository, session)
            return upload

    def finish(self, repository: str, upload: Upload, digest: Digest) -> None:
        """Close a session and give its blob to the repository. Raises ContentMismatch; the session is over either way."""
        try:
            upload.finish(digest, self._storage.blob_path(digest))
        finally:
            self._forget(repository, upload)
        self._storage.link_blob(repository, digest)

    def cancel(self, repository: str, upload: Upload) -> None:
        """End a session without a blob."""
        upload.cancel()
        self._forget(repository, upload)

    def _forget(self, repository: str, upload: Upload) -> None:
        self._open.pop((repository, upload.id), None)

    def _folder(self, repository: str, session: str) -> Path:
        return self._storage.repository(repository) / "_uploads" / session

    def _resume(self, repository: str, session: str) -> Upload:
        try:
            return Upload(self._folder(repository, str(uuid.UUID(session))))
        except (ValueError, FileNotFoundError):
            raise NotFound(f"{repository} has no upload {session[:80]}") from None
