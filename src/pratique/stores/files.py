"""The files that a store is made of: a folder's, or (elsewhere) an archive's."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import BinaryIO, Final, Protocol, runtime_checkable

from ..errors import InvalidInput, Misbehaved, NotFound
from ..http.message import Stream

# What a file is called until it is whole; nobody reads a file of such a name.
TEMPORARY_PREFIX: Final = ".pratique-"
TEMPORARY_SUFFIX: Final = ".tmp"
PARTIAL_SUFFIX: Final = ".part"  # of one that a later run goes on with
UNSYNCED_FOLDERS: Final = (errno.EINVAL, errno.ENOTSUP)  # what some file systems answer to the wish to sync a folder
FULL: Final = (errno.ENOSPC, errno.EDQUOT)  # what is answered to a write for which there is no room
PARTIAL_FLAGS: Final = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW


def unique() -> str:
    """A part of a name that nobody else makes, as good as a UUID; the module for these asks the system what machine this is."""
    return os.urandom(16).hex()


class Writer(Protocol):
    """Takes the content of a file that is being made."""

    def write(self, data: bytes | memoryview, /) -> int: ...


class Files(Protocol):
    """A tree of files. Names are relative, with `/` between their parts, and never have `.` or `..` as a part.

    `str()` says where it is, for messages. What only reads raises Unsupported from `create`, `remove` and `lock`.
    Links that lead out of the tree, folders, devices, pipes and sockets raise Misbehaved where a file is wanted.
    """

    def size(self, name: str) -> int:
        """How many bytes a file has. Raises NotFound, Misbehaved."""
        ...

    def open(self, name: str, offset: int = 0) -> AbstractContextManager[Stream]:
        """The content of a file from byte `offset` on; several can be open at once. Raises NotFound, Misbehaved."""
        ...

    def names(self, folder: str = "") -> list[str]:
        """The names directly in a folder (the tree's own for ""), of files and folders; none where there is no folder."""
        ...

    def create(self, name: str) -> AbstractContextManager[Writer]:
        """Make or replace a file, which appears whole when the context ends well, and not at all otherwise.

        Folders that its name needs are made. Raises Misbehaved, Unsupported.
        """
        ...

    def remove(self, name: str) -> None:
        """Remove a file. Raises NotFound, Misbehaved, Unsupported."""
        ...

    def lock(self) -> AbstractContextManager[None]:
        """Exclude everybody else who locks the tree, threads and processes; it is made where it is not there yet.

        It cannot be had twice by one thread. Raises Unsupported.
        """
        ...


class Partial(Protocol):
    """A file in the making that outlives whoever makes it."""

    def content(self) -> AbstractContextManager[Stream]:
        """What is there already."""
        ...

    def append(self, data: bytes | memoryview, /) -> None:
        """Add to it."""
        ...

    def drop(self) -> None:
        """Begin anew: what is there is of no use."""
        ...


@runtime_checkable
class KeepsPartials(Protocol):
    """Files that can be made in several attempts."""

    def resume(self, name: str) -> AbstractContextManager[Partial | None]:
        """Go on making a file, which appears when the context ends well; else what is there stays for the next attempt.

        None where somebody else is at it. Raises Misbehaved.
        """
        ...


def read(files: Files, name: str, limit: int) -> bytes:
    """The content of a small file. Raises NotFound, and Misbehaved for more than `limit` bytes."""
    size = files.size(name)
    if size <= limit:
        with files.open(name) as stream:
            content = _excerpt(stream, limit + 1)
        if len(content) <= limit:
            return content
        size = len(content)
    raise Misbehaved(f"{name} in {files} has {size} bytes; at most {limit} are read")


class FolderFiles:
    """The files of a folder, which need not be there before something is written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._root = Path(os.path.realpath(folder))
        self._swept: set[Path] = set()

    def __str__(self) -> str:
        return str(self.folder)

    def size(self, name: str) -> int:
        """How many bytes a file has. Raises NotFound, Misbehaved."""
        return self._status(self._real(name), name).st_size

    def open(self, name: str, offset: int = 0) -> AbstractContextManager[Stream]:
        """The content of a file from byte `offset` on. Raises NotFound, Misbehaved."""
        path = self._real(name)
        self._status(path, name)
        # Should a pipe have taken the file's place meanwhile, nobody waits for its other end.
        with self._missing(name):
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        file = os.fdopen(descriptor, "rb", buffering=0)
        file.seek(offset)
        return file

    def names(self, folder: str = "") -> list[str]:
        """The names directly in a folder, without those of unfinished files."""
        path = self._real(folder) if folder else self._root
        try:
            return [file.name for file in path.iterdir() if not _is_hidden(file.name)]
        except (FileNotFoundError, NotADirectoryError):
            return []

    @contextmanager
    def create(self, name: str) -> Iterator[Writer]:
        """Make or replace a file: written under another name in its folder, synced and renamed. Raises Misbehaved."""
        path = self._place(name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise Misbehaved(f"{name} cannot be made in {self}: a file stands in the place of a folder") from None
        self._sweep(path.parent)
        temporary, file = _temporary(path.parent)
        with _taking_place(path, temporary, file):
            yield file

    @contextmanager
    def resume(self, name: str) -> Iterator[Partial | None]:
        """Go on making a file: under a name of its own in the same folder, locked while somebody is at it."""
        path = self._place(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"{TEMPORARY_PREFIX}{path.name}{PARTIAL_SUFFIX}")
        with _told(path), os.fdopen(os.open(partial, PARTIAL_FLAGS, 0o666), "r+b", buffering=0) as file:
            if not _is_mine(file, partial):
                yield None
                return
            yield _PartialFile(file)
            os.fsync(file.fileno())
            partial.replace(path)

    def remove(self, name: str) -> None:
        """Remove a file, or a link to one. Raises NotFound, Misbehaved."""
        path = self._place(name)
        with self._missing(name):
            path.unlink()

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Exclude everybody else who locks the folder on this machine."""
        # The folder itself is locked, not a file in it: a lock file would be left behind as a foreign file in what other
        # tools read, and to remove it again is a race. Who dies loses the lock; each call's own descriptor makes it
        # hold between threads as well.
        self._root.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    # How

    def _real(self, name: str) -> Path:
        """Where a name leads in the end, all links followed."""
        path = Path(os.path.realpath(self._root / _checked(name)))
        if not path.is_relative_to(self._root):
            raise Misbehaved(f"{name} in {self} is a link that leads out of it")
        return path

    def _place(self, name: str) -> Path:
        """Where a file of this name is or will be; a link in its place is not followed, as it will be replaced."""
        folder, _, last = _checked(name).rpartition("/")
        return (self._real(folder) if folder else self._root) / last

    def _status(self, path: Path, name: str) -> os.stat_result:
        with self._missing(name):
            status = os.lstat(path)
        if not stat.S_ISREG(status.st_mode):
            raise Misbehaved(f"{name} in {self} is {_kind(status.st_mode)} in the place of a file")
        return status

    @contextmanager
    def _missing(self, name: str) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, NotADirectoryError):
            raise NotFound(f"{self} has no {name}") from None

    def _sweep(self, folder: Path) -> None:
        """Remove what writers that were killed left behind; once is enough."""
        if folder in self._swept:
            return
        self._swept.add(folder)
        for file in folder.iterdir():
            if _is_temporary(file.name):
                with suppress(OSError):
                    _remove_abandoned(file)


