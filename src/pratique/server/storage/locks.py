"""Who may change the storage's folder meanwhile: threads and processes exclude each other by locks of the system.

Whoever dies loses its locks. The files are never removed; they are empty.
"""

from __future__ import annotations

import fcntl
import os
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from .disk import lasting

REPOSITORIES: Final = 64  # locks that all repositories share
# Whoever wants `_ROOM` passes `_GATE`, which the collector closes while it waits: it does not wait for ever.
_GATE: Final = "gate"
_ROOM: Final = "room"


class Locks:
    """The locks in one folder, which is made when it is first needed. What a thread holds it may take again."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._held = threading.local()

    @contextmanager
    def using(self) -> Iterator[None]:
        """While something is stored or made use of: nothing is collected."""
        with self._holding(_ROOM) as is_new:
            if not is_new:
                yield
                return
            gate = self._take(_GATE, fcntl.LOCK_SH)
            try:
                room = self._take(_ROOM, fcntl.LOCK_SH)
            finally:
                os.close(gate)
            try:
                yield
            finally:
                os.close(room)

    @contextmanager
    def changing(self, repository: str) -> Iterator[None]:
        """While one repository's manifests and tags change: nobody else changes them, and nothing is collected."""
        name = f"repository-{zlib.crc32(repository.encode()) % REPOSITORIES:02}"
        with self.using(), self._holding(name) as is_new:
            descriptor = self._take(name, fcntl.LOCK_EX) if is_new else None
            try:
                yield
            finally:
                if descriptor is not None:
                    os.close(descriptor)

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """While something is removed: nobody stores, and nobody makes use of anything anew."""
        gate = self._take(_GATE, fcntl.LOCK_EX)
        try:
            room = self._take(_ROOM, fcntl.LOCK_EX)
            try:
                yield
            finally:
                os.close(room)
        finally:
            os.close(gate)

    @contextmanager
    def _holding(self, name: str) -> Iterator[bool]:
        """Whether this thread did not hold it yet."""
        held: set[str] = self._held.__dict__.setdefault("names", set())
        is_new = name not in held
        held.add(name)
        try:
            yield is_new
        finally:
            if is_new:
                held.remove(name)

    def _take(self, name: str, how: int) -> int:
        path = f"{self._folder}/{name}"
        try:
            descriptor = _open(path)
        except FileNotFoundError:
            with lasting() as changes:
                changes.make_folder(self._folder)
            descriptor = _open(path)
        try:
            fcntl.flock(descriptor, how)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor


def _open(path: str) -> int:
    # Read only, so that another user's process can lock it as well.
    return os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
