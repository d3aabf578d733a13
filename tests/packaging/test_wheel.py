"""The wheel and the source archive."""

from __future__ import annotations

import re
import sys
import sysconfig
import tarfile
import zipfile
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest

from pratique.version import VERSION
from tests.registries import push, repository, sample, serving

from .building import TAG, Release, build, git, run


def names(release: Release) -> set[str]:
    with zipfile.ZipFile(release.wheel) as wheel:
        return set(wheel.namelist())


def test_the_wheel_is_for_every_system(release: Release) -> None:
    assert release.wheel.name.endswith("-py3-none-any.whl")
    assert {name.rpartition(".")[2] for name in names(release) if name.startswith("pratique/")} == {"py", "typed"}


def test_the_wheel_has_the_package_and_nothing_else(release: Release, tagged: Path) -> None:
    parts = {"pratique", *(f"pratique-{release.version}.{part}" for part in ("data", "dist-info"))}
    assert {name.partition("/")[0] for name in names(release)} == parts
    modules = {str(path.relative_to(tagged / "src")) for path in (tagged / "src").rglob("*.py")}
    assert {name for name in names(release) if name.endswith(".py")} == modules
    assert "pratique/py.typed" in names(release)


def test_its_metadata(release: Release) -> None:
    found = PathDistribution(zipfile.Path(release.wheel, f"pratique-{release.version}.dist-info/"))
    said = found.metadata
    assert (said["Name"], said["Requires-Python"], said["License-Expression"]) == ("pratique", ">=3.11", "Apache-2.0")
    assert said.get_all("Provides-Extra") == ["otel"]
    pythons = {line.rpartition(" ")[2] for line in said.get_all("Classifier") or () if "Python :: 3." in line}
    assert pythons == {"3.11", "3.12", "3.13", "3.14"}
    assert {point.name for point in found.entry_points} == {
        "pratique", "docker-credential-pratique", "pratique.testing.plugin"
    }  # fmt: skip


def test_the_version_is_that_of_the_tag_and_the_tree_stays_as_it_is(release: Release, tagged: Path) -> None:
    assert f"v{release.version}" == TAG
    with zipfile.ZipFile(release.wheel) as wheel:
        written = wheel.read("pratique/version.py").decode()
    assert re.findall('^VERSION = "(.+)"$', written, re.MULTILINE) == [release.version]
    assert VERSION == "0.dev0"
    assert git(tagged, "status", "--porcelain") == ""


def test_the_same_tree_gives_the_same_bytes(release: Release, tagged: Path, tmp_path: Path) -> None:
    again = build(tagged, tmp_path)
    for one, other in zip(sorted(release.folder.iterdir()), sorted(again.folder.iterdir()), strict=True):
        assert one.name == other.name
        assert one.read_bytes() == other.read_bytes()


def test_the_source_archive_gives_the_same_wheel(release: Release, tagged: Path, tmp_path: Path) -> None:
    with tarfile.open(release.source) as source:
        source.extractall(tmp_path, filter="data")
    [folder] = tmp_path.iterdir()
    command = (sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path / "dist")
    run(*command, cwd=folder, SOURCE_DATE_EPOCH=git(tagged, "log", "--format=%ct").strip())
    [wheel] = (tmp_path / "dist").iterdir()
    assert wheel.name == release.wheel.name
    assert wheel.read_bytes() == release.wheel.read_bytes()


@pytest.fixture
def environment(release: Release, tmp_path: Path) -> Path:
    """An environment with the wheel; what it needs is had from that of the tests."""
    folder = tmp_path / "environment"
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", folder / "bin" / "python")
    run(*pip, "install", "--no-index", "--no-deps", release.wheel)
    [packages] = folder.glob("lib/python*/site-packages")
    (packages / "tests.pth").write_text(sysconfig.get_path("purelib"))
    return folder / "bin"


def test_its_programs_and_manual_are_where_it_is_installed(release: Release, environment: Path, tmp_path: Path) -> None:
    assert run(environment / "pratique", "--version") == f"pratique {release.version}\n"
    helper = run(environment / "docker-credential-pratique", "--version")
    assert helper == f"docker-credential-pratique {release.version}\n"
    page = (environment.parent / "share" / "man" / "man1" / "pratique.1").read_text("ascii")
    assert page.startswith(f'.TH PRATIQUE 1 "" "pratique {release.version}"\n')
    where = run(environment / "python", "-c", "import pratique; print(pratique.__file__)")
    assert Path(where).is_relative_to(environment.parent)
    with serving(tmp_path) as listener:
        with repository(listener.address, "app") as target:
            push(target, content := sample(), "1.0")
        printed = run(environment / "pratique", "digest", f"{listener.address}/app:1.0")
    assert printed == f"{content.root.descriptor.digest}\n"
