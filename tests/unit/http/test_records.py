"""TLS read in large pieces, from a socket that is written here record by record."""

from __future__ import annotations

import socket
import ssl
from typing import cast

import pytest

from pratique.http.records import Records

RECORD = 16 << 10


class Secured:
    """A TLS socket that has these records; None waits, and an error is raised as often as it is met."""

    def __init__(self, *records: bytes | Exception | None) -> None:
        self._records = list(records)
        self._seconds = 60.0
        self.timeouts: list[float] = []

    def recv_into(self, buffer: memoryview) -> int:
        following = self._records[0] if self._records else b""
        if isinstance(following, Exception):
            raise following
        if following is None:
            if self._seconds == 0:
                raise ssl.SSLWantReadError
            self._records.pop(0)
            return self.recv_into(buffer)
        taken = following[: len(buffer)]
        buffer[: len(taken)] = taken
        self._records[:1] = [rest] if (rest := following[len(taken) :]) else []
        return len(taken)

    def recv(self, size: int) -> bytes:
        buffer = bytearray(size)
        return bytes(buffer[: self.recv_into(memoryview(buffer))])

    def sendall(self, data: bytes) -> None:
        """Nobody reads it."""

    def gettimeout(self) -> float:
        return self._seconds

    def settimeout(self, seconds: float) -> None:
        self._seconds = seconds
        self.timeouts.append(seconds)


def read(secured: Secured, size: int) -> bytes:
    buffer = bytearray(size)
    return bytes(buffer[: Records(cast(socket.socket, secured)).recv_into(memoryview(buffer))])


def test_a_read_takes_the_records_that_have_come() -> None:
    secured = Secured(b"a" * RECORD, b"b" * RECORD, b"c" * 10, None, b"d")
    assert read(secured, 1 << 20) == b"a" * RECORD + b"b" * RECORD + b"c" * 10
    assert read(secured, 1 << 20) == b"d"
    assert read(secured, 1 << 20) == b""


def test_a_read_waits_for_the_first_record_only() -> None:
    secured = Secured(None, b"a", None, b"b")
    assert read(secured, 100) == b"a"
    assert secured.timeouts == [0, 60.0]


def test_a_full_buffer_is_not_waited_for() -> None:
    secured = Secured(b"a" * RECORD)
    assert read(secured, 100) == b"a" * 100
    assert secured.timeouts == []


@pytest.mark.parametrize("error", [ConnectionResetError(), ssl.SSLError(1, "bad record mac"), TimeoutError()])
def test_an_error_behind_a_record_is_met_by_the_next_read(error: Exception) -> None:
    secured = Secured(b"a" * RECORD, error)
    assert read(secured, 1 << 20) == b"a" * RECORD
    assert secured.gettimeout() == 60.0
    with pytest.raises(type(error)):
        read(secured, 1 << 20)
