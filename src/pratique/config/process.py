"""Running a small program: what it is given, what it prints, and how long it may take, all of it bounded."""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from collections.abc import Mapping
from typing import Final

from ..values import frozen

PIECE_BYTES: Final = 4096  # written or read at a time; a pipe takes as much without waiting


@frozen
class Ended:
    """What came of a program: its exit code (negative: the signal that ended it) and what it printed."""

    code: int
    out: bytes
    err: bytes


class TooMuch(Exception):
    """A program printed more than it may."""


def run(
    program: str, word: str, content: bytes, *, environment: Mapping[str, str], seconds: float, most_bytes: int
) -> Ended:
    """Run a program with one argument, and give it `content` to read.

    `most_bytes` holds for each of its two outputs. Raises TimeoutError after so many seconds, TooMuch, and OSError where
    it cannot be started; the program has been ended then.
    """
    with subprocess.Popen(  # noqa: S603 (the caller found it on the PATH by a name that it checked)
        [program, word],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(environment),
        bufsize=0,
    ) as process:
        try:
            deadline = time.monotonic() + seconds
            out, err = _converse(process, content, deadline, most_bytes)
            code = process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            raise TimeoutError from None
        except BaseException:
            process.kill()
            raise
    return Ended(code, out, err)


def _converse(
    process: subprocess.Popen[bytes], content: bytes, deadline: float, most_bytes: int
) -> tuple[bytes, bytes]:
    """Write and read whatever is ready, so that neither side waits for the other."""
    out, err = bytearray(), bytearray()
    printed = {process.stdout: out, process.stderr: err}
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdin, selectors.EVENT_WRITE)  # type: ignore[arg-type]
        for stream in printed:
            selector.register(stream, selectors.EVENT_READ)  # type: ignore[arg-type]
        while selector.get_map():
            ready = selector.select(deadline - time.monotonic())
            if not ready and time.monotonic() >= deadline:
                raise TimeoutError
            for key, _ in ready:
                if key.fileobj is process.stdin:
                    content = _write(key.fd, content)
                    over = not content
                else:
                    piece = os.read(key.fd, PIECE_BYTES)
                    printed[key.fileobj] += piece  # type: ignore[index]
                    over = not piece
                if over:
                    selector.unregister(key.fileobj)
                    key.fileobj.close()  # type: ignore[union-attr]
            if max(len(out), len(err)) > most_bytes:
                raise TooMuch
    return bytes(out), bytes(err)


def _write(descriptor: int, content: bytes) -> bytes:
    """Write a piece; the value is what is left, which is nothing where nobody reads."""
    try:
        return content[os.write(descriptor, content[:PIECE_BYTES]) :]
    except BrokenPipeError:
        return b""
