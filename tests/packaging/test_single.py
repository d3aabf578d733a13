"""The single file: it runs with nothing but Python, wherever it is."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Final

import pytest

from tests.registries import push, repository, sample, serving

from .building import Release, run

KEPT: Final = Path.home() / ".pyenv" / "versions"  # where people who need several Pythons have them
ALONE: Final = ("-I", "-S", "-W", "error")  # no environment, no packages
HASH: Final = "$2y$05$wq1kVd4lYHkbyg8Ww4YBVeVnFKeKbCyyTxFeZxz5zwhPi6JUw3rEe"


@pytest.fixture
def single(release: Release, tmp_path: Path) -> Path:
    """The file alone in a folder."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return Path(shutil.copy(release.single, folder))


@pytest.fixture(params=range(11, 15), ids=lambda minor: f"3.{minor}")
def python(request: pytest.FixtureRequest) -> str:
    """Each Python that we say to run on, where it is at hand; that of the tests is."""
    if request.param == sys.version_info.minor:
        return sys.executable
    found = shutil.which(f"python3.{request.param}")
    for program in (*map(str, KEPT.glob(f"3.{request.param}.*/bin/python")), *filter(None, [found])):
        if subprocess.run([program, "--version"], capture_output=True, check=False).returncode == 0:
            return program
    pytest.skip(f"there is no Python 3.{request.param}")


def test_it_copies_with_nothing_but_python(single: Path, release: Release, python: str, tmp_path: Path) -> None:
    command = (python, *ALONE, single)
    assert run(*command, "--version", cwd=tmp_path) == f"pratique {release.version}\n"
    content = sample()
    with serving(tmp_path) as listener:
        with repository(listener.address, "app") as target:
            push(target, content, "1.0")
        assert run(*command, "digest", f"{listener.address}/app:1.0") == f"{content.root.descriptor.digest}\n"
        run(*command, "copy", f"{listener.address}/app:1.0", "oci:layout:1.0", cwd=tmp_path)
        run(*command, "copy", "oci:layout:1.0", f"{listener.address}/copy:1.0", cwd=tmp_path)
        assert run(*command, "digest", f"{listener.address}/copy:1.0") == f"{content.root.descriptor.digest}\n"


def test_it_runs_as_a_program(single: Path, release: Release) -> None:
    assert run(single, "--version") == f"pratique {release.version}\n"


def test_an_older_python_is_told_which_one_is_needed(single: Path) -> None:
    script = f"import runpy, sys; sys.version_info = (3, 10, 14, 'final', 0); runpy.run_path({str(single)!r})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    told = f"pratique: this needs Python 3.11 or newer, and {sys.executable} is 3.10\n"
    assert (done.returncode, done.stdout, done.stderr) == (8, "", told)
    with zipfile.ZipFile(single) as packed:
        ast.parse(packed.read("__main__.py"), feature_version=(3, 8))
        [metadata] = [name for name in packed.namelist() if re.fullmatch(r"pratique-[^/]+/METADATA", name)]
        assert "Requires-Python: >=3.11" in packed.read(metadata).decode().splitlines()


def test_it_takes_no_package_of_the_machine(single: Path) -> None:
    """The Python of the tests has all that Pratique needs; the file must not find it."""
    users = single.with_name("users")
    users.write_text(f"captain:{HASH}\n")
    command: list[str | Path] = [
        sys.executable,
        single,
        "serve",
        "--address",
        "127.0.0.1:0",
        "--storage",
        "s",
        "--htpasswd",
        users,
    ]
    done = subprocess.run(command, cwd=single.parent, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (8, "")
    assert done.stderr == (
        "pratique: this needs the Python module bcrypt, which is not installed; hint: pip install pratique brings it along\n"
    )


def test_it_holds_sources_and_licences(single: Path) -> None:
    with zipfile.ZipFile(single) as packed:
        members = packed.namelist()
    assert len(members) == len(set(members))
    assert {"__main__.py", "rich/progress.py", "semver/version.py", "prometheus_client/exposition.py"} <= set(members)
    assert [name for name in members if name.endswith((".so", ".pyd", ".pyc"))] == []
    packages = {name.partition("/")[0] for name in members if ".dist-info/" in name}
    licensed = {name.partition("/")[0] for name in members if "license" in name.lower() or "copying" in name.lower()}
    assert packages <= licensed
