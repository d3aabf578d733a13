"""Uploads under way (distribution specification, §Pushing blobs).

Sessions outlive broken connections and restarts, and any process that serves the folder can go on with one: what is on
disk is the truth, and a hash is only ever of what was read from there or written there.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import Final

from ...errors import InvalidInput, NotFound
from ...http.message import Stream
from ...spec.digest import ALGORITHMS, Digest, mismatch
from .disk import lasting, remove_tree
from .paths import DATA, STARTED, UPLOADS
from .repositories import Storage
from .stored import USUAL_ALGORITHM as USUAL_ALGORITHM

# Bytes read, hashed and written at a time; more is no faster, and each upload under way has them.
BLOCK: Final = 256 << 10
MOST_REMEMBERED: Final = 4096  # sessions whose hash so far is kept; of others it is made again from disk


class OutOfOrder(Exception):
    """A chunk does not begin where its upload stands, or a newer request has taken the upload over."""


class Upload:
    """One session: what has arrived so far, hashed on the way.

    The newest request wins. A client whose connection broke may resume while the thread of its old request still
    waits for bytes; once a newer request has begun, the old one writes nothing any more. Among processes, whoever finds
    that another one has written is the old one.
    """

    def __init__(self, folder: Path, algorithm: str = USUAL_ALGORITHM) -> None:
        """Go on with what is in the folder. Raises NotFound."""
        self._folder = folder
        self._data = folder / DATA
        self._lock = threading.Lock()
        self._turn = 0
        self._algorithm = algorithm
        self._hash = hashlib.new(algorithm)
        self._hashed = 0  # bytes of the file, from its beginning
        self.size = 0
        self._look()

    @property
    def id(self) -> str:
        return self._folder.name

    def look(self) -> None:
        """See how far the upload has come. Raises NotFound for a session that has ended meanwhile."""
        with self._lock:
            self._look()

    def append(self, stream: Stream, start: int | None = None) -> None:
        """Add the bytes of a stream, whose first is byte `start` of the blob where that is known.

        What arrived before a failure stays. Raises OutOfOrder, NotFound for a session that has ended meanwhile, OSError
        where the disk is full, and whatever the stream raises.
        """
        turn = self._begin(start)
        buffer = memoryview(bytearray(BLOCK))
        with self._open(os.O_WRONLY | os.O_APPEND) as file:
            while count := stream.readinto(buffer):
                self._add(file, buffer[:count], turn)

    def finish(self, digest: Digest, adopt: Callable[[Path], None]) -> None:
        """Have the upload adopted as content of this digest.

        Raises ContentMismatch, and the upload is given up then; NotFound; OSError, and the upload stays.
        """
        with self._lock, self._open(os.O_RDONLY) as file, self._locked(file):
            self._turn += 1
            actual = self._digest(file, digest.algorithm)
            if actual == digest:
                os.fsync(file.fileno())
                adopt(self._data)
            self._remove()
        if actual != digest:
            raise mismatch("the upload", digest, actual)

    def cancel(self) -> None:
        """Throw away what has arrived."""
        with self._lock:
            self._turn += 1
            self._remove()

    def _remove(self) -> None:
        # Without its data it is a leftover, which a collector may take first.
        remove_tree(str(self._folder), str(self._data))

    def _begin(self, start: int | None) -> int:
        with self._lock:
            self._look()
            if start is not None and start != self.size:
                raise OutOfOrder(f"the upload stands at {self.size} bytes; the chunk begins at {start}")
            self._turn += 1
            return self._turn

    def _look(self) -> None:
        try:
            size = self._data.stat().st_size
        except FileNotFoundError:
            raise self._ended() from None
        if size != self.size:
            self._turn += 1  # another process has written: what began here before is old
            self.size = size

    def _open(self, flags: int) -> FileIO:
        try:
            descriptor = os.open(self._data, flags | os.O_CLOEXEC)
        except FileNotFoundError:
            raise self._ended() from None
        return FileIO(descriptor, "r" if flags == os.O_RDONLY else "w")

    @contextmanager
    def _locked(self, file: FileIO) -> Iterator[None]:
        """Exclude other processes. Raises NotFound where the file is not the upload's any more."""
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            if not _is_at(file, self._data):
                raise self._ended()
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)

    def _add(self, file: FileIO, data: memoryview, turn: int) -> None:
        with self._lock, self._locked(file):
            if turn != self._turn or os.fstat(file.fileno()).st_size != self.size:
                raise OutOfOrder("another request goes on with this upload")
            while data:
                count = file.write(data)
                if self._hashed == self.size:
                    self._hash.update(data[:count])
                    self._hashed += count
                self.size += count
                data = data[count:]

    def _digest(self, file: FileIO, algorithm: str) -> Digest:
        if algorithm != self._algorithm:
            return Digest(algorithm, hashlib.file_digest(file, algorithm).hexdigest())
        # What another process wrote, or an earlier one, has not been hashed here.
        file.seek(self._hashed)
        buffer = memoryview(bytearray(BLOCK))
        while count := file.readinto(buffer):
            self._hash.update(buffer[:count])
            self._hashed += count
        return Digest(algorithm, self._hash.hexdigest())

    def _ended(self) -> NotFound:
        return NotFound(f"the upload {self.id} has ended")


