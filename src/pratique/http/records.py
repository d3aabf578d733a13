"""TLS that is read in large pieces: a read of OpenSSL's gives one record, of 16 KiB at most (RFC 8446 §5.1)."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket


class Records:
    """TLS over a socket as a channel; a read gives as many records as have come."""

    def __init__(self, secured: socket.socket) -> None:
        self._secured = secured
        self.sendall = secured.sendall
        self.recv = secured.recv

    def recv_into(self, buffer: memoryview, /) -> int:
        """Wait for a record, and take those behind it, too, as far as `buffer` goes; 0 at the end. Raises OSError."""
        count = self._secured.recv_into(buffer)
        if 0 < count < len(buffer):
            count += self._rest(buffer[count:])
        return count

    def _rest(self, buffer: memoryview) -> int:
        """What has come already. An error can wait: the next read meets it again."""
        seconds = self._secured.gettimeout()
        self._secured.settimeout(0)
        taken = 0
        try:
            with suppress(OSError):
                while taken < len(buffer) and (count := self._secured.recv_into(buffer[taken:])):
                    taken += count
        finally:
            self._secured.settimeout(seconds)
        return taken
