"""Servers that must be told their port: started for a test, and ended with it."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from .conftest import PATIENCE, find_program, leash, write_certificate

ATTEMPTS = 5  # another program may take a port between its choice and its use

NGINX = """
daemon off;
master_process off;
error_log stderr;
pid {folder}/nginx.pid;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_max_body_size 0;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {certificate};
        ssl_certificate_key {key};
        {settings}
        location / {{
            proxy_pass http://{registry};
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-Proto https;
            proxy_request_buffering off;
        }}
    }}
}}
"""


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


@contextlib.contextmanager
def behind_nginx(folder: Path, ca: trustme.CA, registry: str, *settings: str) -> Iterator[str]:
    """The address of Debian's nginx, which speaks TLS and passes everything on to a registry; `settings` are of its server."""
    program, files = find_program("nginx"), write_certificate(folder, ca)
    lines = " ".join(f"{setting};" for setting in settings)

    def command(port: int) -> list[str]:
        text = NGINX.format(folder=folder, port=port, registry=registry, settings=lines, **files)
        (folder / "nginx.conf").write_text(text, encoding="utf-8")
        return [program, "-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf")]

    with listening(folder, command) as port:
        yield f"127.0.0.1:{port}"