class Uploads:
    """The sessions of a storage. `clock` gives seconds since the epoch."""

    def __init__(self, storage: Storage, clock: Callable[[], float]) -> None:
        self._storage = storage
        self._clock = clock
        self._lock = threading.Lock()
        self._remembered: OrderedDict[tuple[str, str], Upload] = OrderedDict()

    def begin(self, repository: str, algorithm: str = USUAL_ALGORITHM) -> Upload:
        """Open a session whose blob will be named by `algorithm`. Raises InvalidInput for an unknown algorithm."""
        if algorithm not in ALGORITHMS:
            raise InvalidInput(f"unknown digest algorithm {algorithm[:80]!r}")
        folder = self._folder(repository, str(uuid.uuid4()))
        started = datetime.fromtimestamp(self._clock(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        # A crash of the machine may take the session: nothing of it was acknowledged as a blob.
        with self._storage.locks.using():
            with lasting() as changes:  # what is adopted later relies on the folder above
                changes.make_folder(str(folder.parent))
            folder.mkdir()
            try:
                (folder / STARTED).write_bytes(started.encode())
                (folder / DATA).touch()
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
        return self._remember(repository, Upload(folder, algorithm))

    def find(self, repository: str, session: str) -> Upload:
        """An open session, also one of another process. Raises NotFound."""
        with self._lock:
            upload = self._remembered.get((repository, session))
        if upload is None:
            return self._remember(repository, self._resume(repository, session))
        try:
            upload.look()
        except NotFound:
            self._forget(repository, upload)
            raise
        return upload

    def finish(self, repository: str, upload: Upload, digest: Digest) -> None:
        """Close a session and give its blob to the repository.

        Raises ContentMismatch and NotFound, and the session is over; OSError where the disk is full, and it is not.
        """
        try:
            upload.finish(digest, lambda file: self._storage.adopt_blob(repository, digest, file))
        except OSError:
            raise
        except BaseException:
            self._forget(repository, upload)
            raise
        self._forget(repository, upload)

    def cancel(self, repository: str, upload: Upload) -> None:
        """End a session without a blob."""
        upload.cancel()
        self._forget(repository, upload)

    def _remember(self, repository: str, upload: Upload) -> Upload:
        with self._lock:
            # Another thread may have been quicker; all must hold the same one, so that the newest request wins.
            upload = self._remembered.setdefault((repository, upload.id), upload)
            if len(self._remembered) > MOST_REMEMBERED:
                self._remembered.popitem(last=False)
        return upload

    def _forget(self, repository: str, upload: Upload) -> None:
        with self._lock:
            self._remembered.pop((repository, upload.id), None)

    def _folder(self, repository: str, session: str) -> Path:
        return self._storage.repository(repository) / UPLOADS / session

    def _resume(self, repository: str, session: str) -> Upload:
        try:
            return Upload(self._folder(repository, str(uuid.UUID(session))))
        except (ValueError, NotFound):
            raise NotFound(f"{repository} has no upload {session[:80]}") from None


def _is_at(file: FileIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