class _PartialFile:
    """What `FolderFiles` keeps of a file that is not whole."""

    def __init__(self, file: FileIO) -> None:
        self._file = file

    @contextmanager
    def content(self) -> Iterator[Stream]:
        self._file.seek(0)
        yield self._file

    def append(self, data: bytes | memoryview, /) -> None:
        left = memoryview(data)
        while left:
            left = left[self._file.write(left) :]

    def drop(self) -> None:
        self._file.truncate(0)


@contextmanager
def replacing(path: Path, mode: int = 0o666, *, lasting: bool = True) -> Iterator[BinaryIO]:
    """A file that takes its place whole when the context ends well, and not at all otherwise.

    It survives a crash then, unless it is not `lasting`: its folder is for somebody else to sync.
    """
    temporary = path.with_name(f".{unique()}{TEMPORARY_SUFFIX}")
    file = os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode), "wb")
    with _taking_place(path, temporary, file):
        yield file
    if lasting:
        sync_folder(path.parent)


@contextmanager
def _taking_place(path: Path, temporary: Path, file: BinaryIO) -> Iterator[None]:
    """Let what is written take the place of `path`, synced, when the context ends well; else nothing of it is left."""
    try:
        with _told(path), file:
            yield
            file.flush()
            os.fsync(file.fileno())
            temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Say which file there was no room for; a write does not."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL and error.filename is None:
            error.filename = str(path)
        raise


def sync_folder(folder: Path) -> None:
    """Let the names in a folder survive a crash."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in UNSYNCED_FOLDERS:
            raise
    finally:
        os.close(descriptor)


def _is_mine(file: FileIO, path: Path) -> bool:
    """Whether nobody else is at a partial file; a lock on one that was finished meanwhile is worth nothing."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except OSError:
        return False


def _temporary(folder: Path) -> tuple[Path, BinaryIO]:
    """A new file that its lock shows to be in work."""
    while True:
        path = folder / f"{TEMPORARY_PREFIX}{unique()}{TEMPORARY_SUFFIX}"
        file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666), "wb")
        fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file.fileno()).st_nlink:
            return path, file
        file.close()  # somebody swept it away before it was locked


def _remove_abandoned(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
    finally:
        os.close(descriptor)


def _is_temporary(name: str) -> bool:
    return name.startswith(TEMPORARY_PREFIX) and name.endswith(TEMPORARY_SUFFIX)


def _is_hidden(name: str) -> bool:
    return name.startswith(TEMPORARY_PREFIX) and name.endswith((TEMPORARY_SUFFIX, PARTIAL_SUFFIX))


def _checked(name: str) -> str:
    if any(part in {"", ".", ".."} for part in name.split("/")) or "\0" in name:
        raise InvalidInput(f"not the name of a file in a folder: {name[:80]!r}")
    return name


def _excerpt(stream: Stream, limit: int) -> bytes:
    content = bytearray()
    while len(content) < limit and (data := stream.read(limit - len(content))):
        content += data
    return bytes(content)


def _kind(mode: int) -> str:
    kinds = {stat.S_IFDIR: "a folder", stat.S_IFLNK: "a link", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    return kinds.get(stat.S_IFMT(mode), "a device")
