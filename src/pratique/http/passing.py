"""Content that goes from a file to a socket without coming by: the kernel passes it on (sendfile)."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from .message import Stream

if TYPE_CHECKING:
    import socket

STEP_BYTES: Final = 4 << 20  # passed on at a time, at most; in between the answer may come

_UNABLE: Final = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)  # what some file systems answer


@runtime_checkable
class Passes(Protocol):
    """Content that the kernel may pass on from a file."""

    def pass_on(self, target: int, size: int, /) -> int:
        """Send at most `size` bytes to the socket with this descriptor; 0 at the end.

        Raises io.UnsupportedOperation where the rest has to be read instead, and OSError of the socket.
        """
        ...


def pass_on(stream: Stream, target: int, size: int) -> int:
    """Do what `Passes` says for a stream that is a file, from where it stands. Raises the same, and OSError of the file."""
    if sys.platform != "linux" or not isinstance(stream, io.FileIO):  # elsewhere sendfile moves no file's position
        raise io.UnsupportedOperation("the kernel passes on files only")
    try:
        return os.sendfile(target, stream.fileno(), None, size)
    except OSError as error:
        if error.errno in _UNABLE:
            raise io.UnsupportedOperation("the kernel does not pass on this file") from error
        raise


def passed_on(connected: socket.socket, content: Stream, size: int, is_answered: Callable[[], bool]) -> int:
    """How much of `content` was passed on: `size` bytes, or less where it ended, was answered or cut, or the rest is to be read.

    Raises OSError, TimeoutError where the socket takes nothing for as long as its time-out, and what the content raises.
    """
    sent = 0
    if not isinstance(content, Passes):
        return sent
    with suppress(io.UnsupportedOperation):
        while sent < size:
            try:
                if is_answered():
                    break
                count = content.pass_on(connected.fileno(), min(size - sent, STEP_BYTES))
            except BlockingIOError:
                _wait(connected)
                continue
            except ConnectionError:
                break  # as whoever sends the rest will find out
            if not count:
                break
            sent += count
    return sent


def _wait(connected: socket.socket) -> None:
    """Wait until the socket takes more or has news; news that came before is old. Raises TimeoutError."""
    import select

    seconds = connected.gettimeout()
    poll = select.poll()
    poll.register(connected, select.POLLIN)
    poll.register(connected, select.POLLOUT if poll.poll(0) else select.POLLOUT | select.POLLIN)
    if not poll.poll(None if seconds is None else seconds * 1000):
        raise TimeoutError("timed out")
