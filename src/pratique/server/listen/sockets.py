"""Sockets to listen on: of an address and port, or of a path."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from pathlib import Path
from typing import Final

BACKLOG: Final = 1024  # connections that wait to be accepted
MODE: Final = 0o660  # of a Unix socket: its owner and group


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens on a port; 0 picks a free one. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)


def bind_path(path: Path) -> socket.socket:
    """A Unix socket that listens; one that a dead process left makes room. Raises OSError."""
    _clear(path)
    listening = socket.socket(socket.AF_UNIX)
    try:
        os.fchmod(
            listening.fileno(), MODE
        )  # before anybody can see it; what the umask takes from it is given back below
        listening.bind(str(path))
        path.chmod(MODE)
        listening.listen(BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening


def address_of(listening: socket.socket) -> str:
    """`host:port`, or `unix:PATH`."""
    name = listening.getsockname()
    if isinstance(name, str):
        return f"unix:{name}"
    host, port = name[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def remove(path: Path, was: os.stat_result) -> None:
    """Remove a Unix socket, if it is still the one that it was."""
    with contextlib.suppress(OSError):
        if os.path.samestat(path.stat(), was):
            path.unlink()


def _clear(path: Path) -> None:
    try:
        if not stat.S_ISSOCK(path.stat().st_mode):
            return  # binding will say so
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX) as asking:
        try:
            asking.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
