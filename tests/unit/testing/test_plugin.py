"""The fixtures, as pytest finds them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TESTS = """
import http.client

def test_one(pratique_registry):
    pratique_registry.push_image("app:1")
    connection = http.client.HTTPConnection(pratique_registry.address, timeout=20)
    connection.request("GET", "/v2/app/tags/list")
    assert connection.getresponse().read() == b'{"name":"app","tags":["1"]}\\n'
    connection.close()
    assert pratique_registry.lines == ["GET /v2/app/tags/list 200"]

def test_several(pratique_registries):
    first, second = pratique_registries(sockets=False), pratique_registries(users={"alice": "secret"}, tls=True)
    assert (first.url, second.url[:8]) == ("https://registry.test", "https://")
"""
# Whether anything but the plugin itself is there once pytest has begun; `pratique.testing` is a package that holds it.
UNUSED = """
import sys

def test_nothing_is_imported_before_it_is_used():
    ours = {name for name in sys.modules if name.startswith("pratique")}
    assert ours <= {"pratique", "pratique.version", "pratique.testing", "pratique.testing.plugin"}
"""


def pytest_of(folder: Path, text: str) -> str:
    """What pytest prints of a file of tests, in a process of its own."""
    (folder / "test_it.py").write_text(text)
    words = ["-q", "-p", "no:cacheprovider", "-p", "pratique.testing.plugin", "-W", "error", str(folder / "test_it.py")]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", *words], cwd=folder, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_the_fixtures_make_registries(tmp_path: Path) -> None:
    assert "2 passed" in pytest_of(tmp_path, TESTS)


def test_whoever_does_not_use_them_does_not_wait_for_them(tmp_path: Path) -> None:
    assert "1 passed" in pytest_of(tmp_path, UNUSED)
