"""Upload sessions that another run can go on with, kept in the cache directory.

One file an upload, named by a hash of registry, repository and digest. A session's URL may be as good as a password: the
files are their owner's alone and nothing logs what is in them. A cache may lose everything: what cannot be read or written
counts as not kept.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from ..config.files import SECRET_MODE, read_json, replace_json
from ..errors import Error, InvalidInput
from ..http.origin import Origin
from ..spec.digest import Digest
from ..values import frozen
from .upload import Place

try:
    import fcntl
except ImportError:  # pragma: no cover - not on POSIX: two runs at once may then begin one session anew
    fcntl = None  # type: ignore[assignment]

KEPT_SECONDS: Final = 6 * 3600.0  # registries give up unfinished uploads after some hours, some after a week
LEAST_BYTES: Final = 1 << 20  # of a blob that is worth a file; a smaller one is sent again as fast

FOLDER_MODE: Final = 0o700
_FORM: Final = 1  # of the files


@frozen
class Kept:
    """A session of an earlier run, and whether it may only be on the public network."""

    place: Place
    public_only: bool


class Claim:
    """One upload's file, held by whoever uploads: nobody else goes on with the same session at the same time."""

    def __init__(self, path: Path | None, key: Mapping[str, str], clock: Callable[[], float]) -> None:
        self._path = path
        self._key = key
        self._clock = clock
        self._written: Kept | None = None

    def load(self) -> Kept | None:
        """The session that an earlier run left, unless it is too old."""
        if self._path is None:
            return None
        try:
            return _kept(read_json(self._path) or {}, self._key, self._clock())
        except (Error, ValueError, TypeError, KeyError):
            return None

    def save(self, kept: Kept) -> None:
        """Keep the session as it is now."""
        if self._path is None or kept == self._written:
            return
        self._written = kept
        place = {"location": kept.place.url, "position": kept.place.position, "least_chunk": kept.place.least_chunk}
        document = {"form": _FORM, **self._key, **place, "public_only": kept.public_only, "saved": self._clock()}
        with suppress(InvalidInput, OSError):
            replace_json(self._path, document)

    def forget(self) -> None:
        """There is no session to go on with any more."""
        if self._path is not None:
            self._written = None
            with suppress(OSError):
                self._path.unlink(missing_ok=True)


class KeptSessions:
    """The folder of sessions. `clock` gives seconds since the epoch."""

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._clock = clock

    @contextmanager
    def claim(self, registry: str, repository: str, digest: Digest, size: int) -> Iterator[Claim]:
        """The file of one upload of `size` bytes; a claim on nothing where it is not worth one, or another run has it."""
        key = {"registry": registry, "repository": repository, "digest": str(digest)}
        name = hashlib.sha256("\n".join(key.values()).encode()).hexdigest()
        lock = self._lock(name) if size >= LEAST_BYTES else None
        if lock is None:
            yield Claim(None, key, self._clock)
            return
        try:
            yield Claim(self._folder / f"{name}.json", key, self._clock)
        finally:
            os.close(lock)

    def _lock(self, name: str) -> int | None:
        """A file that the system unlocks when this process ends, however it ends."""
        try:
            self._folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            self._forget_old()
            lock = os.open(self._folder / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, SECRET_MODE)
        except OSError:
            return None
        try:
            if fcntl is not None:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            return None
        os.utime(lock)
        return lock

    def _forget_old(self) -> None:
        for path in self._folder.iterdir():
            with suppress(OSError):
                if self._clock() - path.stat().st_mtime > KEPT_SECONDS:
                    path.unlink()


def default_folder(environment: Mapping[str, str]) -> Path:
    """`$XDG_CACHE_HOME/pratique/uploads`, else below `~/.cache` (XDG base directory specification)."""
    cache = environment.get("XDG_CACHE_HOME") or ""
    home = Path(environment.get("HOME") or Path.home())
    return (Path(cache) if Path(cache).is_absolute() else home / ".cache") / "pratique" / "uploads"


def _kept(document: Mapping[str, Any], key: Mapping[str, str], now: float) -> Kept | None:
    """What a file says, if it is about this upload and of the last hours. Raises all manner of things for other files."""
    age = now - float(document["saved"])
    if document["form"] != _FORM or any(document[name] != value for name, value in key.items()):
        return None
    position, least, url = document["position"], document["least_chunk"], document["location"]
    numbers = all(type(number) is int and number >= 0 for number in (position, least))
    if not (0 <= age <= KEPT_SECONDS and numbers and isinstance(url, str)):
        return None
    Origin.of(url)
    return Kept(Place(url, position, least), document["public_only"] is not False)
