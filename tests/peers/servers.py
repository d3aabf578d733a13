"""Servers that must be told their port: started for a test, and ended with it."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .conftest import PATIENCE, leash

ATTEMPTS = 5  # another program may take a port between its choice and its use


@contextlib.contextmanager
def listening(folder: Path, command: Callable[[int], list[str]]) -> Iterator[int]:
    """Run a program on a port of this machine that the kernel has chosen; the port."""
    for _ in range(ATTEMPTS):
        with socket.create_server(("127.0.0.1", 0)) as chosen:
            port: int = chosen.getsockname()[1]
        with (
            (folder / "log").open("w", encoding="utf-8") as log,
            subprocess.Popen(
                [*leash(), *command(port)], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, cwd=folder
            ) as process,
        ):
            try:
                if _is_listening(process, port):
                    yield port
                    return
            finally:
                process.terminate()
                try:
                    process.wait(PATIENCE)
                except subprocess.TimeoutExpired:
                    process.kill()
    pytest.fail(f"{command(0)[0]} did not start:\n{(folder / 'log').read_text(encoding='utf-8')}")


def _is_listening(process: subprocess.Popen[bytes], port: int) -> bool:
    """Wait until the program takes connections; False where it ended."""
    while process.poll() is None:
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            return True
        time.sleep(0.02)
    return False
