"""Files that are read while they are written."""

from __future__ import annotations

import os
import tempfile
import threading
from pathlib import Path

import pytest

from pratique.errors import InvalidInput
from pratique.image.layers.spool import AT_ONCE_BYTES, Spool, Unfinished

CONTENT = os.urandom(3 * AT_ONCE_BYTES + 7)


def test_it_is_read_from_its_beginning_while_it_grows_and_again() -> None:
    spool, found = Spool(None), list[bytes]()

    def read() -> None:
        with spool.growing() as stream:
            found.append(stream.read())

    readers = [threading.Thread(target=read) for _ in range(2)]
    spool.write(CONTENT[:5])
    for reader in readers:
        reader.start()
    for at in range(5, len(CONTENT), 10_000):
        spool.write(memoryview(CONTENT)[at : at + 10_000])
    spool.finish()
    for reader in readers:
        reader.join()
    assert found == [CONTENT] * 2
    with spool.growing() as stream:
        assert stream.read() == CONTENT
    with spool.content(len(CONTENT) - 9) as stream:
        assert stream.read() == CONTENT[-9:]
    spool.close()


def test_a_reader_is_given_much_at_once_or_the_end() -> None:
    spool, sizes = Spool(None), list[int]()
    waiting = threading.Thread(target=lambda: sizes.extend(len(part) for part in iter(read, b"")))
    stream = spool.growing().__enter__()

    def read() -> bytes:
        return stream.read(1 << 20)

    waiting.start()
    for _ in range(AT_ONCE_BYTES // 1024):
        spool.write(bytes(1024))
    spool.write(b"end")
    spool.finish()
    waiting.join()
    assert sum(sizes) == AT_ONCE_BYTES + 3
    assert len(sizes) <= 2
    spool.close()


def test_who_waits_for_what_does_not_come_is_told() -> None:
    spool, told = Spool(None), list[str]()

    def read() -> None:
        try:
            with spool.growing() as stream:
                stream.read()
        except Unfinished as error:
            told.append(str(error))

    spool.write(b"x" * AT_ONCE_BYTES)
    waiting = threading.Thread(target=read, daemon=True)
    waiting.start()
    spool.close()
    waiting.join(10)
    assert told == ["the layer is not made"]


def test_it_says_once_that_it_has_enough() -> None:
    said = list[int]()
    spool = Spool(None, 10, lambda grown: said.append(grown.size))
    for _ in range(5):
        spool.write(b"1234")
    assert said == [12]
    spool.close()


def test_a_full_disk_is_told_with_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = Path("/dev/full").open("wb", buffering=0)  # noqa: SIM115 (the spool closes it)
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: full)
    spool = Spool(tmp_path)
    with pytest.raises(InvalidInput, match="No space left") as caught:
        spool.write(b"x")
    assert (str(tmp_path) in str(caught.value), "TMPDIR" in str(caught.value.advice())) == (True, True)
    spool.close()
