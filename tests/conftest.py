"""What every test gets: a clean environment, and the same examples from Hypothesis every time in CI."""

from __future__ import annotations

import io
import itertools
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from pratique.cli.main import main
from tests.commands import Ran, Run
from tests.sweep import Sweep, swept

# Settings of the person or machine that would change what Pratique or a peer does.
FOREIGN = frozenset(
    {
        "ALL_PROXY",
        "CURL_CA_BUNDLE",
        "DOCKER_AUTH_CONFIG",
        "DOCKER_CERT_PATH",
        "DOCKER_CONFIG",
        "DOCKER_CONTEXT",
        "DOCKER_HOST",
        "DOCKER_TLS_VERIFY",
        "FTP_PROXY",
        "HTTPS_PROXY",
        "HTTP_PROXY",
        "NETRC",
        "NO_PROXY",
        "REGISTRIES_CONFIG_PATH",
        "REGISTRY_AUTH_FILE",
        "REQUESTS_CA_BUNDLE",
        "SOURCE_DATE_EPOCH",
        "SSLKEYLOGFILE",
        "SSL_CERT_DIR",
        "SSL_CERT_FILE",
    }
)
FOREIGN_FAMILIES = ("CONTAINERS_", "PRATIQUE_", "XDG_")

# Nothing is judged by how long it took: machines differ, and are busy.
settings.register_profile("dev", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("dev"), derandomize=True, database=None, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") == "true" else "dev")


# Folders of tests are in memory where there is enough of it: what a registry acknowledges is synced, and disks are slow.
MEMORY = Path("/dev/shm")  # noqa: S108
LEAST_MEMORY_BYTES = 1 << 30
if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= LEAST_MEMORY_BYTES:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


def is_foreign(variable: str) -> bool:
    """Whether the variable could change the outcome of a test; proxies are written in either case."""
    name = variable.upper()
    return name in FOREIGN or name.startswith(FOREIGN_FAMILIES)


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An endless supply of empty home directories."""
    parent = tmp_path_factory.mktemp("homes")

    def one_after_another() -> Iterator[Path]:
        for number in itertools.count():
            home = parent / str(number)
            home.mkdir()
            yield home

    return one_after_another()


@pytest.fixture(autouse=True)
def clean_environment(homes: Iterator[Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the test a home directory of its own and none of the machine's settings; return that home."""
    for variable in filter(is_foreign, list(os.environ)):
        monkeypatch.delenv(variable)
    home = next(homes)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv(
        "XDG_RUNTIME_DIR", str(home / "run")
    )  # without it, that of whoever runs the tests is looked into
    return home


@pytest.fixture(autouse=True)
def temporary(clean_environment: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files of this test, and of the programs that it starts."""
    folder = clean_environment.with_suffix(".tmp")
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture(autouse=True)
def sweep(request: pytest.FixtureRequest, clean_environment: Path, temporary: Path) -> Iterator[Sweep]:
    """No test makes Pratique tell a secret."""
    with pytest.MonkeyPatch.context() as patch:
        yield from swept(request, patch, lambda: [clean_environment, temporary])


@pytest.fixture
def run(sweep: Sweep, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command: its exit code and what it printed; `stdin` is what it reads."""

    def run(*words: str, stdin: str = "") -> Ran:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode()), "utf-8"))
        try:
            code = main(words)
        except SystemExit as ended:
            code = int(ended.code or 0)
        sys.stdout.flush()
        captured = capfdbinary.readouterr()
        sweep.hear("standard output", captured.out.decode())
        sweep.hear("standard error", captured.err.decode())
        return Ran(code, captured.out.decode(), captured.err.decode())

    return run
